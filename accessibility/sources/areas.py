"""Districts from polygon files, which district a point lies in, and tables joined to districts by code or name."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import Finding, InputError
from accessibility.geo.arrays import finite_rows, meeting_pairs
from accessibility.geo.projection import WGS84
from accessibility.sources.tables.columns import DIVISIONS, attributes, cell_text, find_column
from accessibility.sources.tables.reading import HeldTable, checked_path, held_polygons, read_table, readable
from accessibility.sources.vectors import read_vector, refuse_broken_shapes, refuse_shapes_off_earth
from accessibility.streets.search.packing import label_components

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from numpy.typing import NDArray


CODE, PLAIN = "division_code", "plain_name"
"""Columns of districts beside their label: the code, blank where there is none, and the name as the file has it."""

_FEW = 4_096  # points, of which each is asked
_TOGETHER = 64  # points in a square
_MOST_A_SIDE = 30_000  # squares
_CHANGED = 0.001  # a repair or an overlap of less than this share of the area is not worth a word
_OF_ROWS = re.compile(
    r"(ogc_?|object_?|g|f|u)?id(_\d+)?|index|shape_?(area|leng(th)?)|st_?(area|length).*|area|perimeter"
)
_DIVISION, _DIGITS = re.compile(r"\d{6}|\d{9}|\d{12}"), 12  # of a county, a township and a village
_CODES = ("code", "编码", "代码", "gb", "xzqdm")  # of divisions, where no column bears a clearer name


@dataclass(frozen=True, kw_only=True)
class AreaSpec:
    """What a file of districts holds."""

    name: str = "name"  # column of the names, which are labels: two districts may share one
    id: str | None = None  # column that tells districts apart: rows of one id are one district
    # layer, encoding: layer of a file that has several; encoding of a Shapefile, where it is not the one it names
    layer: str | None = None
    encoding: str | None = None
    summed: tuple[str, ...] = ()  # columns of people, summed where rows of one district carry different numbers


def read_areas(path: Path | HeldTable, spec: AreaSpec | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the districts of a polygon file: one row per district, its label in the column ``name``, EPSG:4326.

    Rows of one district are joined: those of one id; where the study names none, those of one name and code; without
    codes, those of one name that touch and that no other column tells apart. Districts that share a name are labelled
    by what tells them apart. Invalid rings are mended; overlaps are counted.

    Raises
    ------
    InputError
        A file that is missing, unreadable or empty, has several layers, no coordinate system, no such column, or no
        polygons; districts without a name; corners that are no numbers.
    """
    spec = spec or AreaSpec()
    table, findings = read_polygons(path, column=spec.name, layer=spec.layer, encoding=spec.encoding)
    key, code = _keys(table, spec, path.name)
    table, joined = _joined(table.assign(**{CODE: code}), key, spec.summed)
    if joined:
        message = f"{joined} rows joined to others of their district"
        findings.append(Finding(code="joined-parts", source=path.name, message=message, count=joined))
    table, shared = distinguish_districts(table, source=path.name)
    return table, findings + shared + overlaps(table, path.name)


def read_polygons(
    path: Path | HeldTable, *, column: str = "name", layer: str | None = None, encoding: str | None = None
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the polygons of a file, valid, in EPSG:4326, the text of `column` in the column ``name``; what was found.

    Raises
    ------
    InputError
        As `read_areas`.
    """
    findings: list[Finding] = []
    if isinstance(path, HeldTable):
        table = held_polygons(path)
    else:
        file = checked_path(path)
        with readable(file, findings):
            table = read_vector(file, layer=layer, encoding=encoding)
    if table.empty:
        msg = f"{path.name}: no rows; expected district polygons"
        raise InputError(msg)
    if table.crs is None:
        msg = f"{path.name}: no coordinate system; expected one in the file, or in the .prj next to a Shapefile"
        raise InputError(msg)
    texts = table[_name_column(table, column, path.name)].map(cell_text)
    kinds = sorted(set(table.geom_type.dropna().astype(str)) - {"Polygon", "MultiPolygon"})
    if kinds:
        msg = f"{path.name}: geometry of type {', '.join(kinds)}; expected polygons"
        raise InputError(msg)
    shapes, more = _mended(table.geometry.to_numpy(), texts, path.name)
    bare = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if bare.any():
        message = f"{int(bare.sum())} rows without an area set aside: {', '.join(texts[bare][:10])}"
        more.append(Finding(code="no-geometry", source=path.name, message=message, count=int(bare.sum())))
    unnamed = int((texts[~bare] == "").sum())
    if unnamed or bare.all():
        what = f"{unnamed} districts have no {column}" if unnamed else f"none of {len(table)} rows has an area"
        msg = f"{path.name}: {what}; expected district polygons, each with its name"
        raise InputError(msg)
    rest = pd.DataFrame(table.drop(columns=table.geometry.name))[~bare].assign(name=texts[~bare])
    degrees = gpd.GeoDataFrame(rest, geometry=shapes[~bare], crs=table.crs).to_crs(WGS84).reset_index(drop=True)
    for refuse in (refuse_broken_shapes, refuse_shapes_off_earth):
        refuse(degrees.geometry.to_numpy(), degrees["name"], source=f"{path.name} ({table.crs.name})")
    return degrees, findings + more


def _name_column(table: gpd.GeoDataFrame, column: str, source: str) -> str:
    """Return the column of the names; where the study names none, also the one that usually bears them."""
    if column in table.columns:
        return column
    usual = ("name", *DIVISIONS) if column == "name" else ()
    found = next((name for key in usual if (name := find_column(table, key, source=source)) is not None), None)
    plain = {_plain(name): name for name in attributes(table)}
    found = found or plain.get(_plain(column))
    if found is None:
        columns = ", ".join(attributes(table))
        msg = f"{source}: no column {column!r}; it has {columns}; say which one with area = {{ name = ... }}"
        raise InputError(msg)
    return found


def _mended(shapes: NDArray[Any], names: pd.Series[Any], source: str) -> tuple[NDArray[Any], list[Finding]]:
    """Return valid shapes that hold every place their rings wind around, and how many were not valid before."""
    refuse_broken_shapes(shapes, names, source=source)
    invalid = np.flatnonzero(~(shapely.is_valid(shapes) | shapely.is_missing(shapes)))
    if not invalid.size:
        return shapes, []
    whole = shapes.copy()
    whole[invalid] = [_wound(shape) for shape in shapes[invalid]]
    message = f"{invalid.size} invalid polygons mended, every part kept: {', '.join(names.iloc[invalid[:5]])}"
    return whole, [Finding(code="invalid-polygon", source=source, message=message, count=int(invalid.size))]


def _wound(shape: Any) -> Any:
    """Return all that the parts of an invalid shape cover, by the rule of nonzero winding.

    The even-odd rule would cut out where parts overlap and where a ring runs over itself, and who lives there would
    be in no district. A hole is taken from its own part only.
    """
    parts = []
    for part in shapely.get_parts(shape):
        holes = [_inside_ring(ring) for ring in part.interiors]
        parts.append(shapely.difference(_inside_ring(part.exterior), shapely.union_all(holes)))
    whole = shapely.get_parts(shapely.union_all(parts))
    return shapely.MultiPolygon([part for part in whole if part.geom_type == "Polygon"])


def _inside_ring(ring: Any) -> Any:
    """Return the faces of the drawing of a ring around which it winds; nothing of a ring without any width."""
    line = shapely.force_2d(shapely.linestrings(shapely.get_coordinates(ring)))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(line)]))
    inner = shapely.get_coordinates(shapely.point_on_surface(faces)).reshape(-1, 2)
    return shapely.union_all(faces[_winding(shapely.get_coordinates(ring), inner) != 0])


def _winding(ring: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ``(n,)`` how often a closed ring winds around each point: signed crossings of a ray to the east."""
    (x, y), (to_x, to_y) = ring[:-1].T, ring[1:].T
    px, py = points[:, :1], points[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        east = x + (py - y) / (to_y - y) * (to_x - x) > px
    up, down = (y <= py) & (to_y > py) & east, (y > py) & (to_y <= py) & east
    turns: NDArray[np.int64] = up.sum(axis=1) - down.sum(axis=1)
    return turns


def _keys(table: gpd.GeoDataFrame, spec: AreaSpec, source: str) -> tuple[NDArray[np.intp], list[str]]:
    """Return the number of the district of each row, and its code, blank where there is none."""
    given = spec.id or next(
        (c for key in ("division", *_CODES) if (c := _column(table, key, source)) is not None), None
    )
    if given is not None:
        told = find_column(table, "division", source=source, given=given)
        codes = table[told].map(cell_text)
        rows = [codes] if spec.id else [table["name"], codes]
        if spec.id or (codes != "").all():
            return pd.MultiIndex.from_arrays(rows).factorize()[0], codes.tolist()
    own = [c for c in attributes(table) if not _OF_ROWS.fullmatch(c.casefold()) and c != "geometry"]
    alike = table[own].map(cell_text).groupby(own, sort=False).ngroup().to_numpy()
    return _touching(alike, table.geometry.to_numpy()), [""] * len(table)


def _column(table: gpd.GeoDataFrame, key: str, source: str) -> str | None:
    if key == "division":
        return find_column(table, key, source=source)
    return {_plain(name): name for name in attributes(table)}.get(key)


def _touching(alike: NDArray[np.intp], shapes: NDArray[Any]) -> NDArray[np.intp]:
    """Return groups of rows that are alike and touch one another, numbered in the order of their first rows."""
    first, second = meeting_pairs(shapely.STRtree(shapes), "intersects")
    one = alike[first] == alike[second]
    return label_components(len(shapes), first[one], second[one]).astype(np.intp)


def _joined(table: gpd.GeoDataFrame, key: NDArray[np.intp], summed: tuple[str, ...]) -> tuple[gpd.GeoDataFrame, int]:
    """Return one row per district; different numbers of people are added, other values are those of the first row."""
    count = int(key.max()) + 1
    if count == len(table):
        return table, 0
    whole = table.dissolve(by=key, sort=False).reset_index(drop=True)
    for column in {c for c in summed if c in table.columns}:
        people = pd.to_numeric(table[column], errors="coerce")
        parts = people.groupby(key)
        whole[column] = np.where(parts.max() > parts.min(), parts.sum(), parts.first())
    return whole, len(table) - count


def distinguish_districts(table: gpd.GeoDataFrame, *, source: str) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return districts whose labels (``name``) differ: of those that share a name, with what tells them apart.

    That is their code, else another text of theirs, else their number in the file.
    """
    names = table["name"].astype(str)
    label, shared = names.copy(), names[names.duplicated(keep=False)]
    for name, rows in shared.groupby(shared, sort=False).groups.items():
        label[rows] = [f"{name} ({told})" for told in _told(table.loc[rows])]
    table = table.assign(**{PLAIN: names, "name": label})
    if CODE not in table.columns:
        table[CODE] = ""
    if shared.empty:
        return table, []
    shown = ", ".join(label[shared.index][:6])
    message = f"{len(shared)} districts share a name with another and stay apart: {shown}"
    return table, [Finding(code="shared-name", source=source, message=message, count=len(shared))]


def _told(rows: gpd.GeoDataFrame) -> list[str]:
    told = [c for c in (CODE, "id", *attributes(rows)) if c in rows.columns and c not in ("name", PLAIN)]
    for column in told:
        texts = rows[column].map(cell_text)
        if (
            (column in (CODE, "id") or texts.str.contains(r"[^\d.,+-]").all())
            and texts.is_unique
            and (texts != "").all()
        ):
            return list(texts)
    return [str(number) for number in range(1, len(rows) + 1)]


def named_rows(
    texts: NDArray[np.object_], lonlat: NDArray[np.float64], districts: gpd.GeoDataFrame
) -> NDArray[np.intp]:
    """Return the row of the district that each text names, by label, code or plain name; -1 where none is named.

    Of districts that share a name the one counts in which the place lies.

    Raises
    ------
    InputError
        A name that several districts share, and a place in none of them.
    """
    found: NDArray[np.intp] = np.full(len(texts), -1, dtype=np.intp)
    asked, of = np.unique(np.array([_plain(text) for text in texts], dtype=str), return_inverse=True)
    rows = _named(districts)
    for number, text in enumerate(asked.tolist()):
        known = rows.get(text, []) if text else []
        here = np.flatnonzero(of == number)
        if len(known) > 1:
            among = locate(lonlat[here], districts.iloc[known])
            if (among < 0).any():
                shown = ", ".join(map(str, districts.index[known]))
                msg = (
                    f"{text!r} names {len(known)} districts ({shown}), and some who live there lie in none of them; "
                    "expected the label or the code of one"
                )
                raise InputError(msg)
            found[here] = np.asarray(known)[among]
        elif known:
            found[here] = known[0]
    return found


def first_rows(texts: NDArray[np.object_], districts: gpd.GeoDataFrame, *, shared: bool = False) -> NDArray[np.intp]:
    """Return ``(n,)`` the row of the district that each text names, by label, code or plain name; -1 where none.

    Of a name that several districts share the first counts where `shared`, and none where not.
    """
    rows = _named(districts)
    known = [rows.get(_plain(text), []) if text else [] for text in texts]
    return np.array([of[0] if of and (shared or len(of) == 1) else -1 for of in known], dtype=np.intp)


def _named(districts: gpd.GeoDataFrame) -> dict[str, list[int]]:
    """Return the rows of the districts by whatever may name them; a label names one only."""
    rows: dict[str, list[int]] = {}
    for column in (PLAIN, CODE):
        for row, text in enumerate(districts.get(column, pd.Series(dtype=object)).astype(str)):
            rows.setdefault(_plain(text), []).append(row)
    return rows | {_plain(name): [row] for row, name in reversed(list(enumerate(districts.index)))}


def _plain(text: object) -> str:
    """Return a name or a code without spaces, case and wide letters; codes of divisions with all their 12 digits."""
    plain = re.sub(r"\s", "", unicodedata.normalize("NFKC", str(text))).casefold()
    return plain.ljust(_DIGITS, "0") if _DIVISION.fullmatch(plain) else plain


def overlaps(districts: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return a finding for districts (column ``name``) that overlap by more than a thousandth of the smaller one."""
    shapes = districts.geometry.to_numpy()
    first, second = meeting_pairs(shapely.STRtree(shapes), "intersects")
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    smaller = np.minimum(shapely.area(shapes[first]), shapely.area(shapes[second]))
    bad = np.flatnonzero(shared > _CHANGED * smaller)
    if not bad.size:
        return []
    names = districts["name"].to_numpy()
    some = "; ".join(f"{names[first[i]]} and {names[second[i]]}" for i in bad[:5])
    message = f"{bad.size} pairs of districts overlap: {some}; people there count in the first one only"
    return [Finding(code="overlapping-districts", source=source, message=message, count=int(bad.size))]


def locate(lonlat: NDArray[np.float64], districts: gpd.GeoDataFrame) -> NDArray[np.intp]:
    """Return the row of the district that each ``(n, 2)`` point lies in, the first where several do; -1 outside all."""
    found = np.full(len(lonlat), -1, dtype=np.intp)
    placed = np.flatnonzero(finite_rows(lonlat))
    shapes = districts.geometry.to_numpy()
    shapely.prepare(shapes)
    if len(placed) > _FEW:
        squares, of = _squares(lonlat[placed])
        square, shape = shapely.STRtree(shapes).query(squares, predicate="intersects")
        met = np.bincount(square, minlength=len(squares))
        alone = met[square] == 1
        square, shape = square[alone], shape[alone]
        whole = shapely.covers(shapes[shape], squares[square])
        row = np.full(len(squares), -1, dtype=np.intp)
        row[square[whole]] = shape[whole]
        found[placed] = row[of]
        placed = placed[((met > 0) & (row < 0))[of]]
    # What is asked about is prepared, what stands in a tree is not: districts ask, for the corners of their borders.
    points: Any = shapely.points(lonlat[placed])
    shape, point = shapely.STRtree(points).query(shapes, predicate="intersects")
    found[placed[point[::-1]]] = shape[::-1]  # the first of several is written last
    return found


def _squares(xy: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return boxes around points near each other, and the box of each: most lie in one district as a whole."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    side = max(
        float(np.sqrt(np.prod(high - low) * _TOGETHER / len(xy))), float((high - low).max()) / _MOST_A_SIDE, 1e-12
    )
    at = ((xy - low) / side).astype(np.int64)
    _, of = np.unique(at[:, 0] * (at[:, 1].max() + 1) + at[:, 1], return_inverse=True)
    order = np.argsort(of, kind="stable")
    begin = np.flatnonzero(np.diff(of[order], prepend=-1))
    least, most = (part.reduceat(xy[order], begin, axis=0) for part in (np.minimum, np.maximum))
    boxes: Any = shapely.box(*least.T, *most.T)
    return boxes, of


_SHOWN = 5


def rows_of_districts(
    table: pd.DataFrame, districts: gpd.GeoDataFrame, *, source: str, given: str | None = None
) -> tuple[NDArray[np.intp], list[Finding]]:
    """Return the row of the district that each row of a table names, -1 where it names none, and what was found.

    Parameters
    ----------
    table
        A table without coordinates.
    districts
        As `accessibility.sources.areas.read_areas` returns them, indexed by label.
    source
        The file, for messages.
    given
        The column that names the district, by code, label or name; where not given, the one that names most that no
        others share.

    Raises
    ------
    InputError
        No row names a district, or a name that several districts share.
    """
    usual = ("division", *DIVISIONS, "name", "id")
    named = [find_column(table, key, source=source, given=given) for key in (usual if given is None else usual[:1])]
    columns = [column for column in dict.fromkeys(named) if column is not None] or attributes(table)
    nowhere = np.full((len(table), 2), np.nan)
    texts = {column: table[column].map(cell_text).to_numpy(dtype=object) for column in columns}
    counts = {column: int((first_rows(texts[column], districts, shared=True) >= 0).sum()) for column in columns}
    sure = {column: int((first_rows(texts[column], districts) >= 0).sum()) for column in columns}
    best = max(counts, key=lambda column: (sure[column], counts[column]), default=None)
    if best is None or not counts[best]:
        shown = ", ".join(map(str, districts.index[:_SHOWN]))
        msg = (
            f"{source}: no coordinates, and no row names a district of the area by code or name "
            f"({', '.join(columns)}); expected lon and lat, or a column with names such as {shown}"
        )
        raise InputError(msg)
    row = named_rows(texts[best], nowhere, districts)
    found = [_tell_joined(best, row, len(districts), source)]
    # A name that several districts share says nothing against a code.
    others = {column: first_rows(texts[column], districts) for column in columns if column != best and counts[column]}
    for column, other in others.items():
        apart = (row >= 0) & (other >= 0) & (row != other)
        if apart.any():
            first = int(np.flatnonzero(apart)[0])
            message = (
                f"columns {best!r} and {column!r} name different districts in {int(apart.sum())} rows, first "
                f"{texts[best][first]} and {texts[column][first]}: the former counts"
            )
            found.append(Finding(code="districts-disagree", source=source, message=message, count=int(apart.sum())))
    none = row < 0
    if none.any():
        shown = ", ".join(dict.fromkeys(texts[best][none].tolist()[:_SHOWN]))
        message = f"column {best!r}: {int(none.sum())} rows name no district of the area: {shown}"
        found.append(Finding(code="no-such-district", source=source, message=message, count=int(none.sum())))
    return row, found


def with_table(districts: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return districts (column ``name``) with the columns of a table beside theirs, and what was found.

    Parameters
    ----------
    districts
        As `accessibility.sources.areas.read_areas` returns them.
    path
        A table of one row per district. A column that the districts have as well replaces theirs.

    Raises
    ------
    InputError
        Two rows for one district, and whatever `rows_of_districts` and `read_table` refuse.
    """
    source = checked_path(path).name
    table, findings = read_table(path)
    row, found = rows_of_districts(table, districts.set_index("name"), source=source)
    there = row >= 0
    twice = np.flatnonzero(np.bincount(row[there], minlength=len(districts)) > 1)
    if twice.size:
        shown = ", ".join(map(str, districts["name"].to_numpy()[twice[:_SHOWN]]))
        msg = f"{source}: {twice.size} districts have more than one row: {shown}; expected one row per district"
        raise InputError(msg)
    wide = districts.copy()
    wide.attrs |= {name: table.attrs[name] for name in ("titles", "units", "shown") if name in table.attrs}
    for column in attributes(table):
        if column in ("name", PLAIN, CODE):
            continue
        values = np.full(len(districts), None, dtype=object)
        values[row[there]] = table[column].to_numpy(dtype=object)[there]
        wide[column] = values
    missing = districts["name"].to_numpy()[~np.isin(np.arange(len(districts)), row)]
    if len(missing):
        message = f"{len(missing)} districts have no row in the table: {', '.join(map(str, missing[:_SHOWN]))}"
        found.append(Finding(code="district-without-row", source=source, message=message, count=len(missing)))
    return wide, findings + found


def _tell_joined(column: str, row: NDArray[np.intp], count: int, source: str) -> Finding:
    there = row[row >= 0]
    message = (
        f"no coordinates: column {column!r} joins {there.size} of {row.size} rows to {np.unique(there).size} of "
        f"{count} districts"
    )
    return Finding(code="joined-to-districts", source=source, message=message, count=int(there.size))
