"""Topics: the plan creates what is missing and refuses what would break the order of events; partitions as Kafka's."""

from __future__ import annotations

from uuid import UUID

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.admin import plan, wanted_topics
from shared.bus.partitioning import partition_of
from shared.events.topics import TopicNames

WANTED = wanted_topics(TopicNames("minsheng"), partitions=12, replication=3, retention_hours=168)


def test_everything_is_created_where_nothing_is() -> None:
    assert {step.action for step in plan(WANTED, {})} == {"create"}
    assert {step.topic for step in plan(WANTED, {})} == set(TopicNames("minsheng").all())


@pytest.mark.parametrize("partitions", [11, 13])
def test_another_number_of_partitions_is_refused_with_a_remedy(partitions: int) -> None:
    existing = {topic.name: 12 for topic in WANTED} | {"minsheng.cases": partitions}
    steps = {step.topic: step for step in plan(WANTED, existing)}
    assert steps["minsheng.cases"].action == "refuse"
    assert f"MINSHENG_PARTITIONS={partitions}" in steps["minsheng.cases"].why
    assert steps["minsheng.requests"].action == "keep"


def test_a_lost_replica_does_not_stop_writers() -> None:
    assert dict(WANTED[0].config)["min.insync.replicas"] == "2"


@given(st.uuids(), st.integers(1, 64))
def test_a_case_lies_where_any_kafka_client_would_put_it(case_id: UUID, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(case_id, partitions) == DefaultPartitioner()(str(case_id).encode(), every, every)
