"""What people say of the screen's flags, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.metrics import JUDGED
from services.intake.screening import verdicts
from shared.bus.relay import Relay
from shared.events.words import OfficerId
from shared.privacy.keys import KeyRing
from shared.telemetry.tracing import carried, current_traceparent
from shared.web.auth import Role, Staff, require
from shared.web.case_commands import OWN_UNIT, CaseIdPath, no_officer_id, other_unit, sees_unit
from shared.web.problems import Problem

judges = require(*OWN_UNIT, Role.OPERATOR, Role.SUPERVISOR, Role.ADMIN)
_officer_id: TypeAdapter[str] = TypeAdapter(OfficerId)


class VerdictBody(BaseModel):
    """Whether the request belongs to 110: confirms a flag, takes one back, or sets one that is missing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    urgent: bool


class VerdictAnswer(BaseModel):
    """The request's flag as it stands now."""

    case_id: UUID
    number: str
    urgent: bool
    judged_at: datetime
    words_kept: bool = Field(
        description="Whether the words are kept, sealed, to train the next screen; after the outbox has forgotten "
        "them, only the verdict is"
    )


class VerdictApi:
    """The verdicts of staff. `partitions` is the number of partitions of every topic."""

    def __init__(
        self,
        engine: AsyncEngine,
        relay: Relay | None,
        *,
        sealing: KeyRing,
        partitions: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._relay = relay
        self._sealing = sealing
        self._partitions = partitions
        self._clock = clock

    async def judge(
        self, case_id: CaseIdPath, staff: Annotated[Staff, Depends(judges)], body: VerdictBody
    ) -> VerdictAnswer:
        """Say whether a request belongs to 110. The same again changes nothing and is answered alike.

        Officers and unit leads judge requests of their own unit.
        """
        by = _officer(staff)
        async with self._engine.begin() as connection:
            found = await verdicts.find(connection, case_id)
            if found is None:
                raise _unknown(case_id)
            if not sees_unit(staff, found.unit):
                raise other_unit(staff, "requests")
            judged = await verdicts.judge(
                connection,
                case_id,
                found,
                urgent=body.urgent,
                by=by,
                now=self._clock(),
                sealing=self._sealing,
                partitions=self._partitions,
                traceparent=carried(current_traceparent()),
            )
        if judged.rows:
            JUDGED.labels(str(found.urgent).lower(), str(judged.urgent).lower()).inc()
            if self._relay is not None:
                self._relay.committed(judged.rows)
        return VerdictAnswer(
            case_id=case_id,
            number=found.number,
            urgent=judged.urgent,
            judged_at=judged.judged_at,
            words_kept=judged.words_kept,
        )


def install(api: FastAPI, verdicts: VerdictApi) -> None:
    """Add the operations to intake's application."""
    routes = APIRouter(prefix="/v1/requests")
    routes.add_api_route(
        "/{case_id}/urgency",
        verdicts.judge,
        methods=["POST"],
        summary="Say whether a request belongs to 110",
        tags=["requests"],
        response_model=VerdictAnswer,
    )
    api.include_router(routes)


def _officer(staff: Staff) -> str:
    try:
        return _officer_id.validate_python(staff.subject)
    except ValidationError:
        raise no_officer_id() from None


def _unknown(case_id: UUID) -> Problem:
    return Problem(404, "unknown-request", "Unknown request", f"There is no request {case_id}. Check the id.")
