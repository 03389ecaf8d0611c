"""Maps on paper of an area in tiles: as few people as a page tells apart, and the picture that all would make."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import worlds
from tileworlds import HALO_M, city

import accessibility as acc
from accessibility.geo.projection import WGS84, mercator
from accessibility.present.map.overlays import Picture
from accessibility.present.report.mapsketch import Paper, classify, finest_pixel
from accessibility.tiles import pieces
from accessibility.tiles.cutting import open_cut, write_cut
from accessibility.tiles.drawing import FewPeople, find_gained
from accessibility.tiles.measuring import Asked, Tile, measure_tile
from accessibility.tiles.pieces import load_widest

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility.measures.coverage import Coverage


def country(seed: int, n: int) -> tuple[Coverage, np.ndarray[Any, Any]]:
    """Return people of three states in three towns of a country, some without a place, and whom new sites cover."""
    chance = np.random.default_rng(seed)
    towns = np.array([(104.0, 28.0), (108.0, 33.0), (111.0, 30.0)])
    lonlat = towns[chance.integers(0, 3, n)] + chance.normal(0, 0.8, (n, 2))
    lonlat[chance.random(n) < 0.01] = np.nan
    # At the ends two stand side by side, for whom one will stand.
    for at, end in enumerate((np.argmin, np.argmax)):
        for axis in (0, 1):
            lonlat[4 * at + 2 * axis] = towns.mean(axis=0)
            lonlat[4 * at + 2 * axis, axis] = towns[end(towns[:, axis]), axis] + (8 * at - 4)
            lonlat[4 * at + 2 * axis + 1] = lonlat[4 * at + 2 * axis] + (1e-4, 1e-4)
    covered, unreached = lonlat[:, 0] % 1 < 0.5, chance.random(n) < 0.1
    people = chance.integers(0, 90, n).astype(float)
    demand = acc.Demand(ids=range(n), xy=lonlat, population=people, crs=WGS84)  # type: ignore[arg-type]
    sites = acc.Sites(ids=["H"], xy=[(104, 28)], crs=WGS84)  # type: ignore[arg-type]
    found = SimpleNamespace(demand=demand, covered=covered, unreached=unreached & ~covered, sites=sites, study=None)
    return cast("Coverage", found), (lonlat[:, 1] % 1 < 0.3) & ~covered


def parts_of(whole: Coverage, size: int) -> Any:
    for at in range(0, len(whole.demand), size):
        rows = slice(at, at + size)
        demand = SimpleNamespace(lonlat=whole.demand.lonlat[rows], population=whole.demand.population[rows])
        yield SimpleNamespace(demand=demand, covered=whole.covered[rows], unreached=whole.unreached[rows])


def few_of(whole: Coverage, gained: Any, size: int) -> tuple[Coverage, Coverage]:
    placed = whole.demand.lonlat[np.isfinite(whole.demand.lonlat).all(axis=1)]
    corners = np.array([placed.min(axis=0), placed.max(axis=0)])
    few = FewPeople(corners, finest_pixel(corners, None), gained)
    assert sum(1 for _ in few.watch(parts_of(whole, size))) == -(-len(whole.demand) // size)
    return few.drawn(whole.sites), few.drawn(whole.sites, after=True)


def test_few_people_stand_for_all_of_a_country() -> None:
    n = 300_000
    whole, gained = country(1, n)
    now, then = few_of(whole, gained, 70_000)
    ground = Paper.of(whole, None, None)
    assert len(now.demand) < 0.6 * n
    for few, all_, covered in ((now, whole, whole.covered), (then, whole, whole.covered | gained)):
        assert few.demand.population.sum() == all_.demand.population.sum()
        assert few.demand.population[few.covered].sum() == all_.demand.population[covered].sum()
        lost = all_.unreached & ~covered
        assert few.demand.population[few.unreached].sum() == all_.demand.population[lost].sum()
    nowhere = [np.isnan(one.demand.lonlat[:, 0]) for one in (now, whole)]
    assert now.demand.population[nowhere[0]].sum() == whole.demand.population[nowhere[1]].sum() > 0
    # The page is as large, and its squares as wide.
    drawn = Paper.of(now, None, None)
    assert (drawn.west, drawn.north, drawn.scale, drawn.height) == (
        ground.west,
        ground.north,
        ground.scale,
        ground.height,
    )
    assert drawn.places.cell_m == ground.places.cell_m
    # By brute force: who stands in a pixel in which state; whoever stands for them stands there, too.
    pixel, corner = Picture.of(ground.places).pixel, mercator(whole.demand.lonlat[~nowhere[1]]).min(axis=0)
    assert finest_pixel(whole.demand.lonlat[~nowhere[1]], None) == pytest.approx(pixel)
    sums = []
    for one in (now, whole):
        at = ~np.isnan(one.demand.lonlat[:, 0]) & (one.demand.population > 0)
        place = np.floor((mercator(one.demand.lonlat[at]) - corner) / pixel)
        state = np.where(one.covered, 0, np.where(one.unreached, 2, 1))[at]
        keys = pd.MultiIndex.from_arrays([*place.T.astype(int), state])
        sums.append(pd.Series(one.demand.population[at], index=keys).groupby(level=[0, 1, 2]).sum())
    pd.testing.assert_series_equal(sums[0], sums[1])


def test_the_picture_of_few_is_that_of_all_but_for_seams() -> None:
    whole, gained = country(2, 300_000)
    now, then = few_of(whole, gained, 300_000)
    after = SimpleNamespace(**vars(whole) | {"covered": whole.covered | gained, "unreached": whole.unreached & ~gained})
    for few, all_ in (((now, None), (whole, None)), ((now, then), (whole, cast("Coverage", after)))):
        winners = []
        for today, later in (few, all_):
            ground = Paper.of(today, None, None)
            winners.append(Picture.of(ground.places).winners(classify(today, later))[0])
        inhabited = (winners[0] >= 0) | (winners[1] >= 0)
        assert inhabited.sum() > 50_000
        assert (winners[0] != winners[1])[inhabited].mean() < 0.07


def test_nothing_hangs_on_how_many_people_are_told_at_once() -> None:
    whole, gained = country(3, 5_000)
    (one, _), (other, _) = few_of(whole, gained, 5_000), few_of(whole, gained, 7)
    assert one.demand.population.tobytes() == other.demand.population.tobytes()
    assert one.demand.xy.tobytes() == other.demand.xy.tobytes()
    assert one.covered.tobytes() == other.covered.tobytes()


def test_an_area_where_nobody_has_a_place_has_a_map() -> None:
    whole, _ = country(4, 30)
    demand = acc.Demand(ids=range(30), xy=np.full((30, 2), np.nan), population=whole.demand.population, crs=WGS84)  # type: ignore[arg-type]
    nowhere = cast("Coverage", SimpleNamespace(**vars(whole) | {"demand": demand}))
    few = FewPeople(np.empty((0, 2)), finest_pixel(np.empty((0, 2)), None), None)
    for _ in few.watch(parts_of(nowhere, 30)):
        pass
    drawn = few.drawn(whole.sites)
    assert drawn.demand.population.sum() == whole.demand.population.sum()
    assert not Paper.of(drawn, None, None).places.placed.any()


def test_whom_new_sites_cover_is_whom_they_cover_in_memory(tmp_path: Path) -> None:
    standard = acc.Standard(urban=acc.Rule.walk(15), rural=acc.Rule.distance(1.5))
    study = city(1, standard)
    sites = study.sites
    may = replace(sites, kind=np.where(sites.open, "outlet", "new"), closed=np.zeros(len(sites), np.bool_))
    study = acc.Study.of(study.network, study.demand, may, standard=standard, name="City")
    (tmp_path / "cut").mkdir()
    write_cut(study, tmp_path / "cut")
    cut = open_cut(tmp_path / "cut")
    asked = Asked(standard=standard, walker=study.walker, halo_m=HALO_M, pairs=True)
    tiles = [
        measure_tile(Tile(cut=cut, first=at, last=at + 100, folder=tmp_path / "tiles"), asked)
        for at in range(0, 400, 100)
    ]
    ids = pd.concat([gpd.read_parquet(tile.path) for tile in tiles])["id"]
    opened = [str(ident) for ident in may.ids[may.may_open][:9]]
    then = replace(may, open=may.open | np.isin(may.ids.astype(str), opened))
    now, after = study.coverage(), acc.measure_coverage(study.network, study.demand, then, standard, study.walker)
    expected = pd.Series(
        after.covered & ~now.covered & (study.demand.population > 0), index=study.demand.ids.astype(str)
    )
    assert expected.sum() > 5
    assert find_gained(tiles, opened).tolist() == expected[ids].tolist()


@pytest.mark.parametrize(("most", "kinds"), [(2, ["primary"]), (1, None)])
def test_a_page_shows_the_widest_streets_that_are_not_too_many(
    most: int, kinds: list[str] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [(0, 0), (500, 0), (1_000, 0), (1_000, 500)]
    streets = replace(
        worlds.network(nodes, [(0, 1), (1, 2), (2, 3)]), kinds=("residential", "primary"), kind=np.array([1, 1, 0])
    )
    study = acc.Study.of(streets, worlds.people([(0, 0)]), worlds.outlets([(500, 0)]), name="Road")
    (tmp_path / "cut").mkdir()
    write_cut(study, tmp_path / "cut")
    monkeypatch.setattr(pieces, "_MOST_DRAWN", most)
    found = load_widest(open_cut(tmp_path / "cut"))
    assert (found is None) == (kinds is None)
    if found is not None:
        assert sorted({found.kinds[kind] for kind in found.kind}) == kinds
        assert found.length_m.tolist() == streets.length_m[:2].tolist()
