"""Edits of streets, as values: a new street, an area that closes, a pace that changes, a compound that opens.

Places are degrees, WGS84, as shapely geometries. `accessibility.streets.editing` says what each does to a network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.errors import InputError, checked
from accessibility.wording import Wording

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from accessibility.wording import Language

_SLOWEST, _FASTEST = 0.01, 10.0  # as many times as fast: 50 is meant as a percentage
_LINE, _AREA = ("LineString",), ("Polygon", "MultiPolygon")
_WIDE, _HIGH = 180.0, 90.0
_ENDS = 2  # of a line
_BESIDE_M = 10.0  # of a line that closes streets: as wide as a street is drawn apart from another
_M_PER_DEG = 111_320.0


@checked
@dataclass(frozen=True, kw_only=True)
class NewStreet:
    """A street, path or bridge that does not exist today; it is flat, and everybody may walk it.

    Parameters
    ----------
    line
        Where: a shapely line, WKT or pairs of longitude and latitude, in degrees, WGS84; or a table of geopandas.
    name
        For tables, maps and explanations.
    bridge
        Whether it passes over what it crosses, and is joined at its ends alone.
    oneway
        Whether it may be walked in the order of its vertices only.
    steps
        Whether it is a flight of steps.

    Raises
    ------
    InputError
        No line, or vertices that are no degrees.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.NewStreet(line=[(111.0, 30.7), (111.01, 30.7)], name="Dam").line.wkt
    'LINESTRING (111 30.7, 111.01 30.7)'
    """

    line: Any
    name: str = ""
    bridge: bool = False
    oneway: bool = False
    steps: bool = False

    def __post_init__(self) -> None:
        """Take the line as geometry and refuse what is none."""
        object.__setattr__(self, "line", geometry_of(self.line, self.text, _LINE))

    @property
    def text(self) -> str:
        """What it is, in words."""
        return edit_text(self, "en")


@checked
@dataclass(frozen=True, kw_only=True)
class Closure:
    """Streets that nobody walks: those inside an area, cut at its border, or whole edges of the network.

    A line closes what it crosses and what it follows: it stands for the area within 10 m of it.

    Parameters
    ----------
    area
        Where: a polygon or a line, given as the line of a new street is; None where `edges` says which.
    edges
        Rows of the study's network, as `Network.to_gdf` has them.
    name
        For tables, maps and explanations.
    bridges
        Whether bridges and tunnels in the area close too; in a flood a bridge may stay open.

    Raises
    ------
    InputError
        Neither an area nor edges, both, or neither a polygon nor a line.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Closure(edges=[4, 5], name="works").text
    "closure 'works'"
    >>> acc.Closure(area="LINESTRING (111 30.7, 111.01 30.7)").area.geom_type
    'Polygon'
    """

    area: Any = None
    edges: tuple[int, ...] = ()
    name: str = ""
    bridges: bool = True

    def __post_init__(self) -> None:
        """Take the area as geometry and refuse what is none."""
        object.__setattr__(self, "edges", tuple(int(row) for row in self.edges))
        if (self.area is None) == (not self.edges):
            msg = f"{self.text} has {'no area and no edges' if self.area is None else 'both'}; expected one of both"
            raise InputError(msg)
        if self.area is not None:
            object.__setattr__(self, "area", _widened(geometry_of(self.area, self.text, (*_AREA, *_LINE))))

    @property
    def text(self) -> str:
        """What it is, in words."""
        return edit_text(self, "en")


@checked
@dataclass(frozen=True, kw_only=True)
class Pace:
    """An area where people walk slower or faster, as in mud or on a street that is paved; metres stay as they are.

    Parameters
    ----------
    area
        Where: a polygon, given as a line is; streets count as far as they lie in it.
    factor
        How many times as fast as today: 0.5 takes twice as long. What is waited or ridden stays as it is.
    name
        For tables, maps and explanations.

    Raises
    ------
    InputError
        A factor outside 0.01 to 10, or no polygon.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Pace(area=[(111.0, 30.7), (111.1, 30.7), (111.1, 30.8)], factor=0.5, name="mud").text
    "pace of 'mud'"
    """

    area: Any
    factor: float
    name: str = ""

    def __post_init__(self) -> None:
        """Take the area as geometry and refuse what is none."""
        object.__setattr__(self, "area", geometry_of(self.area, self.text, _AREA))
        if not _SLOWEST <= self.factor <= _FASTEST:
            msg = f"{self.text} changes by the factor {self.factor}; expected 0.01 to 10, such as 0.5 for half as fast"
            raise InputError(msg)

    @property
    def text(self) -> str:
        """What it is, in words."""
        return edit_text(self, "en")


@checked
@dataclass(frozen=True, kw_only=True)
class CompoundOpening:
    """Compounds whose private ways everybody may walk: each as a whole that an area touches, or a place is next to.

    Parameters
    ----------
    area
        A polygon, given as a line is, or a point: the compound with the private way that is nearest, within 200 m.
    name
        For tables, maps and explanations.

    Raises
    ------
    InputError
        No polygon and no point.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.CompoundOpening(area=(111.0, 30.7)).area.wkt
    'POINT (111 30.7)'
    """

    area: Any
    name: str = ""

    def __post_init__(self) -> None:
        """Take the area as geometry and refuse what is none."""
        object.__setattr__(self, "area", geometry_of(self.area, self.text, (*_AREA, "Point")))

    @property
    def text(self) -> str:
        """What it is, in words."""
        return edit_text(self, "en")


StreetEdit = NewStreet | Closure | Pace | CompoundOpening


def _widened(area: BaseGeometry) -> BaseGeometry:
    """Return an area as it is, and of a line the area beside it, in degrees with a centimetre's digits."""
    if area.geom_type not in _LINE:
        return area
    a_degree = np.array([_M_PER_DEG * math.cos(math.radians(area.centroid.y)), _M_PER_DEG])
    wide = shapely.transform(area, lambda xy: xy * a_degree).buffer(_BESIDE_M, quad_segs=2)
    found: BaseGeometry = shapely.set_precision(shapely.transform(wide, lambda xy: xy / a_degree), 1e-7)
    return shapely.transform(found, lambda xy: xy.round(7))


def edit_text(edit: StreetEdit, language: Language) -> str:
    """Return what an edit is, in words.

    Examples
    --------
    >>> mud = Pace(area=[(111.0, 30.7), (111.1, 30.7), (111.1, 30.8)], factor=0.5, name="mud")
    >>> edit_text(mud, "en"), edit_text(mud, "zh")
    ("pace of 'mud'", '变速区域“mud”')
    """
    match edit:
        case NewStreet():
            what = "bridge" if edit.bridge else "steps" if edit.steps else "street"
        case Closure():
            what = "closure"
        case Pace():
            what = "pace"
        case CompoundOpening():
            what = "compound"
    name = f"“{edit.name}”" if language == "zh" else repr(edit.name)
    return Wording("names", language)(f"edit_{what}{'_named' if edit.name else ''}", name=name)


def geometry_of(given: Any, subject: str, kinds: tuple[str, ...]) -> BaseGeometry:
    """Return a geometry in degrees of what somebody gives for one.

    Parameters
    ----------
    given
        A shapely geometry in degrees, a series or frame of geopandas in any coordinate system, WKT, or pairs of
        longitude and latitude.
    subject
        What it is for, for the message.
    kinds
        Types of geometry that are expected.

    Raises
    ------
    InputError
        Another geometry, an empty or invalid one, one that is not in degrees.

    Examples
    --------
    >>> geometry_of("POINT (111 30.7)", "opening", ("Point",)).wkt
    'POINT (111 30.7)'
    """
    wanted = " or ".join(kind.lower() for kind in kinds)
    found = _geometry(given, subject, kinds)
    if found.geom_type == "MultiLineString":
        found = shapely.line_merge(found)
    if found.geom_type not in kinds or found.is_empty:
        told = f"an empty {found.geom_type}" if found.is_empty else f"a {found.geom_type}"
        msg = f"{subject} is {told}; expected a {wanted} in degrees, WGS84"
        raise InputError(msg)
    xy = shapely.get_coordinates(found)
    bad = ~((np.abs(xy[:, 0]) <= _WIDE) & (np.abs(xy[:, 1]) <= _HIGH))
    if bad.any():
        x, y = xy[bad][0]
        msg = (
            f"{subject} has a vertex at {x:.10g}, {y:.10g}; expected degrees, WGS84, or a GeoSeries with its "
            "coordinate system"
        )
        raise InputError(msg)
    if not found.is_valid or (found.geom_type == "LineString" and found.length == 0):
        reason = "it has no length" if found.is_valid else shapely.is_valid_reason(found)
        msg = f"{subject} is not valid: {reason}; expected a {wanted} that does not cross itself"
        raise InputError(msg)
    flat: BaseGeometry = shapely.force_2d(found)
    return flat


def _geometry(given: Any, subject: str, kinds: tuple[str, ...]) -> Any:
    """Return a shapely geometry of whatever was given for one."""
    if not isinstance(given, type) and hasattr(given, "geom_type"):
        return _of_table(given, subject) if hasattr(given, "to_crs") else given
    try:
        if isinstance(given, str):
            return shapely.from_wkt(given)
        if kinds != _LINE and _depth(given) > 2:  # noqa: PLR2004 -- pairs, rings, polygons, as GeoJSON nests them
            parts = given if _depth(given) > 3 else [given]  # noqa: PLR2004
            polygons = [shapely.Polygon(part[0], part[1:]) for part in parts]
            return polygons[0] if parts[0] is given else shapely.MultiPolygon(polygons)
        xy = np.asarray(given, dtype=np.float64)
        if xy.shape == (2,) and "Point" in kinds:
            return shapely.Point(xy)
        if xy.ndim == 2 and xy.shape[1] == 2:  # noqa: PLR2004
            if kinds == _LINE or (len(xy) == _ENDS and _LINE[0] in kinds):
                return shapely.LineString(xy)
            return shapely.Polygon(xy)  # which refuses fewer than three
    except (TypeError, ValueError, OverflowError, IndexError, shapely.errors.ShapelyError):
        pass
    wanted = " or ".join(kind.lower() for kind in kinds)
    msg = f"{subject} is {str(given)[:60]!r}; expected a {wanted}: a geometry, WKT, or pairs of longitude and latitude"
    raise InputError(msg)


def _depth(given: Any) -> int:
    """Return how deep lists are nested."""
    return 1 + _depth(given[0]) if isinstance(given, (list, tuple, np.ndarray)) and len(given) else 0


def _of_table(given: Any, subject: str) -> Any:
    """Return the one geometry that the rows of a table make together, in degrees."""
    if given.crs is None:
        msg = f"{subject} is a {type(given).__name__} without a coordinate system; expected one (set_crs names it)"
        raise InputError(msg)
    rows = given.to_crs("EPSG:4326").geometry.dropna()
    return rows.iloc[0] if len(rows) == 1 else shapely.union_all(rows.to_numpy())


def edit_table(edit: StreetEdit) -> dict[str, Any]:
    """Return an edit as a table of a scenario file, and of a manifest; what is as it usually is stays out.

    Examples
    --------
    >>> edit_table(CompoundOpening(area=(111.0, 30.7), name="gate"))
    {'open_compound': [111.0, 30.7], 'name': 'gate'}
    """
    match edit:
        case NewStreet():
            told: dict[str, Any] = {"add": _written(edit.line)}
            told |= {flag: True for flag in ("bridge", "oneway", "steps") if getattr(edit, flag)}
        case Closure():
            told = {"close": list(edit.edges) if edit.area is None else _written(edit.area)}
            told |= {} if edit.bridges else {"bridges": False}
        case Pace():
            told = {"pace": float(edit.factor), "area": _written(edit.area)}
        case CompoundOpening():
            told = {"open_compound": _written(edit.area)}
    return told | ({"name": edit.name} if edit.name else {})


def edit_of(table: dict[str, Any]) -> StreetEdit:
    """Return the edit that a table of a scenario file says.

    Raises
    ------
    InputError
        An invalid table, or more than one geometry, and whatever the edit refuses.

    Examples
    --------
    >>> edit_of({"close": [4, 5], "name": "works"}).text
    "closure 'works'"
    """
    given = dict(table)
    name, said = str(given.get("name", "")), [key for key in ("add", "close", "pace", "open_compound") if key in given]
    if len(said) != 1:
        told = " and ".join(said) or f"none of them{f' in {name!r}' if name else ''}"
        msg = f"an entry of streets has {told}; expected one of add, close, pace, open_compound"
        raise InputError(msg)
    what = given.pop(said[0])
    known = {"add": {"bridge", "oneway", "steps"}, "close": {"bridges"}, "pace": {"area"}}.get(said[0], set())
    other = sorted(set(given) - known - {"name"})
    if other:
        expected = ", ".join([*sorted(known), "name"])
        msg = f"an entry of streets that says {said[0]} has the key {other[0]!r}; expected one of {expected}"
        raise InputError(msg)
    if said[0] == "add":
        return NewStreet(line=what, **given)
    if said[0] == "pace":
        return Pace(factor=what, **{"area": None, **given})
    if said[0] == "open_compound":
        return CompoundOpening(area=what, **given)
    rows = what if isinstance(what, (list, tuple)) and all(type(row) is int for row in what) else ()
    return Closure(edges=tuple(rows), **given) if rows else Closure(area=what, **given)


def _written(geometry: Any) -> list[Any]:
    """Return a geometry as pairs of longitude and latitude; what is more than one ring as GeoJSON nests them."""
    pairs: list[Any] = shapely.get_coordinates(geometry).tolist()
    match geometry.geom_type:
        case "Point":
            return pairs[0]  # type: ignore[no-any-return]
        case "MultiPolygon":
            return [[_written(ring) for ring in _rings(part)] for part in geometry.geoms]
        case "Polygon" if geometry.interiors:
            return [_written(ring) for ring in _rings(geometry)]
        case "Polygon":
            return pairs[:-1]
    return pairs


def _rings(polygon: Any) -> list[Any]:
    return [polygon.exterior, *polygon.interiors]
