"""Commands of staff on one case over HTTP, the same in every service that has cases: who may, which version, how often.

`If-Match` guards against a case that has changed (412), `Idempotency-Key` against doing it twice, the own unit of
officers and unit leads against other units' cases (403).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from fastapi import Header, Path, Request, Response
from pydantic import BaseModel

from shared.bus.commands import CommandRefusedError, Commands, StaleVersionError, UnknownCaseError
from shared.decision import Decision, Moment
from shared.web import idempotency
from shared.web.auth import Role, Staff
from shared.web.idempotency import Answer
from shared.web.problems import Problem, refused

OWN_UNIT = (Role.OFFICER, Role.UNIT_LEAD)
"""Roles that see the cases of their unit alone."""
_JSON = "application/json"

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=r'^("[0-9]{1,9}"|\*)$',
        description="The `ETag` as it was read: 412 where the case has changed since",
    ),
]
CaseIdPath = Annotated[UUID, Path(description="The case's id, given by intake")]


class _InUnit(Protocol):
    @property
    def unit(self) -> str | None: ...


class _Versioned(Protocol):
    @property
    def version(self) -> int: ...

    def model_dump_json(self) -> str: ...


class _Version(BaseModel):
    version: int


S = TypeVar("S", bound=BaseModel)
V = TypeVar("V", bound=_Versioned)


@dataclass(frozen=True, slots=True)
class CaseCommands(Generic[S, V]):
    """Carries commands out on one service's cases. `one` and `many` are what problem details call them.

    `show` makes the answer, `unknown` the problem for a case that is not there; `forbidden` are the codes of refusals
    that are a matter of who asks (403) and not of how things stand (409).
    """

    commands: Commands[S]
    table: sa.Table
    one: str
    many: str
    show: Callable[[UUID, int, S], V]
    unknown: Callable[[UUID], Problem]
    forbidden: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)

    async def execute(
        self,
        request: Request,
        case_id: UUID,
        staff: Staff,
        decide: Callable[[S, Moment], Decision[S]],
        if_match: str | None,
        key: str | None,
    ) -> Response:
        """Carry a command out once, in one transaction with its answer, and wake the relay."""

        def checked(state: S, moment: Moment) -> Decision[S]:
            # A type variable can't be bounded by a model and a protocol at once; `show` needs the unit just the same.
            self.check_unit(staff, state)  # type: ignore[arg-type]
            return decide(state, moment)

        expected = None if if_match is None or if_match == "*" else int(if_match.strip('"'))
        asked = idempotency.fingerprint(request.method, request.url.path, await request.body())
        try:
            async with self.commands.engine.begin() as connection:
                if key is not None:
                    given = await idempotency.begin(connection, self.table, staff.subject, key, asked)
                    if given is not None:
                        return self._again(given)
                executed = await self.commands.within(connection, case_id, checked, expected_version=expected)
                shown = self.show(case_id, executed.version, executed.state)
                if key is not None:
                    answer = Answer(asked, 200, shown.model_dump_json().encode(), _JSON)
                    await idempotency.finish(connection, self.table, staff.subject, key, answer)
        except UnknownCaseError:
            raise self.unknown(case_id) from None
        except StaleVersionError as stale:
            raise Problem(
                412,
                "stale-version",
                "Changed meanwhile",
                f"The {self.one} has changed since it was read. Read it again, decide anew, and send its new ETag.",
                version=stale.found,
            ) from None
        except CommandRefusedError as error:
            raise refused(error.refusal, 403 if error.refusal.code in self.forbidden else 409) from None
        self.commands.committed(executed.rows)
        return self.answer(shown)

    def answer(self, shown: _Versioned) -> Response:
        """A case as it stands, with its version as `ETag`."""
        return Response(shown.model_dump_json(), 200, {"ETag": f'"{shown.version}"', **self.headers}, _JSON)

    def _again(self, given: Answer) -> Response:
        response = given.response()
        response.headers["ETag"] = f'"{_Version.model_validate_json(given.body).version}"'
        response.headers.update(self.headers)
        return response

    def unit_listed(self, staff: Staff, unit: str | None) -> str | None:
        """The unit whose cases a list may show: the one asked for, or their own for officers and unit leads."""
        if staff.role not in OWN_UNIT:
            return unit
        own = own_unit(staff)
        if unit is not None and unit != own:
            raise other_unit(staff, self.many)
        return own

    def check_unit(self, staff: Staff, state: _InUnit) -> None:
        """Refuse another unit's case to those who see their own alone."""
        if not sees_unit(staff, state.unit):
            raise other_unit(staff, self.many)


def sees_unit(staff: Staff, unit: str | None) -> bool:
    """Whether what is `unit`'s is open to them; what no unit has yet is open to those who see every unit's."""
    return staff.role not in OWN_UNIT or unit == own_unit(staff)


def other_unit(staff: Staff, what: str) -> Problem:
    """Another unit's case was asked for. `what` is what such things are called here."""
    return Problem(
        403,
        "other-unit",
        "Not allowed",
        f"Only {what} of your own unit, {own_unit(staff)}, are open to you. A supervisor sees those of every unit.",
    )


def own_unit(staff: Staff) -> str:
    """The unit that the token names; a problem where it names none."""
    if staff.unit is None:
        raise Problem(
            403,
            "unit-needed",
            "Not allowed",
            f"The token of a {staff.role.value} must name a unit. Get one with `minsheng token --role … --unit …`.",
        )
    return staff.unit


def version_read(if_match: str | None, one: str) -> str:
    """`If-Match` where it is needed: two people who work on the same must not both do it. Raises `Problem` 428.

    `one` is what the thing is called.
    """
    if if_match is None or if_match == "*":
        raise Problem(
            428,
            "version-needed",
            "Version needed",
            f"Read the {one}, and send the ETag of what you read as `If-Match`, so that nothing is done about what "
            "somebody else has changed meanwhile.",
        )
    return if_match


def no_officer_id() -> Problem:
    """The token's subject can't be written into an event as an officer."""
    return Problem(
        403,
        "no-officer-id",
        "Not allowed",
        "The token's subject is no officer id (lower-case letters, digits, dots, dashes). Get another token.",
    )
