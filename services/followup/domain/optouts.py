"""Asking for no more messages, in polite or angry words. A denied wish is none, nor is one about somebody else."""

from __future__ import annotations

import re

from services.followup.domain.courtesy import GREETING, OFFICER, THANKS
from services.followup.domain.typed import Typed

_POLITE = (
    rf"(?:{GREETING}|{OFFICER}|{THANKS}|不好意思|抱歉|对不起|好的|收到(?!退订短信)|知道了|烦死了?|烦人|烦不烦|真烦|"
    rf"烦(?![死人不])|有完没完|没完没了|(?:[0-9一二三四五六七八九十几多]{{1,3}}[次遍条]了)|我?(?:都|已经?|早就?){{0,2}}+[说讲回]过?了|"
    rf"(?:[0-9一二三四五六七八九十几]{{1,2}}[年月天]前|早|我){{0,2}}+就?跟你们(?:早就?|都)?[说讲]过了?|怎么退不掉的?|拜托|求求?你们?了?|求求了?|(?:好了|行了|够了){{1,3}}+)"
)
_ASKING = (
    r"(?:贵(?:单位|司|方|部门|警)|望|盼|[这此本]个?号码?|请予?|剩下的|麻烦|拜托|求求?|烦请|希望|强烈|要求|务必|能不能|可不可以|"
    r"可以|能否?|恳请|劳驾|申请|我们?|俺|想|要|帮我|"
    r"帮忙|给我|替我|办理?|但|敬|往后|日后|从(?:今天|今|现在)(?:起|开始)|[1一][条次个](?:都|也)|(?:莫得|没有?)(?:什么|啥)?事就|侬|恁|一律|通通|统统|老人家?|"
    r"求你们?|麻烦|唔该|评价|你们?|"
    r"您们?|贵局|公安局?|以后|今后|从今往后|从此|都|就|也|真的|赶紧|马上|立刻|立即|尽快|永远|"
    r"千万|再也|谢谢|怎么|怎样|如何|咋|才能|直接|全部|所有|的|本人|[本此]号码?)*+"
)
_WHOSE = r"(?:给|我|俺|的|再){0,3}+"
_MESSAGES = r"(?:短信|短消息|短讯|简讯|讯息|信息|消息|通知|微信|回访|提醒|推送)"
_SUCH = (
    r"(?:[这此该][种类些个条样]*|任何|一切|所有|全部|什么|你们?|恁|贵局|我|对我|给我|垃圾|骚扰|广告|营销|评价|调查|"
    r"相关|"
    r"手机|对|向|接[收受]|收到|贵(?:单位|司|方|部门)|[本此这]个?号码?|的)*+"
)
_NOT = (
    r"(?:不要|不再|布要|[白物](?=再|在|给|发|法|打扰|骚扰)|不用(?=发)|不耀|勿要|弗要|莫要|休要|嫑|覅|唔使|唔好|咪|毋须|切勿|不得|终止|中止|免[予于]|免去|麦[搁各]|"
    r"不可|"
    r"别|请勿|勿|甭|莫|唔好|不用|不必|无需|无须|不需要|没必要|不许|不准|停止|停|拒绝|谢绝|少)"
)
_AGAIN = (
    r"(?:打电话(?:也?(?:不要|别)|和|或者?)|再行|再|在(?=发|来|给|法)|[这那本]个?号码?|[她他](?=发)|老人家?|(?:俺?我?[妈爸娘爹]{1,2}|老[妈爸]|"
    r"孩子)(?=发)|任何|一切|继续|总是?|老是?|"
    r"一直|天天|整天|每[天次]|反复|重复|给|向|往|对|跟|和|我们?|俺|咱|本人|的|这个|[本此]号码?|"
    r"此|这样|手机|号码?|上|里|频繁|随便|乱|来|你们|动不动|就|都|一遍遍|一次次|没完没了地?|一个劲地?|进行|接着|瞎|做)*+"
)
_DOING = (
    rf"(?:发送|(?<=莫)整|法(?={_WHOSE}{_MESSAGES})|[整扯寄](?={_SUCH}(?:{_MESSAGES}|信儿))|告知(?=$|[了,。!])|send|推送|发来|群发|发|传(?=简讯|短信|讯息)|打扰|骚扰(?!电话)|回访|联系|通知|轰炸|"
    rf"提醒|回复我|[烦找]我|"
    rf"问(?=我|了)|找(?=我(?![妈爸家儿女要借]))|催我?|(?<=来)(?:烦|(?={_MESSAGES}))|(?<=勿)扰|[让叫要]我再?(?:评价?|"
    rf"打分|回复))"
)
_WHAT = (
    rf"(?:{_MESSAGES}|信儿?(?![\u4e00-\u9fff])|信儿|短消息|过来|来|嚟|畀我?|俾我?|拨我?|剩下的|嗷|[这本此]个?(?:手机|号码?)|老人家?|本人|给|到|我们?|俺|任何|"
    rf"这[种类些个样]*|此类|该类|你们?|恁|贵局|垃圾|骚扰|广告|营销|评价|"
    rf"调查|满意度|的|相关|什么|起来|休息|一家|全家|满意不满意|满不满意|老人家?|生活|东西|邮件|内容|手机|号码?|上|"
    rf"一类)*+"
)
_END = (
    r"(?:好伐|要不要得|嗷|哉|喇|嘞|噻|撒|哦|噢|哒|为[盼荷]|咧|得了|拉倒|一下|了|啦|吧|呀|啊|喽|咯|哈|嘛|没|好吗|行吗|吗|行不行|可以吗|"
    r"好不好|ok)*+"
)
_SILENCE = (
    rf"(?:{_ASKING}(?:{_SUCH}(?:{_MESSAGES}|东西|"
    rf"问卷)?{_ASKING})?{_NOT}{_AGAIN}{_DOING}{_WHAT}(?:{_DOING}{_WHAT})?{_END}|"
    rf"(?:可以|能)不(?:要|再)*发{_WHAT}{_END}|(?:qing ?)?(?:bie|bu ?yao) ?(?:zai ?)?(?:gei ?wo ?)?(?:fa|"
    rf"lai)(?: ?(?:le|lai|guo|gei|wo|duan ?xin|xin ?xi|xiao ?xi)){{0,5}}+|"
    r"(?:qing ?)?(?:bie|bu ?yao) ?(?:zai ?)?(?:fan|da ?rao|sao ?rao) ?wo(?: ?le)?)"
)
_RECEIVING = (
    rf"(?:{_ASKING}(?:唔想|不想要?|不愿意?|不希望|不再|不要|不|别让我|拒绝)(?:再|继续|让我|还)*+"
    rf"(?:(?:收到|接收|接到|接受|看到|参[与加]|收|看)(?={_SUCH}{_MESSAGES}){_WHAT}|被(?:你们|{_MESSAGES}|"
    rf"的){{0,3}}(?:打扰|骚扰|烦)){_END})"
)
_UNSUBSCRIBE = (
    rf"(?:{_ASKING}(?:(?:回复?|发送?)?(?:(?:t ?d ?)+|t(?=退订)|[退腿]订|[退推]定|退[丁钉汀]|推[订丁]|退阅|"
    rf"退[.·\-_*/]订|"
    rf"tui ?ding(?: ?le)?|(?:bu ?xiang|bu ?yao) ?(?:zai ?)?shou(?: ?dao)?(?: ?duan ?xin)?(?: ?le)?|unsub|"
    rf"qu ?xiao ?ding ?yue|ju ?shou)(?:回复?t?d?)?|(?<=回)t|(?<=回复)t|"
    rf"(?:取消掉?|取肖|取销|关闭|关掉|停止|停掉|停了|退出|终止|中止|结束|撤[销回]|解除|注销|停用|暂停)(?:订阅|"
    rf"{_SUCH}(?:发送?)?(?:{_MESSAGES}|评价|服务){{1,2}}+"
    rf"(?:的?(?:服务|业务|功能|推送|提醒|发送|骚扰|轰炸|打扰|权限|授权|同意|许可|订阅))?)|"
    rf"(?:撤[销回]|收回|取消){_SUCH}(?:授权|同意|许可)|不同意(?:继续|再)?(?:接收|收到|接受)(?={_SUCH}{_MESSAGES})|"
    rf"解除订阅|"
    rf"拒(?:收了|[收接绝](?={_SUCH}{_MESSAGES}))|unsubscribe|opt ?-?out)t?d?"
    rf"(?:{_SUCH}(?:服务|业务|{_MESSAGES}))*{_END})"
)
_NOT_WANTED = rf"(?:{_ASKING}(?:不需要|不要|不想要|不稀罕|用不着|谢绝|拒绝){_SUCH}{_MESSAGES}{_END})"
_MY_NUMBER = r"(?:我的?|本人的?|这个|[本此])?(?:手机号码?|手机|号码?|电话|名字|联系方式)"
_BLOCKING = (
    rf"(?:(?:请|麻烦|你们|我的?|已经?|直接|就|要|会|把|将|{_MY_NUMBER}|从[^中里]{{0,8}}[中里]面?|给|都)*+"
    rf"(?:拉黑|屏蔽|[加列拉]?入?(?:黑|免打扰)名单|加?入?免打扰|"
    rf"(?:移[出除]|剔除|踢出去?|删[除掉]|去[除掉]|清[出除]|划掉|除名)(?:你们的?|这个|短信|群发|通知|回访|发送|联系|评价|"
    rf"的|贵局){{0,4}}+(?:名单|列表|系统|库|群发?|通讯录)?(?:里面?|中)?(?:踢出去?|移[出除]去?|删[除掉]|去掉)?|(?<=[我码号话字机中里面])(?:删[了掉除]?|去掉|移出)|"
    rf"(?:删[除掉了]|移除|去掉|清除){_MY_NUMBER})(?:你们|我|[这此本]个?号码?|发送|名单|处理|去)*+{_END})"
)
_THREAT = (
    r"(?:(?:你们|要是|如果|敢)*+再(?:敢|给我|继续|乱)*+(?:来?发|来(?=短信|信息|消息)|打扰|骚扰|烦我)(?:短信|信息|消息|"
    r"来|我)*+,?(?:我|"
    r"本人)?(?:就|要|必|一定)*+(?:(?:去|到|向|打|给)?(?:[0-9]{5}|工信部|通信管理局|管局|纪委|上级|媒体|消协|法院)?)"
    r"(?:投诉|举报|拉黑|报警|告|反映)(?:你们?|了|到|去|给|工信部|通信管理局|管局|[0-9]{5}|纪委|监委|上级|媒体|消协|"
    r"法院)*+)"
)
_ENGLISH = (
    r"(?:(?:please |pls )?(?:stop(?: all| it)?|stopall|unsubscribe(?: me)?|opt ?-?out|(?:remove me|"
    r"take me off)(?: (?:from )?(?:the|your|this) list)?|remove my number|cancel subscription|"
    r"stop (?:sms|texts|messages|texting|messaging|sending|contacting|bothering)(?: me)?"
    r"(?: (?:any ?more|messages|texts|sms|these|text messages))*|"
    r"(?:do not|don't|dont) (?:text|message|contact|sms|send|bother)(?: me)?(?: (?:again|any ?more|messages|"
    r"texts|sms))*|no (?:more )?(?:messages|texts|sms)|"
    r"leave me alone)(?: please| pls| thanks| thank you)?)"
)
# Blanks stand between Latin words alone by then.
_FOREIGN = (
    r"(?:(?:문자|메시지|sms)[를는]? ?(?:그만|더이상)(?:보내|보내지)[가-힣]{0,8}|(?:더이상)?보내지마세요|수신거부|"
    r"(?:пожалуйста,?)?(?:больше)?не(?:присылайте|отправляйте|пишите|шлите)(?:мне)?(?:больше)?(?:смс|сообщени[йя]|sms)?|"
    r"отпишитеменя|(?:xin ?|vui long ?|vui lòng ?)?(?:dung|đừng|ngung|ngừng)(?: co| có)? ?(?:nhan tin|nhắn tin|gui tin|"
    r"gửi tin)(?: nhan| nhắn)?(?: cho tôi| cho toi)?(?: nữa| nua)?|"
    r"(?:もう)?(?:(?:メール|メッセージ|sms)(?:を|は)?(?:もう)?)?送らないで(?:ください|下さい)?|配信停止(?:してください|希望|お願いします)?|"
    r"(?:s'il vous plaît,? ?)?(?:arrêtez|arretez|ne m['’]envoyez plus)(?: de m['’]envoyer| d['’]envoyer)?"
    r"(?: (?:des|de|les|vos))?(?: (?:sms|messages))?|"
    r"(?:por favor,? ?)?no (?:me )?(?:envíen|envien|manden|envíe|envie|escriban)(?: más| mas)(?: (?:mensajes|sms))?)"
)
_SIGNS = r"(?:(?:🚫|⛔|❌|🛑|🙅){1,3}(?:短信|[📩✉📱💬📨📧📲])+(?:不要了?)?|🔕+|📵+)"
_CORE = (
    rf"(?:{_SIGNS}|{_SILENCE}|{_MESSAGES}{_NOT}再?来{_END}|{_MESSAGES}免打扰{_END}|"
    rf"{_ASKING}[把将]?{_SUCH}{_MESSAGES}(?:给|都|直接)?(?:停|取消|关|退|撤)(?:掉|了吧){_END}|{_RECEIVING}|"
    rf"{_UNSUBSCRIBE}|{_NOT_WANTED}|{_BLOCKING}|"
    rf"{_THREAT}|{_ENGLISH}|{_FOREIGN})"
)
_ASKS = re.compile(rf"{_POLITE}*+{_CORE}(?:{_CORE}|{_POLITE})*")
# As a whole reply only: within more words each of them may mean the case.
_SHORT = re.compile(
    rf"(?:请|我要)?(?:(?:回复?|发送?)?t|n|退定?|退出|推订|不想收了?|不收了|取消|拒收|拒接|不再?接收|删除我|把我删除|"
    rf"拒绝接收|取消发送|"
    rf"停止服务|停|停止|停发|勿扰|拉黑|屏蔽|打住|stop|cancel|"
    rf"end|quit|remove)(?:了|"
    rf"吧)?(?:,?{THANKS})?"
)
# Any wish for no more messages holds one of these; most replies hold none.
_HINT = re.compile(
    r"[收把发传移免扰烦找催问停拒退推腿黑终止撤销免📩✉🚫🔕📵蔽除删消关联通轰醒短信息评回不别td订肖]|unsub|opt|fa|rao|shou|"
    r"fan|ding|"
    r"ju ?shou|stop|remove|cancel|end|quit|"
    r"no (?:more|sms|mess|text)|alone|^n$|[가-힣а-яぁ-ヿ]|nh[aă]n|g[uư]i|arr|envo|env[ií]|mand"
)
_DENIED = re.compile(
    r"(?:(?<![能可])不|没|别|未|勿|甭|莫|无法)(?:要|想|会|能|用|必|有|去|曾|办理|申请|给我|帮我|打算|准备|是|需要|再)*"
    r"(?:退订|td|取消|关闭|拉黑|屏蔽|停止|停发|停|拒收|删|移除|unsubscribe)|(?:要不要|是否|可否)(?:退订|取消)|"
    r"(?:never|not|don't|dont|"
    r"didn't) (?:stop|unsubscribe)"
)
_CLAUSES = re.compile(r"(?<=[1-5]) ?(?![0-9])|[,.。;!?~\n、:…—–()【】\[\]]+")
_OWN_CASE = re.compile(
    r"我(?:都|已经?|早就){0,3}+[说讲][过了]|(?:号码?|手机|我|电话)不是[他她].{0,3}|[他她](?:老人家?)?(?:不识字|"
    r"不认[得识]字|看不|年纪|耳|眼|不会|听不|老了|[0-9]{2}).{0,6}|[这此]个?是?(?:我们?)?(?:公司|单位|学校|"
    r"店里?)的?(?:电话|号码?|座机|手机)|不认识[他她]|老人家|(?:^|(?<=,))[说讲]过?了(?=,|$)"
)
# Whoever is told of: then the wish may be about their messages.
_ABOUT_OTHERS = re.compile(
    r"[他她它]|人家|对方|别人|邻居|房东|物业|老板|公司|商家|[商饭酒]店|平台|骗子|中介|贷款|推销|电信|移动|联通|宽带|"
    r"套餐|银行|快递|"
    r"前[夫妻]|朋友|同学|说|讲|写|告诉|让|叫|管管|制止|举报|诈骗|噪[音声]|还在[吵闹叫响施唱跳]|发帖|扣费|收费|会员|验证码|号码是|内容|"
    r"[“”\"「」]"
)
MAX_LENGTH = 80
"""Who only wants to be left alone is brief; a longer text is read by a person."""


def opted_out(reply: Typed) -> bool:
    """Whether a reply asks for no more messages."""
    plain = reply.plain
    if len(plain) > MAX_LENGTH or not _HINT.search(plain) or _DENIED.search(_close(plain)):
        return False
    if says_nothing_else(reply):
        return True
    asking, others = without_silence(_with_gaps(reply))
    return bool(asking) and not _ABOUT_OTHERS.search(_OWN_CASE.sub("", ",".join(others)))


def says_nothing_else(reply: Typed) -> bool:
    """Whether a whole reply is the wish for no more messages."""
    bare = _close(reply.plain).strip(" ,.。;!?~、:()【】[]“”\"'")
    return bool(_SHORT.fullmatch(bare) or _ASKS.fullmatch(bare))


def without_silence(plain: str) -> tuple[list[str], list[str]]:
    """The clauses of a folded text that ask for no more messages, and the others."""
    asking: list[str] = []
    others: list[str] = []
    for clause in filter(None, _CLAUSES.split(plain)):
        (asking if _ASKS.fullmatch(_close(clause)) else others).append(clause)
    return asking, others


def _with_gaps(reply: Typed) -> str:
    return "".join(f"\n{one}" if place in reply.gaps else one for place, one in enumerate(reply.plain))


def _close(plain: str) -> str:
    """Without blanks, but those between Latin words."""
    return _BLANK.sub("", plain.strip())


_BLANK = re.compile(r"(?<![a-z'])[ \n]|[ \n](?![a-z'])")
