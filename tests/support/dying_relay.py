"""A worker that the relay's worst moment kills: the broker has acknowledged a round, and it is not marked yet.

Run as `python -m tests.support.dying_relay BOOTSTRAP DATABASE PREFIX ROUNDS`: the process kills itself (SIGKILL) in
the round after `ROUNDS` whole ones.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from shared.bus.handlers import AggregateHandler, Aggregates
from shared.bus.publisher import Outgoing, Publisher
from shared.events.request import RequestReceived
from tests.support import ledger
from tests.support.kafka.external import ExternalKafka
from tests.support.kernel import PARTITIONS, Bench


class DyingPublisher(Publisher):
    """Takes the process with it once the broker has acknowledged."""

    rounds = 0

    async def publish(self, records: Sequence[Outgoing]) -> None:
        await super().publish(records)
        if not records:
            return
        if type(self).rounds == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        type(self).rounds -= 1


async def main(bootstrap: str, database: str, prefix: str, rounds: int) -> None:
    """Work until death."""
    DyingPublisher.rounds = rounds
    bench = await Bench.open(ExternalKafka(bootstrap), database, prefix)
    handler = AggregateHandler(Aggregates(ledger.entries(), partitions=PARTITIONS), {RequestReceived: ledger.receive})
    worker = bench.worker(handler, publisher_class=DyingPublisher)
    await asyncio.gather(*worker.tasks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
