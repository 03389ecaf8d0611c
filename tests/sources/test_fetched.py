"""A study whose streets are a place on OpenStreetMap's servers: asked once, kept, and recorded."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from fakeservers import PLACES, STEP, town_node
from osmfiles import node, relation, way, write_osm

import accessibility as acc
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.errors import InputError, OutputError
from accessibility.sources import files
from accessibility.sources.fetched import overpass
from accessibility.sources.fetched.keeping import Request, keep_places, keep_streets
from accessibility.sources.osm import extracts as osm

if TYPE_CHECKING:
    from pathlib import Path

    from fakeservers import FakeServer

pytestmark = pytest.mark.usefixtures("naps")
PEOPLE = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }'


def study(folder: Path, server: FakeServer, *more: str) -> Path:
    """Write a study of the place Hill: two people's homes, town halls and banks from the servers."""
    rows = f"id,lon,lat,population,setting\np1,108.2,30.5,10,urban\np2,{108.2 + 3 * STEP},30.5,20,urban\n"
    (folder / "people.csv").write_text(rows, encoding="utf-8")
    where = f'overpass = "{server.url}/api", nominatim = "{server.url}/"'
    lines = [
        *('name = "Hill"', "[inputs]", f'network = {{ place = "Hill", {where} }}', PEOPLE),
        *('outlets = { osm = "amenity=townhall" }', 'banks = { osm = "amenity=bank" }', *more),
    ]
    (folder / "study.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "study.toml"


def northernmost(server: FakeServer) -> list[float]:
    """Return the northernmost latitude of each polygon that Overpass was asked for."""
    polygons = [re.search(r"poly:'([\d. ]+)'", asked) for asked in server.asked]
    return [max(map(float, polygon[1].split()[::2])) for polygon in polygons if polygon]


def cover(path: Path, tmp_path: Path, name: str) -> dict[str, Any]:
    options = Options(cache=tmp_path / "cache")
    return run_cover(path, tmp_path / name, options, Silence()).manifest


def test_the_second_run_asks_nobody_and_the_manifest_names_what_was_kept(server: FakeServer, tmp_path: Path) -> None:
    path = study(tmp_path, server)
    first = cover(path, tmp_path, "first")
    assert first["totals"]["population"] == 30
    assert first["totals"]["covered"] == 10
    asked = len(server.asked)
    assert asked >= 4
    server.answers, server.known = [500], False
    second = cover(path, tmp_path, "second")
    assert len(server.asked) == asked
    assert second["inputs"] == first["inputs"]
    for name in ("network", "outlets", "banks"):
        kept = first["inputs"][name]
        content = (tmp_path / "cache" / "places" / kept["path"].rsplit("/", 1)[-1]).read_bytes()
        assert kept["sha256"] == hashlib.sha256(content).hexdigest()
    for file in ("districts.csv", "demand.parquet", "quality.csv"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_who_is_told_that_streets_were_fetched_learns_how_to_ask_again(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    loaded = acc.read_study(study(tmp_path, server), cache=tmp_path / "cache")
    said = [finding for finding in loaded.findings if finding.code == "fetched"]
    assert len(said) == 3
    assert not any(finding.is_warning for finding in said)
    kept = loaded.inputs["network"]
    assert f"delete ~/cache/places/{kept.name} to ask again" in said[0].message
    assert loaded.attribution == ("© OpenStreetMap contributors, ODbL",)
    assert loaded.sites.ids.tolist() == ["n32", "n31"]
    kept.unlink()
    asked = len(server.asked)
    acc.read_study(study(tmp_path, server), cache=tmp_path / "cache")
    assert len(server.asked) > asked


def test_streets_reach_five_kilometres_beyond_the_place_or_as_far_as_the_standard(
    server: FakeServer, tmp_path: Path
) -> None:
    path = study(tmp_path, server)
    acc.read_study(path, cache=tmp_path / "cache")
    north = northernmost(server)
    assert 30.52 + 5_000 / 110_860 < min(north) <= max(north) < 30.52 + 5_700 / 110_860
    text = path.read_text(encoding="utf-8").replace("[inputs]", "[standard]\nrural = { kilometres = 8 }\n[inputs]")
    path.write_text(text, encoding="utf-8")
    server.asked.clear()
    acc.read_study(path, cache=tmp_path / "cache")
    north = northernmost(server)
    assert max(north) > 30.52 + 8_000 / 110_860  # another margin is another question


def test_what_a_killed_run_fetched_goes_with_the_next_one(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*given: Any) -> None:
        given[-1].write_bytes(b"half of it")
        raise KeyboardInterrupt

    places = tmp_path / "cache" / "places"
    with monkeypatch.context() as patch:
        patch.setattr(overpass, "write_streets", killed)
        patch.setattr(files, "_end", lambda _: None)  # a killed process tidies nothing
        with pytest.raises(KeyboardInterrupt):
            acc.read_study(study(tmp_path, server), cache=tmp_path / "cache")
    (left,) = places.iterdir()
    left.rename(places / f".accessibility-{2**30}-{files._MACHINE}00")  # no process has such a number
    acc.read_study(study(tmp_path, server), cache=tmp_path / "cache")
    assert {path.name[:5] for path in places.iterdir()} == {"hill-"}


def test_servers_that_fail_leave_nothing_behind(server: FakeServer, tmp_path: Path) -> None:
    server.answers = [500]
    with pytest.raises(OutputError, match=r"servers refused.*network = \{ path"):
        acc.read_study(study(tmp_path, server), cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "places").iterdir()) == []
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    with pytest.raises(OutputError, match=r"places.*cannot be written: .*expected a writable place"):
        keep_streets(Request(place="Hill", margin_m=5_000, folder=tmp_path / "file" / "places"))


def test_what_was_fetched_reads_as_it_would_from_an_extract(server: FakeServer, tmp_path: Path) -> None:
    server.places = [*PLACES, town_node(34, 1, 1, amenity="townhall", name="Old Hall")]
    asked = Request(
        place="Hill", margin_m=5_000, folder=tmp_path, overpass=f"{server.url}/api", nominatim=f"{server.url}/"
    )
    frame, _ = keep_places(asked, "amenity=townhall,amenity=post_office")
    again, _ = keep_places(asked, "amenity=townhall,amenity=post_office")
    assert frame.equals(again)
    nodes = [node(p["id"], p["lon"], p["lat"], **p["tags"]) for p in server.places]
    extract = write_osm(tmp_path / "t.osm", *nodes, way(1, [31, 32]), relation(1, [], {"type": "route"}))
    plain, _ = osm.read_places(extract, "amenity=townhall,amenity=post_office")
    assert pd.DataFrame(frame).drop(columns="geometry").equals(pd.DataFrame(plain).drop(columns="geometry"))
    assert frame.geometry.geom_equals_exact(plain.geometry, 1e-7).all()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('place = "Hill"', 'place = "Hill", path = "x.osm"', "expected either path = ... or place"),
        ('place = "Hill", ', "", "expected either path = ... or place"),
        ('place = "Hill"', 'path = "x.osm"', "overpass and nominatim are servers that are asked for a place"),
        (PEOPLE, "population = { buildings = true }", r"reads an extract, and network names a place; expected path"),
        ("[inputs]", "[inputs]\narea = { admin_level = 8 }", r"reads an extract, and network names a place"),
        ('place = "Hill"', 'place = "Hill", noded = true', "layer and noded are for files of lines"),
        ('"amenity=bank"', '"bank"', "'bank' is no pair; expected key=value"),
    ],
)
def test_studies_that_mix_a_place_with_what_needs_a_file_are_refused(
    server: FakeServer, tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = study(tmp_path, server)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        acc.read_study(path, cache=tmp_path / "cache")
