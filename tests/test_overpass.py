"""A small town fetched from servers of our own, which answer as Overpass and Nominatim do."""

from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

import geopandas as gpd
import osmnx
import pytest
from typer.testing import CliRunner

from accessibility import cli
from accessibility.errors import InputError, OutputError
from accessibility.sources import osm
from accessibility.sources.foot import FootAccess
from accessibility.sources.overpass import Servers, fetch_place, write_streets
from accessibility.study import read_study

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = '村 "Hill", County'
STEP = 500 / 95_970.0  # 500 m of longitude at 30.5 degrees north


def _node(number: int, east: float, north: float, **tags: str) -> dict[str, Any]:
    """Return a node so many steps of 500 m away from the town's square."""
    place = {"lon": 108.2 + east * STEP, "lat": 30.5 + north * 500 / 110_860.0}
    return {"type": "node", "id": number, **place} | ({"tags": tags} if tags else {})


def _way(number: int, nodes: list[int], **tags: str) -> dict[str, Any]:
    return {"type": "way", "id": number, "nodes": nodes, "tags": tags}


TOWN = [
    *(_node(i, i, 0) for i in range(5)),
    _node(5, 2, 1),
    _node(6, 2, 2, barrier="gate", access="no"),
    _node(7, 2, 3),
    _node(8, 1, 1),
    _node(9, 40, 0),  # 20 km away: the way to it is cut at the margin
    _way(21, [0, 1, 2, 3, 4, 9], highway="residential", name="Long Road"),
    _way(22, [2, 5, 6, 7], highway="footway"),
    _way(23, [1, 8], highway="steps", oneway="-1"),
    _way(24, [8, 5], highway="motorway"),
    _way(25, [5, 3], highway="cycleway"),
]
PLACES = [
    _node(31, 4, 0, amenity="bank", name="County Bank"),
    _node(32, 0, 0, amenity="townhall", name="Town Hall"),
    _node(33, 1, 0, amenity="post_office"),
]


def _square(half: float) -> dict[str, Any]:
    west, south, east, north = 108.2 - half, 30.5 - half, 108.2 + half, 30.5 + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


class FakeServer(ThreadingHTTPServer):
    """Nominatim and Overpass in one; `answers` holds statuses to give Overpass's next requests, the last for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answers: list[int] = [200]
        self.asked: list[str] = []
        self.shape: dict[str, Any] = _square(0.02)
        self.known = True
        self.remark = ""
        self.places = PLACES

    @property
    def servers(self) -> Servers:
        return Servers(overpass=f"{self.url}/api", nominatim=f"{self.url}/", deadline_s=600)


class _Handler(BaseHTTPRequestHandler):
    server: FakeServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        asked = parse_qs(urlparse(self.path).query)["q"][0]
        self.server.asked.append(asked)
        found = {"importance": 0.5, "display_name": NAME, "lat": "30.5", "lon": "108.2", "geojson": self.server.shape}
        self._say(200, [found | {"boundingbox": ["30.4", "30.6", "108.1", "108.3"]}] if self.server.known else [])

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(text)["data"][0]
        self.server.asked.append(query)
        answers = self.server.answers
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        elements = TOWN if '["highway"]' in query else self.server.places
        remark = {"remark": self.server.remark} if self.server.remark else {}
        self._say(status, {"elements": elements} | remark)

    def _say(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode() if status != 500 else b"<html>out of order</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    fake = FakeServer()
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    fake.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses instead of taking them."""
    taken: list[float] = []
    monkeypatch.setattr(time, "sleep", taken.append)
    return taken


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
    write_streets(found, tmp_path / "streets.osm.gz")
    network, findings = osm.read_network(tmp_path / "streets.osm.gz")
    # Long Road (four steps; the far end is kept by its edge), the footway cut at its gate, the steps: no motorway.
    assert {f.code: f.count for f in findings if f.code != "extract"} == {"not-walkable": 2, "blocking-barrier": 1}
    kinds = [network.kinds[k] for k in network.kind]
    assert (kinds.count("footway"), kinds.count("steps")) == (2, 1)
    steps = kinds.index("steps")
    assert network.oneway.tolist() == [kind == "steps" for kind in kinds]
    ends = network.node_ids[network.edges[steps]].tolist()
    assert ends == [8, 1]  # oneway=-1: against the way, from its last node to its first
    chinese, _ = osm.read_network(tmp_path / "streets.osm.gz", foot=FootAccess(access="china"))
    assert "cycleway" in [chinese.kinds[k] for k in chinese.kind]


def test_a_way_whose_middle_was_cut_off_is_not_bridged() -> None:
    from accessibility.sources.overpass import _trails  # noqa: PLC0415

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


def test_half_an_answer_is_no_answer(server: FakeServer) -> None:
    server.remark = "runtime error: Query run out of memory"
    with pytest.raises(OutputError, match="broke off: runtime error: Query run out of memory"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)


def test_places_that_will_not_do(server: FakeServer) -> None:
    server.shape = {"type": "Point", "coordinates": [108.2, 30.5]}
    with pytest.raises(InputError, match=r"'Hill': .*expected a place with a boundary"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    server.shape = _square(2)
    with pytest.raises(InputError, match=r"'Hill' is .* km² with 5 km around it; expected 10,000 km² at most"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    server.known = False
    with pytest.raises(InputError, match=r"'Hill': .*0 results"):
        fetch_place("Hill", margin_m=5_000, servers=server.servers)
    assert not [asked for asked in server.asked if "highway" in asked]


def _run(server: FakeServer, folder: Path, *more: str) -> Any:
    where = ["--overpass", f"{server.url}/api", "--nominatim", server.url]
    return CliRunner().invoke(cli.app, ["fetch", "Hill", "--into", str(folder), *where, *more])


def test_the_command_writes_a_study_that_lacks_its_people_only(
    server: FakeServer, tmp_path: Path, cache: Path, naps: list[float]
) -> None:
    folder = tmp_path / "hill"
    run = _run(server, folder)
    assert run.exit_code == 0, run.output
    assert "© OpenStreetMap contributors" in run.output
    assert naps.count(55) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        *("banks.gpkg", "boundary.gpkg", "outlets.gpkg", "streets.osm.gz", "study.toml"),
    ]
    with pytest.raises(InputError, match=r"population: required and not there"):
        read_study(folder / "study.toml", cache=cache)
    people = "id,lon,lat,population,setting\np1,108.2,30.5,10,urban\n" + f"p2,{108.2 + 3 * STEP},30.5,20,urban\n"
    (folder / "people.csv").write_text(people, encoding="utf-8")
    text = (folder / "study.toml").read_text(encoding="utf-8")
    given = 'population = { path = "people.csv", setting = "setting", coordinates = "WGS84" }\n'
    (folder / "study.toml").write_text(text.replace("# People are", given + "# People are"), encoding="utf-8")
    study = read_study(folder / "study.toml", cache=cache)
    assert study.name == NAME
    assert study.coverage().metres == pytest.approx([0, 1_000], rel=2e-3, abs=0.1)
    assert study.attribution == ("© OpenStreetMap contributors, ODbL",)
    assert _run(server, folder, "--json").exit_code == 0
    assert given in (folder / "study.toml").read_text(encoding="utf-8")  # what was filled in stays


def test_a_place_without_banks_says_so_in_the_study(server: FakeServer, tmp_path: Path) -> None:
    server.places = [PLACES[1]]
    assert _run(server, tmp_path, "--quiet").exit_code == 0
    text = (tmp_path / "study.toml").read_text(encoding="utf-8")
    assert "\n# banks      = {" in text
    assert "\noutlets    = {" in text
    assert gpd.read_file(tmp_path / "banks.gpkg").empty


def test_nothing_is_written_when_the_servers_fail(server: FakeServer, tmp_path: Path) -> None:
    server.answers = [200, 500]
    run = _run(server, tmp_path / "hill")
    assert isinstance(run.exception, OutputError)
    assert not (tmp_path / "hill").exists()
