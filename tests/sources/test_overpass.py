"""A small town fetched from servers of our own, which answer as Overpass and Nominatim do."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import socket
import threading
import zipfile
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import osmnx
import pytest
from fakeservers import NAME, PLACES, STEP, BadServer, country, square, tiff
from typer.testing import CliRunner

from accessibility.cli import commands as cli
from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_cover
from accessibility.errors import InputError, OutputError
from accessibility.sources.fetched import overpass
from accessibility.sources.fetched.overpass import Servers, fetch_place, write_streets
from accessibility.sources.fetched.rasters import ghs_pop_urls, glo_30_urls, worldpop_url
from accessibility.sources.fetched.remote import Keeper, open_remote, reason_of
from accessibility.sources.osm import extracts as osm
from accessibility.streets.foot import FootAccess
from accessibility.study.study import read_study
from accessibility.wording import message_text

if TYPE_CHECKING:
    from pathlib import Path

    from fakeservers import FakeArchive, FakeServer

pytestmark = pytest.mark.usefixtures("naps")


def _settings() -> dict[str, Any]:
    return {k: v for k, v in vars(osmnx.settings).items() if not k.startswith("_")}


def test_a_place_becomes_streets_banks_offices_and_a_boundary(server: FakeServer) -> None:
    before, resolver = dict(_settings()), socket.getaddrinfo
    found = fetch_place("Hill", margin_m=5_000, servers=server.servers)
    assert (_settings(), socket.getaddrinfo) == (before, resolver)
    assert (found.name, server.asked[0]) == (NAME, "Hill")
    assert found.banks[["id", "name"]].to_numpy().tolist() == [["n31", "County Bank"]]
    assert sorted(found.outlets["id"]) == ["n32", "n33"]
    assert found.boundary.total_bounds == pytest.approx([108.18, 30.48, 108.22, 30.52])
    # 5 km around the boundary, and the half kilometre that osmnx adds for itself
    north = max(float(word) for word in server.asked[1].split("'")[1].split()[::2])
    assert 30.52 + 5_400 / 110_860 < north < 30.52 + 5_700 / 110_860


def test_streets_are_written_as_they_were_tagged(server: FakeServer, tmp_path: Path) -> None:
    found = fetch_place("Hill", margin_m=5_000, servers=server.servers)
    write_streets(found.streets, found.name, tmp_path / "streets.osm.gz")
    network, findings = osm.read_network(tmp_path / "streets.osm.gz")
    # Long Road (four steps; the far end is kept by its edge), the footway cut at its gate and where the cycleway
    # meets it, the steps: no motorway.
    assert {f.code: f.count for f in findings if f.code != "extract"} == {
        "not-walkable": 2,
        "ferries-left-out": 1,
        "blocking-barrier": 1,
    }
    kinds = [network.kinds[k] for k in network.kind]
    assert (kinds.count("footway"), kinds.count("steps")) == (3, 1)
    steps = kinds.index("steps")
    assert network.oneway.tolist() == [kind == "steps" for kind in kinds]
    ends = network.node_ids[network.edges[steps]].tolist()
    assert ends == [8, 1]  # oneway=-1: against the way, from its last node to its first
    afloat, _ = osm.read_network(tmp_path / "streets.osm.gz", foot=FootAccess(ferries=True))
    assert afloat.fixed_s[afloat.of_kind("ferry")].tolist() == [240 + 300]  # nothing goes on at its other end
    assert kinds.count("cycleway") == 1


def test_a_way_whose_middle_was_cut_off_is_not_bridged() -> None:
    from accessibility.sources.fetched.overpass import _trails  # noqa: PLC0415

    assert list(_trails([(1, 2), (2, 3), (7, 8)])) == [[1, 2, 3], [7, 8]]
    assert list(_trails([(5, 6), (6, 7), (7, 5)])) == [[5, 6, 7, 5]]
    eight = [(1, 2), (2, 3), (3, 4), (4, 2), (2, 5)]
    walked = [pair for trail in _trails(eight) for pair in pairwise(trail)]
    assert sorted(walked) == sorted(eight)


def test_busy_servers_are_asked_again(server: FakeServer, naps: list[float]) -> None:
    server.answers = [429, 504, 200]
    found = fetch_place("Hill", margin_m=5_000, servers=server.servers)
    assert len(found.banks) == 1
    assert naps.count(55) == 2


@pytest.mark.parametrize("status", [429, 504])
def test_servers_that_stay_busy_are_given_up(server: FakeServer, naps: list[float], status: int) -> None:
    server.answers = [status]
    with pytest.raises(OutputError, match=rf"busy \(status {status}\): not done within 600 s; .*osm\.pbf"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    assert sum(naps) <= 620
    assert len(server.asked) <= 13


def test_no_time_is_slept_that_is_not_there(server: FakeServer, naps: list[float]) -> None:
    server.answers = [504]
    hurried = Servers(overpass=f"{server.url}/api", nominatim=server.url, deadline_s=30)
    with pytest.raises(OutputError, match="not done within 30 s"):
        fetch_place("Hill", margin_m=5_000, servers=hurried)
    assert 55 not in naps


def test_servers_that_are_down_or_out_of_order(server: FakeServer) -> None:
    before, resolver = dict(_settings()), socket.getaddrinfo
    server.answers = [500]
    with pytest.raises(OutputError, match=r"servers refused: .*500"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(OutputError, match=r"cannot be reached: .*expected the internet"):
        fetch_place("Hill", margin_m=5_000, servers=Servers(overpass=away, nominatim=away))
    assert (_settings(), socket.getaddrinfo) == (before, resolver)


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("endless", r"broke off: more than 5,000,000 bytes came"),
        ("bomb", r"broke off: more than 5,000,000 bytes came"),
        ("drip", r"is too slow: not done within 1 s"),
        ("elsewhere", r"servers refused: No connection adapters were found for 'file:///etc/passwd'"),
    ],
)
def test_an_answer_without_end_or_from_elsewhere_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, way: str, told: str
) -> None:
    monkeypatch.setattr(overpass, "_MOST_BYTES", 5_000_000)
    with BadServer(way) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seconds = 1 if way == "drip" else 60
        servers = Servers(overpass=f"{server.url}/api", nominatim=f"{server.url}/", deadline_s=seconds)
        with pytest.raises(OutputError, match=told):
            fetch_place("Hill", margin_m=5_000, servers=servers)
        server.shutdown()


@pytest.mark.parametrize(
    ("way", "told"), [("drip", "is too slow: not done in time"), ("elsewhere", "is no address"), ("bomb", "how long")]
)
def test_a_file_that_drips_or_lies_elsewhere_is_given_up(tmp_path: Path, way: str, told: str) -> None:
    def read(url: str) -> None:
        file = open_remote(f"{url}/people.tif", Keeper(folder=tmp_path, deadline_s=1))
        assert file is not None
        with file:
            file.read()

    with BadServer(way) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises((OutputError, InputError), match=told):
            read(server.url)
        server.shutdown()


def test_half_an_answer_is_no_answer(server: FakeServer) -> None:
    server.remark = "runtime error: Query run out of memory"
    with pytest.raises(OutputError, match="broke off: runtime error: Query run out of memory"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)


def test_places_that_will_not_do(server: FakeServer) -> None:
    server.shape = {"type": "Point", "coordinates": [108.2, 30.5]}
    with pytest.raises(InputError, match="'Hill': OpenStreetMap has no boundary of it"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    server.shape = square(2)
    with pytest.raises(InputError, match=r"'Hill' is .* km² with 5 km around it; expected 10,000 km² at most"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    server.known = False
    with pytest.raises(InputError, match="'Hill': OpenStreetMap knows no such place"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    assert not [asked for asked in server.asked if "highway" in asked]


def _run(server: FakeServer, folder: Path, *more: str) -> Any:
    where = ["--overpass", f"{server.url}/api", "--nominatim", server.url]
    alone = ["--people", "none", "--no-heights"] if "--worldpop" not in more else []
    return CliRunner().invoke(cli.app, ["fetch", "Hill", "--into", str(folder), *where, *alone, *more])


def test_the_command_writes_a_study_that_lacks_its_people_only(
    server: FakeServer, tmp_path: Path, cache: Path, naps: list[float]
) -> None:
    folder = tmp_path / "hill"
    run = _run(server, folder)
    assert run.exit_code == 0, run.output
    assert "© OpenStreetMap contributors" in run.output
    assert naps.count(55) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        *("banks.gpkg", "boundary.gpkg", "fetched.json", "outlets.gpkg", "streets.osm.gz", "study.toml"),
    ]
    with pytest.raises(InputError, match=r"population: required and not there"):
        read_study(folder / "study.toml", cache=cache)
    people = "id,lon,lat,population,setting\np1,108.2,30.5,10,urban\n" + f"p2,{108.2 + 3 * STEP},30.5,20,urban\n"
    (folder / "people.csv").write_text(people, encoding="utf-8")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    given = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }\n'
    (folder / "study.toml").write_text(text.replace("# Give the people", given + "# Give the people"), encoding="utf-8")
    study = read_study(folder / "study.toml", cache=cache)
    assert study.name == NAME
    assert study.coverage().metres == pytest.approx([0, 1_000], rel=2e-3, abs=0.1)
    assert study.attribution == ("© OpenStreetMap contributors, ODbL",)
    assert _run(server, folder, "--json").exit_code == 0
    assert given in (folder / "study.toml").read_text(encoding="utf-8")  # what was filled in stays


def test_the_terminal_and_the_study_speak_chinese_and_name_the_other_places(server: FakeServer, tmp_path: Path) -> None:
    server.others = ["南山, 甲县, 中国", "南山, 乙县, 中国"]
    run = _run(server, tmp_path, "--lang", "zh")
    assert f"Hill 中：已取{NAME}；同名的还有：南山, 甲县, 中国; 南山, 乙县, 中国；" in run.output.replace("\n", "")  # noqa: RUF001
    study = (tmp_path / "study.toml").read_text(encoding="utf-8")
    comments = [line for line in study.splitlines() if line.startswith("# ") and "=" not in line]
    assert len(comments) > 4
    assert not [line for line in comments if not re.search("[\u4e00-\u9fff]", line)]
    assert _run(server, tmp_path / "en").output.count("others of that name: 南山") == 1


def test_what_was_changed_since_is_fetched_over_only_when_asked(server: FakeServer, tmp_path: Path) -> None:
    folder = tmp_path / "hill"
    assert _run(server, folder).exit_code == 0
    before = len(server.asked)
    for name, content in (
        ("outlets.gpkg", b"mine"),
        ("fetched.json", b"[1]"),
        ("fetched.json", b'{"files": {"a": 1}}'),
    ):
        was = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        run = _run(server, folder)
        assert isinstance(run.exception, OutputError)
        assert f"{name}: not fetched, or changed since; expected another folder, or --overwrite" in str(run.exception)
        assert (folder / name).read_bytes() == content
        (folder / name).write_bytes(was)
    assert len(server.asked) == before  # nobody was asked for what has nowhere to go
    (folder / "outlets.gpkg").write_bytes(b"mine")
    assert _run(server, folder, "--overwrite").exit_code == 0
    assert len(gpd.read_file(folder / "outlets.gpkg"))
    assert _run(server, folder).exit_code == 0


def test_a_place_without_banks_says_so_in_the_study(server: FakeServer, tmp_path: Path) -> None:
    server.places = [PLACES[1]]
    assert _run(server, tmp_path, "--quiet").exit_code == 0
    text = (tmp_path / "study.toml").read_text(encoding="utf-8")
    assert "\n# banks      = {" in text
    assert "\noutlets    = {" in text
    assert gpd.read_file(tmp_path / "banks.gpkg").empty


def test_a_full_disk_is_told_and_leaves_nothing(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    run = _run(server, tmp_path / "hill")
    assert isinstance(run.exception, OutputError)
    assert "No space left on device; files there are untouched" in str(run.exception)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_when_the_servers_fail(server: FakeServer, tmp_path: Path) -> None:
    server.answers = [200, 500]
    run = _run(server, tmp_path / "hill")
    assert isinstance(run.exception, OutputError)
    assert not (tmp_path / "hill").exists()


def _archive(archive: FakeArchive) -> list[str]:
    """Publish 600 people in the town, one to a cell, and a slope; return the options that ask there."""
    people = np.full((3600, 2400), -99_999, np.float32)
    people[1790:1810, 1186:1216] = 1  # from 108.188 to 108.213, 30.491 to 30.508
    heights = np.broadcast_to(np.arange(360, dtype=np.float32)[:, None], (360, 360)).copy()
    contents = [
        tiff(people, 107.2, 32.0, (1200, 1200), nodata=-99_999, compress="deflate"),
        *(tiff(heights, 108, south + 1, (360, 360)) for south in (30,)),
    ]
    urls = [worldpop_url("CHN", 2025, archive.url), *glo_30_urls((108.1, 30.4, 108.3, 30.6), archive.url)]
    archive.files = {url.removeprefix(archive.url): content for url, content in zip(urls, contents, strict=True)}
    return ["--worldpop", archive.url, "--ghsl", archive.url, "--copernicus", archive.url]


def test_a_place_comes_with_its_people_and_heights_and_can_be_run(
    server: FakeServer, archive: FakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    folder = tmp_path / "hill"
    run = _run(server, folder, *_archive(archive), "--buildings")
    assert run.exit_code == 0, run.output
    assert "population.tif: WorldPop constrained population, 100 m, 2025" in run.output
    assert 'rel(pivot.a)["ISO3166-1:alpha3"]' in " ".join(server.asked)
    record = json.loads((folder / "fetched.json").read_text(encoding="utf-8"))
    assert set(record["files"]) == set(record["sources"])
    for name, told in record["files"].items():
        assert told["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    said = record["sources"]["population.tif"]
    assert (said["licence"], said["year"]) == ("CC BY 4.0", "2025")
    assert said["url"] == worldpop_url("CHN", 2025, archive.url)
    assert record["sources"]["elevation.tif"]["url"] == glo_30_urls((108.2, 30.5, 108.2, 30.5), archive.url)[0]
    result = run_cover(folder / "study.toml", tmp_path / "out", Options(cache=cache), Silence())
    assert result.manifest["totals"]["population"] == pytest.approx(600)
    assert result.manifest["inputs"]["population"]["source"] == said
    assert "WorldPop" in result.manifest["parameters"]["attribution"]
    assert "DLR" in result.manifest["parameters"]["attribution"]
    houses, _ = osm.read_buildings(folder / "streets.osm.gz")
    steps = [0.1 * 0.1, 0.3 * 0.3 - 0.1 * 0.1]  # of 500 m; the second house has a yard
    assert sorted(houses["footprint_m2"]) == pytest.approx([area * 500**2 for area in steps], rel=5e-3)
    assert set(houses["levels"]) == {2, 3}
    # The same once more: nothing stands in the way, and of the large files only their heads are asked.
    asked = len(archive.asked)
    assert _run(server, folder, *_archive(archive)).exit_code == 0
    assert len(archive.asked) == asked + 2


def test_people_come_from_the_second_source_where_the_first_has_none(
    server: FakeServer, archive: FakeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    where = _archive(archive)
    archive.files.pop("/2025/CHN/v1/100m/constrained/chn_pop_2025_CN_100m_R2025A_v1.tif")
    run = _run(server, tmp_path / "hill", *where)
    assert isinstance(run.exception, OutputError)
    assert re.search(
        r"hill: written, but without people; .*no such file.*; .*GHS_POP.*no such file", str(run.exception)
    )
    told = message_text(str(run.exception), "zh")
    assert (told.count("没有该文件"), "已写入，但缺少人口；" in told, "expected" in told) == (2, True, False)  # noqa: RUF001
    text = (tmp_path / "hill" / "study.toml").read_text(encoding="utf-8")
    assert "# Give the people" in text
    assert "\nelevation  = {" in text
    urls = ghs_pop_urls((107.5, 29.9, 108.9, 31.1), 2025, archive.url)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        west, north = -180.00791620856731 + 280, 89.09958317764332 - 50
        zipped.writestr("tile.tif", tiff(np.ones((120, 120), np.float32), west, north, (12, 12), nodata=-200))
    archive.files |= {urls[0].removeprefix(archive.url): packed.getvalue()}
    run = _run(server, tmp_path / "hill", *where)
    assert run.exit_code == 0, run.exception
    assert "no such file" in run.output
    assert "people are from GHS-POP, 3 arc seconds instead" in run.output
    record = json.loads((tmp_path / "hill" / "fetched.json").read_text(encoding="utf-8"))
    assert record["sources"]["population.tif"]["version"].startswith("R2023A V1-0")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--people", "census"], "people are to come from 'census'; expected worldpop, ghs-pop or none"),
        (["--year", "2035"], "people of the year 2035; expected 2015 to 2030"),
        (["--country", "China"], "country 'China'; expected three letters, as CHN"),
    ],
)
def test_what_nobody_has_is_refused_before_anybody_is_asked(
    server: FakeServer, tmp_path: Path, more: list[str], said: str
) -> None:
    run = _run(server, tmp_path / "hill", *more)
    assert str(run.exception) == said
    assert server.asked == []


def test_the_smallest_country_around_a_place_is_its_country(server: FakeServer) -> None:
    server.countries = [country("HKG", "3"), country("CHN", "2")]
    asked = frozenset({"country"})
    assert fetch_place("Hill", margin_m=5_000, servers=server.servers, more=asked).country == "HKG"
    server.countries = []
    assert fetch_place("Hill", margin_m=5_000, servers=server.servers, more=asked).country == ""


def test_the_reason_why_a_server_is_not_reached_stands_without_what_is_around_it() -> None:
    around = "HTTPSConnectionPool(host='x', port=443): Max retries exceeded (Caused by NameResolutionError(\"Failed to"
    assert reason_of(OSError(f"{around} resolve 'x' ([Errno -2] Name or service not known)")) == (
        "Name or service not known"
    )
    assert reason_of(OSError("broken pipe (again)")) == "broken pipe (again)"
    assert reason_of(TimeoutError()) == "TimeoutError"
