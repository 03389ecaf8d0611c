"""Rows that stand for others once more: sums of a township among its villages, a name, a point or an address twice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding
from accessibility.geo.projection import geodesics
from accessibility.sources.tables.columns import DIVISIONS, SHOWN, attributes, find_column
from accessibility.sources.tables.points import FALLBACK, SAME_DEG
from accessibility.wording import plain_words

if TYPE_CHECKING:
    from collections.abc import Collection

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.sources.spread import SamePlaces

_OTHERS = 2  # rows that a sum has at least
_SUMS = 2  # of one alone it may be chance
_SOME = 0.5  # of the townships that have so many rows
_PEOPLE = 20.0  # of most sums: small numbers add up by chance
_FEW = 0.2  # of the rows
_BRANCH_NAME = re.compile(r"支行|分理处|营业[部所室]|储蓄所|\bbranch\b", re.IGNORECASE)
_ELSEWHERE_M = 100.0
_DOOR = re.compile(r"\d+ ?(号|#|弄|幢|栋)|^\d+ \w{3,}|\w{3,},? \d+$")  # of a house, in an address
_LONGEST = 200  # letters of an address: over more the pattern takes their square
_FAR_M = 500.0  # as far as one that was read from a map may be off, and a long yard be wide


def report_again(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    """Return findings where rows count people of other rows once more.

    A row of several townships has as many people as all others of the township together, or a few rows have the place,
    the name and all other words of another one, and other people.

    Parameters
    ----------
    table
        Cells as text.
    places
        Which rows stand on one point.
    people
        ``(n,)`` of each row.
    read
        Columns that are read: ids, people, districts, coordinates.
    source
        The file, for messages.
    """
    return [*_sums(table, people, source), *_same_names(table, places, people, read, source)]


def _sums(table: pd.DataFrame, people: NDArray[np.float64], source: str) -> list[Finding]:
    found = [find_column(table, division, source=source) for division in DIVISIONS]
    for column in dict.fromkeys(filter(None, found)):
        texts = table[column].astype(str).str.strip()
        code = pd.factorize(texts.where(texts != ""))[0]
        named = code >= 0
        if not named.any():
            continue
        size = np.bincount(code[named])
        together = np.bincount(code[named], weights=people[named])
        several = named & (size[code] > _OTHERS)
        half = several & (people > 0) & np.isclose(2 * people, together[code], rtol=1e-9, atol=0.0)
        sums = np.unique(code[half])
        many = len(sums) >= max(_SUMS, _SOME * np.unique(code[several]).size)
        if many and len(sums) == half.sum() and np.median(people[half]) >= _PEOPLE:
            rows = ", ".join(map(str, table.index[half][:SHOWN]))
            message = (
                f"{len(sums)} rows have as many people as all other rows of their {column} together: rows {rows}: are "
                f"they their sums? Without them {people[~half].sum():,.0f} people"
            )
            lost = float(people[half].sum())
            return [Finding(code="sum-of-others", source=source, message=message, count=len(sums), people=lost)]
    return []


def _same_names(
    table: pd.DataFrame,
    places: SamePlaces,
    people: NDArray[np.float64],
    read: Collection[str | None],
    source: str,
) -> list[Finding]:
    name = find_column(table, "name", source=source) or find_column(table, "village", source=source)
    rows, first = places
    if name is None or len(first) == len(rows):
        return []
    place = np.full(len(table), -1)
    place[rows] = np.repeat(np.arange(len(first)), np.diff(first, append=len(rows)))
    words = [
        column
        for column in attributes(table)
        if column == name or (column not in read and not table[column].astype(str).str.fullmatch(r"[\d.,\s-]*").all())
    ]
    known = table[words].astype(str).reset_index(drop=True).assign(place=place)
    named = (place >= 0) & (known[name].str.strip() != "").to_numpy() & (people > 0)
    again = named & known.duplicated().to_numpy()
    same = known.assign(people=people).duplicated().to_numpy()
    if not 0 < again.sum() <= _FEW * named.sum() or (again & same).any():
        return []
    names = ", ".join(dict.fromkeys(table[name].astype(str)[again][:SHOWN]))
    message = (
        f"{int(again.sum())} rows stand at the place of another one and have its name with other people: {names}: are "
        "they the same people?"
    )
    lost = float(people[again].sum())
    return [Finding(code="rows-of-a-name", source=source, message=message, count=int(again.sum()), people=lost)]


def report_doubles(sites: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return findings on sites on one point, and on those that count with one name or one address at several places.

    Parameters
    ----------
    sites
        As `accessibility.sources.tables.places.read_sites` returns them.
    source
        The file, for messages.
    """
    return [*_doubles(sites, source), *_namesakes(sites, source), *_same_address(sites, source)]


def _namesakes(sites: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return a finding on branches that count and have one name, and bank, at several places: one may have moved."""
    branch = sites["name"].map(lambda name: _BRANCH_NAME.search(name) is not None).to_numpy(dtype=bool)
    some = sites[sites["open"].to_numpy(dtype=bool) & branch]
    shown, count = _apart(some, some.groupby(["name", "bank"], sort=False)["name"], _ELSEWHERE_M)
    message = f"{count} sites that count have the name of another one elsewhere ({shown}): has one of them moved?"
    return [Finding(code="namesake", source=source, message=message, count=count)] if count else []


def _same_address(sites: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return a finding on sites that count and have one address, with its number, at several places."""
    whole = (
        sites["address"].map(lambda text: _DOOR.search(plain_words(text[:_LONGEST])) is not None).to_numpy(dtype=bool)
    )
    some = sites[sites["open"].to_numpy(dtype=bool) & whole]
    where = [some[name] for name in ("address", "township", "district")]
    shown, count = _apart(some, some.groupby(where, sort=False)["address"], _FAR_M)
    message = (
        f"{count} sites that count have the address of another one elsewhere ({shown}): is one of them in the wrong "
        "place?"
    )
    return [Finding(code="same-address", source=source, message=message, count=count)] if count else []


def _apart(some: gpd.GeoDataFrame, groups: Any, metres: float) -> tuple[str, int]:
    """Return the sites that stand farther than some metres from the first of their group, in words, and how many."""
    first = groups.transform(lambda texts: texts.index[0])
    lonlat = pd.DataFrame(shapely.get_coordinates(some.geometry), index=some.index)
    apart_m = geodesics(lonlat.to_numpy(), lonlat.loc[first].to_numpy())
    rows = np.flatnonzero(apart_m > metres)
    texts = some[groups.obj.name].to_numpy()
    shown = ", ".join(f"{some.index[row]} {texts[row]!r} {apart_m[row]:,.0f} m" for row in rows[:SHOWN])
    return shown, rows.size


def _doubles(sites: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return findings on sites that stand on the same point."""
    x, y = (np.round(of.to_numpy(), SAME_DEG) for of in (sites.geometry.x, sites.geometry.y))
    point, places = pd.factorize(x + y * 1j)
    several = np.bincount(point[point >= 0], minlength=len(places)) > 1
    together = np.flatnonzero(several[point] & (point >= 0))
    findings = []
    for of, group in pd.Series(sites.index[together]).groupby(point[together], sort=False):
        shown, at = ", ".join(map(str, group[:5])), places[of]
        told = f"{len(group)} sites stand on one point ({at.real} {at.imag}): {shown}; all are kept"
        code, message = "duplicate-place", told
        if len(group) > FALLBACK:
            code, message = "geocoder-fallback", f"{told}; did a geocoder fall back to the middle of a town?"
        findings.append(Finding(code=code, source=source, message=message, count=len(group)))
    return findings
