"""Districts from polygon files, and which district a point lies in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.vectors import read_vector

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import NDArray

_CHANGED = 0.001  # a repair or an overlap of less than this share of the area is not worth a word


def read_areas(path: Path, *, name: str, layer: str | None = None) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the districts of a polygon file: a row a district, column `name` among the file's own, EPSG:4326.

    Parts of one name are joined, invalid rings repaired; both are counted, and so are overlaps.

    Raises
    ------
    InputError
        A file that is missing, unreadable or empty, has no coordinate system, no such column, or no polygons.
    """
    table = _read(path, layer)
    if table.empty:
        msg = f"{path.name}: no rows; expected district polygons"
        raise InputError(msg)
    if name not in table.columns:
        columns = [str(c) for c in table.columns if c != table.geometry.name]
        msg = (
            f"{path.name}: no column {name!r}; it has {', '.join(columns)}; say which one with area = {{ name = ... }}"
        )
        raise InputError(msg)
    if table.crs is None:
        msg = f"{path.name}: no coordinate system; expected one, declare it in the file"
        raise InputError(msg)
    kinds = sorted(set(table.geom_type.dropna().astype(str)) - {"Polygon", "MultiPolygon"})
    if kinds:
        msg = f"{path.name}: geometry of type {', '.join(kinds)}; expected polygons"
        raise InputError(msg)
    bare = table.geometry.isna() | table.geometry.is_empty
    table, findings = _repaired(table[~bare], path, [str(text) for text in table[name][bare]])
    table[name] = table[name].astype("string").str.strip()
    unnamed = int((table[name].isna() | (table[name] == "")).sum())
    if unnamed:
        msg = f"{path.name}: {unnamed} districts have no {name}; expected a name for each"
        raise InputError(msg)
    parts = len(table) - table[name].nunique()
    if parts:
        findings.append(
            Finding(
                code="joined-parts",
                source=path.name,
                message=f"{parts} rows joined to others of their name",
                count=parts,
            )
        )
        table = table.dissolve(by=name, sort=False, as_index=False)
    findings += overlaps(table.rename(columns={name: "name"}), path.name)
    return table.to_crs("EPSG:4326").rename(columns={name: "name"}).reset_index(drop=True), findings


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    if not path.is_file():
        msg = f"{path.name}: no such file {path}; expected district polygons"
        raise InputError(msg)
    try:
        return read_vector(path, layer=layer)
    except InputError:
        raise
    except Exception as error:
        msg = f"{path.name}: cannot be read as polygons: {' '.join(str(error).split())}"
        raise InputError(msg) from error


def _repaired(table: gpd.GeoDataFrame, path: Path, bare: list[str]) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    findings = []
    if bare:
        message = f"{len(bare)} rows without geometry set aside: {', '.join(bare[:10])}"
        findings.append(Finding(code="no-geometry", source=path.name, message=message, count=len(bare)))
    invalid = ~table.geometry.is_valid.to_numpy()
    table = table.copy()
    if invalid.any():
        before = table.geometry.area.sum()
        table.geometry = table.geometry.make_valid()
        change = abs(table.geometry.area.sum() - before) / max(before, 1e-12)
        message = f"{int(invalid.sum())} invalid polygons repaired; the area changes by {change:.2%}"
        findings.append(Finding(code="invalid-polygon", source=path.name, message=message, count=int(invalid.sum())))
    return table, findings


def overlaps(districts: gpd.GeoDataFrame, source: str) -> list[Finding]:
    """Return a finding for districts (column ``name``) that overlap by more than a thousandth of the smaller one."""
    shapes = districts.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pair = first < second
    first, second = first[pair], second[pair]
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
    placed = np.flatnonzero(np.isfinite(lonlat).all(axis=1))
    shapes = districts.geometry.to_numpy()
    shapely.prepare(shapes)
    point, shape = shapely.STRtree(shapes).query(shapely.points(lonlat[placed]), predicate="intersects")
    order = np.lexsort((shape, point))
    point, shape = point[order], shape[order]
    first = np.flatnonzero(np.diff(point, prepend=-1))
    found[placed[point[first]]] = shape[first]
    return found
