"""The columns of a table by what they mean: names that offices use, in Chinese and English."""

from __future__ import annotations

import difflib
import re
import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "id": ("id", "编号", "网点编号", "机构编号", "网点编码", "机构编码", "编码", "code"),
        "name": ("name", "名称", "网点名称", "机构名称", "单位名称", "支行名称", "小区名称", "村名"),
        "address": ("address", "地址", "详细地址", "网点地址", "机构地址"),
        "lon": ("lon", "lng", "long", "longitude", "经度", "东经", "x"),
        "lat": ("lat", "latitude", "纬度", "北纬", "y"),
        "coordinates": ("坐标", "经纬度", "location", "lnglat", "lonlat", "coordinates"),
        "kind": ("kind", "类型", "网点类型", "类别", "type"),
        "bank": ("bank", "银行", "所属银行", "合作银行", "银行名称", "brand"),
        "partner": (
            *("partner", "合作", "是否合作", "已签约", "是否签约", "社银合作", "合作网点"),
            *("合作状态", "签约状态", "合作情况", "签约情况", "partner_status"),
        ),
        "status": (
            *("status", "状态", "是否启用", "营业状态", "经营状态", "网点状态", "机构状态", "运营状态", "运行状态"),
            *("使用状态", "存续状态", "营业情况", "business_status", "operating_status", "operational_status"),
        ),
        "cost": ("cost", "成本", "建设成本", "改造成本", "费用"),
        "capacity": ("capacity", "服务能力", "服务容量", "可服务人数", "容量"),
        "population": ("population", "people", "pop", "常住人口", "人口", "总人口", "人口数", "户籍人口"),
        "setting": ("setting", "城乡", "城乡分类", "城乡类型"),
        "limit": ("limit", "标准", "达标标准"),
        "code": ("城乡分类代码", "urban_rural_code"),
        "division": ("行政区划代码", "统计用区划代码", "区划代码", "adcode"),
        "province": ("province", "省", "省份"),
        "city": ("city", "市", "地市", "城市"),
        "district": ("district", "区县", "县区", "县(市、区)", "county"),
        "township": ("township", "街道乡镇", "乡镇街道", "乡镇", "街道"),
        "village": ("village", "村(社区)", "社区(村)", "村", "社区"),
        "people_60": ("people_60", "pop60", "pop_60", "60岁及以上", "60岁以上", "60+"),
        "people_65": ("people_65", "pop65", "pop_65", "65岁及以上", "65岁以上", "65+"),
        "services": ("services", "服务事项", "事项"),
        "hours": ("hours", "营业时间", "服务时间", "opening_hours"),
        "windows": ("windows", "窗口数", "窗口数量"),
        "phone": ("phone", "联系电话", "电话"),
        "typecode": ("typecode", "类型编码", "类型代码", "poi类型编码"),
    }
)


JOINER = " / "
"""Between the two parts of a name that stood in a heading of two rows."""


DECIDING = frozenset(
    {
        "lon",
        "lat",
        "coordinates",
        "kind",
        "partner",
        "status",
        "cost",
        "capacity",
        "population",
        "setting",
        "limit",
        "code",
        "typecode",
    }
)
"""Meanings of columns that decide on figures: a formula there without its value is refused."""


DIVISIONS = ("township", "district", "city", "province")
"""Meanings of columns that may name the district of a study, whatever its districts are, the smallest first."""


def find_column(table: pd.DataFrame, wanted: str, *, source: str, given: str | None = None) -> str | None:
    """Return the name of the column that means `wanted`, None where no column does.

    Parameters
    ----------
    table
        The table.
    wanted
        One of `ALIASES`; spaces, underscores, case and full-width letters make no difference. Of a heading of two rows
        the whole name counts first, then its lower part where no other column shares it.
    source
        The file, for the message.
    given
        The name that the study gives; then only that column will do.

    Raises
    ------
    InputError
        `given` is not among the columns, or a column that decides on figures has formulas without a stored value.

    Examples
    --------
    >>> import pandas as pd
    >>> find_column(pd.DataFrame(columns=["网点编号", "经度"]), "lon", source="t.csv")
    '经度'
    """
    plain = {_plain(str(column)): str(column) for column in reversed(attributes(table))}
    if given is not None:
        if given not in table.columns and _plain(given) not in plain:
            raise InputError(no_column(table, given, source=source))
        return _computed(table, given if given in table.columns else plain[_plain(given)], wanted, source)
    lower = [(_plain(name.rsplit(JOINER, 1)[-1]), name) for name in plain.values() if JOINER in name]
    shared = [part for part, _ in lower]
    plain = {part: name for part, name in lower if shared.count(part) == 1} | plain
    found = next((plain[_plain(name)] for name in ALIASES[wanted] if _plain(name) in plain), None)
    return None if found is None else _computed(table, found, wanted, source)


def _computed(table: pd.DataFrame, column: str, wanted: str, source: str) -> str:
    """Return a column that decides on figures; raise `InputError` where it has formulas without a value."""
    rows = table.attrs.get("uncomputed", {}).get(column, [])
    rows = [row for row in rows if row in table.index]
    if rows and wanted in DECIDING:
        msg = (
            f"{source}: column {column!r}: {len(rows)} cells are formulas without a stored value, or errors: rows "
            f"{', '.join(map(str, rows[:10]))}; expected values: open the workbook in Excel or WPS and save it"
        )
        raise InputError(msg)
    return column


def check_meanings(columns: Mapping[str, str], *, source: str) -> None:
    """Raise `InputError` where a study names the column of a meaning that is none."""
    unknown = sorted(set(columns) - set(ALIASES))
    if unknown:
        msg = f"{source}: columns names {', '.join(unknown)}; expected some of {', '.join(ALIASES)}"
        raise InputError(msg)


def require_column(table: pd.DataFrame, wanted: str, *, source: str, given: str | None = None) -> str:
    """Return the name of the column that means `wanted`; raise `InputError` that says which there are."""
    column = find_column(table, wanted, source=source, given=given)
    if column is None:
        expected = ", ".join(ALIASES[wanted][:8])
        msg = f"{no_column(table, wanted, source=source)}; expected one of {expected}, or name it in the study"
        raise InputError(msg)
    return column


def no_column(table: pd.DataFrame, name: str, *, source: str) -> str:
    """Return the sentence that a column is missing: which there are, and which are spelt alike."""
    there = attributes(table)
    close = difflib.get_close_matches(name, there, n=3, cutoff=0.6)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return f"{source}: no column {name!r}; it has {', '.join(there) or 'none'}{hint}"


def attributes(table: pd.DataFrame) -> list[str]:
    """Return the names of the columns that are not geometry."""
    geometry = getattr(table, "_geometry_column_name", None)
    return [str(column) for column in table.columns if column != geometry]


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", unicodedata.normalize("NFKC", name)).casefold()
