"""Outlets, bank branches and candidate sites from a table."""

from __future__ import annotations

import contextlib
import fnmatch
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError
from accessibility.sites import KIND_OF
from accessibility.sources.quantities import held_instead
from accessibility.sources.tables.columns import (
    ALIASES,
    SHOWN,
    WORDS,
    attributes,
    check_meanings,
    find_column,
    in_other_unit,
    money_of,
    numbers,
    require_column,
    rows_text,
)
from accessibility.sources.tables.plausibility import refuse_other_system, report_rounded
from accessibility.sources.tables.points import TableSpec, locate_rows, set_aside, unique_row_ids
from accessibility.sources.tables.precision import report_imprecise
from accessibility.sources.tables.reading import name_of, read_table
from accessibility.sources.tables.repeats import report_doubles
from accessibility.sources.tables.standing import (
    SaidGone,
    are_machines,
    find_gone,
    heads_gone,
    lists_gone,
    report_unfit,
)
from accessibility.streets.lifecycle import has_ended, is_gone

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from accessibility.sources.tables.reading import HeldTable

Role = Literal["outlets", "banks", "candidates"]

CLOSED, OPEN, YES, NO, UNLIMITED, TRUE, FALSE = (
    frozenset(WORDS["cells"][says]) for says in ("closed", "open", "yes", "no", "unlimited", "true", "false")
)

_LETTER: Mapping[str, str] = {"outlets": "O", "banks": "B", "candidates": "C"}
_COSTS: Mapping[str, float] = {"bank": 1.0, "new": 3.0, "outlet": 0.0}
_ROUNDED_M = 100.0  # a step of coordinates that moves sites as far as a block of houses
_LOST_SHARE = 0.05
_BRANCH = "1601"  # Amap's type codes: 160100 bank, 160105 ICBC and so on; 1603.. are cash machines


@dataclass(frozen=True, kw_only=True)
class PlaceSpec(TableSpec):
    """What a table of places holds, beside what `TableSpec` says of it."""

    role: Role  # `outlets`, `banks` or `candidates`
    # meaning or column name to the value, or values, of which a site that counts has one; in a cell, several values are
    # parted by `;`, `,` or `、`. A `*` stands for any text: `{"hours": "*周六*"}`. `{"status": "open"}` is any
    # status that does not mean closed.
    counts_if: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    # kind (`bank`, `new`, `outlet`) to the cost of opening where the table has none
    cost: Mapping[str, float] = field(default_factory=lambda: dict(_COSTS))


def read_sites(path: str | os.PathLike[str] | HeldTable, spec: PlaceSpec) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the sites of a table, and what was found.

    Parameters
    ----------
    path
        A table as `accessibility.sources.tables.reading.read_table` reads it.
    spec
        What it holds.

    Returns
    -------
    sites
        Points in EPSG:4326 indexed by id (made from the role's letter and the row's number where there is none), with
        columns name, kind (``outlet``, ``bank``, ``new``), open (counts today), partner, closed (its status says so),
        cost, address, bank, capacity (where the table has one; infinite without a limit), township, district (as the
        table names them), and the table's other columns.
    findings
        Rows set aside, places that stand twice, words not understood, sites that do not count.

    Raises
    ------
    InputError
        Ids that stand twice, missing columns, more than one row in twenty without coordinates, coordinates that are
        swapped or in another system, costs or capacities that are negative or no numbers, a site that counts and has no
        capacity while others do, and whatever `read_table` refuses.
    """
    source = name_of(path)
    check_meanings(spec.columns, source=source)
    table, findings = read_table(path, layer=spec.layer, sheet=spec.sheet, encoding=spec.encoding)
    id_column = find_column(table, "id", source=source, given=spec.columns.get("id"))
    ids = unique_row_ids(table, id_column, letter=_LETTER[spec.role], source=source)
    if spec.role == "banks":
        branch = _branches(table, spec, source, findings)
        table, ids = table[branch], ids[branch]
    refuse_other_system(table, spec.coordinates, spec.columns, source=source)
    located = locate_rows(table, spec, source=source)
    findings += report_rounded(located.given, source, least_m=_ROUNDED_M)
    findings += [*located.findings, *set_aside(located, source=source, share=_LOST_SHARE)]
    findings += report_imprecise(table, source, villages=True)
    cells = _Cells(table, source, spec, findings)
    kind = cells.kind()
    partner = cells.partner()
    closed = cells.closed()
    cells.refuse_strange(ids)
    counts = cells.counts(closed)
    is_open = {"outlets": ~closed & counts, "banks": partner & ~closed & counts}.get(spec.role, np.zeros_like(closed))
    cells.report_doubtful(is_open)
    cells.report_machines(is_open)
    values = {
        "name": cells.text("name"),
        "kind": kind,
        "open": is_open,
        "partner": partner,
        "closed": closed,
        "cost": cells.cost(kind),
        "address": cells.text("address"),
        "bank": cells.text("bank"),
        **cells.capacity(is_open),
        "township": cells.text("township"),
        "district": cells.text("district"),
    }
    sites = gpd.GeoDataFrame(
        values | _others(table, (*values, "id", "geometry")),
        geometry=shapely.points(located.lonlat),
        index=ids,
        crs="EPSG:4326",
    )
    sites = sites[~located.missing]
    findings += report_unfit(table, source) if spec.role == "candidates" else []
    return sites, findings + report_doubles(sites, source)


def _others(table: pd.DataFrame, known: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the columns that mean nothing to the reader: numbers as numbers, whatever else as it is."""
    own = attributes(table)
    others = {str(name): table[name] for name in table.columns if str(name) in own and str(name) not in known}
    return {
        name: (values if pd.api.types.is_numeric_dtype(values) else values.astype(object)).to_numpy()
        for name, values in others.items()
    }


class _Cells:
    """The cells of one table by what they mean; words that are not understood go to the findings."""

    def __init__(self, table: pd.DataFrame, source: str, spec: PlaceSpec, findings: list[Finding]) -> None:
        self.table, self.source, self.spec, self.findings = table, source, spec, findings
        self.said: SaidGone | None = None  # what is said of sites that may be closed, once it was asked

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
        message = f"{rows_text(texts, bad, 'is not understood')}; read as {read_as}"
        self.note("unknown-word", message, int(bad.sum()))

    def kind(self) -> NDArray[np.object_]:
        kind = np.full(len(self.table), KIND_OF[self.spec.role], dtype=object)
        if self.spec.role == "candidates":
            words = self.plain("kind")
            bank = words.str.contains("银行|bank").to_numpy(dtype=bool)
            kind[bank] = "bank"
            self.unclear(words, ~bank & ~words.isin(["", "new", "新建", "新设"]).to_numpy(dtype=bool), "new")
        return kind

    def flag(self, meaning: str) -> NDArray[np.bool_] | None:
        """Return a column of the table that says yes or no, as `Sites.to_gdf` writes it; None where there is none."""
        name = self.column(meaning) if meaning == "closed" else meaning
        if name not in self.table.columns:
            return None
        words = pd.Series([_plain(text) for text in self.table[name]], index=self.table.index, dtype=object)
        bad = ~words.isin(TRUE | FALSE | ({""} if meaning == "closed" else set())).to_numpy(dtype=bool)
        if bad.any():
            text = rows_text(self.table[name], bad, "is neither")
            msg = f"{self.source}: column {name!r}: {text}; expected true or false"
            raise InputError(msg)
        return words.isin(TRUE).to_numpy(dtype=bool)

    def closed(self) -> NDArray[np.bool_]:
        """Return which sites have closed down, or are still to come: by a flag, their status, or what else says it."""
        told = [flag for flag in (self.flag("closed"), self._shut()) if flag is not None]
        words = self.plain("status")
        gone = has_ended if self.spec.role == "candidates" else is_gone  # a candidate may well be planned
        closed = np.array([word in CLOSED or gone(word) for word in words], dtype=np.bool_)
        in_use = (words.isin(OPEN) & (words != "")).to_numpy(dtype=bool)
        if told:
            closed, in_use = np.logical_or.reduce(told), np.ones_like(closed)
        else:
            known = closed | words.isin(OPEN).to_numpy(dtype=bool) | [is_gone(word) for word in words]
            self.unclear(words, ~known, "open")
        count = int(closed.sum())
        self.note("closed-site", f"{count} of {len(closed)} sites are closed, and not counted", count)
        return closed | self._closed_in_words(closed, in_use, read_status=not told)

    def _closed_in_words(
        self, closed: NDArray[np.bool_], in_use: NDArray[np.bool_], *, read_status: bool
    ) -> NDArray[np.bool_]:
        """Return which sites are closed by names, hours and remarks."""
        if self.spec.role == "candidates":
            return np.zeros_like(closed)
        unread = {"kind", "windows"} | (set() if read_status else {"status"})
        unread |= set() if self.spec.role == "banks" else {"partner"}
        read = {"open", "id"}
        for meaning in ALIASES.keys() - unread:
            with contextlib.suppress(InputError):  # formulas of a column that nobody asks for
                read.add(self.column(meaning) or "id")
        said = find_gone(self.table, name=self.column("name"), hours=self.column("hours"), read=read)
        gone = said.surely & ~closed & ~in_use
        columns, shown = said.shown(gone, self.table.index)
        count, of = int(gone.sum()), len(gone)
        message = f"{count} of {of} sites are closed, as {columns} says: {shown}, and not counted"
        self.note("closed-in-words", message, count)
        self.said = said
        return gone

    def report_doubtful(self, counts: NDArray[np.bool_]) -> None:
        """Tell sites that count, and of which a column, or the name of the table, says that they may be closed."""
        if self.said is None:
            return
        said = self.said
        doubtful = (said.surely | said.maybe) & counts
        columns, shown = said.shown(doubtful, self.table.index)
        count = int(doubtful.sum())
        message = (
            f"{count} sites count although {columns} says: {shown}: are they closed? Then a column status should say so"
        )
        self.note("maybe-closed", message, count)
        self._report_sections(counts)
        for name in (self.source.rsplit(".", 1)[0], self.table.attrs.get("sheet", ""), self.spec.layer or ""):
            message = f"the name {name!r} speaks of sites that are planned or closed; those that say nothing else count"
            self.note("list-of-closed", message, int(lists_gone(name)))

    def _report_sections(self, counts: NDArray[np.bool_]) -> None:
        """Tell sites that count, and stand below a heading among the rows that speaks against it."""
        sections = pd.Series([self.table.attrs.get("sections", {}).get(row, "") for row in self.table.index])
        for section in filter(heads_gone, dict.fromkeys(sections)):
            below = counts & (sections == section).to_numpy()
            rows = ", ".join(map(str, self.table.index[below][:SHOWN]))
            message = (
                f"{int(below.sum())} sites count that stand below {section!r}: rows {rows}: are they closed, planned "
                "or unstaffed?"
            )
            self.note("section-of-closed", message, int(below.sum()))

    def report_machines(self, counts: NDArray[np.bool_]) -> None:
        """Tell sites that count and are machines by their name or kind."""
        said, texts = are_machines(self.table, name=self.column("name"), kind=self.column("kind"))
        rows = np.flatnonzero(counts & said)
        shown = ", ".join(f"row {self.table.index[row]} {texts[row]!r}" for row in rows[:SHOWN].tolist())
        count = len(rows)
        message = (
            f"{count} sites count that seem to be machines, to drive about or to be without staff: {shown}: do they "
            "serve people?"
        )
        self.note("machine", message, count)

    def _shut(self) -> NDArray[np.bool_] | None:
        is_open = self.flag("open") if self.spec.role == "outlets" else None
        return None if is_open is None else ~is_open

    def partner(self) -> NDArray[np.bool_]:
        """Return which banks are partners: those that are open where a flag says so, else by their word."""
        if self.spec.role != "banks":
            return np.zeros(len(self.table), dtype=np.bool_)
        is_open = self.flag("open")
        if is_open is not None:
            return is_open
        if self.column("partner") is None:
            message = f"no column partner: of {len(self.table)} bank branches none counts as partner"
            self.note("no-partner-column", message, len(self.table))
        words = self.plain("partner")
        partner = words.isin(YES).to_numpy(dtype=bool)
        self.unclear(words, ~partner & ~words.isin(NO).to_numpy(dtype=bool), "no partner")
        return partner

    def refuse_strange(self, ids: pd.Index[Any]) -> None:
        """Refuse candidates that are open, and sites of a kind that stands in another table."""
        is_open, own = self.flag("open"), KIND_OF[self.spec.role]
        if self.spec.role == "candidates" and is_open is not None and is_open.any():
            first = ids[int(is_open.argmax())]
            msg = f"{self.source}: {first!r} is open; expected sites that do not count today, or an outlet or a bank"
            raise InputError(msg)
        if self.spec.role == "candidates" or "kind" not in self.table.columns:
            return
        words = self.plain("kind")
        other = (words.isin(KIND_OF.values()) & (words != own)).to_numpy(dtype=bool)
        if other.any():
            text = f"{ids[int(other.argmax())]!r} is of kind {words[other].iloc[0]!r}"
            msg = f"{self.source}: {text}; expected {self.spec.role} alone, the others in tables of their own"
            raise InputError(msg)

    def counts(self, closed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        counts = np.ones(len(self.table), dtype=np.bool_)
        if self.spec.role == "candidates":
            return counts
        for meaning, value in self.spec.counts_if.items():
            if meaning == "status" and value in ("open", ["open"]):
                counts &= ~closed
                continue
            given = self.spec.columns.get(meaning) or (None if meaning in ALIASES else meaning)
            known = meaning if meaning in ALIASES else "kind"  # whatever decides
            name = require_column(self.table, known, source=self.source, given=given)
            counts &= has_value(self.table[name], value)
        out = int((~counts & ~closed).sum())
        self.note("does-not-count", f"{out} of {len(counts)} sites do not meet counts_if and do not count", out)
        return counts

    def report_unread(self, meaning: str) -> None:
        """Tell a column that would mean something, but for a unit in brackets that is not known."""
        name = in_other_unit(self.table, meaning)
        message = (
            f"column {name!r} is not read as {meaning}: its name has another unit or a note in brackets; if its "
            f"numbers are meant, the study says so: columns = {{ {meaning} = {name!r} }}"
        )
        self.note("unit-unread", message, len(self.table) if name else 0)

    def cost(self, kind: NDArray[np.object_]) -> NDArray[np.float64]:
        usual = dict(_COSTS) | dict(self.spec.cost)
        cost = np.array([usual[k] for k in kind], dtype=np.float64)
        name = self.column("cost")
        if name is None:
            self.report_unread("cost")
            return cost
        money = money_of(name)
        message = (
            f"costs are in {money}, as column {name!r} says: a budget counts in it, and a site without one there costs "
            f"{', '.join(f'{usual[k]:g}' for k in dict.fromkeys(kind))}"
        )
        self.note("money", message, len(self.table) if money else 0)
        given = numbers(self.table[name], source=self.source, column=name)
        if (given < 0).any():
            text = rows_text(self.table[name], given < 0, "is negative")
            msg = f"{self.source}: column {name!r}: {text}; expected a cost, 0 or more"
            raise InputError(msg)
        return np.where(np.isfinite(given), given, cost)

    def capacity(self, counts: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
        """Return how many people each site has room for; nothing where no column says it."""
        name = self.column("capacity")
        if name is None:
            self.report_unread("capacity")
        if name is None or ("capacity" not in self.spec.columns and not self.plain("capacity").any()):
            return {}
        what = held_instead(name)
        if what:
            msg = f"{self.source}: column {name!r} seems to hold {what}; expected persons"
            raise InputError(msg)
        texts = self.table[name]
        endless = pd.Series([_plain(text) for text in texts], index=texts.index, dtype=object).isin(UNLIMITED)
        found = numbers(texts.mask(endless, ""), source=self.source, column=name, of="people")
        found = np.where(endless, np.inf, found)
        if (found < 0).any():
            text = rows_text(texts, found < 0, "is negative")
            msg = f"{self.source}: column {name!r}: {text}; expected people that a site has room for, 0 or more"
            raise InputError(msg)
        missing = np.isnan(found) & counts
        if missing.any():
            text = rows_text(texts, missing, "is blank")
            msg = f"{self.source}: column {name!r}: {text}; expected the room of each site that counts, or unlimited"
            raise InputError(msg)
        return {"capacity": np.where(np.isnan(found), np.inf, found)}


def has_value(texts: pd.Series[Any], wanted: str | Sequence[str]) -> NDArray[np.bool_]:
    """Return whether each cell, or one of the values in it, is one of those wanted; ``*`` stands for any text.

    Examples
    --------
    >>> has_value(pd.Series(["参保;社保卡", "社保卡补换", ""]), ["社保卡", "认证"]).tolist()
    [True, False, False]
    >>> has_value(pd.Series(["周一至周五 9:00-17:00;周六 9:00-12:00", "周一至周五"]), "*周六*").tolist()
    [True, False]
    """
    patterns = [fnmatch.translate(_plain(value).replace("[", "[[]").replace("?", "[?]")) for value in _listed(wanted)]
    match = re.compile("|".join(patterns)).match
    found = [any(match(part) for part in (_plain(text), *_values(text))) for text in texts]
    return np.array(found, dtype=np.bool_)


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _plain(text: object) -> str:
    return unicodedata.normalize("NFKC", str(text)).strip().casefold()


def _values(text: object) -> set[str]:
    return {part.strip() for part in re.split(r"[;,、|]", _plain(text))}


def _branches(table: pd.DataFrame, spec: PlaceSpec, source: str, findings: list[Finding]) -> NDArray[np.bool_]:
    """Return ``(n,)`` which rows are bank branches by Amap's type codes; a cash machine (1603..) serves nobody."""
    column = find_column(table, "typecode", source=source, given=spec.columns.get("typecode"))
    if column is None:
        return np.ones(len(table), np.bool_)
    codes = [[part for part in _values(text) if part] for text in table[column]]
    other = np.array([bool(parts) and not any(part.startswith(_BRANCH) for part in parts) for parts in codes])
    if other.any():
        text = f"column {column!r}: {rows_text(table[column], other, 'begins with another type code')}"
        expected = f"bank branches begin with {_BRANCH}, cash machines with 1603"
        if other.all():
            msg = f"{source}: {text}; expected some of {_BRANCH}: {expected}"
            raise InputError(msg)
        message = f"{text}; {expected}: set aside"
        findings.append(Finding(code="no-bank-branch", source=source, message=message, count=int(other.sum())))
    return ~other
