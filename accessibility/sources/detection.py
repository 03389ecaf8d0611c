"""Whether a table's coordinates are what they are declared to be: evidence from districts and streets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS

from accessibility.errors import Finding
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import DATUMS, WGS84, from_wgs84, to_wgs84, transform
from accessibility.sources.street_store import PlacedStreets
from accessibility.sources.tables.points import boxed
from accessibility.sources.tables.reading import GEO_SUFFIXES
from accessibility.streets.snapping import EdgeIndex, snap_in_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from accessibility.streets.network import Network

SWAPPED = "swapped"
MIN_ROWS = 8
ENOUGH = 2_000  # rows that speak for all: more cost time and tell nothing more
_MORE_INSIDE = 0.2
_TIMES_NEARER = 3.0
_ON_STREET_M, _OFF_STREET_M = 50.0, 400.0
_NEARER_M = 100.0
_CHANCE = 0.005
_ROUNDING = 1e-9
_TELLING = ("township", "district", "address", "name")  # columns that may name a district, the surest first


@dataclass(frozen=True, kw_only=True, eq=False)
class Surroundings:
    """What coordinates are held against."""

    network: Network | PlacedStreets  # the streets; sites stand near them
    districts: gpd.GeoDataFrame | None = None  # polygons in EPSG:4326 indexed by name, where there are any

    def street_distances(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``(n,)`` metres to the nearest street; NaN without a place or without streets."""
        xy = transform(lonlat, WGS84, self.network.crs)
        if isinstance(self.network, PlacedStreets):
            return snap_in_parts(self.network, xy, np.inf).leg_m
        return EdgeIndex.of(self.network, public=False).snap(xy, np.inf).leg_m

    def named_districts(self, texts: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """Return ``(n,)`` rows of `districts` that the first telling text of each row names, -1 where none does.

        Of names within one another the longest counts; a text that names two districts tells nothing.
        """
        names = [] if self.districts is None else [str(name) for name in self.districts.index]
        found = np.full(len(texts), -1, dtype=np.int64)
        for row, candidates in enumerate(texts if names else ()):
            for text in candidates:
                named = [name for name in names if name and name in text]
                named = [name for name in named if not any(name != other and name in other for other in named)]
                if len(named) == 1:
                    found[row] = names.index(named[0])
                    break
        return found

    def inside(self, lonlat: NDArray[np.float64], district: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return ``(n,)`` whether each place lies in the district of that row; False where the row is -1."""
        found = np.zeros(len(lonlat), dtype=np.bool_)
        rows = np.flatnonzero((district >= 0) & finite_rows(lonlat))
        if self.districts is not None and rows.size:
            shapes = self.districts.geometry.to_numpy()[district[rows]]
            found[rows] = shapely.intersects(shapes, shapely.points(lonlat[rows]))
        return found


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How a table's coordinates fit the ground if they are read one way."""

    reading: str  # `WGS84`, `GCJ-02`, `BD-09`, or `SWAPPED`: as declared, but latitude first
    rows: int  # rows with coordinates
    labelled: int  # those of them that name a district
    inside: int  # those of them that lie in it
    street_m: float  # median distance of the rows to the nearest street; NaN without rows or streets.
    # how likely it is that rows lie so much nearer to streets than as declared by accident: one-sided p of Wilcoxon's
    # signed-rank test (Biometrics Bulletin 1, 1945); 1 for the declared reading, and where the median is more than a
    # third of that as declared, so that it decides nothing
    chance: float = 1.0

    @property
    def share_inside(self) -> float:
        """Share of the labelled rows inside the district they name; 0 where none is labelled."""
        return self.inside / self.labelled if self.labelled else 0.0

    def beats(self, declared: Evidence) -> bool:
        """Return whether this reading fits clearly better than the declared one, by 8 rows at least.

        Either 20 points more of the labelled rows lie in the district they name; or the median distance to a street is
        at most a third, and besides at least 100 m less or less by more than chance (one in 200). Neither measure may
        say the contrary. A swap that brings even a few rows from far off onto the streets is no chance either.
        """
        if self.reading == SWAPPED and self.street_m <= _ON_STREET_M and declared.street_m >= _OFF_STREET_M:
            return not _more_inside(declared, self)  # a swap is off by kilometres, or near the diagonal by less
        nearer = _a_third(self, declared) and (declared.street_m - self.street_m >= _NEARER_M or self.chance <= _CHANCE)
        speaks_against = _more_inside(declared, self) or _a_third(declared, self)
        return (_more_inside(self, declared) or nearer) and not speaks_against


def _more_inside(one: Evidence, other: Evidence) -> bool:
    return (
        min(one.labelled, other.labelled) >= MIN_ROWS
        and one.share_inside - other.share_inside > _MORE_INSIDE - _ROUNDING
    )


def _a_third(one: Evidence, other: Evidence) -> bool:
    return min(one.rows, other.rows) >= MIN_ROWS and one.street_m < other.street_m >= _TIMES_NEARER * one.street_m


@dataclass(frozen=True, kw_only=True)
class ReadingFinding(Finding):
    """That coordinates fit better if read in another way: the datum declared, and the better reading."""

    declared: str
    reading: str


def read_otherwise(lonlat: NDArray[np.float64], declared: str, reading: str) -> NDArray[np.float64]:
    """Return ``(n, 2)`` degrees of WGS 84 that were read by the datum `declared` as another reading has them."""
    written = np.column_stack(from_wgs84(lonlat[:, 0], lonlat[:, 1], declared))
    datum, written = (declared, written[:, ::-1]) if reading == SWAPPED else (reading, written)
    return np.column_stack(to_wgs84(written[:, 0], written[:, 1], datum))


def weigh_readings(
    written: NDArray[np.float64], declared: str, ground: Surroundings, texts: Sequence[Sequence[str]]
) -> tuple[Evidence, ...]:
    """Return the evidence for each reading of a table's coordinates, the declared one first.

    GCJ-02 and BD-09 are tried only where they are used.

    Parameters
    ----------
    written
        ``(n, 2)`` degrees as they stand in the table, NaN where there are none.
    declared
        One of `accessibility.geo.projection.DATUMS`.
    ground
        Streets and districts.
    texts
        Of each row, what may name its district, the best first: district, address, name.
    """
    written = np.asarray(written, dtype=np.float64).reshape(-1, 2)
    known: NDArray[np.bool_] = finite_rows(written)
    there = written[known]
    district = ground.named_districts([text for text, is_known in zip(texts, known, strict=True) if is_known])
    in_use = bool(len(there)) and bool(boxed(there).all())
    readings = [declared, *(datum for datum in DATUMS if datum != declared and (datum == "WGS84" or in_use)), SWAPPED]
    tried: list[tuple[str, NDArray[np.float64]]] = []
    for reading in readings:
        datum, lonlat = (declared, there[:, ::-1]) if reading == SWAPPED else (reading, there)
        if reading == SWAPPED and (np.abs(lonlat[:, 1]) > 90.0).any():  # noqa: PLR2004 -- no latitude
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # the datums run away at the poles
            tried.append((reading, np.column_stack(to_wgs84(lonlat[:, 0], lonlat[:, 1], datum))))
    # All at once: streets that are not in memory are looked through as often as they are asked.
    distances = ground.street_distances(np.concatenate([lonlat for _, lonlat in tried])).reshape(len(tried), -1)
    found: list[Evidence] = []
    for (reading, lonlat), metres in zip(tried, distances, strict=True):
        one = Evidence(
            reading=reading,
            rows=len(there),
            labelled=int((district >= 0).sum()),
            inside=int(ground.inside(lonlat, district).sum()),
            street_m=float(np.nanmedian(metres)) if np.isfinite(metres).any() else np.nan,
        )
        decides = len(found) > 0 and _a_third(one, found[0])
        found.append(replace(one, chance=_chance(distances[0] - metres)) if decides else one)
    return tuple(found)


def _chance(nearer_m: NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon  # noqa: PLC0415 -- slow to import, and few tables need it

    changed = nearer_m[np.isfinite(nearer_m) & (nearer_m != 0)]
    return float(wilcoxon(changed, alternative="greater").pvalue) if changed.size else 1.0


def best_reading(evidence: Sequence[Evidence]) -> Evidence | None:
    """Return the reading that fits best of those that clearly beat the first, None where none does."""
    better = [other for other in evidence[1:] if other.beats(evidence[0])]
    return min(better, key=lambda e: (-e.share_inside, e.street_m), default=None)


def suspect_datum(
    sites: gpd.GeoDataFrame, coordinates: str | None, ground: Surroundings, *, source: str, what: str = "sites"
) -> tuple[tuple[Evidence, ...], list[Finding]]:
    """Return the evidence on a table of places, and a finding where another reading fits clearly better.

    Of many places two thousand speak for all, evenly through the table; where they speak for another reading, all do.
    Nothing is converted: whoever knows where the table comes from decides.

    Parameters
    ----------
    sites
        As `accessibility.sources.tables.places.read_sites` returns them: points, with columns that may name a district.
    coordinates
        As the study declares them. Projected ones have no other reading: no evidence.
    ground
        Streets and districts.
    source
        The file, for the message.
    what
        What the places are, for the message.
    """
    if coordinates is not None and coordinates not in DATUMS and CRS.from_user_input(coordinates).is_projected:
        return (), []
    declared = coordinates if coordinates in DATUMS else "WGS84"
    written = np.column_stack(from_wgs84(sites.geometry.x.to_numpy(), sites.geometry.y.to_numpy(), str(declared)))
    columns = [sites[name].astype(str).tolist() for name in _TELLING if name in sites.columns]
    texts = list(zip(*columns, strict=True)) if columns else [()] * len(sites)
    step = max(1, len(sites) // ENOUGH)
    evidence = weigh_readings(written[::step], str(declared), ground, texts[::step])
    best = best_reading(evidence)
    if best is not None and step > 1:
        evidence = weigh_readings(written, str(declared), ground, texts)
        best = best_reading(evidence)
    if best is None:
        return evidence, []
    own = "as the file says" if Path(source).suffix.lower() in GEO_SUFFIXES else "assumed"
    says = f"WGS84 ({own})" if coordinates is None else f"{coordinates} (declared)"
    message = f"{_comparison(evidence[0], says, best, what)}: {_advice(best.reading)}"
    finding = ReadingFinding(
        code="datum-suspect",
        source=source,
        message=message,
        count=best.rows,
        declared=str(declared),
        reading=best.reading,
    )
    return evidence, [finding]


def _comparison(first: Evidence, says: str, best: Evidence, what: str) -> str:
    otherwise = "with longitude and latitude swapped" if best.reading == SWAPPED else f"if read as {best.reading}"
    parts = []
    if best.labelled:
        inside = f"{best.inside} of {best.labelled} {what} lie in the district they name"
        parts.append(f"{inside} {otherwise}, {first.inside} as {says}")
    if np.isfinite([first.street_m, best.street_m]).all():
        distance = f"median distance to a street {best.street_m:,.0f} m against {first.street_m:,.0f} m"
        parts.append(distance if parts else f"{distance} {otherwise} instead of {says}")
    return "; ".join(parts)


def _advice(reading: str) -> str:
    if reading == SWAPPED:
        return "if they are swapped, name the columns the other way round with columns = { lon = ..., lat = ... }"
    return f'if they are {reading}, say coordinates = "{reading}"'
