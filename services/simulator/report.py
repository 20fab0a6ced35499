"""What the simulation shows while it runs, and the summary at its end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.simulator.stopping import Stop
from services.simulator.tally import Tally

_LIVE_SECONDS = 0.5
_LINE_SECONDS = 10.0


class Report:
    """Tells how the simulation goes: a table that moves on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, tally: Tally, stop: Stop) -> None:
        self._console = console
        self._tally = tally
        self._stop = stop
        self._accepted = 0
        self._at = 0.0

    async def run(self) -> None:
        """Show the counts until the simulation ends."""
        self._at = asyncio.get_running_loop().time()
        if not self._console.is_terminal:
            while not await self._stop.pause(_LINE_SECONDS):
                self._console.print(self._line(self._rate()), highlight=False, soft_wrap=True)
            return
        with Live(self._table(0.0), console=self._console, refresh_per_second=4, transient=True) as live:
            while not await self._stop.pause(_LIVE_SECONDS):
                live.update(self._table(self._rate()))

    def _rate(self) -> float:
        """Requests accepted per second since this was last asked."""
        now, accepted = asyncio.get_running_loop().time(), self._tally.accepted
        rate = (accepted - self._accepted) / max(now - self._at, 1e-6)
        self._at, self._accepted = now, accepted
        return rate

    def _line(self, rate: float) -> str:
        tally = self._tally
        quantiles = tally.latencies.milliseconds()
        return (
            f"{tally.accepted:,} accepted ({rate:,.1f}/s), {tally.repeated:,} repeated, "
            f"{tally.refused.total():,} refused, {self._waiting():,} waiting; "
            f"p50 {quantiles['p50']:g} ms, p99 {quantiles['p99']:g} ms; "
            f"{tally.steps['resolve']:,} resolved, {tally.messages:,} messages, {tally.answered:,} surveys answered"
        )

    def _table(self, rate: float) -> Table:
        tally = self._tally
        quantiles = tally.latencies.milliseconds()
        table = Table(title="民安市 · city simulation", title_style="bold", show_header=False, min_width=56)
        table.add_column(style="dim")
        table.add_column(justify="right")
        rows = {
            "诉求 requests posted": f"{tally.posted:,}",
            "　受理 accepted": f"{tally.accepted:,}  ({rate:,.1f}/s)",
            "　重复 repeated": f"{tally.repeated:,}",
            "　拒绝 refused": f"{tally.refused.total():,}",
            "　等待 waiting for an answer": f"{self._waiting():,}",
            "延迟 latency p50 / p90 / p99": " / ".join(f"{quantiles[q]:g}" for q in ("p50", "p90", "p99")) + " ms",
            "签收 accepted by officers": f"{tally.steps['accept']:,}",
            "联系 citizens contacted": f"{tally.steps['contact']:,}",
            "办结 resolved": f"{tally.steps['resolve']:,}",
            "短信 messages": f"{tally.messages:,}",
            "回访 surveys answered": f"{tally.answered:,}",
            "理解 understood": f"{tally.steps['understood']:,}",
        }
        for name, value in rows.items():
            table.add_row(name, value)
        return table

    def _waiting(self) -> int:
        tally = self._tally
        done = tally.accepted + tally.repeated + tally.refused.total() + tally.unfinished
        return tally.posted - done


def write_summary(console: Console, summary: dict[str, Any], path: Path | None) -> None:
    """Print the summary as JSON, and keep it in the file `path`. Raises `OSError` where it can't be written."""
    text = orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    console.print(text.decode(), highlight=False, markup=False, soft_wrap=True, end="")
    if path is not None:
        path.write_bytes(text)
