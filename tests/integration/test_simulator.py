"""The simulator against the public interfaces, over real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from rich.console import Console

from services.followup.domain.replies import parse
from services.simulator.app import MissingTokenError, Options, Simulation
from services.simulator.client import connected
from services.simulator.deployment import DeploymentError
from services.simulator.domain.arrivals import BurstPlan, Rhythm
from services.simulator.domain.citizens import Reply, receipt, reply
from services.simulator.domain.city import Unit
from services.simulator.domain.stream import Origin, Plan, RequestStream
from services.simulator.paging import ListRefusedError, listed
from services.simulator.settings import SimulatorSettings
from services.simulator.staff import DUTY_ROOM, Badges
from services.simulator.stopping import Stop
from shared.events.words import Satisfaction
from shared.ports import PortTakenError, pick
from tests.integration.simulated_platform import TOKEN, Platform, running, settings
from tests.unit.simulator.city import DEPLOY, START, example_city, example_script

_LOWER = (Satisfaction.DISSATISFIED, Satisfaction.VERY_DISSATISFIED)
PLAN = Plan(seed=5, start=START, rate=150.0, rhythm=Rhythm(flat=True), bursts=BurstPlan(every=0))
SURVEY = "工单{}已办结，请评价：1非常满意 2满意 3基本满意 4不满意 5非常不满意"


def options(url: str, **changes: Any) -> Options:
    base = Options(plan=PLAN, intake=url, routing=url, followup=url, speed=1e6, carrier_port=0, connections=32)
    return replace(base, **changes)


def simulation(of: Options, by: SimulatorSettings) -> Simulation:
    city = replace(example_city(), units=(*example_city().units, Unit("u1", "一所", ("o1",))))
    return Simulation(of, by, city, example_script(), Console(file=io.StringIO()))


async def until(met: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not met():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def playing(of: Options, by: SimulatorSettings) -> AsyncIterator[Simulation]:
    """A simulation that runs meanwhile; its failure is the test's."""
    simulated = simulation(of, by)
    task = asyncio.create_task(simulated.run())
    try:
        await until(lambda: task.done() or not of.carrier or simulated.carrier_port is not None)
        if task.done():
            await task
        yield simulated
    finally:
        simulated.stop.set()
        await task


def sent(seconds: float, plan: Plan = PLAN) -> list[tuple[str, str, Origin]]:
    stream = RequestStream(plan, example_city(), example_script())
    found: list[tuple[str, str, Origin]] = []
    for posting in islice(stream, 100_000):
        if posting.at > seconds:
            break
        found.append((posting.channel, posting.channel_request_id, posting.origin))
    return found


async def test_the_whole_stream_arrives_whatever_intake_answers_at_first(tmp_path: Path) -> None:
    by = settings()
    platform = Platform(by)
    platform.troubles.extend([503, 500, 502, 429] * 10)
    platform.lost_answers = 7
    journal = tmp_path / "journal.jsonl"
    async with running(platform) as url:
        of = options(url, seconds=2.0, officers=False, carrier=False, journal=journal)
        summary = await simulation(of, by).run()
    expected = sent(2.0)
    assert set(platform.requests) == {(channel, number) for channel, number, _ in expected}
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert len(lines) == len(expected) == summary["posted"]
    assert {(line["channel"], line["channel_request_id"], line["case_id"]) for line in lines} == {
        (*key, case_id) for key, (case_id, _) in platform.requests.items()
    }
    assert summary["accepted"] + summary["repeated"] == len(expected)
    assert summary["repeated"] >= sum(origin is Origin.REPOST for *_, origin in expected)
    assert summary["retries"] == 47
    assert summary["refused"] == {}
    assert summary["unfinished"] == 0


async def test_a_slow_intake_makes_requests_late_and_never_fewer() -> None:
    by = settings()
    platform = Platform(by)
    platform.delay = 0.5
    async with running(platform) as url:
        # 8 connections and 0.5 s each: 16 requests a second are answered, 150 arrive.
        of = options(url, seconds=0.5, officers=False, carrier=False, connections=8)
        summary = await simulation(of, by).run()
    assert summary["posted"] == len(sent(0.5)) == summary["accepted"] + summary["repeated"]
    # Told as what the citizen waited, not as what the server took.
    assert summary["latency_ms"]["p99"] > 2_000
    assert summary["lag_ms"] < 300


async def test_a_refusal_is_final_and_counted() -> None:
    by = settings()
    platform = Platform(by)
    platform.troubles.extend([422, 422, 403])
    async with running(platform) as url:
        summary = await simulation(options(url, seconds=0.3, officers=False, carrier=False), by).run()
    assert summary["refused"] == {"trouble": 3}
    assert summary["accepted"] + summary["repeated"] == summary["posted"] - 3


async def test_intake_may_come_late_and_go_away_meanwhile() -> None:
    by = settings()
    platform = Platform(by)
    port = pick(0, "a platform of this test", remedy="try again")
    of = options(f"http://127.0.0.1:{port}", officers=False, carrier=False)
    async with playing(of, by) as simulated:
        async with running(platform, port):
            await until(lambda: simulated.tally.accepted > 50)
        accepted = simulated.tally.accepted
        await until(lambda: simulated.tally.posted > accepted + 100)
        async with running(platform, port):
            await until(lambda: simulated.tally.accepted + simulated.tally.repeated > accepted + 100)
    assert simulated.tally.refused.total() == 0
    assert simulated.tally.accepted == len(platform.requests)


async def test_officers_work_through_their_cases_with_their_own_tokens() -> None:
    by = settings()
    platform = Platform(by)
    mine = [platform.open_case() for _ in range(5)]
    leaderless = platform.open_case(officer=None, unit="u2")
    begun = platform.open_case("contacted")
    again = platform.open_case("reopened", 2)
    explained = platform.open_case("reopened", 3)
    finished = platform.open_case("resolved")
    async with running(platform) as url, playing(options(url, channels=False, carrier=False), by) as simulated:
        await until(lambda: all(case["state"] in ("resolved", "closed") for case in platform.cases.values()))
        await until(lambda: platform.lists["assigned"] > 3)
    done: dict[str, list[str]] = {}
    for case_id, step, staff, _ in platform.steps:
        done.setdefault(case_id, []).append(step)
        assert staff.unit == platform.cases[case_id]["unit"]
        assert staff.subject == ("lead-u2" if case_id == leaderless else "o1")
    assert done == {
        **{case_id: ["accept", "contact", "resolve"] for case_id in (*mine, leaderless)},
        begun: ["resolve"],
        again: ["contact", "resolve"],
        explained: ["understood"],
    }
    assert finished not in done
    assert simulated.tally.steps == {"accept": 6, "contact": 7, "resolve": 8, "understood": 1}
    assert simulated.tally.steps_refused.total() == 0


async def test_a_refused_step_is_not_repeated_at_once() -> None:
    by = settings()
    platform = Platform(by)
    platform.open_case()
    platform.refusals["accept"] = 100
    async with running(platform) as url, playing(options(url, channels=False, carrier=False), by) as simulated:
        await until(lambda: simulated.tally.steps_refused.total() > 0)
        polls = platform.lists["assigned"]
        await until(lambda: platform.lists["assigned"] >= polls + 2)
    assert simulated.tally.steps_refused == {"wrong-state": 1}


async def test_a_list_read_before_a_step_does_not_repeat_it() -> None:
    by = settings()
    platform = Platform(by)
    case_id = platform.open_case()
    platform.stale.append(platform.cases[case_id].copy())
    async with running(platform) as url, playing(options(url, channels=False, carrier=False), by) as simulated:
        await until(lambda: platform.cases[case_id]["state"] == "resolved")
        polls = platform.lists["assigned"]
        await until(lambda: platform.lists["assigned"] >= polls + 3)
    assert [step for _, step, *_ in platform.steps] == ["accept", "contact", "resolve"]
    assert simulated.tally.steps_refused.total() == 0


async def test_operators_call_whom_no_message_reaches_once() -> None:
    by = settings()
    platform = Platform(by)
    platform.phone_desk = dict.fromkeys((str(uuid4()) for _ in range(60)), 1)
    platform.refusals["answer"] = 3
    async with running(platform) as url, playing(options(url, channels=False, carrier=False), by) as simulated:
        # The list is asked for again once everybody on it was called.
        await until(lambda: platform.lists["phone-desk"] == 3)
    answered = platform.phone_answers.values()
    assert len(answered) == simulated.tally.phone_answers.total()
    assert all(body["medium"] == "phone" and Satisfaction(body["level"]) for body in answered)
    assert platform.refusals["answer"] == 0
    assert simulated.tally.steps_refused == {"already-answered": 3}
    # Those refused are still on the list, and were left alone; the others there didn't pick up.
    assert 3 < len(platform.phone_desk) < 30
    assert len(platform.shown) == len(answered) + 3, "nobody is called whose number was not looked at"


async def test_operators_write_by_hand_where_there_is_no_number() -> None:
    by = settings()
    platform = Platform(by)
    families = ("wechat", "weibo", "letters-visits")
    platform.without_number = {str(uuid4()): family for family in families for _ in range(10)}
    platform.phone_desk = dict.fromkeys(platform.without_number, 1)
    async with running(platform) as url, playing(options(url, channels=False, carrier=False), by) as simulated:
        await until(lambda: platform.lists["phone-desk"] == 3)
    assert platform.shown == []
    answered = {platform.without_number[case]: body["medium"] for case, body in platform.phone_answers.items()}
    assert answered == {"wechat": "wechat", "weibo": "weibo"}
    assert simulated.tally.steps_refused == {}


async def test_lists_are_read_to_their_end() -> None:
    by = settings()
    platform = Platform(by)
    cases = {platform.open_case("contacted") for _ in range(5)}
    headers = Badges(by.staff_ring).headers(DUTY_ROOM)
    async with running(platform) as url, connected(Stop(), 2) as caller:
        pages = [page async for page in listed(caller, f"{url}/v1/cases", headers, state="contacted")]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {case["case_id"] for page in pages for case in page} == cases


async def test_keys_of_another_deployment_end_the_simulation_with_a_remedy() -> None:
    platform = Platform(settings())
    async with running(platform) as url:
        with pytest.raises(ExceptionGroup) as caught:
            await simulation(options(url, channels=False, carrier=False), settings()).run()
    assert caught.group_contains(ListRefusedError, match="MINSHENG_STAFF_KEYS")


async def carried(port: int | None, messages: list[dict[str, str]], token: str = TOKEN) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{port}/carrier/messages",
            json={"messages": messages},
            headers={"Authorization": f"Bearer {token}"},
        ) as response,
    ):
        return response.status, await response.json()


def survey(number: int, message_id: str | None = None) -> dict[str, str]:
    return {
        "message_id": message_id or str(uuid4()),
        "to": f"+861349{number:07d}",
        "text": SURVEY.format(f"261124-{number:07d}-1"),
    }


async def test_every_message_gets_its_receipt_and_most_a_reply_though_followup_fails_at_first() -> None:
    by = settings()
    platform = Platform(by)
    platform.callback_troubles.extend([503, 500, 503])
    messages = [survey(number) for number in range(600)]
    async with running(platform) as url, playing(options(url, channels=False, officers=False), by) as simulated:
        status, verdict = await carried(simulated.carrier_port, messages)
        assert status == 202
        assert len(verdict["accepted"]) == 600
        assert verdict["refused"] == []
        await until(lambda: len(platform.receipts) == 600)
        await until(lambda: len(platform.replies) == len(replies_of(messages, 0, rectified=False)))
        # The same again is the same: no second receipt, no second reply.
        _, again = await carried(simulated.carrier_port, messages)
        assert again == verdict
        _, one = await carried(simulated.carrier_port, [survey(10_000)])
        await until(lambda: len(platform.receipts) > 600)
    assert {one["message_id"] for one in platform.receipts[:600]} == {message["message_id"] for message in messages}
    assert [receipt["message_id"] for receipt in platform.receipts[600:]] == [one["accepted"][0]["message_id"]]
    failed = [receipt for receipt in platform.receipts if receipt["status"] == "failed"]
    assert 5 < len(failed) < 40
    assert all(receipt["code"] for receipt in failed)
    unreached = {message["to"] for message in messages for one in failed if one["message_id"] == message["message_id"]}
    assert unreached.isdisjoint(reply["from"] for reply in platform.replies)
    ids = [reply["reply_id"] for reply in platform.replies]
    assert len(ids) == len(set(ids))
    assert simulated.tally.messages_again == 600


def replies_of(messages: list[dict[str, str]], nth: int, *, rectified: bool) -> dict[str, Reply]:
    """What the citizens who get a message answer, by phone."""
    words = example_script().replies
    found: dict[str, Reply] = {}
    for message in messages:
        phone = message["to"]
        answer = reply(PLAN.seed, phone, nth, message["text"], words, rectified=rectified)
        if answer is not None and receipt(PLAN.seed, phone, nth).failure is None:
            found[phone] = answer
    return found


async def test_a_dissatisfied_citizen_is_asked_again_and_mostly_satisfied() -> None:
    by = settings()
    platform = Platform(by)
    first = [survey(number) for number in range(900)]
    answers = replies_of(first, 0, rectified=False)
    unhappy = [phone for phone, answer in answers.items() if answer.level in _LOWER]
    assert 50 < len(unhappy) < 150
    second = [survey(int(phone[-7:])) for phone in unhappy]
    expected = replies_of(second, 1, rectified=True)
    assert expected != replies_of(second, 1, rectified=False)
    async with running(platform) as url, playing(options(url, channels=False, officers=False), by) as simulated:
        await carried(simulated.carrier_port, first)
        await until(lambda: simulated.tally.replies.total() == len(answers))
        await carried(simulated.carrier_port, second)
        await until(lambda: simulated.tally.replies.total() == len(answers) + len(expected))
    assert {one["from"]: one["text"] for one in platform.replies[len(answers) :]} == {
        phone: answer.text for phone, answer in expected.items()
    }
    assert sum(parse(answer.text).level in _LOWER for answer in expected.values()) < 0.35 * len(expected)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"to": "+8675523456789"}, "invalid-number"), ({"text": " "}, "empty-text"), ({"text": "长" * 1001}, "too-long")],
)
async def test_what_can_never_be_sent_is_refused_with_a_code(changes: dict[str, str], code: str) -> None:
    by = settings()
    platform = Platform(by)
    good, bad = survey(1), survey(2) | changes
    async with running(platform) as url, playing(options(url, channels=False, officers=False), by) as simulated:
        _, verdict = await carried(simulated.carrier_port, [good, bad])
    assert [one["message_id"] for one in verdict["accepted"]] == [good["message_id"]]
    assert verdict["refused"] == [{"message_id": bad["message_id"], "code": code}]


async def test_the_carrier_serves_its_customer_alone() -> None:
    by = settings()
    platform = Platform(by)
    async with running(platform) as url, playing(options(url, channels=False, officers=False), by) as simulated:
        status, problem = await carried(simulated.carrier_port, [survey(1)], token="somebody")
        assert simulated.tally.messages == 0
    assert status == 401
    assert "MINSHENG_SMS_GATEWAY_TOKEN" in problem["detail"]


async def test_a_carrier_without_a_token_or_port_says_so() -> None:
    by = settings()
    with pytest.raises(MissingTokenError, match="MINSHENG_SMS_GATEWAY_TOKEN"):
        await simulation(options("http://127.0.0.1:9"), by.model_copy(update={"sms_gateway_token": None})).run()
    async with running(Platform(by)) as url:
        taken = int(url.rpartition(":")[2])
        with pytest.raises(PortTakenError, match=str(taken)):
            await simulation(options("http://127.0.0.1:9", carrier_port=taken), by).run()


@pytest.mark.parametrize("real", ["intake", "routing", "followup"])
@pytest.mark.parametrize("only", [{}, {"officers": False, "carrier": False}])
async def test_a_deployment_with_real_cases_is_refused_by_name(real: str, only: dict[str, Any]) -> None:
    by = settings()
    played, bureau = Platform(by), Platform(by.model_copy(update={"demonstration": False}))
    bureau.open_case()
    async with running(played) as demonstration, running(bureau) as serious:
        urls = dict.fromkeys(("intake", "routing", "followup"), demonstration) | {real: serious}
        with pytest.raises(DeploymentError, match=rf"^{real} at {serious} doesn't say.*MINSHENG_DEMONSTRATION"):
            await simulation(options(demonstration, seconds=0.2, **urls, **only), by).run()
    assert (bureau.posts, bureau.steps, bureau.lists.total()) == (0, [], 0)
    assert (played.posts, played.steps) == (0, [])


async def test_keys_of_another_deployment_are_told_once_and_not_refused_post_by_post() -> None:
    platform = Platform(settings())
    async with running(platform) as url:
        with pytest.raises(DeploymentError, match=r"refuses the key of .*MINSHENG_CHANNEL_KEYS"):
            await simulation(options(url, officers=False, carrier=False, seconds=0.2), settings()).run()
    assert platform.posts == 0


async def test_a_service_that_is_away_ends_the_simulation_after_a_while() -> None:
    by = settings()
    port = pick(0, "nobody", remedy="try again")
    nowhere = options(f"http://127.0.0.1:{port}", officers=False, carrier=False, patience=0.3)
    with pytest.raises(DeploymentError, match=f"No answer from intake at http://127.0.0.1:{port} for 0.3 seconds"):
        await simulation(nowhere, by).run()
    # And also where it goes away later.
    ended = asyncio.get_running_loop().create_future()

    async def play() -> None:
        try:
            await simulation(nowhere, by).run()
        except BaseException as error:
            ended.set_exception(error)

    platform = Platform(by)
    async with running(platform, port):
        task = asyncio.create_task(play())
        await until(lambda: platform.posts > 10)
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(ended, 30)
    assert caught.group_contains(DeploymentError, match=f"No answer from http://127.0.0.1:{port}")
    await task


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_command_in_order_with_its_summary(number: signal.Signals, tmp_path: Path) -> None:
    by = settings()
    platform = Platform(by)
    secrets = {
        f"MINSHENG_{name.upper()}": value.get_secret_value()
        for name in (
            "sealing_keys",
            "pseudonym_key",
            "staff_keys",
            "channel_keys",
            "callback_keys",
            "sms_gateway_token",
        )
        if (value := getattr(by, name)) is not None
    }
    files = {
        "MINSHENG_CHANNELS_FILE": str(DEPLOY / "channels.yaml"),
        "MINSHENG_ORGANISATION_FILE": str(DEPLOY / "organisation.yaml"),
    }
    async with running(platform) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import typer; from services.simulator.cli import simulate; typer.run(simulate)",
            "--rate", "80", "--profile", "flat", "--seed", "3", "--intake", url, "--routing", url, "--followup", url,
            "--carrier-port", "0", "--summary", tmp_path / "summary.json", "--journal", tmp_path / "journal.jsonl",
            env={**os.environ, **secrets, **files, "MINSHENG_DEMONSTRATION": "true"},
            cwd=DEPLOY.parent,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            await until(lambda: len(platform.requests) > 50 or process.returncode is not None, 60)
            process.send_signal(number)
            output, errors = await asyncio.wait_for(process.communicate(), 30)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
    assert process.returncode == 0, errors.decode()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["seed"] == 3
    assert summary["accepted"] == len(platform.requests)
    assert summary["unfinished"] == 0
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == summary["accepted"] + summary["repeated"]
    assert output.decode().count('"accepted"') == 1
    # What it printed at its beginning is all that it takes to play the same again.
    told = re.search(r"--seed 3 --start (\S+)", output.decode())
    assert told is not None
    start = datetime.fromisoformat(told[1]).replace(tzinfo=START.tzinfo)
    again = sent(60.0, Plan(seed=3, start=start, rate=80.0, rhythm=Rhythm(flat=True)))[: summary["posted"]]
    assert {(channel, number) for channel, number, _ in again} == set(platform.requests)
