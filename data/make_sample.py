"""Make the sample: Lanting (澜汀县), a county that does not exist.

A river crosses it from west to east. The county town stands on the north bank: arterial streets half a kilometre
apart, behind them walled compounds with few gates, an old town of alleys, a market, a square; a newer quarter on the
south bank hangs on one bridge. Side valleys run to the hills on both sides; five towns and some 150 villages are strung
along their roads, hamlets sit at the ends of tracks and on passes, one is on an island that only a ferry serves. The
outlets stand in the seats of most townships, so the south quarter, one town and the far hamlets are badly off:
something to plan for.

``python data/make_sample.py [--into DIR] [--seed N]`` writes the same bytes for the same seed and library versions;
``--scale N`` writes instead one network of about N junctions for measurements (`make_network_arrays`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # the county_*.py beside this file, and the package, from any directory

import county_network  # noqa: E402
import county_people  # noqa: E402
import county_sites  # noqa: E402
from county_core import Core  # noqa: E402
from county_country import Country  # noqa: E402
from county_osm import County  # noqa: E402

SEED = 7
make_network_arrays = county_network.make_network_arrays

STUDY = """\
# A study: what is near enough, how people walk, and which files say so. Paths are relative to this file.
# Lanting county is fictional; data/README.md describes it, data/make_sample.py made it.
name = "Sample county"
attribution = "Lanting county is fictional"

# What near enough means. Within the limit counts as within.
[standard]
urban = { walk_minutes = 15 }
town  = "urban"                                # towns are held to the urban promise; "rural" for the rural one
rural = { kilometres = 5, along = "network" }  # along streets and paths; "radius" for a straight line

# How people walk.
[walking]
speed_m_s = 1.0         # 800 to 1000 m in 15 minutes; or walker = "elderly"
slope = true            # uphill is slower; needs an elevation below
access = "china"        # who may walk where: cycleways and trunk roads are open on foot
open_compounds = false  # true: as if everybody could walk through the gated compounds

# Where people live, what they walk on, and where they may be served.
[inputs]
area       = { path = "districts.gpkg", name = "name" }        # townships; also the rows of every table
network    = { path = "roads.osm.pbf" }                        # an OpenStreetMap extract
population = { path = "population.tif", groups = { "60+" = "population_60plus.tif" } }  # people per cell of 100 m
elevation  = { path = "dem.tif" }                              # metres, cells of 60 m
outlets    = { path = "outlets.csv", coordinates = "GCJ-02" }  # as exported from a Chinese web map
banks      = { path = "banks.xlsx", coordinates = "WGS84" }    # partner branches count today, the others could
candidates = { path = "candidates.gpkg" }                      # rooms and village committees where a counter could open

# What is urban, what is a town, what is rural.
[settlement]
from = "degurba"  # the Degree of Urbanisation of the population raster

# What opening a counter costs, in units of one co-location.
[siting]
cost = { bank = 1, new = 3 }
"""


def make_sample(into: Path, *, seed: int = SEED) -> None:
    """Write the county's files into a folder, made if need be."""
    into.mkdir(parents=True, exist_ok=True)
    county = County(seed)
    Core(county).lay()
    country = Country(county)
    country.lay()

    townships = county_people.make_townships(country)
    people = county_people.write_population(into / "population.tif", county, townships)
    county_people.write_elders(into / "population_60plus.tif", into / "population.tif")
    county_people.write_relief(into / "dem.tif", country)
    county_people.write_layer(into / "districts.gpkg", townships.table, "districts")

    outlets = county_sites.make_outlets(country, townships)
    banks = county_sites.make_banks(county, country)
    today = [row[0].xy for row in outlets] + [row[0].xy for row in banks if row[2] == "是"]
    county_sites.write_outlets(into / "outlets.csv", outlets)
    county_sites.write_banks(into / "banks.xlsx", banks)
    county_sites.write_candidates(into / "candidates.gpkg", county_sites.make_candidates(country, today))

    county_people.draw_townships(county.drawing, townships, people)
    county_sites.draw_services(county.drawing, country, banks)
    county.drawing.write(into / "roads.osm.pbf")
    (into / "study.toml").write_text(STUDY, encoding="utf-8", newline="\n")


def main() -> None:
    """Read the command line and write what it asks for."""
    parser = argparse.ArgumentParser(description="Make the sample county, or one large network of its kind.")
    parser.add_argument("--into", type=Path, default=HERE / "sample", metavar="DIR", help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    parser.add_argument("--scale", type=int, metavar="N", help="write network-N.npz of about N junctions instead")
    chosen = parser.parse_args()
    if chosen.scale is None:
        make_sample(chosen.into, seed=chosen.seed)
        return
    chosen.into.mkdir(parents=True, exist_ok=True)
    arrays = make_network_arrays(chosen.scale, seed=chosen.seed)
    whole: dict[str, Any] = {**arrays, "crs": np.array(county_network.CRS)}
    np.savez(chosen.into / f"network-{chosen.scale}.npz", **whole)
    print(f"{len(arrays['node_xy'])} junctions, {len(arrays['edges'])} edges")


if __name__ == "__main__":
    main()
