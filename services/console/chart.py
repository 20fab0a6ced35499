"""The live chart: requests per minute of the last hour, for ECharts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INK = "#5b6b80"
_BAR = "#2563c9"
_FONT = '"Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif'


def options(minutes: Sequence[str], requests: Sequence[int | None], unit: str) -> dict[str, Any]:
    """ECharts options; `unit` is the word behind a number in the tooltip."""
    return {
        # Bars that grow anew every two seconds would be noise, not motion.
        "animation": False,
        "textStyle": {"fontFamily": _FONT, "color": _INK},
        "grid": {"left": 8, "right": 18, "top": 14, "bottom": 4, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "axisPointer": {"type": "shadow"},
            "formatter": f"{{b}}　<b>{{c}}</b> {unit}",
        },
        "xAxis": {
            "type": "category",
            "data": list(minutes),
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": "#c5d0de"}},
            "axisLabel": {"interval": 9, "showMaxLabel": True, "color": _INK, "fontSize": 11, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            "minInterval": 1,
            "splitNumber": 3,
            "axisLabel": {"color": _INK, "fontSize": 11},
            "splitLine": {"lineStyle": {"color": "#e6ebf2"}},
        },
        "series": [{"type": "bar", "data": points(requests), "barCategoryGap": "22%", "itemStyle": {"color": _BAR}}],
    }


def points(requests: Sequence[int | None]) -> list[Any]:
    """The bars; the last minute is not over yet and is shown lighter, and what was not counted has none."""
    if not requests:
        return []
    return [*requests[:-1], {"value": requests[-1], "itemStyle": {"opacity": 0.45}}]
