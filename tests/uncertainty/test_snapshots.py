"""What lies between two figures: parts that add up exactly, and worlds where one thing alone has changed."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import shapely
import worlds
from conftest import write_town
from typer.testing import CliRunner

from accessibility import Standard, Walker, measure_coverage
from accessibility.cli.commands import app
from accessibility.cli.comparing import run_changes
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.errors import InputError
from accessibility.uncertainty.changes import PARTS_OF_CHANGE, Snapshot, deal_out, explain_changes

if TYPE_CHECKING:
    from pathlib import Path

    from accessibility import Network

HOMES = [(100.0, 0.0), (1_500.0, 0.0), (0.0, 1_200.0), (1_900.0, 0.0)]


def streets(*, short: bool = False, spur: bool = False) -> Network:
    """Return a street of 2 km to the east, one of 1.2 km to the north off its end, a shortcut, a spur."""
    nodes = [(0.0, 0.0), (1_000.0, 0.0), (2_000.0, 0.0), (2_000.0, 1_200.0), (0.0, 1_200.0), (0.0, 900.0)]
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    return worlds.network(nodes, edges + [(0, 5)] * short + [(1, 4)] * spur)


def snapshot(network: Network, outlets: list[tuple[float, float]], people: list[float]) -> Snapshot:
    return Snapshot(network=network, demand=worlds.people(HOMES, people), sites=worlds.outlets(outlets))


OLD = snapshot(streets(), [(0.0, 0.0)], [10, 20, 30, 5])


def test_parts_add_up_and_are_those_of_every_order() -> None:
    random = np.random.default_rng(3)
    worth = {
        frozenset(p for p, there in zip("abcd", bits, strict=True) if there): random.random()
        for bits in np.ndindex(2, 2, 2, 2)
    }
    found = deal_out("abcd", worth.__getitem__)
    assert sum(found.values()) == pytest.approx(worth[frozenset("abcd")] - worth[frozenset()], abs=1e-12)
    orders = list(permutations("abcd"))
    for part in "abcd":
        gains = [worth[frozenset(o[: o.index(part) + 1])] - worth[frozenset(o[: o.index(part)])] for o in orders]
        assert found[part] == pytest.approx(sum(gains) / len(orders), abs=1e-12)


@pytest.mark.parametrize(
    ("new", "part"),
    [
        (snapshot(streets(short=True), [(0.0, 0.0)], [10, 20, 30, 5]), "mapped"),
        (snapshot(streets(), [(0.0, 0.0), (1_500.0, 0.0)], [10, 20, 30, 5]), "outlets"),
        (snapshot(streets(), [(0.0, 0.0)], [50, 20, 30, 5]), "people"),
    ],
)
def test_one_change_alone_is_the_whole_difference(new: Snapshot, part: str) -> None:
    # The shortcut of 900 m leads the thirty in the north to the outlet along 1.2 km: no; an outlet at 1.5 km does more.
    found = explain_changes(OLD, new, Standard(), Walker(speed_m_s=1.4))
    assert found.points[part] == pytest.approx(100 * (found.after - found.before))
    assert found.after != found.before
    assert all(found.points[other] == 0 for other in PARTS_OF_CHANGE if other != part)


def test_built_streets_are_told_from_mapped_ones_by_the_lines_given() -> None:
    new = snapshot(streets(short=True, spur=True), [(0.0, 0.0), (1_900.0, 0.0)], [12, 25, 30, 9])
    line = shapely.LineString(np.array([(2.0, 0.0), (2.0, 900.0)]) + worlds.ORIGIN)
    walker = Walker(speed_m_s=1.4)
    found = explain_changes(OLD, new, Standard(), walker, np.array([line], dtype=object))
    assert found.built_km == pytest.approx(0.9)
    assert found.new_km == pytest.approx(0.9 + np.hypot(1_000, 1_200) / 1_000)
    assert sum(found.points.values()) == pytest.approx(100 * (found.after - found.before), abs=1e-9)
    for snap, share in ((OLD, found.before), (new, found.after)):
        assert measure_coverage(snap.network, snap.demand, snap.sites, Standard(), walker).share == share
    none = explain_changes(OLD, new, Standard(), walker)
    assert none.points["built"] == pytest.approx(0.0, abs=1e-9)
    assert none.points["mapped"] == pytest.approx(found.points["built"] + found.points["mapped"])


def test_the_command_adds_up_and_says_its_rule(tmp_path: Path) -> None:
    old, new = (tmp_path / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        write_town(folder)
    (new / "banks.csv").write_text((new / "banks.csv").read_text(encoding="utf-8").replace(",no", ",yes"), "utf-8")
    run = CliRunner().invoke(app, ["changes", str(old / "study.toml"), str(new / "study.toml"), "--quiet"])
    assert run.exit_code == 0, run.output
    told = CliRunner().invoke(app, ["changes", str(old / "study.toml"), str(new / "study.toml")])
    assert "start dates in the maps are not read: all count as newly mapped" in told.output
    assert "outlets and bank branches" in told.output
    with (new / "study.toml").open("a", encoding="utf-8") as file:
        file.write("\n[walking]\nspeed_m_s = 0.9\n")
    with pytest.raises(InputError, match="have other rules or walkers; expected the same in both"):
        run_changes(old / "study.toml", new / "study.toml", None, Options(), Silence())
    gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326).to_file(tmp_path / "points.geojson")
    with pytest.raises(InputError, match="0 lines, coordinate system EPSG:4326; expected lines"):
        run_changes(old / "study.toml", old / "study.toml", tmp_path / "points.geojson", Options(), Silence())
