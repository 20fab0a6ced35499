"""The page's two languages. Chinese comes first, in the order of each pair and on the page."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Language(StrEnum):
    """A language of the page, by its tag in HTML."""

    CHINESE = "zh-CN"
    ENGLISH = "en-US"

    @property
    def home(self) -> str:
        """The path of the live page in this language."""
        return "/" if self is Language.CHINESE else "/en"

    @property
    def other(self) -> Language:
        """What the language switch leads to."""
        return Language.ENGLISH if self is Language.CHINESE else Language.CHINESE

    @property
    def sign_in(self) -> str:
        """The address of the sign-in page in this language."""
        return "/login" if self is Language.CHINESE else "/login?language=en-US"


_TEXTS: Mapping[str, tuple[str, str]] = {
    "platform": ("民生警务平台", "Minsheng Police Service Platform"),
    "page": ("运行态势", "Live operations"),
    "switch-language": ("EN", "中文"),
    "switch-language-hint": ("Switch to English", "切换到中文"),
    "sign-out": ("退出", "Sign out"),
    # Sign-in
    "sign-in": ("登录", "Sign in"),
    "sign-in-title": ("民警与工作人员登录", "Staff sign-in"),
    "sign-in-label": ("登录令牌", "Staff token"),
    "sign-in-help": (
        "请粘贴您的登录令牌。令牌由管理员签发；在服务器上运行 minsheng token --role supervisor 可打印一个。",
        "Paste your staff token. Administrators issue them; minsheng token --role supervisor prints one.",
    ),
    "sign-in-done": ("登录成功，正在进入……", "Signed in, one moment…"),
    "sign-in-continue": ("进入运行态势", "Continue to the live page"),
    "problem-empty": ("请先粘贴登录令牌。", "Paste a token first."),
    "problem-wrong": (
        "令牌无效：请检查是否完整复制，或请管理员重新签发。",
        "This token is not valid. Check that it was copied completely, or ask an administrator for a new one.",
    ),
    "problem-expired": (
        "令牌已过期：请管理员重新签发一个。",
        "This token has expired. Ask an administrator for a new one.",
    ),
    "problem-ended": ("登录已到期，请重新登录。", "Your session has ended. Please sign in again."),
    "problem-foreign": (
        "此登录请求来自其他网站，已拒绝。请在本页面重新登录。",
        "This sign-in came from another site and was refused. Please sign in on this page.",
    ),
    "signed-out": ("您已安全退出。", "You are signed out."),
    # State of the page
    "live": ("实时", "Live"),
    "stale": ("数据停滞", "Stale"),
    "cut": ("连接中断", "Connection lost"),
    "denied": ("无权查看", "Not permitted"),
    "connecting": ("正在连接", "Connecting"),
    "as-of": ("更新于 {time}", "as of {time}"),
    "stopped-at": ("数据停于 {time}", "stopped at {time}"),
    "loading": ("正在读取……", "Loading…"),
    "absent": ("暂时没有数据", "No data for now"),
    "trouble-unreachable": ("统计服务无响应，正在自动重试", "The analytics service does not answer; retrying"),
    "trouble-unauthorised": (
        "统计服务不接受此登录令牌，请退出后用新令牌登录",
        "The analytics service does not accept this token; sign out and use a new one",
    ),
    "trouble-forbidden": (
        "您的角色无权查看此项数据，请联系管理员",
        "Your role may not see this; ask an administrator",
    ),
    "trouble-failing": ("统计服务出现故障，正在自动重试", "The analytics service is failing; retrying"),
    "trouble-unexpected": (
        "统计服务的答复无法识别，请联系运维",
        "The analytics service answered something unexpected; tell operations",
    ),
    "banner-unit": (
        "组织机构中没有单位“{unit}”，以下数字不属于任何单位。请管理员重新签发令牌。",
        'There is no unit "{unit}" in the bureau, so these figures are nobody\'s. Ask for a new token.',
    ),
    "banner-services": ("平台有服务异常：{services}", "Services in trouble: {services}"),
    "too-many": (
        "同时打开的页面已达上限。请关闭不用的页面后刷新。",
        "Too many pages are open at once. Close some, then reload.",
    ),
    # Tiles
    "today": ("今日", "Today"),
    "whole-bureau": ("全局", "Whole bureau"),
    "own-unit": ("本单位：{unit}", "Own unit: {unit}"),
    "received": ("受理", "Received"),
    "resolved": ("办结", "Resolved"),
    "in-time": ("按时办结率", "Resolved in time"),
    "satisfaction": ("回访满意率", "Satisfaction"),
    "open": ("办理中", "In hand"),
    "waiting": ("等待群众", "Waiting for citizens"),
    "received-hint": ("今日收到的诉求", "requests received today"),
    "resolved-hint": ("今日诉求中已办结", "of today's requests"),
    "in-time-hint": ("{in_time} / {resolved} 件", "{in_time} of {resolved}"),
    "satisfaction-hint": ("{answered} 件已答复", "{answered} answered"),
    "open-hint": ("民警应办，其中整改 {reopened} 件", "{reopened} of them rectifications"),
    "waiting-hint": ("已办结，回访未结束", "resolved, survey not ended"),
    "overdue-hint": ("今日诉求中超期 {overdue} 件", "{overdue} of today's overdue"),
    # Panels
    "minutes": ("每分钟诉求", "Requests per minute"),
    "minutes-hint": ("全局 · 近 60 分钟", "whole bureau · last 60 minutes"),
    "minutes-since": ("全局 · 自 {time} 起统计", "whole bureau · counted since {time}"),
    "rate": ("当前 {rate} 件/分", "now {rate}/min"),
    "approximate": ("近似值", "approximate"),
    "unit-requests": ("件", "requests"),
    "live-off": ("实时统计正在恢复，确切数字不受影响", "The live rate is recovering; exact figures are not affected"),
    "minutes-empty": ("近 60 分钟没有新诉求", "No requests in the last 60 minutes"),
    "minutes-none": ("自 {time} 起没有新诉求", "No requests since {time}"),
    "states": ("未结工单", "Open cases"),
    "states-hint": ("按办理环节", "by state"),
    "states-empty": ("没有未结工单", "No open cases"),
    "units": ("各单位满意率", "Satisfaction by unit"),
    "units-hint": (
        "近 30 天受理，由低到高；红：低于 {low}%，黄：低于 {good}%",
        "received in 30 days, worst first; red below {low}%, amber below {good}%",
    ),
    "units-empty": ("还没有回访答复", "No survey answers yet"),
    "answers": ("{answered} 答复", "{answered} answers"),
    "few": ("样本少", "few"),
    "few-hint": ("答复少于 {limit} 件，仅供参考", "fewer than {limit} answers: indicative only"),
    "districts": ("今日各区受理", "Today by district"),
    "undetermined": ("未能确定辖区", "Not determined"),
    "families": ("今日各渠道受理", "Today by channel"),
    "groups-empty": ("今日还没有诉求", "No requests today yet"),
    "events": ("最新动态", "Latest events"),
    "events-hint": ("全局 · 不含个人信息", "whole bureau · no personal data"),
    "events-empty": ("还没有动态，新诉求会出现在这里", "Nothing yet; new requests will show here"),
    "urgent": ("紧急", "urgent"),
    "unclassified": ("待分类", "unclassified"),
    "services": ("平台状态", "Platform"),
    "ready": ("正常", "ready"),
    "degraded": ("受限", "degraded"),
    "not-ready": ("异常", "not ready"),
    "unreachable": ("无响应", "no answer"),
    "checking": ("检查中", "checking"),
    # Services
    "service-intake": ("受理", "Intake"),
    "service-routing": ("分派", "Routing"),
    "service-followup": ("回访", "Follow-up"),
    "service-analytics": ("统计", "Analytics"),
}


def say(language: Language, key: str, **values: object) -> str:
    """The text of `key` with its `{places}` filled. Raises `KeyError` for a text or a place that is not there."""
    chinese, english = _TEXTS[key]
    text = chinese if language is Language.CHINESE else english
    return text.format(**values) if values else text


def knows(key: str) -> bool:
    """Whether there is a text of this key."""
    return key in _TEXTS
