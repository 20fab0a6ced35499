"""What intake answers over HTTP: the shapes of its JSON, and how its results become them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from services.intake.acceptance import Accepted
from services.intake.channels.registry import Channel, ChannelRegistry
from services.intake.domain.datum import Datum
from services.intake.domain.progress import RequestState
from services.intake.domain.remarks import Remark
from services.intake.screening.screen import ADVICE
from services.intake.store import Progress
from shared.web.problems import Problem


class Links(BaseModel):
    """Where to go on."""

    progress: str = Field(description="Address of the request's progress, relative to this server")


class AcceptedAnswer(BaseModel):
    """The request is durable: it will be handled, whatever happens to this server."""

    case_id: UUID
    number: str = Field(description="For the citizen, to ask about the request", examples=["261124-0004217-8"])
    received_at: datetime
    urgent: bool = Field(description="The words name a matter for 110")
    advice: str | None = Field(default=None, description="To be shown to the citizen at once; only when urgent")
    repeated: bool = Field(description="The same request had been posted before; this is that one")
    remarks: list[Remark] = Field(
        default=[],
        description="What of the request could not be read; to be shown to the citizen. Only where there is some",
    )
    links: Links


class BatchResult(BaseModel, extra="allow"):
    """One request of a batch: status 202 with the members of an accepted request, or a problem with its status."""

    status: int


class BatchAnswer(BaseModel):
    """One result for each request, in their order."""

    results: list[BatchResult]


class StepAnswer(BaseModel):
    """One thing that happened, or that happened again and again, at the last time of it."""

    at: datetime
    code: str
    text: str = Field(description="For the citizen, in Chinese")


class ProgressAnswer(BaseModel):
    """Where a request stands."""

    case_id: UUID
    number: str
    channel: str
    state: RequestState
    received_at: datetime
    updated_at: datetime
    unit: str | None = None
    steps: list[StepAnswer]


class FamilyAnswer(BaseModel):
    """A family of channels."""

    code: str
    name: str
    channels: int
    datum: Datum = Field(description="What the coordinates of its requests are measured against, unless they say")


class ChannelsAnswer(BaseModel):
    """The registry of channels."""

    total: int
    families: list[FamilyAnswer]
    channels: list[Channel]


def accepted(result: Accepted) -> dict[str, Any]:
    """The members of an `AcceptedAnswer`, as `orjson` takes them."""
    answer: dict[str, Any] = {
        "case_id": str(result.case_id),
        "number": result.number,
        "received_at": result.received_at,
        "urgent": result.urgent,
        "repeated": result.repeated,
        "links": {"progress": f"/v1/requests/{result.case_id}"},
    }
    if result.urgent:
        answer["advice"] = ADVICE
    if result.remarks:
        answer["remarks"] = [remark.model_dump() for remark in result.remarks]
    return answer


def accepted_response(result: Accepted) -> Response:
    """The whole answer to one accepted request."""
    return Response(orjson.dumps(accepted(result)), 202, media_type="application/json")


def batch_item(result: Accepted | Problem) -> dict[str, Any]:
    """The members of a `BatchResult`."""
    if isinstance(result, Problem):
        told: dict[str, Any] = orjson.loads(result.body())
        return told
    status: Literal[202] = 202
    return {"status": status, **accepted(result)}


def progress(found: Progress) -> ProgressAnswer:
    """A request's progress as it is shown."""
    return ProgressAnswer(
        case_id=found.case_id,
        number=found.number,
        channel=found.channel,
        state=found.state,
        received_at=found.received_at,
        updated_at=found.updated_at,
        unit=found.unit,
        steps=[StepAnswer(at=step.at, code=step.code, text=step.text) for step in found.steps],
    )


def channels(registry: ChannelRegistry) -> ChannelsAnswer:
    """The whole registry."""
    return ChannelsAnswer(
        total=len(registry),
        families=[
            FamilyAnswer(code=one.code, name=one.name, channels=one.channels, datum=one.datum)
            for one in registry.families
        ],
        channels=list(registry.channels.values()),
    )
