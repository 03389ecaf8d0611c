"""`Sites`: outlets, bank branches and candidate sites."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError, UnknownSiteError, checked
from accessibility.geo.arrays import (
    Frozen,
    Named,
    as_flags,
    filled,
    finite_rows,
    read_only,
    read_rows,
    read_words,
    refuse,
    unique_ids,
)
from accessibility.geo.projection import WGS84, frame_crs, read_crs, transform

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    import geopandas as gpd
    from numpy.typing import NDArray
    from pyproj import CRS

KINDS = ("outlet", "bank", "new")
INPUT_OF = {"outlet": "outlets", "bank": "banks", "new": "candidates"}
"""The input, and the layer, that sites of a kind stand in."""
KIND_OF = {name: kind for kind, name in INPUT_OF.items()}
_OF_ROWS = ("name", "kind", "open", "cost", "closed", "bank", "capacity")


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Sites(Frozen):
    """Sites: outlets and partner bank branches count today (`open`); the others could open.

    Parameters
    ----------
    ids
        ``(n,)`` unique ids.
    xy
        ``(n, 2)`` finite coordinates in `crs`, x before y.
    name
        ``(n,)`` names for people; empty where not given.
    kind
        ``(n,)`` of ``outlet``, ``bank``, ``new``; all ``outlet`` where not given.
    open
        ``(n,)`` whether the site counts today; where not given, outlets that are not closed do.
    cost
        ``(n,)`` cost of opening, finite and not negative; 0 where not given.
    closed
        ``(n,)`` whether the site has closed down: it is no candidate; none where not given, never one that is open.
    bank
        ``(n,)`` which bank a branch belongs to, for quotas; empty where not given.
    capacity
        ``(n,)`` people that each has room for, 0 or more, infinite without a limit; infinite where not given, and where
        a site that does not count is told none (NaN).
    columns
        Name to ``(n,)`` of whatever else is known of the sites; nothing here reads it, and nothing loses it.
    crs
        The coordinate system of `xy`; anything pyproj understands.

    Raises
    ------
    InputError
        Ids that are not unique, arrays of different lengths, a place or cost that is not finite, another kind, a
        capacity that is negative or missing.

    Examples
    --------
    >>> import accessibility as acc
    >>> sites = acc.Sites(ids=["O1", "B1"], xy=[(0, 0), (9, 9)], kind=["outlet", "bank"], crs="EPSG:32649")
    >>> sites
    <Sites 2: 1 outlet (1 open), 1 bank (0 open), 0 new (0 open)>
    """

    ids: NDArray[np.object_]
    xy: NDArray[np.float64]
    name: NDArray[np.object_] = None  # type: ignore[assignment]  # defaults are filled on construction
    kind: NDArray[np.str_] = None  # type: ignore[assignment]
    open: NDArray[np.bool_] = None  # type: ignore[assignment]
    cost: NDArray[np.float64] = None  # type: ignore[assignment]
    closed: NDArray[np.bool_] = None  # type: ignore[assignment]
    bank: NDArray[np.object_] = None  # type: ignore[assignment]
    capacity: NDArray[np.float64] = None  # type: ignore[assignment]
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    crs: CRS

    def __post_init__(self) -> None:
        """Copy the arrays, fill the defaults and check every invariant."""
        ids = unique_ids(self.ids, name="sites")
        n = ids.shape[0]
        xy = read_only(self.xy if n else np.empty((0, 2)), dtype=np.float64, shape=(n, 2), name="sites xy")
        refuse(~finite_rows(xy), name="sites xy", found=xy, expected="finite coordinates")
        kind = read_words(_or(self.kind, np.full(n, "outlet")), among=KINDS, n=n, name="sites kind")
        cost = read_only(_or(self.cost, np.zeros(n)), dtype=np.float64, shape=(n,), name="sites cost")
        refuse(~(np.isfinite(cost) & (cost >= 0)), name="sites cost", found=cost, expected="a finite cost, 0 or more")
        name = read_only(
            filled(_or(self.name, np.full(n, "")), default=""), dtype=object, shape=(n,), name="sites name"
        )
        closed = read_only(_or(self.closed, np.zeros(n, bool)), dtype=np.bool_, shape=(n,), name="sites closed")
        counts = _or(self.open, (kind == "outlet") & ~closed)
        is_open = read_only(counts, dtype=np.bool_, shape=(n,), name="sites open")
        closed = read_only(closed & ~is_open, dtype=np.bool_, shape=(n,), name="sites closed")
        bank = read_only(
            filled(_or(self.bank, np.full(n, "")), default=""), dtype=object, shape=(n,), name="sites bank"
        )
        room = read_only(_or(self.capacity, np.full(n, np.inf)), dtype=np.float64, shape=(n,), name="sites capacity")
        room = np.where(np.isnan(room) & ~is_open, np.inf, room)
        refuse(~(room >= 0), name="sites capacity", found=room, expected="people, 0 or more, or inf without a limit")
        room = read_only(room, dtype=np.float64, shape=(n,), name="sites capacity")
        columns = {c: read_only(v, dtype=None, shape=(n,), name=f"sites {c}") for c, v in self.columns.items()}
        values: dict[str, Any] = {"ids": ids, "xy": xy, "name": name, "kind": kind, "open": is_open, "cost": cost}
        values |= {"closed": closed, "bank": bank, "capacity": room, "columns": Named(columns)}
        for field_name, value in values.items():
            object.__setattr__(self, field_name, value)
        object.__setattr__(self, "crs", read_crs(self.crs, "sites"))

    @cached_property
    def lonlat(self) -> NDArray[np.float64]:
        """``(n, 2)`` degrees, WGS 84; NaN for sites without a place on Earth."""
        found = transform(self.xy, self.crs, WGS84)
        found.flags.writeable = False
        return found

    def __len__(self) -> int:
        """Return the number of sites."""
        return int(self.ids.shape[0])

    def __repr__(self) -> str:
        """Return the count by kind and how many are open."""
        parts = [f"{(self.kind == k).sum()} {k} ({(self.open & (self.kind == k)).sum()} open)" for k in KINDS]
        return f"<Sites {len(self)}: {', '.join(parts)}>"

    @property
    def has_capacity(self) -> bool:
        """Whether some site has room for so many people and no more."""
        return bool(np.isfinite(self.capacity).any())

    @property
    def may_open(self) -> NDArray[np.bool_]:
        """``(s,)`` whether a site could open: it is no outlet, does not count today and has not closed down."""
        found: NDArray[np.bool_] = ~self.open & ~self.closed & (self.kind != "outlet")
        return found

    def __add__(self, other: Sites) -> Sites:
        """Return both sets of sites, in the coordinate system of the first; a shared id is an error."""
        shared = sorted(str(i) for i in set(self.ids) & set(other.ids))
        if shared:
            msg = f"site ids in both sets ({len(shared)}): {', '.join(shared[:10])}; expected unique ids"
            raise InputError(msg)
        there = other.to_crs(self.crs)
        merged = {
            f.name: np.concatenate([getattr(self, f.name), getattr(there, f.name)])
            for f in fields(self)
            if f.name not in ("crs", "columns")
        }
        return Sites(**merged, columns=_joined(self, there), crs=self.crs)

    @cached_property
    def _row_of(self) -> dict[Hashable, int]:
        return {site: row for row, site in enumerate(self.ids)}

    def rows(self, ids: Iterable[Hashable]) -> NDArray[np.intp]:
        """Return the row of each id.

        Parameters
        ----------
        ids
            Ids of sites.

        Returns
        -------
        numpy.ndarray
            ``(k,)`` row of each, in their order.

        Raises
        ------
        UnknownSiteError
            An id that is not there; the message offers the closest ones.

        Examples
        --------
        >>> sites.rows(["B1"]).tolist()
        [1]
        """
        row_of, wanted = self._row_of, list(ids)
        for site in wanted:
            if site not in row_of:
                named = np.flatnonzero((self.name == str(site)) & (self.name != ""))
                close = [f"{self.ids[row]} ({site})" for row in named[:3]]
                close = close or difflib.get_close_matches(str(site), [str(i) for i in self.ids], n=3, cutoff=0.5)
                hint = f"; did you mean {', '.join(close)}?" if close else ""
                msg = f"no site has the id {site!r} among {len(self)} sites{hint}"
                raise UnknownSiteError(msg)
        return np.array([row_of[site] for site in wanted], dtype=np.intp)

    def counting(self, is_open: NDArray[np.bool_]) -> Sites:
        """Return the same sites, of which others count; nothing else is looked at again.

        Parameters
        ----------
        is_open
            ``(n,)`` which count.

        Returns
        -------
        Sites
            One that shares the arrays.

        Examples
        --------
        >>> sites.counting([False, True]).open.tolist()
        [False, True]
        """
        found = object.__new__(type(self))
        found.__dict__.update(self.__dict__)
        counts = read_only(is_open, dtype=np.bool_, shape=(len(self),), name="sites open")
        closed = read_only(self.closed & ~counts, dtype=np.bool_, shape=(len(self),), name="sites closed")
        found.__dict__.update(open=counts, closed=closed)
        return found

    def take(self, rows: NDArray[Any]) -> Sites:
        """Return some of the sites.

        Parameters
        ----------
        rows
            ``(n,)`` boolean, or ``(k,)`` row positions.

        Returns
        -------
        Sites
            The sites it selects, in its order.

        Examples
        --------
        >>> sites.take(sites.open).ids.tolist()
        ['O1']
        """
        at = read_rows(rows, len(self), "rows of sites")
        kept = {f.name: getattr(self, f.name)[at] for f in fields(self) if f.name not in ("crs", "columns")}
        columns = {name: values[at] for name, values in self.columns.items()}
        return Sites(**kept, columns=columns, crs=self.crs)

    def to_crs(self, crs: CRS | str | int) -> Sites:
        """Return the same sites in another coordinate system.

        Parameters
        ----------
        crs
            Anything pyproj understands.

        Returns
        -------
        Sites
            The same sites, `xy` transformed.

        Examples
        --------
        >>> sites.to_crs("EPSG:4326").crs.name
        'WGS 84'
        """
        there = read_crs(crs, "sites")
        return replace(self, xy=transform(self.xy, self.crs, there), crs=there)

    @classmethod
    def from_gdf(  # noqa: PLR0913 -- a door of the package: a column of each field
        cls,
        gdf: gpd.GeoDataFrame,
        *,
        id: str | None = None,  # noqa: A002 -- as the fields are called
        name: str | None = None,
        kind: str | None = None,
        open: str | None = None,  # noqa: A002
        cost: str | None = None,
        closed: str | None = None,
        bank: str | None = None,
        capacity: str | None = None,
    ) -> Sites:
        """Return the rows of `gdf` as sites: ids from its column ``id`` or its index; the other fields if any.

        Parameters
        ----------
        gdf
            Points. Columns that are no field of a site stay with them, in `columns`.
        id, name, kind, open, cost, closed, bank, capacity
            The column of a field where it has another name: ``Sites.from_gdf(gdf, kind="art", open="geöffnet")``. The
            kind stands in ``kind`` or ``type`` if no other is named. Flags are booleans, or 0 and 1 as shapefiles
            keep them.

        Returns
        -------
        Sites
            One site per row.

        Raises
        ------
        InputError
            A frame without a coordinate system, geometry other than points, a column that is not there.

        Examples
        --------
        >>> import geopandas as gpd, shapely
        >>> at = {"geometry": shapely.points([(0, 0)]), "crs": "EPSG:32649"}
        >>> frame = gpd.GeoDataFrame({"type": ["bank"]}, index=["B2"], **at)
        >>> acc.Sites.from_gdf(frame)
        <Sites 1: 0 outlet (0 open), 1 bank (0 open), 0 new (0 open)>
        """
        crs = frame_crs(gdf, "sites")
        if not (gdf.geom_type == "Point").all():
            msg = f"sites table has geometry of type {sorted(set(gdf.geom_type.astype(str)))}; expected points"
            raise InputError(msg)
        named = {"id": id, "name": name, "kind": kind, "open": open, "cost": cost, "closed": closed, "bank": bank}
        named["capacity"] = capacity
        of = _columns_of(list(map(str, gdf.columns)), {of: column for of, column in named.items() if column})
        given = {field_name: gdf[column].to_numpy() for field_name, column in of.items()}
        given |= {flag: as_flags(given[flag]) for flag in ("open", "closed") if flag in given}
        ids = given.pop("id") if "id" in given else gdf.index.to_numpy(dtype=object)
        others = [c for c in gdf.columns if c not in of.values() and c != gdf.active_geometry_name]
        return cls(
            ids=ids.astype(object),
            xy=np.column_stack([gdf.geometry.x, gdf.geometry.y]),
            crs=crs,
            columns={str(c): gdf[c].to_numpy() for c in others},
            **given,
        )

    def to_gdf(self) -> gpd.GeoDataFrame:
        """Return one row per site; `from_gdf` reads it back.

        Returns
        -------
        geopandas.GeoDataFrame
            Indexed by id: the fields (``capacity`` where some site has one), the other columns, geometry.

        Examples
        --------
        >>> sites.to_gdf()["kind"].to_dict()
        {'O1': 'outlet', 'B1': 'bank'}
        """
        import geopandas as gpd  # noqa: PLC0415
        import shapely  # noqa: PLC0415

        told = [name for name in _OF_ROWS if name != "capacity" or self.has_capacity]
        columns = {name: getattr(self, name) for name in told} | dict(self.columns)
        return gpd.GeoDataFrame(columns, geometry=shapely.points(self.xy), index=self.ids, crs=self.crs)


def _columns_of(there: list[str], named: Mapping[str, str]) -> dict[str, str]:
    """Return the column of each field that a table has: the named one, or the one of its name."""
    fields_there = ("id", *_OF_ROWS)
    missing = [column for column in named.values() if column not in there]
    if missing:
        msg = f"sites table lacks columns {missing}; it has {there}"
        raise InputError(msg)
    guessed = {name: name for name in fields_there if name in there}
    if "kind" not in guessed and "type" in there and "type" not in named.values():
        guessed["kind"] = "type"
    return guessed | dict(named)


def _joined(one: Sites, other: Sites) -> dict[str, NDArray[Any]]:
    """Return the other columns of both; None where one of them has none of that name."""
    none = {len(s): np.full(len(s), None, dtype=object) for s in (one, other)}
    return {
        name: np.concatenate([s.columns.get(name, none[len(s)]) for s in (one, other)])
        for name in dict.fromkeys([*one.columns, *other.columns])
    }


def _or(given: object, default: object) -> object:
    return default if given is None else given
