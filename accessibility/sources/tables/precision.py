"""How exact the coordinates of rows are, as geocoders and surveyors write it beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from accessibility.errors import Finding
from accessibility.sources.tables.columns import SHOWN, attributes
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

_FARTHEST_M = 200.0  # a block of houses: farther off, a walk of 15 minutes is misjudged
_SURE = 0.5  # of one: below, Baidu promises a place within 2 km, and Tencent calls it doubtful
_TEN, _HUNDRED = 10.0, 100.0
_ABOUT = "(匹配|解析|地址|定位|坐标|位置|地理编码|geocod\\w*|match|location|result|address|position) ?"
_METRES = re.compile(
    f"({_ABOUT}|水平)?(精度|误差|偏差|accuracy|deviation|precision|error)( ?[(]?(m|米|metres|meters)[)]?)?"
)
_SURENESS = re.compile(
    f"({_ABOUT})?(置信度|可信度|可靠度|匹配度|相似度|confidence|reliability|similarity|comprehension)"
)
_LEVEL = re.compile(
    f"{_ABOUT}(level|级别|类型|等级|精度|precision|quality|type|说明|来源|情况|状态|备注|匹配度)|precision|精度|匹配度"
)
_MAYBE_LEVEL = re.compile("level|级别|类型|等级|type")  # which may be those of an office
_EXACT = re.compile(f"(是否|坐标是否|位置是否)?(精确|准确)|precise|exact|({_ABOUT})?(是否)?(已)?核[实验](情况|状态)?")
_HEADINGS = (_METRES, _SURENESS, _LEVEL, _MAYBE_LEVEL, _EXACT)
_NOT = frozenset(
    {"否", "不", "0", "no", "n", "false", "未", "待核", "不准", "不准确", "不精确", "待核实", "未核实", "待核验"}
)
_DOOR = re.compile(
    "门牌号?|门址|单元号|兴趣点|poi|住宅区|道路交叉(路口|口)|公交.*站.*|村庄|rooftop|house( ?number)?|building"
    "|point( ?address)?"
)
_LARGER = re.compile(
    "省|市|城市|区县|县|区|乡镇|镇|街道|村镇|行政地名|开发区|热点商圈|道路|国家|approximate|geometric ?center|city"
    "|district|county|town(ship)?|locality|region|country|province|street|road|postcode|粗略|模糊|大致|大概|估计|近似|低|不准确?"
    "|rough(ly)?|estimated?|.*(中心点?|所在地|驻地|质心)|.*centroid"
)
_VILLAGE = re.compile("村庄|村委会|村级|village")
_NUMBER = re.compile(r"[<≤约~]?\s*(\d+(?:\.\d+)?)\s*(km|公里|千米|m|米|metres|meters)?(?:以内)?")


def report_imprecise(table: pd.DataFrame, source: str, *, villages: bool) -> list[Finding]:
    """Return findings where a column says that rows stand at the middle of something larger, or far off.

    Parameters
    ----------
    table
        Cells as text.
    source
        The file, for messages.
    villages
        Whether the middle of a village is too coarse, as for a counter; people may be told by villages.
    """
    found = []
    for column in attributes(table):
        if not any(heading.fullmatch(plain_words(column)) for heading in _HEADINGS):
            continue
        far = _reading(column, [plain_words(str(cell)) for cell in table[column].unique()], villages=villages)
        if far is None:
            continue
        cells = [str(cell).strip() for cell in table[column]]
        rows = [at for at, cell in enumerate(cells) if cell and far(plain_words(cell))]
        if rows:
            shown = ", ".join(f"row {table.index[at]} {cells[at]!r}" for at in rows[:SHOWN])
            message = (
                f"column {column!r} says of {len(rows)} of {len(table)} rows that their place is not exact: {shown}: "
                "they may be hundreds of metres off"
            )
            found.append(Finding(code="imprecise-place", source=source, message=message, count=len(rows)))
    return found


def _reading(column: str, cells: list[str], *, villages: bool) -> Callable[[str], bool] | None:
    """Return what says of a cell that the place of its row is not exact; None for a column that says nothing of it."""
    heading, cells = plain_words(column), [cell for cell in cells if cell]
    numeric = all(map(_NUMBER.fullmatch, cells))
    most = max((_size(cell) for cell in cells if _NUMBER.fullmatch(cell)), default=0.0)
    by_heading = _LEVEL.fullmatch(heading) or _SURENESS.fullmatch(heading)
    by_cells = _MAYBE_LEVEL.fullmatch(heading) is not None and any(map(_DOOR.fullmatch, cells))
    words = by_cells or (by_heading is not None and not numeric)
    whole = 1.0 if most <= 1 else _TEN if most <= _TEN else _HUNDRED
    readings: tuple[tuple[object, Callable[[str], bool]], ...] = (
        (_EXACT.fullmatch(heading), _NOT.__contains__),
        (words, lambda cell: _is_larger(cell, villages=villages)),
        (numeric and _SURENESS.fullmatch(heading), lambda cell: _size(cell) < _SURE * whole),
        (most > 1 and _METRES.fullmatch(heading), _is_far),
    )
    return next((far for told, far in readings if cells and told), None)


def _size(cell: str) -> float:
    """Return the number of a cell, kilometres as metres; 0 where it has none."""
    found = _NUMBER.fullmatch(cell)
    unit = 1_000.0 if found is not None and found[2] in ("km", "公里", "千米") else 1.0
    return 0.0 if found is None else float(found[1]) * unit


def _is_far(cell: str) -> bool:
    return _size(cell) > _FARTHEST_M


def _is_larger(cell: str, *, villages: bool) -> bool:
    larger = _LARGER.fullmatch(cell) is not None or _is_far(cell) or cell in _NOT
    return larger or (villages and _VILLAGE.fullmatch(cell) is not None)
