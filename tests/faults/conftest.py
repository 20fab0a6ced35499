"""One deployment that all fault tests share: each leaves it whole, and checks all that was promised since its start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest

from tests.faults.plan import Plan
from tests.support.audit import audit
from tests.support.deployment import Deployment, Instance
from tests.support.kafka import KafkaServer, running_kafka
from tests.support.load import Journal, Statuses, under_load
from tests.support.places import scratch
from tests.support.postgres import PostgresServer, running_postgres

SERVICES = ("intake", "routing", "analytics")


@dataclass(slots=True)
class Platform:
    """The deployment with its servers, and what it has promised."""

    deployment: Deployment
    kafka: KafkaServer
    postgres: PostgresServer
    plan: Plan
    journal: Journal = field(default_factory=Journal)

    def one(self, service: str) -> Instance:
        """The only running process of a service."""
        (instance,) = self.deployment.running(service)
        return instance

    def load(self, test: str, *, rate: float = 60.0) -> AbstractAsyncContextManager[Statuses]:
        """Channels and officers at work."""
        return under_load(
            self.deployment.settings(),
            self.journal,
            intake=self.one("intake").url,
            routing=lambda: [one.url for one in self.deployment.running("routing")],
            seed=f"{self.plan.seed}-{test}",
            rate=rate,
        )

    async def audit(self) -> None:
        """Compare all sets."""
        await audit(self.deployment.settings(), self.journal)


@pytest.fixture(scope="session")
def plan() -> Plan:
    """How long, and by which seed."""
    plan = Plan.from_environment()
    print(f"\nfault tests: MINSHENG_SOAK_SEED={plan.seed}")
    return plan


@pytest.fixture(scope="package")
async def platform(plan: Plan) -> AsyncIterator[Platform]:
    """Intake, routing and analytics as processes, on a Kafka and a PostgreSQL of their own."""
    async with running_kafka(private=True) as kafka, running_postgres(private=True) as postgres:
        with scratch("faults") as folder:
            deployment = Deployment(kafka, postgres, folder)
            try:
                await deployment.prepare(SERVICES)
                for instance in [deployment.launch(service) for service in SERVICES]:
                    await instance.ready()
                yield Platform(deployment, kafka, postgres, plan)
            finally:
                await deployment.close()
