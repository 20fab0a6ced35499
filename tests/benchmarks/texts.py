"""What citizens write in the benchmarks: of real length, in many variations, the same in every run."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.intake.domain.case_id import CaseIds
from shared.events.request import RequestReceived

_PLACES = (
    "临江区望江路{n}号",
    "清溪县茶山乡{n}组",
    "云河区春晖路{n}号",
    "滨湖大道{n}号小区",
    "老城菜场{n}号摊位",
    "高铁站{n}号出口",
)
_MATTERS = (
    "每天夜里十一点以后还有人用音响唱歌，已经吵了{m}天，老人孩子都睡不好，请派人来管一管",
    "路口的红绿灯坏了{m}天，早晚高峰很乱，昨天差一点撞到骑车的学生，请尽快安排民警疏导",
    "有人上门推销保健品，骗走我母亲{m}千元，电话已经打不通，想问怎样报案、要带什么材料",
    "想给孩子办理落户，跑了{m}趟材料还是不全，请告诉我到底需要哪些证明，能不能在网上预约",
    "楼下的棋牌室涉嫌聚众赌博，经常到凌晨，停了{m}辆外地车，请核实处理",
    "电动自行车在楼道里充电，有{m}辆，物业不管，存在很大火灾隐患，希望派出所上门劝导",
    "感谢社区民警帮我找到走失的父亲，前后只用了{m}个小时，请转达我们全家的谢意",
    "出入境窗口排队要{m}个小时，建议增加午间值班和自助机，并在公众号公布等候人数",
)
_FAMILIES = ("hotline-12345", "wechat", "weibo", "website", "community", "police-station")
_SEALED = "v1.bench." + "Q0hJTkFfU0VBTEVEX1BFUlNPTkFMX0RBVEFfRk9SX0JFTkNITUFSS1M" * 2


def body(chance: random.Random) -> str:
    """One citizen's words, about 60 characters."""
    place = chance.choice(_PLACES).format(n=chance.randint(1, 400))
    return f"{place}，{chance.choice(_MATTERS).format(m=chance.randint(2, 60))}。"


def case_ids() -> Iterator[UUID]:
    """Case ids as intake gives them: they grow with time."""
    give = CaseIds(time.time_ns, secrets.randbits)
    while True:
        yield give()


def requests(count: int, seed: int) -> list[RequestReceived]:
    """Requests as intake tells of them."""
    chance = random.Random(seed)
    now = datetime.now(UTC)
    told = []
    for nth in range(count):
        family = chance.choice(_FAMILIES)
        told.append(
            RequestReceived(
                number=f"261124-{nth:07d}-0",
                channel=f"{family}-0001",
                family=family,
                channel_request_id=f"bench-{seed}-{nth}",
                received_at=now,
                submitted_at=now,
                subject="市民诉求" if chance.random() < 0.5 else None,
                body=body(chance),
                requester=_SEALED,
                pseudonym=f"{chance.getrandbits(128):032x}",
            )
        )
    return told


def form(chance: random.Random, channel_request_id: str) -> dict[str, Any]:
    """A request as a channel posts it."""
    return {
        "channel": "website-0001",
        "channel_request_id": channel_request_id,
        "subject": "市民诉求",
        "body": body(chance),
        "requester": {"name": "林女士", "phone": f"138{chance.randint(0, 99999999):08d}"},
    }
