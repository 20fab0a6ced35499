"""A platform of the size of a test: the public interfaces that the simulator uses, in memory, over real HTTP."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

import orjson
from fastapi import Depends, FastAPI, Header, Query, Request, Response

from services.simulator.settings import SimulatorSettings
from shared.settings import new_keys
from shared.web.app import create_api
from shared.web.auth import ChannelScope, Role, Staff, channel_scope, require, signed_body
from shared.web.health import Readiness
from shared.web.problems import Problem
from shared.web.server import HttpServer

TOKEN = "customer-of-the-carrier"
_AFTER = {"accept": "accepted", "contact": "contacted", "resolve": "resolved"}
_BEFORE = {"accept": {"assigned"}, "contact": {"accepted", "reopened"}, "resolve": {"contacted"}}
_PAGE = 2


def settings() -> SimulatorSettings:
    """Settings of a deployment with keys of its own, whatever the environment says."""
    keys: dict[str, Any] = {name.removeprefix("MINSHENG_").lower(): value for name, value in new_keys("t1").items()}
    return SimulatorSettings(
        _env_file=None, demonstration=True, sms_gateway_token=TOKEN, rate_per_second=1e6, rate_burst=10**6, **keys
    )


class Platform:
    """Intake, routing and follow-up in one; what is called is kept for the test to see."""

    def __init__(self, of: SimulatorSettings) -> None:
        self.troubles: deque[int] = deque()
        """Statuses with which the next posts to intake are turned away."""
        self.lost_answers = 0
        """How many next posts are stored, but answered with 503."""
        self.delay = 0.0
        self.requests: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.posts = 0
        self.cases: dict[str, dict[str, Any]] = {}
        self.steps: list[tuple[str, str, Staff, dict[str, Any]]] = []
        self.stale: list[dict[str, Any]] = []
        """Cases as they once were, which the list still shows: it was read before they changed."""
        self.refusals: Counter[str] = Counter()
        """Steps to be refused, by name."""
        self.phone_desk: dict[str, int] = {}
        self.without_number: dict[str, str] = {}
        """Families of the channels of cases on the desk whose citizens left no number."""
        self.shown: list[str] = []
        self.phone_answers: dict[str, dict[str, Any]] = {}
        self.callback_troubles: deque[int] = deque()
        self.receipts: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.lists: Counter[str] = Counter()
        self.api = create_api("platform", "Test platform", of, Readiness())
        self._routes(self.api)

    def open_case(self, state: str = "assigned", counted: int = 1, **more: Any) -> str:
        """A case of unit `u1` and officer `o1`."""
        case_id = str(uuid4())
        self.cases[case_id] = {
            "case_id": case_id,
            "state": state,
            "round": counted,
            "version": 1,
            "unit": "u1",
            "officer": "o1",
            "contact_due": "2026-01-01T00:00:00Z",
            "due": "2026-01-01T00:00:00Z",
        } | more
        return case_id

    def _routes(self, api: FastAPI) -> None:
        @api.post("/v1/requests")
        async def hand_in(request: Request, scope: Annotated[ChannelScope, Depends(channel_scope)]) -> Response:
            self.posts += 1
            if self.delay:
                await asyncio.sleep(self.delay)
            if self.troubles:
                raise Problem(self.troubles.popleft(), "trouble", "Trouble", "Try again.")
            payload = orjson.loads(await request.body())
            assert scope.allows(payload["channel"], "")
            key = (payload["channel"], payload["channel_request_id"])
            repeated = key in self.requests
            case_id, before = self.requests.setdefault(key, (str(uuid4()), payload))
            if payload != before:
                raise Problem(409, "request-differs", "Differs", "Send it as it was.")
            if self.lost_answers:
                self.lost_answers -= 1
                raise Problem(503, "lost", "Lost", "Try again.")
            answer = {"case_id": case_id, "number": "261124-0000001-0", "urgent": False, "repeated": repeated}
            return Response(orjson.dumps(answer), 202, media_type="application/json")

        @api.get("/v1/channels/{channel}")
        async def read_channel(channel: str, _scope: Annotated[ChannelScope, Depends(channel_scope)]) -> dict[str, str]:
            return {"id": channel}

        @api.get("/v1/cases")
        async def list_cases(
            _staff: Annotated[Staff, Depends(require(Role.SUPERVISOR))],
            state: str,
            cursor: int = 0,
            limit: Annotated[int, Query(le=200)] = 50,
        ) -> dict[str, Any]:
            self.lists[state] += 1
            found = [case for case in (*self.cases.values(), *self.stale) if case["state"] == state]
            more = cursor + _PAGE < len(found)
            return {"items": found[cursor : cursor + _PAGE], "next": str(cursor + _PAGE) if more else None}

        @api.post("/v1/cases/{case_id}/{step}")
        async def act(
            case_id: str,
            step: str,
            body: dict[str, Any],
            staff: Annotated[Staff, Depends(require(Role.OFFICER, Role.UNIT_LEAD))],
        ) -> dict[str, Any]:
            case = self.cases[case_id]
            if self.refusals[step]:
                self.refusals[step] -= 1
                raise Problem(409, "wrong-state", "Refused", "Another time.")
            if staff.unit != case["unit"] or case["officer"] not in (None, staff.subject):
                raise Problem(403, "not-your-case", "Refused", "Ask its officer.")
            if case["state"] not in _BEFORE[step]:
                raise Problem(409, "wrong-state", "Refused", "Not now.")
            self.steps.append((case_id, step, staff, body))
            case |= {"state": _AFTER[step], "version": case["version"] + 1}
            return case

        @api.get("/v1/followups")
        async def list_followups(
            _staff: Annotated[Staff, Depends(require(Role.OPERATOR))], state: str
        ) -> dict[str, Any]:
            assert state == "phone-desk"
            self.lists[state] += 1
            return {"items": [self._on_desk(one, n) for one, n in self.phone_desk.items()], "next": None}

        @api.post("/v1/followups/{case_id}/contact-shown")
        async def contact_shown(
            case_id: str, body: dict[str, str], _staff: Annotated[Staff, Depends(require(Role.OPERATOR))]
        ) -> dict[str, Any]:
            assert body["purpose"]
            if case_id in self.without_number:
                raise Problem(409, "no-contact", "Refused", "Write through the channel.")
            self.shown.append(case_id)
            return {"name": None, "phone": "+8613490000001", "extension": None, "unread_contact": None}

        @api.post("/v1/followups/{case_id}/answer")
        async def answer(
            case_id: str,
            body: dict[str, Any],
            _staff: Annotated[Staff, Depends(require(Role.OPERATOR))],
            if_match: Annotated[str | None, Header()] = None,
        ) -> dict[str, Any]:
            if if_match != '"4"':
                raise Problem(428, "version-needed", "Version needed", "Send it.")
            if self.refusals["answer"]:
                self.refusals["answer"] -= 1
                raise Problem(409, "already-answered", "Refused", "Leave it.")
            del self.phone_desk[case_id]
            self.phone_answers[case_id] = body
            return {}

        @api.post("/v1/followups/{case_id}/understood")
        async def understood(
            case_id: str, body: dict[str, Any], staff: Annotated[Staff, Depends(require(Role.OFFICER))]
        ) -> dict[str, Any]:
            self.steps.append((case_id, "understood", staff, body))
            self.cases[case_id]["state"] = "closed"
            return {}

        @api.post("/v1/callbacks/sms/{kind}")
        async def callback(kind: str, body: Annotated[bytes, Depends(signed_body)]) -> dict[str, Any]:
            if self.callback_troubles:
                raise Problem(self.callback_troubles.popleft(), "trouble", "Trouble", "Try again.")
            items = orjson.loads(body)[kind]
            (self.receipts if kind == "receipts" else self.replies).extend(items)
            return {}

    def _on_desk(self, case_id: str, counted: int) -> dict[str, Any]:
        family = self.without_number.get(case_id)
        return {
            "case_id": case_id,
            "round": counted,
            "version": 4,
            "family": family,
            "desk_reason": "no-phone" if family is not None else "absent",
        }


@asynccontextmanager
async def running(platform: Platform, port: int = 0) -> AsyncIterator[str]:
    """The platform behind a server; gives its address."""
    server = HttpServer(platform.api, port=port, name="platform")
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()
