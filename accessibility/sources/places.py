"""Outlets, bank branches and candidate sites from a table."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.columns import ALIASES, find_column, require_column
from accessibility.sources.points import TableSpec, locate_rows, set_aside, unique_row_ids
from accessibility.sources.tables import checked_path, numbers, read_table, rows_text

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Role = Literal["outlets", "banks", "candidates"]

CLOSED = frozenset(
    ("停用", "关闭", "已关闭", "停业", "已停业", "停止营业", "撤销", "已撤销", "注销", "暂停", "歇业", "未启用", "否")
) | {"closed", "close", "no", "n", "false", "0", "inactive", "disabled"}
OPEN = frozenset(("在用", "启用", "已启用", "营业", "营业中", "正常", "正常营业", "开放", "运行", "是", "")) | {
    *("open", "yes", "y", "true", "1", "active", "operating")
}
YES = frozenset(("是", "合作", "已合作", "已签约", "签约", "有", "√", "✓", "yes", "y", "true", "1", "partner"))
NO = frozenset(("否", "未合作", "未签约", "无", "no", "n", "false", "0", "none", ""))

_LETTER: Mapping[str, str] = {"outlets": "O", "banks": "B", "candidates": "C"}
_KIND: Mapping[str, str] = {"outlets": "outlet", "banks": "bank", "candidates": "new"}
_COSTS: Mapping[str, float] = {"bank": 1.0, "new": 3.0, "outlet": 0.0}
_LOST_SHARE = 0.05
_SAME_DEG = 6  # decimals: a tenth of a metre
_FALLBACK = 3  # more places than this on one point are a geocoder's town centre


@dataclass(frozen=True, kw_only=True)
class PlaceSpec(TableSpec):
    """What a table of places holds, beside what `TableSpec` says of it.

    Parameters
    ----------
    role
        ``outlets``, ``banks`` or ``candidates``.
    counts_if
        Meaning or column name to the value, or values, of which a site that counts has one; in a cell, several values
        are parted by ``;``, ``,`` or ``、``. ``{"status": "open"}`` is any status that does not mean closed.
    cost
        Kind (``bank``, ``new``, ``outlet``) to the cost of opening where the table has none.
    layer, sheet
        Layer of a GeoPackage, sheet of a workbook.
    """

    role: Role
    counts_if: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=lambda: dict(_COSTS))
    layer: str | None = None
    sheet: str | None = None


def read_sites(path: str | os.PathLike[str], spec: PlaceSpec) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the sites of a table, and what was found.

    Parameters
    ----------
    path
        A table as `accessibility.sources.tables.read_table` reads it.
    spec
        What it holds.

    Returns
    -------
    sites
        Points in EPSG:4326 indexed by id (made from the role's letter and the row's number where there is none), with
        columns name, kind (``outlet``, ``bank``, ``new``), open (counts today), partner, closed (its status says so),
        cost, address, bank, district (as the table names it).
    findings
        Rows set aside, places that stand twice, words not understood, sites that do not count.

    Raises
    ------
    InputError
        Ids that stand twice, missing columns, more than one row in twenty without coordinates, coordinates that are
        swapped or in another system, costs that are negative or no numbers, and whatever `read_table` refuses.
    """
    source = checked_path(path).name
    unknown = sorted(set(spec.columns) - set(ALIASES))
    if unknown:
        msg = f"{source}: columns names {', '.join(unknown)}; expected some of {', '.join(ALIASES)}"
        raise InputError(msg)
    table, findings = read_table(path, layer=spec.layer, sheet=spec.sheet)
    located = locate_rows(table, spec, source=source)
    findings += [*located.findings, *set_aside(located, source=source, share=_LOST_SHARE)]
    cells = _Cells(table, source, spec, findings)
    ids = unique_row_ids(table, cells.column("id"), letter=_LETTER[spec.role], source=source)
    kind = cells.kind()
    closed = cells.closed()
    partner = cells.partner()
    counts = cells.counts(closed)
    is_open = {"outlets": ~closed & counts, "banks": partner & ~closed & counts}.get(spec.role, np.zeros_like(closed))
    values = {
        "name": cells.text("name"),
        "kind": kind,
        "open": is_open,
        "partner": partner,
        "closed": closed,
        "cost": cells.cost(kind),
        "address": cells.text("address"),
        "bank": cells.text("bank"),
        "district": cells.text("district"),
    }
    sites = gpd.GeoDataFrame(values, geometry=shapely.points(located.lonlat), index=ids, crs="EPSG:4326")
    sites = sites[~located.missing]
    return sites, findings + _doubles(sites, source)


class _Cells:
    """The cells of one table by what they mean; words that are not understood go to the findings."""

    def __init__(self, table: pd.DataFrame, source: str, spec: PlaceSpec, findings: list[Finding]) -> None:
        self.table, self.source, self.spec, self.findings = table, source, spec, findings

    def column(self, meaning: str) -> str | None:
        return find_column(self.table, meaning, source=self.source, given=self.spec.columns.get(meaning))

    def text(self, meaning: str) -> NDArray[np.object_]:
        name = self.column(meaning)
        return np.array([""] * len(self.table) if name is None else self.table[name].tolist(), dtype=object)

    def plain(self, meaning: str) -> pd.Series[Any]:
        return pd.Series([_plain(text) for text in self.text(meaning)], index=self.table.index, dtype=object)

    def note(self, code: str, message: str, count: int) -> None:
        if count:
            self.findings.append(Finding(code=code, source=self.source, message=message, count=count))

    def unclear(self, texts: pd.Series[Any], bad: NDArray[np.bool_], read_as: str) -> None:
        if bad.any():
            self.note(
                "unknown-word", f"{rows_text(texts, bad, 'are not understood')}; read as {read_as}", int(bad.sum())
            )

    def kind(self) -> NDArray[np.object_]:
        kind = np.full(len(self.table), _KIND[self.spec.role], dtype=object)
        if self.spec.role == "candidates":
            words = self.plain("kind")
            bank = words.str.contains("银行|bank").to_numpy(dtype=bool)
            kind[bank] = "bank"
            self.unclear(words, ~bank & ~words.isin(["", "new", "新建", "新设"]).to_numpy(dtype=bool), "new")
        return kind

    def closed(self) -> NDArray[np.bool_]:
        words = self.plain("status")
        closed = words.isin(CLOSED).to_numpy(dtype=bool)
        self.unclear(words, ~closed & ~words.isin(OPEN).to_numpy(dtype=bool), "open")
        self.note(
            "closed-site",
            f"{int(closed.sum())} of {len(closed)} sites are closed: none of them counts",
            int(closed.sum()),
        )
        return closed

    def partner(self) -> NDArray[np.bool_]:
        if self.spec.role != "banks":
            return np.zeros(len(self.table), dtype=np.bool_)
        if self.column("partner") is None:
            message = f"no column partner: of {len(self.table)} bank branches none counts as partner"
            self.note("no-partner-column", message, len(self.table))
        words = self.plain("partner")
        partner = words.isin(YES).to_numpy(dtype=bool)
        self.unclear(words, ~partner & ~words.isin(NO).to_numpy(dtype=bool), "no partner")
        return partner

    def counts(self, closed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        counts = np.ones(len(self.table), dtype=np.bool_)
        if self.spec.role == "candidates":
            return counts
        for meaning, value in self.spec.counts_if.items():
            wanted = {_plain(text) for text in ([value] if isinstance(value, str) else value)}
            if meaning == "status" and wanted == {"open"}:
                counts &= ~closed
                continue
            given = self.spec.columns.get(meaning) or (None if meaning in ALIASES else meaning)
            known = meaning if meaning in ALIASES else "name"
            name = require_column(self.table, known, source=self.source, given=given)
            counts &= [bool(wanted & _values(text)) for text in self.table[name]]
        out = int((~counts & ~closed).sum())
        self.note("does-not-count", f"{out} of {len(counts)} sites do not meet counts_if and do not count", out)
        return counts

    def cost(self, kind: NDArray[np.object_]) -> NDArray[np.float64]:
        usual = dict(_COSTS) | dict(self.spec.cost)
        cost = np.array([usual[k] for k in kind], dtype=np.float64)
        name = self.column("cost")
        if name is None:
            return cost
        given = numbers(self.table[name], source=self.source, column=name)
        if (given < 0).any():
            text = rows_text(self.table[name], given < 0, "is negative")
            msg = f"{self.source}: column {name!r}: {text}; expected a cost, 0 or more"
            raise InputError(msg)
        return np.where(np.isfinite(given), given, cost)


def _plain(text: object) -> str:
    return unicodedata.normalize("NFKC", str(text)).strip().casefold()


def _values(text: object) -> set[str]:
    return {part.strip() for part in re.split(r"[;,、|]", _plain(text))}


def _doubles(sites: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return findings on sites that stand on the same point."""
    place = pd.Series(
        np.round(sites.geometry.x, _SAME_DEG).astype(str) + " " + np.round(sites.geometry.y, _SAME_DEG).astype(str)
    )
    findings = []
    for at, group in place.groupby(place, sort=False):
        if len(group) < 2:  # noqa: PLR2004
            continue
        shown = ", ".join(map(str, group.index[:5]))
        message = f"{len(group)} sites stand on one point ({at}): {shown}; all are kept"
        code = "duplicate-place"
        if len(group) > _FALLBACK:
            code, message = "geocoder-fallback", f"{message}; did a geocoder fall back to the middle of a town?"
        findings.append(Finding(code=code, source=source, message=message, count=len(group)))
    return findings
