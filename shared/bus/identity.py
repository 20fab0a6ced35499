"""The identity of topics: a topic made anew under the same name has other offsets, and another id.

The client library speaks Metadata only up to version 5; ids came with version 10 (KIP-516), so that request is
described here.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)


class _Uuid(AbstractType[UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString()),
                ("port", Int32),
                ("rack", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString()),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString()), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        topics: list[Any] = [(uuid.UUID(int=0), name, {}) for name in self._names]
        return request_struct_class(topics, False, False, False, {})


class TopicIdentities:
    """Asks the cluster for the ids of topics, over a connection of its own that is made when first needed."""

    def __init__(self, bootstrap: str, *, client_id: str = "minsheng-identity") -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._client: AIOKafkaClient | None = None

    async def of(self, names: Collection[str]) -> dict[str, UUID]:
        """The id of each topic; raises `KafkaError` where the cluster can't be asked or lacks one of them."""
        topics = await self._ask(list(names))
        ids: dict[str, UUID] = {}
        for error_code, name, topic_id, *_ in topics:
            if error_code == UnknownTopicOrPartitionError.errno:
                raise UnknownTopicOrPartitionError(f"Topic {name} does not exist: run `minsheng topics apply`.")
            if error_code:
                raise for_code(error_code)(f"Topic {name}")
            ids[name] = topic_id
        return ids

    async def _ask(self, names: list[str]) -> list[Any]:
        try:
            if self._client is None:
                client = AIOKafkaClient(bootstrap_servers=self._bootstrap, client_id=self._client_id)
                await client.bootstrap()
                self._client = client
            answer = await self._client.send(self._client.get_random_node(), _MetadataRequest(names))
        except (KafkaError, OSError, AssertionError):
            await self.close()
            raise
        return list(answer.topics)

    async def close(self) -> None:
        """Close the connection; it is made anew on the next question."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
