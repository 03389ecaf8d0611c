"""The analyst's whole product from memory: what the README promises of values in memory runs as it is written there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import osmium
import pytest
import shapely
import worlds
from worlds import hexagon

import accessibility as acc
from accessibility.siting import verify_plan

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:.* types of street", "ignore:.* findings on the inputs")
METRES = {"crs": worlds.CRS}


@pytest.fixture(scope="module")
def town() -> dict[str, gpd.GeoDataFrame]:
    """Return what an analyst holds: streets and hexagons of a grid of 1.6 km, an outlet, two banks, two districts."""
    lanes = [[(5e5 + a, 34e5), (5e5 + a, 34e5 + 1_600)] for a in range(0, 1_601, 400)]
    lanes += [[(5e5, 34e5 + a), (5e5 + 1_600, 34e5 + a)] for a in range(0, 1_601, 400)]
    lines = shapely.linestrings(lanes)
    middles = [(5e5 + x, 34e5 + y) for x in range(100, 1_601, 300) for y in range(100, 1_601, 300)]
    people = [hexagon(*at) for at in middles]
    heads = {"pop": np.arange(len(people)) + 1.0, "60+": 1.0, "kind_of_place": "urban"}
    spot: Any = {"outlets": [(5e5, 34e5)], "banks": [(501_600, 3_401_600), (500_800, 3_400_800)]}
    halls, banks = (shapely.points(spot[name]) for name in ("outlets", "banks"))
    halves = [shapely.box(499e3, 33e5, 500_800, 35e5), shapely.box(500_800, 33e5, 503e3, 35e5)]
    return {
        "lines": gpd.GeoDataFrame({"highway": "residential"}, geometry=lines, index=range(len(lines)), **METRES),
        "hexes": gpd.GeoDataFrame(heads, geometry=people, **METRES).to_crs(3857),
        "outlets": gpd.GeoDataFrame({"name": ["Hall"], "staff": [3]}, geometry=halls, **METRES),
        "branches": gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=banks, **METRES).to_crs(4326),
        "districts": gpd.GeoDataFrame({"name": ["West", "East"]}, geometry=halves, **METRES),
    }


def test_the_product_from_memory_runs_as_written(town: dict[str, gpd.GeoDataFrame], tmp_path: Path) -> None:
    lines, hexes, outlets, branches, districts = town.values()
    net = acc.Network.from_gdf(lines, noded=True)
    given: dict[str, Any] = {"districts": districts, "settings": "kind_of_place"}
    study = acc.Study.of(net, hexes, outlets, banks=branches, people="pop", **given)
    assert "<svg" in study._repr_html_()
    now = study.coverage()
    assert now.by("district").index.tolist() == ["East", "West"]
    assert now.map().get_root().render()

    times: Any = study.travel_times(k=3, by="kind", sites="all")
    assert list(times.columns) == ["cell", "site", "kind", "walk_s", "metres"]
    nearest = study.nearest("kind", sites="all")
    assert nearest["outlet_walk_s"].tolist() == times[times["kind"] == "outlet"]["walk_s"].tolist()
    areas: Any = study.isochrones([5, 10, 15], each=True)
    assert areas["limit"].tolist() == [5, 10, 15]
    assert areas["people"].iloc[-1] == now.covered_people
    ranked = study.rank(close="all", open="candidates")
    routes = study.routes(times.head(2))
    assert routes["walk_s"].tolist() == times["walk_s"].head(2).tolist()

    best = ranked[ranked["action"] == "open"].iloc[0]
    tried = study.what_if().open(best["site"])  # a place made on the streets, as it happens
    change: Any = tried.compare()
    assert change.loc[("total", "all"), "gained"] == best["gained"]
    plan = study.site(budget=2)
    after = study.coverage(plan)
    assert after.covered_people == plan.objective
    assert plan.to_gdf()["id"].tolist() == list(plan.selected)
    assert plan.assignment()["people"].sum() == hexes["pop"].sum()
    assert study.coverage(plan.scenario()).covered.tolist() == after.covered.tolist()
    verify_plan(plan.problem, plan)  # type: ignore[arg-type]

    reached = study.access("e2sfca", supply=[3, 1, 1])
    assert (reached >= 0).all()
    assert set(acc.inequality(now, ["gini", "palma", "concentration"]).index) == {"gini", "palma", "concentration"}

    again = acc.read_study(study.save(tmp_path / "town"))
    assert again.coverage().covered_people == now.covered_people
    assert again.site(budget=2).selected == plan.selected


def test_streets_change_in_a_trial_from_memory(town: dict[str, gpd.GeoDataFrame]) -> None:
    lines, hexes, outlets, branches, _ = town.values()
    net = acc.Network.from_gdf(lines, noded=True)
    study = acc.Study.of(net, hexes, outlets, banks=branches, people="pop", settings="urban")
    flood = shapely.box(500_350, 34e5 - 50, 500_450, 3_401_700)
    flood = gpd.GeoSeries([flood], **METRES).to_crs(4326).iloc[0]
    trial = study.what_if().close_streets(flood)
    table: Any = trial.compare()
    assert table.loc[("total", "all"), "gained"] == 0
    assert table.loc[("total", "all"), "lost"] > 0
    assert "<svg" in trial._repr_html_()


def test_a_candidate_made_on_streets_is_opened_by_its_id(town: dict[str, gpd.GeoDataFrame], tmp_path: Path) -> None:
    lines, hexes, outlets, branches, _ = town.values()
    net = acc.Network.from_gdf(lines, noded=True)
    study = acc.Study.of(net, hexes, outlets, banks=branches, people="pop", settings="urban")
    made = study.made_candidates
    assert made is not None
    for site in made.ids.tolist():
        wanted = study.coverage(study.plan_scenario([site]))
        trial = study.what_if().open(site)
        assert trial.coverage().covered.tolist() == wanted.covered.tolist()
        assert trial.undo().coverage().covered.tolist() == study.coverage().covered.tolist()
        acc.write_scenarios([acc.Scenario(name="one", opened=(site,))], tmp_path / "one.toml")
        (read,) = acc.read_scenarios(tmp_path / "one.toml")
        assert study.coverage(read).covered.tolist() == wanted.covered.tolist()
        assert study.what_if(read).coverage().covered.tolist() == wanted.covered.tolist()
        ranked = study.rank(open=[site])
        assert ranked["covered"].tolist() == [pytest.approx(wanted.covered_people)]
    with pytest.raises(acc.UnknownSiteError, match="no site has the id 'N999'"):
        study.what_if().open("N999")
    with pytest.raises(acc.UnknownSiteError, match="no site has the id 'N999'"):
        study.coverage(acc.Scenario(opened=("N999",)))
    taken = study.what_if().open(made.ids[0])
    with pytest.raises(acc.InputError, match="is open already"):
        taken.open(made.ids[0])


@pytest.fixture(scope="module")
def extract(town: dict[str, gpd.GeoDataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the streets of the town as an extract of OpenStreetMap, written as servers write them."""
    file = tmp_path_factory.mktemp("extract") / "town.osm.pbf"
    corners = [(5e5 + x, 34e5 + y) for x in range(0, 1_601, 400) for y in range(0, 1_601, 400)]
    degrees = gpd.GeoSeries(shapely.points(corners), **METRES).to_crs(4326)
    node = {at: number for number, at in enumerate(corners, start=1)}
    with osmium.SimpleWriter(str(file)) as out:
        for number, place in enumerate(degrees, start=1):
            out.add_node(osmium.osm.mutable.Node(id=number, location=(place.x, place.y), version=1))
        for number, line in enumerate(town["lines"].geometry, start=1):
            (west, south), (east, north) = line.coords
            way = sorted(at for at in node if west <= at[0] <= east and south <= at[1] <= north)
            tags = {"highway": "residential"}
            out.add_way(osmium.osm.mutable.Way(id=number, nodes=[node[at] for at in way], tags=tags, version=1))
        out.add_relation(osmium.osm.mutable.Relation(id=1, version=1, tags={"type": "site"}))  # whole, not cut short
    return file


@pytest.mark.parametrize("settings", ["degurba", "kind_of_place"])
def test_the_block_of_the_readme_runs_on_an_extract(
    town: dict[str, gpd.GeoDataFrame], extract: Path, settings: str, tmp_path: Path
) -> None:
    _, hexes, outlets, branches, districts = town.values()
    net = acc.Network.from_osm(extract)
    given: dict[str, Any] = {"districts": districts, "settings": settings}
    study = acc.Study.of(net, hexes, outlets, banks=branches, people="pop", **given)
    now = study.coverage(urban="10 min", rural="1 km")
    old: Any = study.coverage(urban="10 min", rural="1 km", groups={"60+": 0.8})
    assert old.by("district")["covered"].sum() <= now.covered_people
    assert now.explore().get_root().render()
    served = study.access("e2sfca", supply="staff")  # 3 at the hall, which alone counts today
    assert served.sum() > 0
    assert served.index.tolist() == study.demand.ids.tolist()
    of_lines = acc.Study.of(acc.Network.from_gdf(town["lines"], noded=True), hexes, outlets, people="pop", **given)
    apart = np.abs(now.metres - of_lines.coverage().metres) > 1  # the extract's degrees have seven digits
    assert apart.sum() <= 3  # who lives as far from one street as from another takes either
    assert set(study.demand.setting) == {"rural" if settings == "degurba" else "urban"}

    def degrees(shape: Any) -> Any:
        return gpd.GeoSeries([shape], **METRES).to_crs(4326).iloc[0]

    line = degrees(shapely.LineString([(500_000, 3_400_200), (501_600, 3_400_210)]))
    flood = degrees(shapely.box(500_350, 3_400_300, 500_450, 3_401_700))
    mud = degrees(shapely.box(500_900, 3_399_900, 501_700, 3_401_700))
    changed: Any = study.what_if().add_street(line).close_streets(flood).pace(mud, 0.5)
    table: Any = changed.compare()
    assert table.loc[("total", "all"), "population"] == hexes["pop"].sum()
    after = changed.coverage()
    better = after.covered & ~study.coverage().covered
    assert table.loc[("total", "all"), "gained"] == after.demand.population[better].sum()
    again = acc.read_study(study.save(tmp_path / "town"))
    assert again.coverage(urban="10 min", rural="1 km").covered.tolist() == now.covered.tolist()
    assert again.what_if(changed.scenario).coverage().covered.tolist() == after.covered.tolist()
