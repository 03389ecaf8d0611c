"""A small county with everything a GeoPackage holds, and one with nothing but a street."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import worlds

from accessibility import Demand, Sites, measure_coverage
from accessibility.measures.blackspots import find_blackspots
from accessibility.measures.service_areas import trace_service_areas
from accessibility.present.layers.files import LayerSources
from accessibility.siting.plan import SitingPlan

if TYPE_CHECKING:
    from accessibility import Network

HOSTILE = "<b>&\"'; DROP TABLE demand; --"
NAN = float("nan")


def county() -> LayerSources:
    """Return a street of 24 km with people of all settings, sites of all kinds, two districts and a proposal.

    An outlet stands at its start, a partner bank at 6 km, another bank at 12 km, a closed outlet at 3 km and a
    candidate at 20 km. 600 people at 12 km are uncovered; 40 have no place; 5 live on an island of land.
    """
    at = [(100.0, 0.0), (700, 0), (1_400, 0), (2_500, 0), (9_000, 0), (12_000, 0), (NAN, NAN), (6_000, 9_000)]
    settings = ["urban", "urban", "town", "rural", "rural", "town", "urban", "rural"]
    people = worlds.people(at, [90, 80, 70, 60, 50, 600, 40, 5], settings)
    sites = Sites(
        ids=["O1", "O2", "B1", "B2", "C1"],  # type: ignore[arg-type]
        xy=np.array([(0, 0), (3_000, 0), (6_000, 0), (12_000, 0), (20_000, 0)]) + worlds.ORIGIN,
        name=[HOSTILE, "", "澜汀银行", "Bank & Sons", "😀"],  # type: ignore[arg-type]
        kind=["outlet", "outlet", "bank", "bank", "new"],  # type: ignore[arg-type]
        open=[True, False, True, False, False],  # type: ignore[arg-type]
        closed=[False, True, False, False, False],  # type: ignore[arg-type]
        bank=["", "", "澜汀", "Sons", ""],  # type: ignore[arg-type]
        cost=[0, 0, 1, 1, 3],  # type: ignore[arg-type]
        crs=worlds.CRS,  # type: ignore[arg-type]
    )
    x, y = worlds.ORIGIN
    boxes = [shapely.box(x - 500, y - 500, x + 4_000, y + 500), shapely.box(x + 4_000, y - 500, x + 25_000, y + 9_500)]
    names = ["West", HOSTILE]
    district = pd.Series([*names[:1] * 4, *names[1:] * 2, None, names[1]], index=people.ids, dtype=object)
    site_district = pd.Series(["West", "West", HOSTILE, HOSTILE, None], index=sites.ids, dtype=object)
    return sources(
        people,
        sites,
        worlds.line(24_000, 24),
        {"district": district, "site_district": site_district},
        gpd.GeoDataFrame({"code": ["1", "2"]}, geometry=boxes, index=names, crs=worlds.CRS),
    )


def sources(
    people: Demand, sites: Sites, network: Network, of: dict[str, pd.Series[Any]], districts: gpd.GeoDataFrame | None
) -> LayerSources:
    """Return the sources of the layers, with a proposal of every bank and candidate that does not count."""
    now = measure_coverage(network, people, sites)
    left = sites.take(~sites.open & ~sites.closed)
    plan = SitingPlan(
        model="mclp",
        selected=tuple(left.ids),
        gain=tuple(float(600 - 10 * k) for k in range(len(left))),
        objective=now.covered_people,
        bound=now.covered_people,
        status="optimal",
        seconds=0.0,
        sites=left,
        population=now.population,
        covered_before=now.covered_people,
        costs=tuple(left.cost.tolist()),
    )
    return LayerSources(
        coverage=now,
        district=of["district"],
        site_district=of["site_district"],
        districts=districts,
        blackspots=find_blackspots(now, network, of["district"]).spots,
        service_areas=trace_service_areas(now, network),
        plan=plan.table() if len(left) else None,
    )


def bare() -> LayerSources:
    """Return one outlet and one person it covers: no area, no bank, no candidate, no proposal, no blackspot."""
    people, outlet = worlds.people([(100, 0)]), worlds.outlets([(0, 0)])
    of = {
        "district": pd.Series([None], index=people.ids, dtype=object),
        "site_district": pd.Series([None], index=outlet.ids, dtype=object),
    }
    return sources(people, outlet, worlds.line(), of, None)
