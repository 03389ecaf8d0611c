"""An area in tiles says what it says as a whole, cell by cell, whatever the tiles, and goes on after every fault."""

from __future__ import annotations

import errno
import json
import os
import pickle
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import distributed
import drawntowns
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import worlds
from commands import call
from hypothesis import given, reject, settings
from tileworlds import HALO_M, city, here, near, quarters

import accessibility as acc
from accessibility.cli import tiling
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.report_facts import measure_study
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verifying import run_verify
from accessibility.errors import InputError, OutputError
from accessibility.measures.tables import OWN_COLUMNS, demand_table, group_record
from accessibility.measures.walkers import GroupCoverage, record_own_totals
from accessibility.present.manifest import data_dictionary
from accessibility.present.map.overlays import classify_people
from accessibility.sources import files
from accessibility.sources.cache import Blocks, Heaps
from accessibility.sources.files import write_aside
from accessibility.sources.osm import extracts
from accessibility.streets.foot import FERRY
from accessibility.study.loading.context import Loading, input_files
from accessibility.study.proposing import Question
from accessibility.study.schema import read_study_file
from accessibility.tiles import cluster, measuring
from accessibility.tiles.cluster import Workers, measure_tiles
from accessibility.tiles.cutting import TILES_LOCK, Cut, cut_once, open_cut, write_cut
from accessibility.tiles.gathering import gather_tiles
from accessibility.tiles.measuring import Asked, Tile, measure_tile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility import Network, Study

TOLD = ["walk_s", "network_m", "nearest_site"]


def in_tiles(study: Study, folder: Path, rows: int, asked: Asked) -> Any:
    """Return the rows of all tiles of so many people."""
    (folder / "cut").mkdir(parents=True)
    write_cut(study, folder / "cut")
    cut = open_cut(folder / "cut")
    starts = range(0, cut.people, rows)
    tiles = [Tile(cut=cut, first=at, last=min(at + rows, cut.people), folder=folder / "tiles") for at in starts]
    rows_of = [gpd.read_parquet(measure_tile(tile, asked).path) for tile in tiles]
    return pd.concat(rows_of).set_index("id")


def assert_same(study: Study, tiled: pd.DataFrame, asked: Asked) -> NDArray[np.bool_]:
    """Hold every cell of the tiles against the whole; return who has a longer way than is told."""
    now = study.coverage()
    whole = demand_table(now, study.district).set_index("id")
    tiled = tiled.loc[whole.index]
    far_s, far_m = (now.walk_s > asked.limit_s), (now.metres > asked.limit_m)
    by_walk = [now.standard.rule(setting).measure == "walk" for setting in now.demand.setting]
    expected = whole.assign(
        walk_s=whole["walk_s"].mask(far_s),
        network_m=whole["network_m"].mask(far_m),
        nearest_site=whole["nearest_site"].mask(np.where(by_walk, far_s, far_m)),
    )
    pd.testing.assert_frame_equal(tiled[expected.columns], expected, check_exact=True, check_like=False)
    assert (tiled["beyond"] == (far_s | far_m)).all()
    assert (tiled["unreached"] == now.unreached).all()
    assert (tiled["covered_radius"] == now.covered_radius).all()
    for speed in asked.speeds_m_s:
        at = study.coverage(walker=replace(study.walker, speed_m_s=speed))
        assert (tiled[f"covered at {speed:g}"] == at.covered).all()
    return far_s | far_m


@pytest.mark.parametrize("seed", range(2))
def test_a_city_is_the_same_in_tiles_of_every_size(seed: int, tmp_path: Path) -> None:
    study = city(seed)
    asked = Asked(standard=near(), walker=study.walker, speeds_m_s=(0.8,), halo_m=HALO_M)
    for rows in (400, 120, 41):
        beyond = assert_same(study, in_tiles(study, tmp_path / f"{rows}", rows, asked), asked)
    assert 20 < beyond.sum() < 300  # or there would be nothing to get wrong
    assert 0 < study.coverage().unreached.sum() < 300


@given(drawntowns.towns())
@settings(max_examples=5)
def test_any_town_is_the_same_in_tiles(tmp_path_factory: pytest.TempPathFactory, town: Any) -> None:
    network, people, sites = town
    try:
        study = acc.Study.of(network, people, sites, standard=near(), name="Town")
    except InputError:  # people far from all streets, or nobody at all
        reject()
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    assert_same(study, in_tiles(study, tmp_path_factory.mktemp("town"), 3, asked), asked)


def test_streets_are_in_a_tile_what_they_are_in_the_whole(tmp_path: Path) -> None:
    # A road of 12 km, of which a tile holds less than of a loop of 4 km, which is no main component and is nearer.
    road = [(250.0 + 300 * i, 0.0) for i in range(41)]
    loop = [(-100.0, -500.0), (-100.0, 500.0), (-1_100.0, 500.0), (-1_100.0, -500.0)]
    pairs = [*((i, i + 1) for i in range(40)), (41, 42), (42, 43), (43, 44), (44, 41)]
    streets = worlds.network([*road, *loop], pairs)
    streets = replace(streets, length_m=streets.length_m * 1.01)  # no way on the ground is shorter than a straight line
    study = acc.Study.of(
        streets, worlds.people([(0, 0), (12_000, 50)]), worlds.outlets([(12_250, 0)]), standard=near(), name="Road"
    )
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    tiled = in_tiles(study, tmp_path, 1, asked)
    assert assert_same(study, tiled, asked).tolist() == [True, False]
    assert not tiled["unreached"].any()


def test_a_halo_widens_where_a_ferry_leads_out_of_it_and_back(tmp_path: Path) -> None:
    nodes = [(0, 0), (200, 0), (30_000, 0), (30_000, 900), (200, 900), (0, 900)]
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    streets: Network = worlds.network(nodes, pairs)
    ferry = np.array([False, True, False, True, False])
    streets = replace(
        streets,
        kind=ferry.astype(np.uint8),
        kinds=("road", FERRY),
        fixed_s=np.where(ferry, 20, 0),
        length_m=np.where(ferry, 100, streets.length_m),
    )
    streets = replace(streets, length_m=np.where([False, False, True, False, False], 10, streets.length_m))
    people = worlds.people([(0, 0), (30_000, 450)], setting="urban")
    study = acc.Study.of(streets, people, worlds.outlets([(0, 900)]), standard=near(), name="Ferry")
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    assert_same(study, in_tiles(study, tmp_path, 1, asked), asked)
    assert study.coverage().metres[0] == 200 + 100 + 10 + 100 + 200


def run(path: Path, out: Path, cache: Path, rows: int, **workers: Any) -> dict[str, Any]:
    """Run in tiles of so many people, in threads; return the manifest."""
    given: dict[str, Any] = {"count": 2, "processes": False} | workers
    tiles = Tiling(workers=Workers(**given), rows=rows)
    return run_tiles(path, out, Options(cache=cache, date="2026-11-29"), tiles, Silence()).manifest


def lasting(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "seconds"}


def assert_same_run(path: Path, cache: Path, folder: Path, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Hold runs in tiles of several sizes against each other, byte by byte, and against the whole."""
    study = acc.read_study(path, cache=cache)
    now = study.coverage()
    first, *others = [run(path, folder / f"{rows}", cache, rows, count=1 + (rows % 2)) for rows in sizes]
    assert all(lasting(other) == lasting(first) for other in others)
    tiled = gpd.read_parquet(folder / f"{sizes[0]}" / "demand.parquet").set_index("id")
    whole = demand_table(now, study.district).set_index("id")
    tiled = tiled.loc[whole.index]
    told = ~tiled["beyond"].to_numpy()
    pd.testing.assert_frame_equal(tiled.loc[told, whole.columns], whole[told], check_exact=True)
    always = [name for name in whole.columns if name not in TOLD]
    pd.testing.assert_frame_equal(tiled[always], whole[always], check_exact=True)
    table = pd.read_csv(folder / f"{sizes[0]}" / "districts.csv").set_index("district")
    expected = study.table(now).set_index("district")
    sums = [name for name in expected.columns if not name.startswith("walk_min")]
    pd.testing.assert_frame_equal(table[sums], expected[sums], check_dtype=False, rtol=0, atol=1e-6)
    means = table["walk_min_mean"].notna()
    assert np.allclose(table.loc[means, "walk_min_mean"], expected.loc[means, "walk_min_mean"], rtol=0, atol=1e-6)
    assert first["totals"]["unreached"] == pytest.approx(now.unreached_people)
    assert first["totals"]["covered_share_radius"] == pytest.approx(now.share_radius)
    return first


def test_the_sample_county_is_the_same_in_tiles(
    sample: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accessibility.tiles.gathering.PART_ROWS", 2_000)
    told = assert_same_run(sample, cache, tmp_path, (50_000, 2_400, 1_101))
    parts = [name for name in told["files"] if name.startswith("demand.parquet/")]
    assert len(parts) == 3
    said = data_dictionary(tiled=True)
    table = gpd.read_parquet(tmp_path / "1101" / "demand.parquet")
    assert said.loc[said["file"] == "demand.parquet", "column"].tolist() == table.columns.tolist()
    assert set(told["groups"]) == {"60+"}


def test_limits_of_people_and_room_at_sites_are_the_same_in_tiles(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A limit of 14 km is longer than the halo, and people of every tile stand in line at sites of others.
    monkeypatch.setattr(tiling, "measure_tiles", here)
    plain, chance = city(0), np.random.default_rng(5)
    limits = chance.choice(["", "4 min", "14 km", "2.5 km"], len(plain.demand)).tolist()
    room = np.where(chance.random(len(plain.sites)) < 0.7, chance.integers(0, 900, len(plain.sites)), np.inf)
    sites = replace(plain.sites, capacity=room)
    study = acc.Study.of(plain.network, plain.demand.limited(limits), sites, standard=plain.standard, name="City")
    path = study.save(tmp_path / "city")
    told = assert_same_run(path, cache, tmp_path, (400, 120, 41))
    now = acc.read_study(path, cache=cache).coverage()
    service = now.service
    assert service is not None
    assert told["tiles"]["told_to_m"] == 14_000
    assert 0 < told["totals"]["served"] < told["totals"]["covered"]
    assert told["totals"]["served"] == pytest.approx(service.served_people)
    tiles = Tiling(workers=Workers(count=1), rows=400)
    again = run_tiles(path, tmp_path / "again", Options(cache=cache, date="2026-11-29"), tiles, Silence())
    assert f"{now.limited_people:,.0f} people by limits of their own" in again.headlines["en"]
    page = (tmp_path / "again" / "coverage.html").read_text(encoding="utf-8")
    for layer in classify_people(now):  # beside each layer, as the map in memory tells it
        assert f"<td>{layer.whom}</td>" in page
        assert "by limits of their own" in layer.whom
    whole = service.table()
    table = pd.read_csv(tmp_path / "41" / "capacity.csv").set_index("id")
    names = ["capacity", "covered", "served", "unserved", "used"]
    expected = whole[names].assign(capacity=whole["capacity"].where(np.isfinite(whole["capacity"])))
    pd.testing.assert_frame_equal(table[names], expected, check_dtype=False, check_names=False, atol=1e-6, rtol=0)
    said = data_dictionary(study.standard, tiled=True, served=True)
    for file, read in {
        "capacity.csv": pd.read_csv,
        "districts.csv": pd.read_csv,
        "demand.parquet": gpd.read_parquet,
    }.items():
        columns = read(tmp_path / "41" / file).columns
        assert said.loc[said["file"] == file, "column"].tolist() == columns.tolist()


def test_groups_that_walk_in_their_own_ways_are_the_same_in_tiles(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    monkeypatch.setattr("accessibility.tiles.gathering.PART_ROWS", 150)
    plain, chance = city(3, acc.Standard(urban=acc.Rule.walk(20), rural=acc.Rule.distance(2))), np.random.default_rng(5)
    old = np.round(plain.demand.population * chance.uniform(0, 0.6, 400))
    demand = replace(plain.demand, groups={"old": old, "kids": np.round((plain.demand.population - old) / 3)})
    room = np.where(chance.random(len(plain.sites)) < 0.7, chance.integers(0, 300, len(plain.sites)), np.inf)
    walkers = {"old": 0.6, "kids": {"speed_m_s": 1.4, "access_factor_m": 1.5}}
    for sites, sizes in ((plain.sites, (400, 41)), (replace(plain.sites, capacity=room), (400, 120, 41))):
        terms: Any = {"standard": plain.standard, "districts": quarters(), "walker": {"groups": walkers}}
        study = acc.Study.of(plain.network, demand, sites, **terms)
        folder = tmp_path / f"{sites.has_capacity}"
        path = study.save(folder / "city")
        told = assert_same_run(path, cache, folder, sizes)
        study = acc.read_study(path, cache=cache)
        now = study.coverage(groups=study.group_walkers)
        assert isinstance(now, GroupCoverage)
        assert now.covered_people != study.coverage().covered_people
        expected = measure_study(study)
        assert expected.own_rows is not None
        assert told["totals"] == {**told["totals"], **record_own_totals(now)}
        assert told["groups"] == group_record(expected.groups)
        for rows in ("400", "41"):
            table = pd.read_csv(folder / rows / "groups.csv")
            pd.testing.assert_frame_equal(table, expected.own_rows, check_dtype=False, rtol=0, atol=1e-6)
            districts = pd.read_csv(folder / rows / "districts.csv")
            assert np.allclose(districts[list(OWN_COLUMNS)], expected.districts[list(OWN_COLUMNS)], rtol=0, atol=1e-6)
            places = gpd.read_parquet(folder / rows / "demand.parquet").set_index("id")
            assert places.loc[now.demand.ids, "covered_own_walk"].tolist() == now.of().tolist()
        said = data_dictionary(study.standard, tiled=True, own=True, served=sites.has_capacity)
        files = {"demand.parquet": ["id", *places], "groups.csv": list(table), "districts.csv": list(districts)}
        for file, columns in files.items():
            assert said.loc[said["file"] == file, "column"].tolist() == columns


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_that_are_alike_the_earlier_row_of_the_study_is_served(first: int, tmp_path: Path) -> None:
    # One place to the west and one to the east of a hall for 15; along the curve one of them comes first.
    homes = [(-200.0, 0.0), (200.0, 0.0)]
    people = replace(worlds.people([homes[first], homes[1 - first]], [10, 10]), groups={"old": np.array([4.0, 4.0])})
    hall = replace(worlds.outlets([(0, 0)]), capacity=np.array([15.0]))
    streets = worlds.network([(-900, 0), (900, 0)], [(0, 1)])
    study = acc.Study.of(streets, people, hall, standard=near(), name="Line")
    (tmp_path / "cut").mkdir()
    write_cut(study, tmp_path / "cut")
    cut = open_cut(tmp_path / "cut")
    groups = (("old", replace(study.walker, speed_m_s=0.9)),)
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M, served=True, groups=groups)
    tiles = [measure_tile(Tile(cut=cut, first=at, last=at + 1, folder=tmp_path / "tiles"), asked) for at in (0, 1)]
    whole = gather_tiles(tiles, asked, tmp_path / "out")
    found = gpd.read_parquet(tmp_path / "out").set_index("id")
    ids = [str(ident) for ident in people.ids]
    assert found["served"][ids].tolist() == [10, 5]
    # The six others of both places come first, then the old of the earlier row.
    assert whole.own is not None
    assert whole.own.service is not None
    assert found.assign(own=whole.own.service.people).loc[ids, "own"].tolist() == [9, 6]


@pytest.mark.real
def test_liechtenstein_is_the_same_in_tiles(liechtenstein: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(
        f"""
        [inputs]
        area = {{ path = "{liechtenstein}", admin_level = 8 }}
        network = {{ path = "{liechtenstein}" }}
        population = {{ buildings = true }}
        outlets = {{ osm = "amenity=townhall,amenity=post_office" }}
        """,
        encoding="utf-8",
    )
    assert_same_run(tmp_path / "study.toml", cache, tmp_path, (50_000, 5_000, 2_001))


def test_a_run_is_repeated_and_verified(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "measure_tiles", here)
    told = run(town, tmp_path / "out", cache, 2)
    assert told["totals"]["covered"] == 30.0
    assert told["tiles"] == {"told_to_m": 10_000.0, "told_to_s": 10_000.0, "beyond": 0.0}
    assert run_verify(tmp_path / "out", Options(cache=cache), Silence()).equal
    (tmp_path / "out" / "demand.parquet" / "part-00000.parquet").write_bytes(b"")
    assert not run_verify(tmp_path / "out", Options(cache=cache), Silence()).equal


def counted(monkeypatch: pytest.MonkeyPatch, log: Path, fails: Any = None) -> Callable[[], list[int]]:
    """Record in a file where the tiles begin that are measured, for workers share nothing else; `fails` may raise."""

    def measure(tile: Tile, asked: Asked) -> Tile:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{tile.first}\n")
        if fails is not None:
            fails(tile)
        return measure_tile(tile, asked)

    log.write_text("", encoding="utf-8")
    monkeypatch.setattr(cluster, "measure_tile", measure)
    return lambda: sorted(int(line) for line in log.read_text(encoding="utf-8").split())


def test_a_run_that_was_stopped_goes_on_where_it_was(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tiling, "gather_tiles", stop)
        with pytest.raises(KeyboardInterrupt):
            run(town, tmp_path / "out", cache, 2)
    assert not (tmp_path / "out").exists()
    (damaged, *_) = sorted(cache.glob("tiles/*/000000000002-*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    left = cache / "tiles" / f".accessibility-{2**30}-{files._MACHINE}00"  # no process has such a number
    left.mkdir()
    seen = counted(monkeypatch, tmp_path / "log")
    told = run(town, tmp_path / "out", cache, 3)
    assert not left.exists()
    assert seen() == [2]  # what is whole stays as it was dealt
    assert not [*cache.glob("tiles/*/0*.parquet")]
    assert lasting(told) == lasting(run(town, tmp_path / "anew", cache, 5))


def test_what_no_run_has_used_for_a_month_goes(town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "own"

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def left() -> list[str]:
        return sorted(path.name for path in (cache / "tiles").iterdir())

    monkeypatch.setattr(tiling, "measure_tiles", here)
    with monkeypatch.context() as patch:
        patch.setattr(tiling, "gather_tiles", stop)
        with pytest.raises(KeyboardInterrupt):
            run(town, tmp_path / "killed", cache, 2)
    old, tiles = left()  # a cut, and tiles of a run that ended before it was done
    assert tiles.startswith(f"{old}-")
    (town.parent / "outlets.csv").write_text("id,name,lon,lat\nO1,Hall,108.22,30.5\n", encoding="utf-8")
    run(town, tmp_path / "out", cache, 2)
    (new,) = set(left()) - {old, tiles}
    month = 31 * 86_400
    os.utime(cache / "tiles" / old, (0, time.time() - month))
    run(town, tmp_path / "out", cache, 2)
    assert left() == sorted([old, tiles, new])  # these tiles are young: the run may go on
    os.utime(cache / "tiles" / tiles, (0, time.time() - month))
    with files.alone(cache / "tiles" / tiles / TILES_LOCK, stop):
        os.utime(cache / "tiles" / tiles, (0, time.time() - month))
        run(town, tmp_path / "out", cache, 2)
        assert left() == sorted([old, tiles, new])  # somebody measures them
    os.utime(cache / "tiles" / tiles, (0, time.time() - month))
    os.utime(cache / "tiles" / new, (0, time.time() - month))
    run(town, tmp_path / "out", cache, 2)
    assert left() == [new]  # which this run has used


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> Any:
        if path.name.startswith("000000000004"):
            raise OutputError(os.strerror(errno.ENOSPC))
        return write_aside(path)

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "write_aside", full)
        with pytest.raises(OutputError, match="No space left"):
            run(town, tmp_path / "out", cache, 1, count=1)
    seen = counted(monkeypatch, tmp_path / "log")
    run(town, tmp_path / "out", cache, 1)
    assert 1 <= len(seen()) < 5


def test_a_tile_that_cannot_be_read_is_named_and_the_others_go_on(
    town: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(tile: Tile) -> None:
        if tile.first == 2:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        seen = counted(patch, tmp_path / "log", unreadable)
        with pytest.raises(OutputError, match=r"1 of 3 tiles .* of the rows 2 to 4: .*Input/output error"):
            run(town, tmp_path / "out", cache, 2)
        assert len(seen()) == 3
    seen = counted(monkeypatch, tmp_path / "log")
    run(town, tmp_path / "out", cache, 2)
    assert seen() == [2]


@pytest.mark.parametrize("kind", ["0*", "pairs/0*"])
@pytest.mark.parametrize("damage", [lambda whole: whole[:-9], lambda whole: b"PAR1" + bytes(99) + whole[103:]])
def test_a_tile_that_is_damaged_before_tiles_are_put_together_is_named_and_measured_again(
    kind: str, damage: Any, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, given, gather = tmp_path / "own", Tiling(workers=Workers(), rows=2), gather_tiles

    def spoil(*told: Any) -> Any:
        (*_, file) = sorted(cache.glob(f"tiles/*/{kind}.parquet"))
        file.write_bytes(damage(file.read_bytes()))
        return gather(*told)

    def propose() -> dict[str, Any]:
        return run_tiles(town, tmp_path / "out", Options(cache=cache), given, Silence(), Question(sites=1)).manifest

    monkeypatch.setattr(tiling, "measure_tiles", here)
    with monkeypatch.context() as patch:
        patch.setattr(tiling, "gather_tiles", spoil)
        with pytest.raises(OutputError, match=r"the tile of the rows 4 to 5 cannot be read .* run the same again"):
            propose()
    assert not (tmp_path / "out").exists()
    assert len([*cache.glob("tiles/*/0*.parquet")]) == 2  # the others are kept
    assert propose()["totals"]["covered"] == 30.0


@pytest.fixture
def county(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the sample county without heights, whose streets are cut some hundreds at a time."""
    monkeypatch.setitem(extracts.place_network.__kwdefaults__ or {}, "held", 3_000)
    inputs = {"area": "districts.gpkg", "network": "roads.osm.pbf", "population": "population.tif"}
    inputs |= {"outlets": "outlets.csv", "banks": "banks.xlsx", "candidates": "candidates.gpkg"}
    lines = [f'{name} = {{ path = "{sample.parent / file}" }}' for name, file in inputs.items()]
    study = tmp_path / "study.toml"
    study.write_text("[inputs]\n" + "\n".join(lines), encoding="utf-8")
    return study


def cut_of(study: Path, cache: Path) -> Cut:
    load = Loading(settings=read_study_file(study), folder=study.parent, cache=cache)
    return cut_once(load, input_files(load), study, lambda _: None)


def test_streets_that_are_never_held_at_once_make_the_same_cut(county: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    write_cut(acc.read_study(county, cache=cache), tmp_path / "whole")
    cut = cut_of(county, tmp_path / "own")
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert (
        names
        == sorted(path.name for path in cut.folder.iterdir())
        == [*("cut.json", "people.parquet", "sites.parquet", "streets.parquet")]
    )
    for name in names:
        assert (cut.folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["tiles"]  # no streets of the whole are kept


@pytest.mark.parametrize(
    ("crs", "why"), [("EPSG:3857", "stretches metres here"), ("EPSG:2263", "counts in"), ("EPSG:4326", "in degrees")]
)
def test_streets_in_no_true_metres_are_refused_as_in_memory(crs: str, why: str, county: Path, tmp_path: Path) -> None:
    study = county.read_text(encoding="utf-8").replace('.osm.pbf" }', f'.osm.pbf", crs = "{crs}" }}')
    county.write_text(study, encoding="utf-8")
    with pytest.raises(InputError, match=rf"roads\.osm\.pbf: network coordinate system .*{why}"):
        cut_of(county, tmp_path / "own")


@pytest.mark.parametrize("kind", ["Heaps.add", "Blocks.put"])
def test_a_disk_that_fills_while_streets_are_cut_is_told_and_left_clean(
    kind: str, county: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, name = kind.split(".")
    own = {"Heaps": Heaps, "Blocks": Blocks}[whole]
    write, turns = getattr(own, name), iter(range(9))

    def full(*given: Any, **columns: Any) -> None:
        if next(turns, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*given, **columns)

    with monkeypatch.context() as patch:
        patch.setattr(own, name, full)
        with pytest.raises(OutputError, match=r"tiles.* cannot be written: No space left"):
            cut_of(county, tmp_path / "own")
    assert not [*(tmp_path / "own" / "tiles").iterdir()]


@pytest.mark.parametrize("name", ["people", "streets", "sites"])
def test_a_cut_that_is_damaged_is_made_again(name: str, town: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    told = run(town, tmp_path / "out", cache, 2)
    (file,) = cache.glob(f"tiles/*/{name}.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(8) + whole[len(whole) // 2 + 8 :])
    assert lasting(run(town, tmp_path / "out", cache, 2)) == lasting(told)
    assert file.read_bytes() == whole


def test_other_inputs_are_another_cut(town: Path, tmp_path: Path, cache: Path) -> None:
    run(town, tmp_path / "out", cache, 2)
    (town.parent / "outlets.csv").write_text("id,name,lon,lat\nO1,Hall,108.22,30.5\n", encoding="utf-8")
    assert run(town, tmp_path / "out", cache, 2)["totals"]["covered"] != 30.0


def test_tiles_go_to_workers_without_the_names_of_a_country(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cut").mkdir()
    write_cut(city(0), tmp_path / "cut")
    cut = open_cut(tmp_path / "cut")
    tiles = [
        Tile(cut=replace(cut, districts=("named",) * 1_000), first=at, last=at + 200, folder=tmp_path)
        for at in (0, 200)
    ]
    sent: list[bytes] = []
    submit = distributed.Client.submit

    def note(client: Any, *order: Any, **settings: Any) -> Any:
        sent.append(pickle.dumps(order))
        return submit(client, *order, **settings)

    monkeypatch.setattr(distributed.Client, "submit", note)
    asked = Asked(standard=near(), walker=city(0).walker, halo_m=HALO_M)
    assert not measure_tiles(tiles, asked, Workers(count=1, processes=False), lambda _: None)
    assert [tile.path.exists() for tile in tiles] == [True, True]
    assert max(map(len, sent)) < 5_000
    assert b"named" not in b"".join(sent)


def test_a_tile_too_large_for_a_worker_is_halved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: Any = distributed.KilledWorker

    def dies(tile: Tile) -> None:
        if tile.last - tile.first > 110:
            raise killed(tile.path.name, SimpleNamespace(address="here"), 0)

    (tmp_path / "cut").mkdir()
    study = city(0)
    write_cut(study, tmp_path / "cut")
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    whole = Tile(cut=open_cut(tmp_path / "cut"), first=0, last=400, folder=tmp_path / "tiles")
    counted(monkeypatch, tmp_path / "log", dies)
    done: list[Tile] = []
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_LEAST_ROWS", 50)
        assert not measure_tiles([whole], asked, Workers(count=2, processes=False), done.append)
    assert sorted((tile.first, tile.last) for tile in done) == [(0, 100), (100, 200), (200, 300), (300, 400)]
    assert not (tmp_path / "tiles" / whole.path.name).exists()
    (why,) = measure_tiles([whole], asked, Workers(count=1, processes=False), done.append).values()
    assert "memory" in why  # of so few people, half a tile is as large


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    study = city(0)
    write_cut(study, tmp_path / "cut")
    cut = open_cut(tmp_path / "cut")
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    tiles = [Tile(cut=cut, first=at, last=at + 100, folder=tmp_path / "tiles") for at in range(0, 400, 100)]
    done: list[Tile] = []

    def told(tile: Tile) -> None:
        done.append(tile)
        if len(done) == 1:
            (worker,) = worker_processes()
            os.kill(worker, 9)

    assert not measure_tiles(tiles, asked, Workers(count=1, processes=True), told)
    assert sorted(done, key=lambda tile: tile.first) == tiles


def worker_processes() -> list[int]:
    """Return the processes that this one started as workers."""
    import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 -- it comes with Dask

    return [one.pid for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())]


def test_a_cluster_that_goes_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_S", "1s")
    study = city(0)
    (tmp_path / "cut").mkdir()
    write_cut(study, tmp_path / "cut")
    cut = open_cut(tmp_path / "cut")
    asked = Asked(standard=near(), walker=study.walker, halo_m=HALO_M)
    tiles = [Tile(cut=cut, first=at, last=at + 50, folder=tmp_path / "tiles") for at in range(0, 400, 50)]
    local: Any = distributed.LocalCluster
    free = {"dashboard_address": ":0"}  # whatever port other clusters on this machine have
    other = local(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        scheduler_kwargs=free,
        protocol="tcp",
    )
    with pytest.raises(OutputError, match="went away"):
        measure_tiles(tiles, asked, Workers(scheduler=other.scheduler_address), lambda _: other.close())
    with pytest.raises(InputError, match="no answer"):
        measure_tiles(tiles, asked, Workers(scheduler=other.scheduler_address), lambda _: None)


def test_workers_that_do_not_start_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: Any) -> None:
        msg = "Nanny failed to start."
        raise RuntimeError(msg)

    monkeypatch.setattr(distributed, "LocalCluster", fails)
    (tmp_path / "cut").mkdir()
    study = city(0)
    write_cut(study, tmp_path / "cut")
    tile = Tile(cut=open_cut(tmp_path / "cut"), first=0, last=400, folder=tmp_path / "tiles")
    with pytest.raises(OutputError, match=r"no worker could be started \(Nanny failed to start\.\).*for 3 of them"):
        measure_tiles([tile], Asked(standard=near(), walker=study.walker), Workers(count=3), lambda _: None)


def test_the_command_takes_options_of_tiles_with_tiles_alone(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for words, why in {
        ("--memory", "4GB"): "--memory without --tiles",
        ("--tiles", "--geotiff", "--uncertainty"): "without --geotiff and --uncertainty",
        ("--tiles", "--memory", "much"): "--memory much: no size",
    }.items():
        assert call(monkeypatch, "cover", town, *words) == 2
        assert why in capsys.readouterr().err
    monkeypatch.setattr(tiling, "measure_tiles", here)
    asked: tuple[object, ...] = (
        "cover",
        town,
        "--tiles",
        "--out",
        tmp_path / "out",
        "--json",
        "--quiet",
        "--workers",
        1,
    )
    assert call(monkeypatch, *asked) == 0
    assert json.loads(capsys.readouterr().out)["covered"] == 30.0
