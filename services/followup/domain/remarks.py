"""What a citizen adds to a mark: whether it agrees with it, takes it back, or says the opposite.

A remark has to agree visibly: praise, thanks and good wishes beside an upper level, a complaint beside a lower one.
Where nothing in it is known here, the reply isn't clear, as in "1 小区门口的摊贩".
"""

from __future__ import annotations

import re
from functools import cache

from services.followup.domain.marks import BREAK, GLAD_FACES, GREETING, OFFICER, SAD_FACES
from services.followup.domain.messages import MessageKind, text_of
from shared.events.words import Satisfaction
from shared.folding import fold_words

_GLAD_NAMES = "强|玫瑰|抱拳|鲜花|爱心|鼓掌|握手|赞|ok|合十|拥抱|呲牙|愉快|可爱|太阳|心|胜利|加油"
_SAD_NAMES = "怒|弱|发怒|流泪|鄙视|抓狂|大哭|撇嘴|衰|便便|炸弹"
_SLY_FACES = "🙂🙃😂🤣😅😏😓"
"""They smile, and more often than not mean the opposite."""
_SLY_NAMES = "微笑|呵呵|捂脸|笑哭|偷笑|吐|再见"
_NUMBER = r"(?:[0-9]+|[一两二三四五六七八九十几半]+)"
_UNIT = r"(?:小时|天|周|星期|月|年|分钟|次|趟|遍|回)"
_SHORT_TIME = r"(?:[0-9]{1,2}|[一两二三四五半几十]{1,2})个?(?:小时|天|分钟)"
# They hold a word of complaint or doubt, and praise.
_KIND_IDIOMS = re.compile(
    r"不错|不愧是?|没问题|没得说|没话说|没的说|没毛病|不得不(?:说|赞|夸)|没想到(?:这么|如此|会){0,6}+快|无微不至|"
    r"不厌其烦|不辞[辛劳]苦|不怕[苦累]|无可挑剔|没得?挑|挑不出|"
    r"(?:从?不|从?没有?)(?:推诿|推脱|敷衍|糊弄|拖延|耽误)|不再?[吵堵漏乱]了|难得|难能可贵|难忘|心服口服|有求必应|"
    r"急人所急|"
    r"没(?:有)?(?:见|遇|碰)[到过上]*(?:这么|这样|如此)(?=好|快|热情|负责|耐心|认真)|又快又[好稳]|又(?=快|好[,。!]|"
    r"热情|负责|耐心|认真|专业|及时|细心|亲切)|"
    r"再接再厉|再次(?=感谢|谢谢)|继续(?=努力|保持|加油|发扬)|请(?=继续)|问题(?:都|已经?|全部?|很快|顺利|圆满|"
    r"得到了?|及时|完美|也|终于|给我?|基本){0,6}+(?:解决|"
    r"处理[好完]|搞定|办[好妥])|"
    r"让(?:人|我|我们|老百姓|群众|市民){0,6}+(?:很|非常|感到|倍感|们|觉得|十分){0,6}+(?:感动|放心|安心|暖心|"
    r"满意|温暖)|(?:小偷|骗子|坏人|嫌疑人)(?:都|"
    r"已经?|被|很快){0,6}+抓[到住获]了?"
)
# Soon: praise beside an upper level, and beside a lower one how soon it was as before.
_SOON = re.compile(
    rf"(?:不到|仅用?|只用了?){_SHORT_TIME}就|{_SHORT_TIME}(?:之?内)?就|第[二三]天就|只跑了?一[次趟]|(?:当天|马上|"
    rf"立刻|立即|很快|当场|一会儿?)就"
)
# They hold one, and say nothing of how the matter was handled.
_PLAIN_IDIOMS = re.compile(
    rf"不仅|不但|不客气|不用谢|不用说|(?:不到|仅用?|只用了?){_NUMBER}个?{_UNIT}|{_NUMBER}个?{_UNIT}之?内|第[二三]天|"
    rf"一次性|无私|无比|(?:处理|解决|反映)问题|难题|困难|差点|特别|"
    rf"分别|级别|未来|白天|明白|"
    rf"人民|还(?=行|可以|不错|好|帮|送|给我|主动|专门|特意|特地|打电话|来电|回访|上门|款|钱|有锦旗)|再见|请(?=代我|"
    rf"转达|替我)|代我|替我|(?:投诉|反映|举报)的(?:问题|事情?)|"
    rf"被[骗偷盗]走?的(?:钱|款|资金|车|手机|东西|电动车)|[这那多]么(?=好|快|热情|负责|耐心|认真|专业|贴心|暖心)|"
    rf"走[丢失]的|丢[了失]?的|反诈|防骗|麻烦(?:你们?|您)了"
)
_GOOD_WISH = re.compile(
    r"希望(?:你们|贵局|民警|今后|以后|能|都|可以|大家){0,6}+(?:继续(?:努力|保持|加油|发扬)|再接再厉|保持|越来越好|"
    r"越办越好|一直这样|多(?:多)?(?:巡逻|宣传)|发扬)"
)
_UNDOING = re.compile(
    rf"[吧不没未无莫勿别甭难否差慢拖骗坑贪怒烦骂滚屁鬼呸白哼唉却仍竟但才叫让谁哪怎啥何吗么呢?坏乱脏臭噪漏破丢伤死病恨寒垃讨扰堵吵偷抢违赌毒严]|还[是没在有不要需得会未想等差看能请望敢让说叫管吵堵]|又|再|"
    rf"继续|反复|反弹|复燃|"
    rf"等[了着到你]|等(?:解决|处理|修好|结果)|[很太这好么]久|推[诿脱来卸]|踢皮球|敷衍|糊弄|应付|恶劣|生硬|废物|忽悠|"
    rf"黑[社暗]|投诉|举报|上访|曝光|失望|生气|可是|只是|不过|"
    rf"就是[慢态时有太等]|然而|依然|依旧|照样|照旧|老样子|问题|如果|要是|假如|除非|的话|只要|希望|盼望?|求[你您]|请|"
    rf"求助|建议|应该|需要|要求|必须|赶紧|赶快|"
    rf"尽快|早日|上次|上回|以前|之前|曾经|原来|我[妈爸儿女哥姐弟妹爷奶]|老公|老婆|邻居|别人|据说|听说|[我人]说|"
    rf"说[是好]|错|更正|改[成为]|应[为是]|玩笑|逗[你您]|假的|反话|讽刺|"
    rf"呵|哈哈|嘿|嘻|几次|多少|凭什么|难道|到底|究竟|居然|真行|可真|真会|牛[逼b]|nb|服了|醉了|领教|笑话|"
    rf"{_NUMBER}(?:多|几)?个?(?:多)?{_UNIT}|为止|满意度|"
    rf"满意的[答结]|快[来点去管派给些]|快一点|好[好几久多吗不像笑听歹]|好意思|只好|最好|一下|[看找问催管查]{{2}}|"
    rf"[看管查]一[看管查]|来人|派人|就[好行]|(?:领导|他们|人家)满意|你们(?:高兴|开心|满意)|编|"
    rf"稀泥|寂寞|碰[到上]|[上下中]午|明天|后天|期待|相信|有望|但愿|来回|踢|结案|办结|这下|另外|[想再]问|问[下一]|"
    rf"咨询|看在|份上|面子|先这样|就这样|虽然|前提|暂时|除了|路过|来看|"
    rf"重新|核实|调查|查处|整改|"
    rf"提高|加强|改进|改善|加快|加大|追究|赔|整治(?!了)|取缔(?!了)|摆摊|麻烦|危险|故障|被[打撞]|挂[断机]|辞职|下台|"
    rf"作秀|形式|官僚|走过场|样子|表面|流于|占道|打我|"
    rf"[{SAD_FACES}{_SLY_FACES}]|\[(?:{_SAD_NAMES}|{_SLY_NAMES})\]|[“”\"「」『』]|(?<![a-z])(?:not?|but|never|if|"
    rf"bad|nobody|wrong)(?![a-z])"
)
_GOOD_OR_QUICK = (
    r"(?:[很真挺太都最得也人]|非常|特别|十分|态度|服务|速度|办事|处理)[好快]|[好快](?=[的了啊呀]?(?:$|[,。!]|谢))|"
    r"好(?:人|样|民?警|同志|干部)"
)
_AGREEING = re.compile(
    rf"谢|感[谢激恩动]|辛苦|费心|好评|点赞|[赞棒]|优[秀质]|{_GOOD_OR_QUICK}|不错|满意|及时|迅速|高效|效率(?:很|真|"
    rf"特别|非常|挺|也|这么){{0,6}}+高|负责|认真|"
    rf"耐心|热[情心]|周到|[细贴暖]心|专业|到位|"
    rf"给力|靠谱|利索|利落|端正|麻利|公[道正]|详细|清楚|得当|和蔼|亲切|温暖|多亏|一家亲|为民|帮了|帮我.{{0,12}}[了好]|帮大忙|"
    rf"解决(?=[了好得,。!]|$)|解释清楚|说清楚了|处理[了完]|办完了|办妥|"
    rf"找(?:到|回来?)了|追回来?了|退[回还]来?了|搞定|退[了款]|到账|平安|回家了|已经?(?:处理|解决|办)|"
    rf"得到.{{0,4}}解决|落实(?:了|到位)|完美|[放安]心|开心|高兴|支持|"
    rf"加油|继续努力|再接再厉|继续保持|保持(?=[,。!]|$)|祝|没问题|没话说|没得说|"
    rf"可以(?=[,。!的了]|$)|还行|锦旗|表扬|佩服|欣慰|顺利|圆满|已?恢复(?:了|正常)|正常了|安静了|[清撤]走了|(?:立即|"
    rf"就)(?:来|到|有人)|"
    rf"[{GLAD_FACES}]|\[(?:{_GLAD_NAMES})\]|thank|thx|good|great|nice|well done|keep|xie ?xie"
)
_COMPLAINING = re.compile(
    rf"[不没未无莫别甭难差慢拖骗坑贪怒烦骂滚屁鬼坏冷乱臭假懒混寒恨]|白[跑说等来忙]|还|又|仍|才|久|依然|依旧|照样|"
    rf"照旧|照常|老样子|反[复弹]|推[诿脱来卸]|踢皮球|敷衍|糊弄|应付|恶劣|"
    rf"生硬|垃圾|废物|忽悠|投诉|举报|上访|曝光|失望|生气|气[死愤人]|等[了着到太]|[谁哪怎啥何?]|几次|多少|凭|到底|"
    rf"究竟|居然|竟|希望(?!越|继续|多|大家|人民)|尽快|赶紧|赶快|要求|"
    rf"必须|建议|请(?!问|继续)|"
    rf"重新|重视|核实|每天|天天|经常|一直|总是|老是|严重|打了|[扰堵吵]|态度|蛮横|{_NUMBER}(?:多|"
    rf"几)?个?(?:多)?{_UNIT}多?了|[{SAD_FACES}]|"
    rf"\[(?:{_SAD_NAMES})\]|形式|走过场|官官|官僚|"
    rf"口头|只是|恶心|浪费|包庇|保护伞|警匪|避重就轻|答非所问|官[腔方]|笼统|等于|互相|一塌糊涂|音信|扯皮|欺负|死活|难听|"
    rf"说一套|做一套|辣鸡|呸|占|照[样干]|之前一样|对方|让我自己|尸位素餐|"
    rf"干饭|养你们|玩意|丢人|心凉|可悲|黑[社暗]|bad|no(?![a-z])|nobody|never|slow|terrible"
)
_PRAISING = re.compile(
    rf"点赞|好(?![几久多吗不像笑听歹好处]|意思)|[赞棒优]|不错|满意|及时|迅速|高效|负责|认真|耐心|热[情心]|周到|"
    rf"[细贴暖]心|专业|到位|给力|靠谱|"
    rf"利索|麻利|和蔼|亲切|温暖|多亏|帮(?:了|忙|助|我)|(?:问题|事情|已经?|都|全|[好就]|^)解决了|处理[完好]了|"
    rf"办[好妥]了|找(?:到|回来?)了|追回来?了|搞定|[放安]心|开心|"
    rf"高兴|支持|加油|"
    rf"继续(?:努力|保持|发扬)|保持|^还?可以|再接再厉|没问题|锦旗|表扬|佩服|欣慰|顺利|圆满|"
    rf"(?<![尽赶])快(?![点些递要]|一点)|[{GLAD_FACES}]|"
    rf"\[(?:{_GLAD_NAMES})\]|good|great|nice|well done|thank"
)
_THANKING = re.compile(
    r"感[谢激恩动]|谢谢|多谢|辛苦|费心|没(?:有)?(?:见|遇|碰)[到过上]*(?:这么|这样|如此)(?=好|快|热情|负责|耐心|认真)"
)
"""What the dissatisfied don't write, unless they mean the opposite; at the end they may be polite."""
_LATIN = re.compile(r"[a-z]")
_DENYING = re.compile(r"[不没未无难差只说]|非(?!常)|(?<!特)别|谈何|毫|哪[里来有]|怎么|怎能|何|重新|尽")
_NEAR = 6
"""How far before a word of praise its denial may stand: `没有人负责`."""
_LAST_THANKS = re.compile(r"(?:谢谢|谢了|多谢|thanks|thank you)(?:您们?|你们?)?[了啦]?[,。!~]*$")
_TAKEN_BACK = re.compile(
    r"[选按点发打评填写]错|错了|不对|更正|改[成为]|应该是[1-5]|应[为是]|才怪|玩笑|逗[你您]|骗你们?的|反话|讽刺|上次|"
    r"上回|我[妈爸儿女哥姐弟妹爷奶].{0,3}[说选觉]|"
    r"(?:要是|如果|假如|万一)(?!.{0,6}[不没])|的话(?!.{0,6}[不没])|什么意思|代表|是指|是不是|满意度|为止|"
    r"满意的[答结]|呵呵|哈哈|嘻|[“”「」『』\"]|"
    r"^不是(?![很太])|^不$|^不[要选]$|^没有?$|不是我|[0-9一二三四五十][星颗分](?!钟|局)|满分"
)
_SMALL_REGRET = re.compile(
    r"(?:但是?|就是|只是|不过|可是|可惜|稍微|略微?){0,6}+(?:你们|民警)?(?:时间|速度|处理|办理|回复|反馈|等待?|等得|"
    r"等的|过程|效率|流程|手续|解决|来){0,6}+的?得?"
    r"(?:时间)?(?:稍微?|略微?|有一?点|有些|还是){0,6}+(?:太|长了?|慢|久|晚|繁琐|麻烦|不够(?:及时|快)|不太及时|不是?很快|不太快|"
    r"有待(?:提高|改进|加强)|还?需?要?(?:改进|提高|加强|"
    r"完善|努力)){1,3}+(?:了?一?[点些]儿?)?了?"
)
_SMALL_WISH = re.compile(
    r"希望(?:你们|贵局|民警|今后|以后|下次|能|可以|再|还|处理|办事|回复|速度|效率|更){0,6}+(?:快|及时|改进|提高|"
    r"加强|改善|努力|主动)(?:一?[点些]儿?|速度|效率|管理|巡逻|力度|服务)?"
)
_SO_SO = re.compile(
    r"还[行可好]以?吧?|还?(?:一般|凑合|马马虎虎|过得去|勉强|中等|差不多|中规中矩)吧?|慢了?一?[点些]|有[点些]"
)
# Who signs, a telephone's signature, that something was read.
_NEUTRAL = re.compile(
    rf"{GREETING}|{OFFICER}|发自我的(?:iphone|手机|小米手机|华为手机)|来自我?的?(?:iphone|手机)|sent from my \w+|"
    rf"(?:已|已经)?(?:收到|回复|"
    rf"评价|知道)了?|嗯+|就这样|以上|"
    r"我是[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]{1,2}(?:先生|女士|大爷|阿姨|师傅)|"
    r"[王李张刘陈杨黄赵周吴徐孙朱胡郭林罗郑梁谢宋唐许邓韩冯曹彭肖蔡潘袁董蒋杜苏魏丁沈姚卢姜崔谭汪范贾廖薛邹邱秦侯孟熊阎段][\u4e00-\u9fff]{2}(?![\u4e00-\u9fff])|"
    rf"{BREAK}+|[()【】\[\]]"
)
_ANOTHER_MARK = re.compile(
    rf"(?<![0-9.:/a-z])[1-9](?=$|{BREAK}|[)和或到])(?! ?(?:点|个|天|次|号|月|年|人|小时|分|元|块|栋|楼))"
)
_OPTION = re.compile(r"[1-5][\u4e00-\u9fff]*满意")
_FAIR = Satisfaction.BASICALLY_SATISFIED


@cache
def _own_words() -> re.Pattern[str]:
    """Pieces of our own messages: whoever quotes them says nothing by them."""
    pieces: set[str] = set()
    for kind in MessageKind:
        for nth in (1, 2):
            message = fold_words(text_of(kind, bureau="", number="", nth=nth))
            pieces.update(re.findall(r"[\u4e00-\u9fff]{5,}", _OPTION.sub(" ", message)))
    return re.compile("|".join(sorted(map(re.escape, pieces), key=len, reverse=True)))


def quotes_us(plain: str) -> bool:
    """Whether a folded text holds a piece of the messages that we send."""
    return bool(_own_words().search(plain))


def is_neutral(remark: str) -> bool:
    """Whether a remark says nothing about how the matter was handled: a name, a greeting."""
    return not _NEUTRAL.sub("", remark)


def agrees(remark: str, level: Satisfaction, *, apart: bool, surely: bool, thanks_are_neutral: bool) -> bool:
    """Whether a folded remark goes with the level.

    `apart` says that something separates the remark from its mark, `surely` that a word gives the mark: nobody mixes up
    the ends of the scale in words, so they are believed beside whatever is no praise. A digit is only believed beside
    what agrees, since praise has more words than anyone can list.
    """
    if _ANOTHER_MARK.search(remark):
        return False
    if is_neutral(remark):
        return True
    close = remark.replace(" ", "").replace("\n", ",")
    if level.is_satisfied:
        return _agrees_above(close, level)
    return _agrees_below(close, apart=apart, surely=surely, thanks_are_neutral=thanks_are_neutral)


def _agrees_above(remark: str, level: Satisfaction) -> bool:
    agreeing = False
    if level is _FAIR:
        softened = _SMALL_REGRET.sub(",", _SMALL_WISH.sub(",", remark))
        agreeing = softened != remark or bool(_SO_SO.search(softened))
        remark = _SO_SO.sub(",", softened)
    rest = _PLAIN_IDIOMS.sub("", _KIND_IDIOMS.sub("好,", _SOON.sub("好,", _GOOD_WISH.sub("好,", remark))))
    return (agreeing or bool(_AGREEING.search(rest))) and not _UNDOING.search(rest)


def _agrees_below(remark: str, *, apart: bool, surely: bool, thanks_are_neutral: bool) -> bool:
    if _TAKEN_BACK.search(remark):
        return False
    rest = _LAST_THANKS.sub("", remark)
    if (
        _THANKING.search(rest)
        or _KIND_IDIOMS.search(rest)
        or any(not _is_denied(rest, found.start()) for found in _PRAISING.finditer(rest))
    ):
        return False
    if is_neutral(rest):
        return thanks_are_neutral
    if _COMPLAINING.search(_PLAIN_IDIOMS.sub("", rest)):
        return True
    return surely and apart and not _LATIN.search(rest)


def _is_denied(remark: str, place: int) -> bool:
    before = re.split(r"[,。!;]", remark[max(0, place - _NEAR) : place])[-1]
    return bool(_DENYING.search(before))
