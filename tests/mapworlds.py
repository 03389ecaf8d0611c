"""Small coverages to draw, and names that try to break a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import worlds

from accessibility import Coverage, Demand, Sites, measure_coverage
from accessibility.measures.catchments import trace_catchments
from accessibility.present.map.coverage_map import MapCaption, Switches
from accessibility.standards import Rule, Standard

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = (
    "<script>window.broken=1</script>",
    "</script><script>window.broken=2</script>",
    "<img src=x onerror=window.broken=3>",
    "a`${window.broken=4}`b",
    "price ${5",
    r"C:\users\x",
    "{{ 7*7 }}{% for %}{# x",
    'He said "it\'s" & left',
    "مركز الخدمة",
    "one\u2028two",
    "😀 城关镇",
    "_0123456789abcdef0123456789abcdef",
    "&amp;&lt;b&gt;",
    "]]><!-- x",
)


def caption(**words: Any) -> MapCaption:
    """Return a caption."""
    said = {"title": "A town", "date": "November 2026", "headline": "3 of 4 people (75.0 %)", "sources": ("survey",)}
    return MapCaption(**{**said, **words})


def street(at: list[float], setting: str | list[str] = "urban", count: list[float] | None = None) -> Coverage:
    """Return people along a straight street of 24 km with an outlet at its start; a metre is a second."""
    demand = worlds.people([(x, 0.0) for x in at], count, setting)
    return measure_coverage(worlds.line(24_000, 24), demand, worlds.outlets([(0, 0)]))


def grid(side: int = 90, cell: float = 100.0, crs: str = "EPSG:4545", east: float = 620_000.0) -> Coverage:
    """Return a full square grid of people around an outlet in its corner.

    At 620 km east of zone 4545 the grid stands more than half a degree askew on a Web Mercator map.
    """
    step = np.arange(side) * cell
    xy = np.stack(np.meshgrid(step, step), axis=-1).reshape(-1, 2) + np.array([east, 3_350_000.0])
    count = 1.0 + np.arange(len(xy)) % 50
    demand = Demand(ids=list(range(len(xy))), xy=xy, population=count, crs=crs)  # type: ignore[arg-type]
    return measure_coverage(lattice(xy, side, crs), demand, Sites(ids=["O1"], xy=xy[:1], crs=crs))  # type: ignore[arg-type]


def named_sites(names: tuple[str, ...] = NAMES) -> tuple[Coverage, gpd.GeoDataFrame]:
    """Return outlets and districts that bear the names, one above another 400 m apart, and a few people."""
    n = len(names)
    at = [(0.0, 400.0 * k) for k in range(n)]
    net = worlds.network([(0, 0), (0, 400.0 * n)], [(0, 1)])
    places = worlds.outlets(at)
    sites = Sites(ids=names, xy=places.xy, name=names, crs=places.crs)  # type: ignore[arg-type]
    demand = worlds.people([(150.0, 400.0 * k) for k in range(n)])
    x, y = worlds.ORIGIN
    boxes = [shapely.box(x - 600, y + 400 * k - 200, x + 600, y + 400 * k + 200) for k in range(n)]
    figures = {"population": [1.0] * n, "covered": [1.0] * n, "uncovered": [0.0] * n, "unreached": [0.0] * n}
    return measure_coverage(net, demand, sites), gpd.GeoDataFrame(figures, geometry=boxes, index=names, crs=worlds.CRS)


def lattice(xy: NDArray[np.float64], side: int, crs: str) -> Any:
    """Return streets between the neighbours of a square grid."""
    from accessibility import Network  # noqa: PLC0415

    row = np.arange(side * side).reshape(side, side)
    across = np.column_stack([row[:, :-1].ravel(), row[:, 1:].ravel()])
    up = np.column_stack([row[:-1].ravel(), row[1:].ravel()])
    edges = np.vstack([across, up])
    length = np.hypot(*(xy[edges[:, 0]] - xy[edges[:, 1]]).T)
    kind = np.concatenate([np.zeros(len(across)), np.ones(len(up))]).astype(np.uint8)
    return Network(node_xy=xy, edges=edges, length_m=length, kind=kind, kinds=("primary", "footway"), crs=crs)  # type: ignore[arg-type]


SETTINGS = ("urban", "town", "rural")


def switchable(
    people: str = "fractions", *, names: tuple[str, ...] = (), seed: int = 5, standard: Standard | None = None
) -> tuple[Any, Coverage, pd.Series[Any]]:
    """Return streets, a coverage of 300 places in every setting with 14 sites of every kind, and districts.

    A third of the people walk 5 minutes at most, so that catchments overlap in parts. `people` is ``fractions``,
    ``tenths``, ``halves`` or ``whole``.
    """
    rng = np.random.default_rng(seed)
    side, n, s = 12, 300, 14
    xy = np.stack(np.meshgrid(np.arange(side) * 250.0, np.arange(side) * 250.0), axis=-1).reshape(-1, 2) + worlds.ORIGIN
    net = lattice(xy, side, worlds.CRS)
    draw = rng.uniform(0, 40, n)
    count = {"fractions": draw, "tenths": draw.round(1), "halves": np.floor(draw) / 2, "whole": np.floor(draw)}[people]
    at = rng.uniform(-50, 250 * side - 150, (n, 2)) + worlds.ORIGIN
    at[0] = np.nan  # somebody without a place
    demand = Demand(
        ids=[f"D{i}" for i in range(n)],  # type: ignore[arg-type]
        xy=at,
        population=count,
        setting=rng.choice(SETTINGS, n),
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    labels = [*names, *(f"Site {i}" for i in range(s))][:s]
    sites = Sites(
        ids=[*names, *(f"S{i}" for i in range(s))][:s],  # type: ignore[arg-type]
        xy=rng.uniform(0, 250 * side - 250, (s, 2)) + worlds.ORIGIN,
        name=labels,  # type: ignore[arg-type]
        kind=["outlet", "bank", "new"] * 4 + ["outlet", "bank"],  # type: ignore[arg-type]
        open=rng.random(s) < 0.4,
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    rules = standard or Standard(urban=Rule.walk(5), town=Rule.walk(8), rural=Rule.distance(0.9))
    where = pd.Series(rng.choice(np.array(["West", "East", "城关镇", None], object), n), index=demand.ids)
    return net, measure_coverage(net, demand, sites, rules), where


def switches(net: Any, cover: Coverage, where: pd.Series[Any]) -> Switches:
    """Return what makes the sites of a coverage switchable."""
    found = trace_catchments(net, cover.demand, cover.sites, cover.standard, cover.walker, cover.snapped)
    return Switches(catchments=found, district=where)
