"""`Sites`: outlets, bank branches and candidate sites."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyproj import CRS

from accessibility.arrays import read_only, refuse, unique_ids
from accessibility.errors import InputError, UnknownSiteError
from accessibility.projection import transform

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd
    from numpy.typing import NDArray

KINDS = ("outlet", "bank", "new")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sites:
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
        ``(n,)`` whether the site counts today; where not given, outlets do and the others do not.
    cost
        ``(n,)`` cost of opening, finite and not negative; 0 where not given.
    closed
        ``(n,)`` whether the site has closed down: it is no candidate; none where not given, never one that is open.
    bank
        ``(n,)`` which bank a branch belongs to, for quotas; empty where not given.
    crs
        The coordinate system of `xy`; anything pyproj understands.

    Examples
    --------
    >>> Sites(ids=["O1", "B1"], xy=[(0, 0), (9, 9)], kind=["outlet", "bank"], crs="EPSG:32649")
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
    crs: CRS

    def __post_init__(self) -> None:
        """Copy the arrays, fill the defaults and check every invariant."""
        ids = unique_ids(self.ids, name="sites")
        n = ids.shape[0]
        xy = read_only(self.xy if n else np.empty((0, 2)), dtype=np.float64, shape=(n, 2), name="sites xy")
        refuse(~np.isfinite(xy).all(axis=1), name="sites xy", found=xy, expected="finite coordinates")
        kind = read_only(_or(self.kind, np.full(n, "outlet")), dtype="<U6", shape=(n,), name="sites kind")
        refuse(~np.isin(kind, KINDS), name="sites kind", found=kind, expected=f"one of {', '.join(KINDS)}")
        cost = read_only(_or(self.cost, np.zeros(n)), dtype=np.float64, shape=(n,), name="sites cost")
        refuse(~(np.isfinite(cost) & (cost >= 0)), name="sites cost", found=cost, expected="a finite cost, 0 or more")
        name = read_only(_or(self.name, np.full(n, "")), dtype=object, shape=(n,), name="sites name")
        is_open = read_only(_or(self.open, kind == "outlet"), dtype=np.bool_, shape=(n,), name="sites open")
        closed = read_only(_or(self.closed, np.zeros(n)), dtype=np.bool_, shape=(n,), name="sites closed")
        closed = read_only(closed & ~is_open, dtype=np.bool_, shape=(n,), name="sites closed")
        bank = read_only(_or(self.bank, np.full(n, "")), dtype=object, shape=(n,), name="sites bank")
        values = {"ids": ids, "xy": xy, "name": name, "kind": kind, "open": is_open, "cost": cost}
        values |= {"closed": closed, "bank": bank}
        for field_name, value in values.items():
            object.__setattr__(self, field_name, value)
        object.__setattr__(self, "crs", CRS.from_user_input(self.crs))

    def __len__(self) -> int:
        """Return the number of sites."""
        return int(self.ids.shape[0])

    def __repr__(self) -> str:
        """Return the count by kind and how many are open."""
        parts = [f"{(self.kind == k).sum()} {k} ({(self.open & (self.kind == k)).sum()} open)" for k in KINDS]
        return f"<Sites {len(self)}: {', '.join(parts)}>"

    @property
    def may_open(self) -> NDArray[np.bool_]:
        """``(s,)`` whether a site could open: it is no outlet, does not count today and has not closed down."""
        found: NDArray[np.bool_] = ~self.open & ~self.closed & (self.kind != "outlet")
        return found

    def __add__(self, other: Sites) -> Sites:
        """Return both sets of sites, in the coordinate system of the first; a shared id is an error."""
        shared = sorted(str(i) for i in set(self.ids) & set(other.ids))
        if shared:
            msg = f"{len(shared)} site ids stand in both sets: {', '.join(shared[:10])}; expected unique ids"
            raise InputError(msg)
        there = other.to_crs(self.crs)
        merged = {
            f.name: np.concatenate([getattr(self, f.name), getattr(there, f.name)])
            for f in fields(self)
            if f.name != "crs"
        }
        return Sites(**merged, crs=self.crs)

    def rows(self, ids: Iterable[object]) -> NDArray[np.intp]:
        """Return the row of each id.

        Raises
        ------
        UnknownSiteError
            An id that is not there; the message offers the closest ones.
        """
        row_of = {site: row for row, site in enumerate(self.ids)}
        wanted = list(ids)
        for site in wanted:
            if site not in row_of:
                close = difflib.get_close_matches(str(site), [str(i) for i in self.ids], n=3, cutoff=0.5)
                hint = f"; did you mean {', '.join(close)}?" if close else ""
                msg = f"no site has the id {site!r} among {len(self)} sites{hint}"
                raise UnknownSiteError(msg)
        return np.array([row_of[site] for site in wanted], dtype=np.intp)

    def take(self, rows: NDArray[Any]) -> Sites:
        """Return the sites that `rows` (boolean, or row positions) selects."""
        return Sites(**{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "crs"}, crs=self.crs)

    def to_crs(self, crs: CRS | str | int) -> Sites:
        """Return the same sites in another coordinate system."""
        there = CRS.from_user_input(crs)
        return replace(self, xy=transform(self.xy, self.crs, there), crs=there)

    @classmethod
    def from_gdf(cls, gdf: gpd.GeoDataFrame) -> Sites:
        """Return the rows of `gdf` as sites: ids from its column ``id`` or its index; the other fields if any.

        Raises
        ------
        InputError
            A frame without a coordinate system, or geometry other than points.
        """
        if gdf.crs is None:
            msg = "sites table has no coordinate system; expected one, set it with gdf.set_crs(...)"
            raise InputError(msg)
        if not (gdf.geom_type == "Point").all():
            msg = f"sites table has geometry of type {sorted(set(gdf.geom_type.astype(str)))}; expected points"
            raise InputError(msg)
        given = {c: gdf[c].to_numpy() for c in ("name", "kind", "open", "cost", "closed", "bank") if c in gdf.columns}
        return cls(
            ids=(gdf["id"] if "id" in gdf.columns else gdf.index).to_numpy(dtype=object),
            xy=np.column_stack([gdf.geometry.x, gdf.geometry.y]),
            crs=gdf.crs,
            **given,
        )

    def to_gdf(self) -> gpd.GeoDataFrame:
        """Return a row a site, indexed by id: name, kind, open, cost, geometry."""
        import geopandas as gpd  # noqa: PLC0415
        import shapely  # noqa: PLC0415

        columns: dict[str, Any] = {"name": self.name, "kind": self.kind, "open": self.open, "cost": self.cost}
        return gpd.GeoDataFrame(columns, geometry=shapely.points(self.xy), index=self.ids, crs=self.crs)


def _or(given: object, default: object) -> object:
    return default if given is None else given
