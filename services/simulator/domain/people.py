"""The city's inhabitants. Nobody of them exists: a person is a function of the seed and a number.

Their phone numbers begin with 1349, once given to a satellite phone service and not sold to the public: they have the
form of mobile numbers and validate as such. Their identity numbers name an area that no law has drawn (990000).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from services.simulator.domain.randomness import split

PHONE_PREFIX = "1349"
MAX_POPULATION = 10_000_000
"""As many seven-digit numbers as there are behind the prefix."""

_STEP = 7_368_787
"""Prime to 10: number * step runs through all seven-digit numbers before it meets one again."""
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林郑谢罗梁宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔"
    "谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛阎段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤"
)
_COMPOUND = ("欧阳", "上官", "司马", "诸葛", "皇甫", "尉迟")
_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华慧建文玲红春梅兰志国海燕晓东雪峰鹏飞宇轩浩然梓涵欣怡佳琪子墨"
    "思远雨桐俊熙嘉颖立新学林秀云永福振兴凤琴玉珍成龙家豪晨曦天宇若兰书瑶景行"
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_OLDEST = date(1945, 1, 1)
_DAYS = 22_600


@dataclass(frozen=True, slots=True)
class Person:
    """An inhabitant: `phone` is a national mobile number, `identity` an 18-character identity number."""

    number: int
    name: str
    phone: str
    identity: str

    @property
    def e164(self) -> str:
        """The phone number with its country code."""
        return f"+86{self.phone}"


def person(seed: int, number: int) -> Person:
    """Inhabitant `number` (0 to 9,999,999) of the city `seed`; no two share a phone number."""
    if not 0 <= number < MAX_POPULATION:
        raise ValueError(f"The city has inhabitants 0 to {MAX_POPULATION - 1:,}, not {number:,}.")
    rng = split(seed, "person", number)
    surname = rng.choice(_COMPOUND) if rng.random() < 0.01 else rng.choice(_SURNAMES)
    given = "".join(rng.choice(_GIVEN) for _ in range(1 if rng.random() < 0.25 else 2))
    phone = f"{PHONE_PREFIX}{(number * _STEP + seed) % MAX_POPULATION:07d}"
    born = _OLDEST + timedelta(days=rng.randrange(_DAYS))
    return Person(number, surname + given, phone, _identity(born, rng.randrange(1000)))


def _identity(born: date, serial: int) -> str:
    """GB 11643: area, date of birth, serial, check character by ISO 7064 MOD 11-2."""
    digits = f"990000{born:%Y%m%d}{serial:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True))
    return digits + _CHECKS[total % 11]
