"""Finding a citizen's mark: a grammar of what is one. What the grammar doesn't cover is no mark.

A mark is the digit of a level or a word of the scale. Before it may stand greetings, thanks, and sentences made of
words that are known to praise or to complain; nothing else, since "我妈说满意" and "等解决了满意" are no marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.followup.domain.typed import Typed
from shared.events.words import Satisfaction

_VERY_GOOD, _GOOD, _FAIR, _BAD, _VERY_BAD = Satisfaction

BREAK = r"[ \n,.。;:!~、·—–\-]"
"""What separates; a question mark doesn't, it asks."""
GLAD_FACES = "🌹👍🙏❤♥😊😀😁😄😃🥰😍💐👏🎉💪🤝🌷💯👌✌😘🌺🌸"
SAD_FACES = "😡😠🤬👎💩😤😢😭😔😞☹🙄😒💔🖕"
_OPENING = r"[(\[【<《「『“\"'‘〔]"
_CLOSING = r"[)\]】>》」』”\"'’〕]"

OFFICER = (
    r"(?:(?:各位|尊敬的|亲爱的|敬爱的|人民){0,2}+"
    r"(?:警察|民警|警官|公安局?|干警|领导|工作人员|客服|派出所|所长|局长|同志|叔叔|师傅|"
    r"小?[王李张刘陈杨赵黄周吴徐孙胡朱林郭罗郑]警官)"
    r"(?:们|同志|叔叔|阿姨|大哥|小哥|小姐姐|先生|女士){0,2}+)"
)
GREETING = (
    rf"(?:{OFFICER}{{0,3}}+(?:您们?好|你们?好|大家好|早上好|上午好|中午好|下午好|晚上好|早安|晚安|喂|哈喽|hi|hello|"
    rf"ni ?hao)"
    rf"[啊呀]?{OFFICER}{{0,3}}+|{OFFICER}{{1,3}}+好(?=[ ,:!、。\n]))"
)
THANKS = (
    rf"(?:(?:{OFFICER}|我们?|你们?|您们?|也|还是|真的?|真心|衷心|由衷|非常|十分|万分|特别|很|太|再次|在此|向|表示|"
    rf"地|的|要){{0,8}}+"
    r"(?:谢谢|感谢|多谢|感激|感恩|谢了|谢(?!绝)|致谢|辛苦|费心|受累|麻烦|xie ?xie|thank you|thanks|thank u|thx)"
    rf"(?:(?:您们?|你们?|大家|咱们?|{OFFICER}|的|关心|帮助|帮忙|付出|支持|努力|工作|辛勤|大力|辛苦|热情|及时|热心|"
    rf"耐心|关注|回复|处理|办理|了|啦|咯|喽|哈|啊|呀){{0,12}}+)"
    r"(?: ?(?:very much|so much|a lot))?)"
)
_COURTESY = re.compile(
    rf"{GREETING}|{OFFICER}(?=[ ,:!、\n])|好[的滴嘞]|嗯+|恩+|(?:中|得|行|要得|可以)(?=[,。!])|哦+|已?收到|知道了|"
    rf"是的|了解|明白了?|ok|"
    r"(?:不好意思|抱歉|对不起|打扰了?)|(?:现在|这么晚|刚刚?|才){0,6}+(?:回复?|看到?)(?:短信|信息|消息|晚|"
    r"你们的){0,6}+了?(?=[ ,。!\n])"
)
_THANKS = re.compile(THANKS)
# They praise or complain by themselves, whoever says them.
_GOOD_WORDS = (
    r"(?:非常|特别|很|真的?|挺|十分|也|都){0,6}+"
    r"(?:不错|好(?!像|多久|几|久)|认真负责|尽职尽责|负责任?|认真|耐心|热情|周到|细心|贴心|及时|迅速|高效|专业|到位|"
    r"给力|靠谱|优秀|"
    r"又快又好|快|解决了|解决好了|处理好了|处理完了|办好了|办完了|办妥了|搞定了|修好了|找到了|找回来?了|追回来?了|"
    r"好评|点赞|帮了(?:大|我){0,6}+忙|问题(?:已经?|都|全|"
    r"全部){0,6}+解决|已经?(?:解决|处理)[好完]?)"
)
_BAD_WORDS = (
    r"(?:太|很|真|这么|那么){0,6}+(?:[没无]有?人(?:[管来理问]|处理|解决|联系我?)|没[人有]?(?:解决|处理好?|办好|结果|"
    r"回复|回应|动静|消息|下文)|不作为|不解决|不处理|不管|不负责任?|"
    r"差劲?|慢|敷衍了?事?|推诿|踢皮球|推来推去|垃圾)"
)
_PRAISE = re.compile(rf"{_GOOD_WORDS}(?:了|的|啦|啊|呀){{0,6}}+")
_COMPLAINT = re.compile(rf"(?:根本|完全|一直|到现在|至今|还是|都|也|就是|还){{0,6}}+{_BAD_WORDS}(?:了|的|啊){{0,6}}+")
_FILL = re.compile(
    r"民警|警察|警官|派出所|人(?!家)|孩子|老人|狗|工作人员|你们|小伙子|同志|事情|这事|这件事|事|问题|态度|服务|速度|"
    r"效率|办事|办案|处理|处置|办理|办|"
    r"解决|结果|工作|出警|回复|调解|得|的|已经|已|都|也|又|我的|我家|钱|车|东西|手机|证件?|全部|终于|帮我|给我|把|"
    r"完全|一直|到现在|至今"
)
_TOPIC = r"态度|服务|速度|效率|办事|处理|问题|事情"
_AFTER_WORD = re.compile(
    rf"{THANKS}|{_GOOD_WORDS}|{_BAD_WORDS}|{_TOPIC}|到现在|至今|赞|[{GLAD_FACES}{SAD_FACES}]|td|退订"
)
_AFTER_DIGIT = re.compile(
    rf"{_AFTER_WORD.pattern}|不(?:[好行管理满给公]|解决|处理|负责|作为|合格|办事|落实|认真|及时|到位)|"
    rf"没[有人用来管回办见找抓修]|没(?:解决|处理|结果|动静|消息)|"
    r"无能|无语|根本|完全|一直|还是|还没|推|骗|滚|因为|[很非]常?差|别|请"
)
"""How a remark begins that follows its mark without anything between: "5没人管", but not "5人没来"."""

_DEGREE = "(?:非常之?的?|很|十分|特别|极其|极为|极度|超级?|万分|灰常|真心非常|极)"
_DEGREE_OF_BAD = f"(?:{_DEGREE}|相当|太|完全|根本|实在太|一点儿?[都也]?|丝毫|很是)"
_PARTICLES = r"(?:[了的啦呀哦噢喔啊哒滴嘞呢哈]{0,2}(?![0-9a-z\u4e00-\u9fff])|[了的啦](?=(?:谢谢|感谢|多谢|辛苦)))?"
_SUBJECT = r"(?:(?:(?:我|俺|咱)们?(?:大家|全家|一家)?|本人|个人|全家人?)都?)?"
_WHOLE = (
    r"(?:(?:这次|本次|此次|你们|您们|贵局|贵所|派出所|公安局|警方|民警|这个|这件|该){0,6}+的?"
    r"(?:事情?|事项|案件|工单|问题)?的?"
    r"(?:(?:处理|办理|处置|解决|调解|回复|答复|服务|工作|办案|出警)(?:的?(?:结果|情况))?|结果|事情|事|此))"
)
_ABOUT = (
    rf"(?P<about>(?:总的来说|总体来说|这次|本次|此次)?(?:对于?{_WHOLE}|(?:处理|办理|解决)?结果|(?:处理|办|"
    rf"解决)[得的](?=[很非十特]))?)?"
)
_WORK = r"(?:你们|您们|贵局|民警|公安局?|派出所|警方)的(?:工作|服务|处理(?:结果)?|办案|答复)(?![\u4e00-\u9fff])"
_SAYING = r"(?:表示|感到|感觉|觉得|是|真的|真心|确实)?"
_CHOOSING = r"(?:(?:我|本人|我们|那我|那)?(?:的?(?:选择|选项|评价|评|回复|答案|选))(?:的是|是|为)?[: ]?)"

_WORDS: tuple[tuple[str, Satisfaction], ...] = (
    (rf"{_DEGREE_OF_BAD}{{1,4}}+不满意(?:极了|得很)?", _VERY_BAD),
    (r"不满意(?:极了|得很)", _VERY_BAD),
    (
        (
            rf"(?:还是|仍然?|依然|依旧|并)?(?:不(?:是很|是太|太|大|够|怎么|咋|很)?|没法|没办法|"
            rf"无法|唔|难以)满意(?:{_WHOLE})?"
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
_LATIN: tuple[tuple[str, Satisfaction], ...] = (
    (r"(?:fei ?chang|hen) ?bu ?man ?yi|very (?:dissatisfied|unsatisfied)", _VERY_BAD),
    (r"bu ?man ?yi|dissatisfied|unsatisfied|not (?:very )?satisfied", _BAD),
    (r"ji ?ben ?man ?yi|basically satisfied", _FAIR),
    (r"(?:fei ?chang|hen) ?man ?yi|very satisfied", _VERY_GOOD),
    (r"man ?yi|satisfied", _GOOD),
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
    rf"(?P<chosen>{_CHOOSING}|(?:(?:我|那我|就){{0,6}}+(?:选择?|按|回复?)[: ]?))?(?P<nth>第)?{_OPENING}?"
    rf"(?:(?P<digit>[1-5])(?![0-9a-z]|[.,:/~+\-–—] ?[0-9]|\.\.)|(?P<numeral>[{_NUMERALS}{_FORMAL}]))"
    rf"{_CLOSING}?(?(nth)(?:个|项|号))(?(chosen)吧?|)[哦啦呀]?"
)
_COUNTED = re.compile(
    r"[天个次年月日号楼点分元块角万千百十周小时秒人位名岁辆家台条件栋层级期米公里度倍份项遍回路星颗种处口趟队幢户组排座室单弄街巷环成毛折"
    r"斤吨克张部线届班车网杯瓶支只头匹多几余来左以之至到或和比半折档类等一]"
)
_NOT_COUNTED = re.compile(
    r"点赞|户籍|[\u4e00-\u9fff]{1,3}警官|家人|分局|路灯|路面|小区|小王|小李|小张|人民|人家|人为|回访|回复|门口|处理|"
    r"部门|车位|多次|多谢|来回|到现在|到处|等了|等太|至今|和气|"
    r"以为|以后|时间|年纪|天天|月月|名副|个个|件件|一直|一般|一个|一点|一次|一周|一天|一年"
)
_OPENED = re.compile(_OPENING)
_CLOSED = re.compile(_CLOSING)
_BREAKS = re.compile(f"{BREAK}+")


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


@dataclass(frozen=True, slots=True)
class Opening:
    """How a reply begins, up to the end of its mark."""

    mark: Mark
    praises: bool
    complains: bool
    thanks: bool
    greets: bool


def opening(reply: Typed) -> Opening | None:
    """The first mark, where everything before it is known to leave it as it is."""
    plain = reply.plain
    place = 0
    free = True  # a mark may begin here
    unfinished = False  # words whose sense is still to come
    praises = complains = thanks = greets = False
    while place < len(plain):
        if breaks := _BREAKS.match(plain, place):
            if place == 0:  # "-1", "、1"
                return None
            place, free = breaks.end(), True
            if unfinished:
                return None
            continue
        if place in reply.gaps:
            free = not unfinished
        if free and (mark := mark_at(reply, place)):
            return Opening(mark, praises, complains, thanks, greets)
        if known := _COURTESY.match(plain, place):
            greets, free = True, not unfinished
        elif known := _THANKS.match(plain, place):
            thanks, free = True, not unfinished
        elif known := _PRAISE.match(plain, place):
            praises, free, unfinished = True, True, False
        elif known := _COMPLAINT.match(plain, place):
            complains, free, unfinished = True, True, False
        elif known := _FILL.match(plain, place):
            free, unfinished = False, True
        else:
            return None
        place = known.end()
    return None


def skip_breaks(plain: str, place: int) -> int:
    """The place after whatever separates here."""
    breaks = _BREAKS.match(plain, place)
    return breaks.end() if breaks else place


def mark_at(reply: Typed, place: int) -> Mark | None:
    """The mark that begins here, if what follows lets it be one."""
    plain = reply.plain
    if (word := _WORD.match(plain, place)) and _is_whole(word[0]) and _may_end(reply, word.end(), after_digit=False):
        group = next(number for number in _GROUPS if word[number] is not None)
        level = _LEVELS[_GROUPS.index(group)]
        bare = bool(word["latin"]) or bool(_BARE.fullmatch(word["word"]) and not word["about"])
        return Mark(level, place, word.end(), digit=False, bare=bare)
    if digit := _DIGIT.match(plain, place):
        if digit["numeral"]:
            if not _stands_alone(reply, digit):
                return None
            level = tuple(Satisfaction)[(_NUMERALS + _FORMAL).index(digit["numeral"]) % 5]
        else:
            level = tuple(Satisfaction)[int(digit["digit"]) - 1]
        if (digit["nth"] and not digit["chosen"]) or not _is_whole(digit[0]):
            return None
        if _may_end(reply, digit.end(), after_digit=True):
            return Mark(level, place, digit.end(), digit=True, bare=True, chosen=bool(digit["chosen"]))
    return None


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
    if breaks := _BREAKS.match(plain, end):
        if after_digit and plain[breaks.end() : breaks.end() + 1].isdigit():
            return False
        return not (after_digit and breaks[0] == " " and _counts(plain, breaks.end()))
    if end in reply.gaps:
        return True
    if follows in "([【":
        return True
    if after_digit:
        return bool(_AFTER_DIGIT.match(plain, end) or _WORD.match(plain, end))
    if _WORD.match(plain, end):  # "没法满意不满意"
        return False
    return follows in "12345" or bool(_AFTER_WORD.match(plain, end))


def _counts(plain: str, place: int) -> bool:
    """Whether what follows a digit and a blank makes it a number of something: `5 天了`."""
    return bool(_COUNTED.match(plain, place) and not _NOT_COUNTED.match(plain, place))


def _stands_alone(reply: Typed, found: re.Match[str]) -> bool:
    """Whether a Chinese numeral can only mark: alone, before a stop or a word of the scale. Elsewhere it counts."""
    rest = reply.plain[found.end() : found.end() + 12]
    return not rest or rest[0] in ",。!;\n" or bool(_WORD.match(rest.lstrip(" .、:-")))
