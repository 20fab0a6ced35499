"""What happens to a case: reactions to events of other services, commands of officers, and the passing of time.

Every decision is a function of the case, the event or command, and the moment; `evolve` alone changes the case.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from services.routing.domain.case import OWED, Case, CaseState, evolve
from services.routing.domain.organisation import Bureau
from shared.decision import Decider, Decision, Moment, refuse, unchanged
from shared.events.base import Event
from shared.events.case import (
    CaseAccepted,
    CaseAssigned,
    CaseClosed,
    CaseOpened,
    CaseOverdue,
    CaseReopened,
    CaseResolved,
    CaseUrgencyChanged,
    CitizenContacted,
)
from shared.events.followup import CaseSettled, RectificationOpened
from shared.events.request import RequestReceived, RequestUrgencyJudged
from shared.events.words import ContactMethod, OfficerId

MAX_RESULT = 4_000
"""Characters of a result, at most."""

ResultText = Annotated[
    # PostgreSQL's text, into which readers of the event will put it, has no zero character.
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_RESULT, pattern=r"^[^\x00]*$")
]

decided = Decider[Case](evolve)


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True)

    officer: OfficerId
    """Who does it."""
    leads: str | None = None
    """The unit that the person leads, and in which they may act for every officer."""


class Accept(_Command):
    """Take the case on."""


class Contact(_Command):
    """Say that one has spoken with the citizen."""

    method: ContactMethod


class Resolve(_Command):
    """Say what the result is, as the citizen was told."""

    result: ResultText


def receive(case: Case | None, event: RequestReceived, moment: Moment, bureau: Bureau) -> Decision[Case]:
    """A request becomes a case of the unit in charge. A case that exists stays as it is.

    The clocks began when the bureau received it: after a backlog they may have run out already, which is told at once.
    """
    if case is not None:
        return unchanged(case)
    found, district = bureau.classify(event)
    unit, officer = bureau.assign(district, found.category, moment.case_id)
    began = _not_ahead(event.received_at, moment)
    clocks = bureau.clocks(unit, found.grade, urgent=event.urgent, start=began)
    opened = CaseOpened(
        number=event.number,
        channel=event.channel,
        family=event.family,
        received_at=event.received_at,
        opened_at=moment.now,
        kind=found.kind,
        category=found.category,
        district=district,
        grade=found.grade,
        urgent=event.urgent,
        requester=event.requester,
        pseudonym=event.pseudonym,
        words=found.words,
    )
    assigned = CaseAssigned(
        unit=unit.code, unit_name=unit.name, officer=officer, contact_due=clocks.contact_due, due=clocks.due
    )
    return _with_overdue(None, moment, opened, assigned)


def accept(case: Case, command: Accept, moment: Moment) -> Decision[Case]:
    """The officer in charge takes the case on; where the unit's lead does, the case becomes the lead's own."""
    if (refusal := _not_theirs(case, command)) is not None:
        return refusal
    if case.state not in (CaseState.ASSIGNED, CaseState.REOPENED):
        return _wrong_state(case, "be accepted", "Only a case that waits for acceptance can; go on with the next step.")
    return decided(case, CaseAccepted(officer=command.officer, accepted_at=moment.now))


def contact(case: Case, command: Contact, moment: Moment) -> Decision[Case]:
    """Somebody spoke with the citizen; again is fine. A clock that had run out and wasn't told of yet is told first."""
    if (refusal := _not_theirs(case, command)) is not None:
        return refusal
    if case.state is CaseState.ASSIGNED:
        return _wrong_state(case, "be contacted about", "Accept the case first.")
    if case.state not in (CaseState.ACCEPTED, CaseState.CONTACTED, CaseState.REOPENED):
        return _wrong_state(case, "be contacted about", "The unit owes nothing on it now.")
    spoken = CitizenContacted(officer=command.officer, contacted_at=moment.now, method=command.method)
    return decided(case, *_overdue_before(case, moment), spoken)


def resolve(case: Case, command: Resolve, moment: Moment) -> Decision[Case]:
    """The matter is handled and the citizen knows the result: only after a contact, unless nobody left one."""
    if (refusal := _not_theirs(case, command)) is not None:
        return refusal
    if case.state is CaseState.ASSIGNED:
        return _wrong_state(case, "be resolved", "Accept the case first.")
    if case.state not in OWED:
        return _wrong_state(case, "be resolved", "The unit owes nothing on it now.")
    if case.contacted_at is None and not case.is_anonymous:
        return refuse(
            case,
            "contact-first",
            f"Nobody has spoken with the citizen of case {case.number}"
            f"{' since it was reopened' if case.round > 1 else ''}. Record the contact, then the result.",
        )
    assert case.unit is not None
    assert case.due is not None
    return decided(
        case,
        *_overdue_before(case, moment),
        CaseResolved(
            round=case.round,
            unit=case.unit,
            officer=command.officer,
            resolved_at=moment.now,
            in_time=moment.now <= case.due,
            result=command.result,
            number=case.number,
            requester=case.requester,
        ),
    )


def rectify(case: Case | None, event: RectificationOpened, moment: Moment, bureau: Bureau) -> Decision[Case]:
    """The citizen of the current round is dissatisfied: the same officer gets the case back, with a new clock.

    A case that is settled already reopens too, since a late answer counts. An answer about an earlier round, or about a
    round whose rectification runs, changes nothing. The clock began when follow-up opened the rectification.
    """
    if case is None:
        return _unknown(moment)
    if event.round < case.round or case.state not in (CaseState.RESOLVED, CaseState.CLOSED):
        return unchanged(case)
    assert case.unit is not None
    return _with_overdue(
        case,
        moment,
        CaseReopened(
            round=case.round + 1,
            unit=case.unit,
            officer=case.officer,
            reopened_at=moment.now,
            reason="dissatisfied",
            due=bureau.rectification_due(case.unit, _not_ahead(event.opened_at, moment)),
        ),
    )


def judge_urgency(case: Case | None, event: RequestUrgencyJudged, moment: Moment, bureau: Bureau) -> Decision[Case]:
    """A person said whether the case belongs to 110: it takes its place in the lists.

    One that was missed gets the clocks of an urgent case from that moment on, where they are shorter. A false alarm
    keeps its clocks: they were what the citizen could expect, and nobody is late by that.
    """
    if case is None:
        return _unknown(moment)
    if case.urgent == event.urgent:
        return unchanged(case)
    assert case.unit is not None
    contact_due, due = case.contact_due, case.due
    if event.urgent and case.state in OWED:
        clocks = bureau.urgent_clocks(_not_ahead(event.judged_at, moment))
        contact_due = min(contact_due or clocks.contact_due, clocks.contact_due)
        due = min(due or clocks.due, clocks.due)
    changed = CaseUrgencyChanged(
        unit=case.unit,
        officer=case.officer,
        urgent=event.urgent,
        changed_at=moment.now,
        contact_due=contact_due,
        due=due,
    )
    return _with_overdue(case, moment, changed)


def close(case: Case | None, event: CaseSettled, moment: Moment) -> Decision[Case]:
    """Follow-up ended, so the case does: also one that is being rectified, where the citizen understood meanwhile."""
    if case is None:
        return _unknown(moment)
    if case.state is CaseState.CLOSED:
        return unchanged(case)
    assert case.unit is not None
    closed = CaseClosed(unit=case.unit, closed_at=moment.now, settlement=event.settlement)
    return decided(case, *_overdue_before(case, moment), closed)


def wake(case: Case, moment: Moment) -> Decision[Case]:
    """Tell of each clock that has run out, once."""
    events = _overdue(case, moment.now)
    return decided(case, *events) if events else unchanged(case)


def _overdue(case: Case, by: datetime) -> list[Event]:
    """What is to be told of the clocks that have run out and weren't told of."""
    assert case.unit is not None
    events: list[Event] = []
    if (contact_due := case.contact_clock) is not None and contact_due <= by:
        events.append(CaseOverdue(unit=case.unit, officer=case.officer, clock="contact", due=contact_due))
    if (due := case.resolution_clock) is not None and due <= by:
        events.append(CaseOverdue(unit=case.unit, officer=case.officer, clock="resolution", due=due))
    return events


def _overdue_before(case: Case, moment: Moment) -> list[Event]:
    """The same before something ends a clock that no timer has looked at since. The very moment is still in time."""
    return _overdue(case, moment.now - timedelta.resolution)


def _with_overdue(case: Case | None, moment: Moment, *events: Event) -> Decision[Case]:
    """These events start clocks; those that have run out already are told with them."""
    begun = decided(case, *events)
    assert begun.state is not None
    overdue = _overdue(begun.state, moment.now)
    return decided(case, *events, *overdue) if overdue else begun


def _not_ahead(at: datetime, moment: Moment) -> datetime:
    """When something happened elsewhere; a clock there that is ahead of ours gives nobody more time."""
    return min(at, moment.now)


def _not_theirs(case: Case, command: _Command) -> Decision[Case] | None:
    if case.officer == command.officer or (command.leads is not None and command.leads == case.unit):
        return None
    holder = f"officer {case.officer}" if case.officer else "nobody yet"
    return refuse(
        case,
        "not-your-case",
        f"Case {case.number} is assigned to {holder} of {case.unit}. That officer or the unit's lead can do this.",
    )


def _wrong_state(case: Case, what: str, remedy: str) -> Decision[Case]:
    return refuse(case, "wrong-state", f"Case {case.number} is {case.state.value} and can't {what} now. {remedy}")


def _unknown(moment: Moment) -> Decision[Case]:
    return refuse(
        None,
        "unknown-case",
        f"Routing has no case {moment.case_id}. Retry its request first, if it was set aside; then this.",
    )
