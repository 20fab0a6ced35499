"""Topics as they should be and as they are: `minsheng topics plan|apply`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.events.topics import TopicNames


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as the platform needs it. All have the same number of partitions: a case has one place on all of them."""

    name: str
    partitions: int
    replication: int
    config: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What `apply` would do about one topic."""

    topic: str
    action: Literal["create", "keep", "refuse"]
    why: str


class TopicsRefusedError(Exception):
    """Existing topics are not as they must be, and changing them would break the order of events."""


def wanted_topics(
    names: TopicNames, *, partitions: int, replication: int, retention_hours: int
) -> tuple[WantedTopic, ...]:
    """Every topic of a deployment. `retention_hours` is how long a reader may be away before events are gone."""
    config = (
        ("cleanup.policy", "delete"),
        ("retention.ms", str(retention_hours * 3_600_000)),
        ("min.insync.replicas", str(max(1, replication - 1))),
    )
    return tuple(WantedTopic(name, partitions, replication, config) for name in names.all())


def plan(wanted: Sequence[WantedTopic], existing: Mapping[str, int]) -> list[Step]:
    """Compare with `existing` (partitions by topic). Neither more nor fewer partitions can be had for existing topics:

    fewer would lose events, more would send the later events of a case to another partition than its earlier ones.
    """
    steps = []
    for topic in wanted:
        partitions = existing.get(topic.name)
        if partitions is None:
            steps.append(Step(topic.name, "create", f"{topic.partitions} partitions, {topic.replication} replicas"))
        elif partitions == topic.partitions:
            steps.append(Step(topic.name, "keep", f"{partitions} partitions"))
        else:
            steps.append(
                Step(
                    topic.name,
                    "refuse",
                    f"has {partitions} partitions, {topic.partitions} are wanted; the number is fixed once events of a "
                    f"case lie in it: set MINSHENG_PARTITIONS={partitions}, or make a deployment of its own "
                    "(another MINSHENG_TOPIC_PREFIX, empty databases)",
                )
            )
    return steps


class TopicAdmin:
    """Reads and creates topics on one cluster; an async context manager."""

    def __init__(self, bootstrap: str) -> None:
        self._client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="minsheng-topics")

    async def __aenter__(self) -> TopicAdmin:
        await self._client.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def existing(self, wanted: Sequence[WantedTopic]) -> dict[str, int]:
        """Number of partitions of those wanted topics that exist."""
        described = await self._client.describe_topics([topic.name for topic in wanted])
        return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}

    async def apply(self, wanted: Sequence[WantedTopic]) -> list[Step]:
        """Create what is missing and verify the rest; raises `TopicsRefusedError` before anything is created."""
        steps = plan(wanted, await self.existing(wanted))
        refused = [f"{step.topic} {step.why}" for step in steps if step.action == "refuse"]
        if refused:
            raise TopicsRefusedError("; ".join(refused))
        missing = {step.topic for step in steps if step.action == "create"}
        new = [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.config))
            for topic in wanted
            if topic.name in missing
        ]
        if new:
            response = await self._client.create_topics(new)
            for name, error_code, *_ in response.topic_errors:
                # Another replica of the platform may have been quicker; that is the state we want.
                if error_code not in (0, TopicAlreadyExistsError.errno):
                    error: type[KafkaError] = for_code(error_code)
                    raise error(f"Topic {name} could not be created.")
        return steps
