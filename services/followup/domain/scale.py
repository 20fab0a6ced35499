"""The scale as citizens write it: its digits, its words, its options by their place. Nothing else is a mark."""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.followup.domain.courtesy import BREAK, THANKS
from services.followup.domain.praise import BAD_WORDS, GLAD_FACES, GOOD_WORDS, SAD_FACES
from services.followup.domain.typed import Typed
from shared.events.words import Satisfaction

_VERY_GOOD, _GOOD, _FAIR, _BAD, _VERY_BAD = Satisfaction

_OPENING = r"[(\[【<《「『“\"'‘〔]"
_CLOSING = r"[)\]】>》」』”\"'’〕]"

_TOPIC = r"态度|服务|速度|效率|办事|处理|问题|事情"
_AFTER_WORD = re.compile(
    rf"{THANKS}|{GOOD_WORDS}|{BAD_WORDS}|{_TOPIC}|到现在|至今|赞|[{GLAD_FACES}{SAD_FACES}]|td|退订|再见|敬礼|打扰|"
    r"没商量"
)
_AFTER_DIGIT = re.compile(
    rf"{_AFTER_WORD.pattern}|不(?:[好行管理满给公]|解决|处理|负责|作为|合格|办事|落实|认真|及时|到位)|"
    rf"没[有人用来管回办见找抓修]|没(?:解决|处理|结果|动静|消息)|"
    r"无能|无语|根本|完全|一直|还是|还没|推|骗|滚|因为|[很非]常?差|别|请"
)
"""How a remark begins that follows its mark without anything between: "5没人管", but not "5人没来"."""

_SOUNDS = "哈呗噻撒嘛哦噢喔啦呀咯喽啵哟呦哩啊嗯哇嘞咧吔㗎额啰喇嗷嘢哉"
"""What a sentence ends with, in Mandarin and in dialects, without a sense of its own; 伐 asks."""
_DEGREE = "(?:非常之?的?|很|十分|特别|极其|极为|极度|超级?|万分|灰常|邪气|真心非常|极)"
_DEGREE_OF_BAD = f"(?:{_DEGREE}|相当|太|完全|根本|实在太|一点儿?[都也]?|丝毫|很是)"
_PARTICLES = (
    rf"(?:(?!哈哈)[{_SOUNDS}了的哒滴呢]{{0,3}}(?![0-9a-z\u4e00-\u9fff㗎])|[了的啦](?=(?:谢谢|感谢|多谢|辛苦)))?"
)
_OFFICE = (
    r"(?:(?:我|本)(?:店|校|司|公司|单位|社区|小区|户|厂|院|园|企业|机构|合作社|村|社|中心))"
    r"(?:[\u4e00-\u9fff]{0,4}?(?:处|部|科|室|组|办|会|园))?"
)
"""Whoever answers for a firm, a school, a community."""
_SUBJECT = rf"(?:(?:(?:我|俺|咱)们?(?:大家|全家|一家)?|本人|个人|全家人?|{_OFFICE})都?)?"
_WHOLE = (
    r"(?:(?:这次|本次|此次|你们|您们|[0-9]{6}-[0-9]{7}-[0-9]号?|贵局|贵所|派出所|公安局|警方|民警|这个|这件|该){0,6}+的?"
    r"(?:事情?|事项|案件|工单|问题|诉求)?的?"
    r"(?:(?:处理|办理|处置|解决|调解|回复|答复|服务|工作|办案|出警)(?:的?(?:结果|情况))?|结果|事情|事|此))"
)
_ABOUT = (
    rf"(?P<about>(?:总的来说|总体来说|这次|本次|此次)?(?:对于?{_WHOLE}|(?:处理|办理|解决)?结果|(?:处理|办|"
    rf"解决)[得的](?=[很非十特]))?)?"
)
_WORK = r"(?:你们|您们|贵局|民警|公安局?|派出所|警方)的(?:工作|服务|处理(?:结果)?|办案|答复)(?![\u4e00-\u9fff])"
_SAYING = r"(?:表示|感到|感觉|觉得|实在|是|真的|真心|确实)?"
_SOFTLY = (
    rf"(?: ?吧(?![\u4e00-\u9fff])|(?!哈哈)[{_SOUNDS}吧滴哒]{{1,3}}(?![\u4e00-\u9fff㗎])|"
    r"[吧哈呗噻撒嘛哦啦呀](?=谢|多谢|感谢|辛苦))?"
)
_SOFTLY_CHOSEN = rf"(?:(?!哈哈)(?:好嘞|[{_SOUNDS}吧了])[{_SOUNDS}吧]?)?"
_CHOOSER = (
    rf"(?:(?:{_OFFICE}|(?:业委会|居委会|村委会)(?=[^,。]{{0,6}}[:为])|那|就|我们?|俺们?|咱们?|吾|阿拉|偶|本人|"
    r"个人|在下|老汉|[本这此]次|对(?:该|此|本次)?(?:工单|事项)?的?(?:办理|处理)(?:情况|结果)|(?:我|俺)家|这边|对此|对结果){0,3}+)"
)
_CHOOSING = (
    rf"(?:{_CHOOSER}(?:(?:现|郑重|认真|如实|诚恳|正式|最后|最终|个人|再次|还是|只能|必须|决定|要|会|表示|作出|给出|"
    rf"给予|给|"
    r"做出|的){0,4}+(?:选择|选项|评价(?:项|结果)?|评分(?:项|结果)?|评定|打分|评|回复|回答|答复|答案|反馈|答|意见|结论|等次|"
    r"感受|"
    r"感觉|看法|等级|级别|选)"
    r"){1,3}+(?:的?(?:是|为)|为|选|填|给)?[:= ]{0,2}+)"
)
_FIRMLY = (
    r"(?:给(?:你们|你哋)?(?=[选勾打扣畀拣记写])|还是|只能|要|决定|直接|坚决|果断|毫不犹豫地?|必须|一定|肯定){0,2}+"
)
_PICKING = (
    rf"(?:{_CHOOSER}(?:{_FIRMLY}"
    r"(?:选择?|勾选?|按|揿|撳|摁|打|扣|畀|拣|勾|填写?|投|回复?|发送?|写|记|点|给(?=[个出])|(?<=[能就要])给|敲|输入?|话|"
    r"评|挑)(?:的(?:是)?|是|为|个|上|出|一个|了个|下|了|你个|你)?"
    r"(?:(?:数字键?|选项|编号)(?:是|为)?)?[: ]?|(?:觉得|认为)是?|(?<=[我能就])给|(?<=那就)(?=[1-5][咯吧呗嘛啦])|果断|"
    r"必须(?:是|选)?|当然(?:是|选)?|毫无疑问|绝对(?:是|选)?|妥妥的?|毫不犹豫))"
)

_WORDS: tuple[tuple[str, Satisfaction], ...] = (
    (rf"{_DEGREE_OF_BAD}{{1,4}}+[不唔勿弗]满意(?:极了|得很)?", _VERY_BAD),
    (r"不满意(?:极了|得很)", _VERY_BAD),
    (
        (
            rf"(?:还是|仍然?|依然|依旧|并)?(?:不(?:是很|是太|大|够|咋|很)?|没法|没办法|"
            rf"无法|唔|勿|弗|难以)满意(?:{_WHOLE})?"
        ),
        _BAD,
    ),
    (r"(?:基本上?|大体上?|还算|勉强)满意(?:吧)?", _FAIR),
    (
        (
            rf"{_DEGREE}{{1,4}}+满意(?:{_WORK}|极了|至极)?|满意(?:极了|至极)|好满意|老满意(?=了)|"
            rf"太满意(?=[了啦][,!。~ ]*(?:谢|感谢|多谢|辛苦))"
        ),
        _VERY_GOOD,
    ),
    (rf"满意(?:{_WORK})?", _GOOD),
)
_ENGLISH_DIGITS = ("one", "two", "three", "four", "five")
_LATIN: tuple[tuple[str, Satisfaction], ...] = (
    (r"(?:fei ?chang|hen) ?bu ?man ?yi|very (?:dissatisfied|unsatisfied)", _VERY_BAD),
    (r"bu ?man ?yi|dissatisfied|unsatisfied|not (?:very )?satisfied", _BAD),
    (r"ji ?ben ?man ?yi|basically satisfied", _FAIR),
    (r"(?:fei ?chang|hen) ?man ?yi|very satisfied", _VERY_GOOD),
    (r"man ?yi|satisfied", _GOOD),
    *((rf"{word}(?=[.!]*$)", level) for word, level in zip(_ENGLISH_DIGITS, Satisfaction, strict=True)),
)
_LEVELS = tuple(level for _, level in (*_WORDS, *_LATIN))
_BARE = re.compile(r"(?:非常|很|十分|特别|基本|不|非常不|很不)?满意")
_WORD = re.compile(
    rf"{_OPENING}?(?:{_CHOOSING}?(?:{_SUBJECT}{_ABOUT}{_SAYING})(?P<word>{'|'.join(f'({one})' for one, _ in _WORDS)})"
    rf"(?P=word){{0,6}}+{_PARTICLES}|(?P<latin>{'|'.join(f'({one})' for one, _ in _LATIN)})(?![a-z]))(?:{_CLOSING})?"
)
_GROUPS = [number for number in range(1, _WORD.groups + 1) if number not in _WORD.groupindex.values()]
_NUMERALS = "一二三四五"
_FORMAL = "壹贰叁肆伍"
_DIGIT = re.compile(
    rf"(?P<chosen>{_CHOOSING}|{_PICKING}|数字(?:是|为)?[: ]?)?(?P<nth>第)?(?P<star>\*{{1,2}}+)?{_OPENING}?"
    rf"(?:(?P<digit>[1-5])(?![0-9a-z]|[.:/~+\-–—] ?[0-9]|\*[^*]|\*$(?<!\*.\*))|(?P<numeral>[{_NUMERALS}{_FORMAL}]))"
    rf"{_CLOSING}?(?:号选项|那一?[项个]|一票|号(?=(?(chosen)$|(?!))))?(?(star)\*{{1,2}}+)(?(nth)(?:(?:个|项|号|种)(?:选项|评价|答案)?|"
    rf"选项))(?(chosen){_SOFTLY_CHOSEN}|"
    rf"{_SOFTLY})"
)
_PLACES = {
    "最后": 4,
    "末": 4,
    "末尾": 4,
    "倒数第一": 4,
    "倒数第二": 3,
    "倒数第三": 2,
    "倒数第四": 1,
    "倒数第五": 0,
    "中间": 2,
    "正中间": 2,
    "头": 0,
    "最上面": 0,
    "最底下": 4,
    "最下面": 4,
}
_OPTION = r"(?:选项|评价|答案)"
_PLACE = re.compile(
    rf"(?P<chosen>{_PICKING}|{_CHOOSING})?(?:[这那]?(?:五|5)个{_OPTION}?(?:里面?|里头|中|当中)?的?(?:我?选择?)?)?最?"
    rf"(?P<place>{'|'.join(sorted(_PLACES, key=len, reverse=True))})(?:的?那|的|"
    rf"一){{0,2}}+(?:[一1]?[个项档])(?P<option>{_OPTION})?"
    rf"{_SOFTLY_CHOSEN}"
)
"""An option named by where it stands among the five."""
_COUNTED = re.compile(
    r"(?:人(?![民家为来]|很|真)|只(?![会知顾有是打发])|小时|户(?![口籍])|半(?!夜)|处(?!理)|家(?![里人门长])|成(?!功))|"
    r"[天个次年月日号楼点分元块角万千百十周秒位名岁辆台条件栋层级期米公里度倍份项遍回路星颗种口趟队幢组排座室单弄街巷环毛折"
    r"斤吨克张部线届班网杯瓶支头匹多几余来左以之至到或和折档类等一]"
)
_NOT_COUNTED = re.compile(
    r"点赞|户籍|[\u4e00-\u9fff]{1,3}警官|家人|分局|路灯|路[面口上]|一[问塌推拖句]|小区|小王|小李|小张|人民|人家|人为|"
    r"回访|回复|门口|处理|"
    r"部门|车位|多次|多谢|来回|到现在|到处|等了|等太|至今|和气|"
    r"等于|万分|楼[上下道]|张[\u4e00-\u9fff]{2}$|以为|以后|时间|年纪|天天|月月|名副|个个|件件|一直|一般|一个|一点|一次|"
    r"一周|一天|一年"
)
_NUMBERED = re.compile(r"([0-9]{1,4})(?:个(?!人$)|[位名号点天次]|小时|分钟|月|万[块元]?|[块元])(?=[\u4e00-\u9fff])")
_OPENED = re.compile(_OPENING)
_CLOSED = re.compile(_CLOSING)
BREAKS = re.compile(f"{BREAK}+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark, and where it stands in the folded text."""

    level: Satisfaction
    start: int
    end: int
    digit: bool
    """Whether a digit gives it, or a word."""
    bare: bool
    """Whether nothing is said but the level."""
    chosen: bool = False
    """Whether the citizen says that the digit is a choice: "我选5"."""
    alone: bool = False
    """Whether it is a mark only without a remark: "第一个，没人来" begins a list."""


def skip_breaks(plain: str, place: int) -> int:
    """The place after whatever separates here."""
    breaks = BREAKS.match(plain, place)
    return breaks.end() if breaks else place


def mark_at(reply: Typed, place: int) -> Mark | None:
    """The mark that begins here, if what follows lets it be one."""
    plain = reply.plain
    if word := word_of(reply, place):
        return word
    if (named := _PLACE.match(plain, place)) and _may_end(reply, named.end(), after_digit=False):
        if not (
            named["chosen"] or named["option"] or named["place"][0] in "倒中正" or _word_follows(reply, named.end())
        ):
            return None
        level = tuple(Satisfaction)[_PLACES[named["place"]]]
        return Mark(level, place, named.end(), digit=True, bare=True, chosen=True, alone=True)
    if digit := _DIGIT.match(plain, place):
        if digit["numeral"]:
            if not (digit["nth"] or digit["chosen"] or _stands_alone(reply, digit)):
                return None
            level = tuple(Satisfaction)[(_NUMERALS + _FORMAL).index(digit["numeral"]) % 5]
        else:
            level = tuple(Satisfaction)[int(digit["digit"]) - 1]
        if not _is_whole(digit[0]):
            return None
        if _may_end(reply, digit.end(), after_digit=True):
            chosen = bool(digit["chosen"])
            alone = bool(digit["nth"]) and not chosen
            return Mark(level, place, digit.end(), digit=True, bare=True, chosen=chosen, alone=alone)
    return None


def _word_follows(reply: Typed, end: int) -> bool:
    """Whether an option is named by its word too: `最后一项，非常不满意`."""
    return word_of(reply, skip_breaks(reply.plain, end)) is not None


def word_of(reply: Typed, place: int) -> Mark | None:
    """The word of the scale that begins here, if what follows lets it be one."""
    word = _WORD.match(reply.plain, place)
    if not word or not _is_whole(word[0]) or not _may_end(reply, word.end(), after_digit=False):
        return None
    group = next(number for number in _GROUPS if word[number] is not None)
    level = _LEVELS[_GROUPS.index(group)]
    bare = bool(word["latin"]) or bool(_BARE.fullmatch(word["word"]) and not word["about"])
    return Mark(level, place, word.end(), digit=False, bare=bare)


def _is_whole(found: str) -> bool:
    """Whether a bracket or a quotation that begins with a mark ends with it: `“1非常满意”` quotes more than a mark."""
    return not _OPENED.match(found) or bool(_CLOSED.search(found))


def _may_end(reply: Typed, end: int, *, after_digit: bool) -> bool:
    plain = reply.plain
    if end == len(plain):
        return True
    follows = plain[end]
    if follows == "?":
        return False
    if breaks := BREAKS.match(plain, end):
        if after_digit and plain[breaks.end() : breaks.end() + 1].isdigit():
            parted = breaks[0].strip() in (",", "!", "。", ";") or plain[end - 1] == plain[breaks.end()]
            return parted and _tells_a_number(plain, end, breaks.end())
        return not (after_digit and breaks[0] == " " and _counts(plain, breaks.end()))
    if end in reply.gaps:
        return True
    if follows in "([【":
        return True
    if after_digit and follows in "/=|" and _WORD.match(plain, end + 1):
        return True
    if after_digit:
        return bool(_AFTER_DIGIT.match(plain, end) or _WORD.match(plain, end))
    if _WORD.match(plain, end):  # "没法满意不满意"
        return False
    return follows in "12345" or bool(_AFTER_WORD.match(plain, end))


def _tells_a_number(plain: str, end: int, place: int) -> bool:
    """Whether a remark begins with a number of something, and not a range with the digit before: `4，5天了`."""
    number = _NUMBERED.match(plain, place)
    return bool(number and plain[end - 1].isdigit() and int(number[1]) != int(plain[end - 1]) + 1)


def _counts(plain: str, place: int) -> bool:
    """Whether what follows a digit and a blank makes it a number of something: `5 天了`."""
    return bool(_COUNTED.match(plain, place) and not _NOT_COUNTED.match(plain, place))


def _stands_alone(reply: Typed, found: re.Match[str]) -> bool:
    """Whether a Chinese numeral can only mark: alone, before a stop or a word of the scale. Elsewhere it counts."""
    rest = reply.plain[found.end() : found.end() + 12]
    return not rest or rest[0] in ",。!;\n" or bool(_WORD.match(rest.lstrip(" .、:-")))
