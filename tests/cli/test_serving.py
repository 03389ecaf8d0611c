"""The planner's page: who is let in, and the journey from dropped files to the pack."""

from __future__ import annotations

import errno
import http.client
import json
import os
import re
import shutil
import socket
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpx
import numpy as np
import pytest
import uvicorn
from browsing import CHROMIUM, OF_MAP
from commands import call
from rawtowns import write_county

from accessibility.cli.comparing import run_compare
from accessibility.cli.console import Silence
from accessibility.cli.options import FetchOptions, Options
from accessibility.cli.serving import app
from accessibility.cli.serving.app import make_app, run_server
from accessibility.cli.serving.desk import Desk
from accessibility.cli.serving.guard import HERE, MOST_BYTES, Door
from accessibility.cli.verification import same_content
from accessibility.errors import InputError
from accessibility.geo.projection import WGS84, transform
from accessibility.measures.coverage import Coverage, measure_coverage
from accessibility.present import symbols
from accessibility.present.language import MapWords
from accessibility.present.map.legends import bar_lines, gain_lines
from accessibility.sites import Sites
from accessibility.sources.archives import plain_name
from accessibility.streets.edits import Closure, NewStreet
from accessibility.streets.network import Network
from accessibility.study import sample_county
from accessibility.study.answers import Answers, CancelledError, Job
from accessibility.study.scenariofile import read_scenarios
from accessibility.study.study import Study, read_study
from accessibility.study.views import (
    Click,
    Gauge,
    Narrowed,
    Nearby,
    View,
    click_of,
    narrowed_of,
    tried_in,
    view_of,
    view_values,
)
from accessibility.whatif.comparison import compare_coverages, compare_scenarios
from accessibility.whatif.scenario import Scenario
from accessibility.wording import day_text, percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fakeservers import FakeServer

    from accessibility.wording import Language

TOKEN = "secret"  # noqa: S105 -- of a test


class Served:
    """A server on this computer, and who asks it."""

    def __init__(self, folder: Path, port: int, language: Language = "en") -> None:
        self.desk, self.host = Desk(folder=folder, language=language), f"127.0.0.1:{port}"
        self.origin = {"Origin": f"http://{self.host}"}
        self.client = httpx.Client(base_url=f"http://{self.host}", trust_env=False)
        self.get, self.post = self.client.get, self.client.post


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


@contextmanager
def serving(folder: Path, door: Door = HERE) -> Iterator[Served]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        served = Served(folder / "studies", listening.getsockname()[1], "zh")
        server = uvicorn.Server(uvicorn.Config(make_app(served.desk, TOKEN, door), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        for _ in range(100):
            if server.started:
                break
            thread.join(0.05)
        yield served
        served.client.close()
        server.should_exit = True
        thread.join(10)


def finished(client: Served, answer: Any) -> dict[str, Any]:
    """Wait for a piece of work."""
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    for _ in range(600):
        if told["state"] != "working":
            return told
        told = client.get(f"/{TOKEN}/jobs/{answer.json()['job']}").json()
    raise AssertionError(told)


PASSWORD = "eine Brücke: 四个字"  # noqa: S105 -- of a test


def test_others_come_in_with_the_password_alone(tmp_path: Path) -> None:
    with serving(tmp_path, Door(host="0.0.0.0", password=PASSWORD)) as served:  # noqa: S104 -- told, not listened at
        port, asked = served.host.rpartition(":")[2], served.get(f"/{TOKEN}/")
        assert (asked.status_code, asked.headers["www-authenticate"][:6]) == (401, "Basic ")
        assert "共用" not in asked.text
        for wrong in ("", PASSWORD[:-1], f"{PASSWORD}x"):
            assert served.get(f"/{TOKEN}/studies", auth=("anybody", wrong)).status_code == 401
        assert served.get("/other/", auth=("anybody", "x")).status_code == 401  # nothing is told before
        assert served.get(f"/{TOKEN}/studies", headers={"Authorization": "Basic %"}).status_code == 401
        served.client.auth = ("anybody", PASSWORD)
        assert "知道密码的人都能查看" in served.get(f"/{TOKEN}/").text
        assert served.get("/other/").status_code == 404
        for host, code in ((f"192.0.2.7:{port}", 200), (socket.gethostname(), 200), ("evil.example", 421)):
            assert served.get(f"/{TOKEN}/studies", headers={"Host": host}).status_code == code
        ours, theirs = ({"Origin": f"{scheme}://{served.host}"} for scheme in ("https", "ftp"))  # by a server in front
        assert served.post(f"/{TOKEN}/ask/near/sample", headers=ours, json={}).status_code == 200
        assert served.post(f"/{TOKEN}/ask/near/sample", headers=theirs, json={}).status_code == 403


def test_a_shared_page_is_told_what_it_means_and_needs_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    given = ("serve", "--host", "0.0.0.0", "--port", "0", "--lang")  # noqa: S104 -- nobody is let in
    monkeypatch.setenv("ACCESSIBILITY_PASSWORD", "short")
    assert call(monkeypatch, *given, "en") == 2
    told = capsys.readouterr()
    assert "can see, change and download the studies" in told.out
    assert "has a password of 5 letters; expected 12 at least" in told.err
    monkeypatch.setenv("ACCESSIBILITY_PASSWORD", PASSWORD)
    assert call(monkeypatch, *given, "zh") == 0
    assert re.search(rf"页面地址：http://{socket.gethostname()}:\d+/", capsys.readouterr().out)  # noqa: RUF001
    assert call(monkeypatch, "serve", "--host", "192.0.2.7", "--lang", "zh") == 2
    assert "192.0.2.7不是本机地址" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/secret/", {}, 200),
        ("/secret/studies", {"Origin": "own", "Sec-Fetch-Site": "same-origin"}, 200),
        ("/", {}, 404),
        ("/other/studies", {}, 404),
        ("/secret2/studies", {}, 404),
        ("/secret/studies", {"Host": "evil.example:8000"}, 421),  # a name that was made to point here
        ("/secret/studies", {"Host": "127.0.0.1.evil.example"}, 421),
        ("/secret/studies", {"Host": "[::1"}, 421),  # no name of anything
        ("/secret/studies", {"Origin": "http://evil.example"}, 403),
        ("/secret/studies", {"Origin": "http://127.0.0.1:9999"}, 403),  # another program on this computer
        ("/secret/studies", {"Origin": "null"}, 403),
        ("/secret/studies", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("/secret/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"}, 403),
        ("/secret/", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document"}, 200),  # from where it ran before
        ("/secret/", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"}, 403),
        ("/secret/studies", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document"}, 403),
    ],
)
def test_only_its_own_page_reaches_it(client: Served, path: str, headers: dict[str, str], code: int) -> None:
    headers = {k: v if v != "own" else client.origin["Origin"] for k, v in headers.items()}
    assert client.get(path, headers=headers).status_code == code


def test_what_changes_something_says_where_it_comes_from_and_how_long_it_is(client: Served) -> None:
    assert client.post(f"/{TOKEN}/map/sample", json={}).status_code == 403
    asked = http.client.HTTPConnection(client.host)
    asked.putrequest("POST", f"/{TOKEN}/studies")
    for name, value in {**client.origin, "Content-Length": str(MOST_BYTES + 1)}.items():
        asked.putheader(name, value)
    asked.endheaders()
    assert asked.getresponse().status == 413  # before a byte of it is read
    asked.close()

    def parts() -> Iterator[bytes]:
        yield b"x"

    assert client.post(f"/{TOKEN}/studies", headers=client.origin, content=parts()).status_code == 411
    both = client.origin | {"Content-Length": "1", "Transfer-Encoding": "chunked"}  # a length that does not hold
    assert client.post(f"/{TOKEN}/studies", headers=both, content=parts()).status_code == 411


def test_a_question_is_no_upload_and_who_goes_away_is_no_fault(
    client: Served, caplog: pytest.LogCaptureFixture
) -> None:
    long = b" " * 20_000_001
    for what in ("map/sample", "pack/sample", "ask/near/sample"):
        answer = client.post(f"/{TOKEN}/{what}", headers=client.origin, content=long)
        assert (answer.status_code, answer.json()["error"][:6]) == (400, "页面发来的内"), what
    asked = http.client.HTTPConnection(client.host)
    asked.putrequest("POST", f"/{TOKEN}/ask/near/sample")
    for name, value in {**client.origin, "Content-Length": "9"}.items():
        asked.putheader(name, value)
    asked.endheaders(b"{")
    asked.close()
    assert client.get(f"/{TOKEN}/runs/sample/{'9' * 5_000}").status_code == 404
    assert not caplog.records


def test_a_full_disk_is_told_and_leaves_no_half_of_a_study(
    client: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    answer = client.post(f"/{TOKEN}/studies", headers=client.origin, files={"files": ("a.csv", b"x")})
    assert (answer.status_code, "磁盘空间不足" in answer.json()["error"]) == (400, True), answer.text
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    monkeypatch.undo()
    answer = client.post(f"/{TOKEN}/studies", headers=client.origin, files={"other": ("a.csv", b"x")})
    assert answer.json()["error"].startswith("没有拖入文件")


def test_a_name_turns_no_sentence_of_the_page_around(client: Served, tmp_path: Path) -> None:
    *others, townships, outlets = write_county(tmp_path / "raw")
    text = townships.read_text("utf-8").replace("东乡", "\u202e东乡")
    files = [(path.name, path.read_bytes()) for path in (*others, outlets)] + [(townships.name, text.encode())]

    def told(given: list[tuple[str, bytes]]) -> dict[str, Any]:
        dropped = [("files", one) for one in given]
        return finished(client, client.post(f"/{TOKEN}/studies", headers=client.origin, files=dropped))

    begun = told(files)["result"]
    assert "\\u202e东乡 0.50" in " ".join(begun["warnings"])
    assert "\u202e" not in json.dumps(begun, ensure_ascii=False)
    (tmp_path / "banks.csv").write_text("名称,\u202e人数\n甲,3\n", "utf-8")
    error = told([("banks.csv", (tmp_path / "banks.csv").read_bytes())])["error"]
    assert "\\u202e人数" in error
    assert "\u202e" not in error


def test_a_folder_that_cannot_be_written_is_told(client: Served, tmp_path: Path) -> None:
    (tmp_path / "studies").touch()  # whoever runs the tests may write everywhere else
    answer = client.post(f"/{TOKEN}/studies", headers=client.origin, files={"files": ("a.csv", b"x")})
    assert answer.status_code == 400
    for told in (answer.json(), finished(client, client.post(f"/{TOKEN}/pack/sample", headers=client.origin, json={}))):
        assert "studies无法写入" in told["error"].replace("/sample/packs", "")


@pytest.mark.usefixtures("naps")
def test_a_place_by_its_name_is_fetched_into_a_study_of_its_own(client: Served, server: FakeServer) -> None:
    def asked(place: str) -> dict[str, Any]:
        answer = client.post(f"/{TOKEN}/places", headers=client.origin, json={"place": place})
        return finished(client, answer) if answer.status_code == 202 else answer.json()

    client.desk.fetching = FetchOptions(
        people="none", heights=False, overpass=f"{server.url}/api", nominatim=f"{server.url}/"
    )
    told = asked(" 万州区, 重庆市 ")["result"]
    assert (told["key"], told["error"]) == ("万州区-重庆市", "")
    assert re.search(r"服务网点\d+个、银行网点\d+个、道路、边界", told["lines"][0])
    assert {"study.toml", "streets.osm.gz", "boundary.gpkg"} <= {
        path.name for path in (client.desk.folder / told["key"]).iterdir()
    }
    assert asked("万州区, 重庆市")["result"]["key"] == "万州区-重庆市-2"  # nothing is written over
    assert asked(" ")["error"].startswith("请输入地名")
    server.known = False
    assert re.search("[\u4e00-\u9fff]", asked("Atlantis")["error"])
    server.known, server.answers = True, [500]
    assert "服务器" in asked("Vaduz")["error"]
    assert len(client.desk.studies()) == 3


def test_what_is_no_question_is_refused_in_a_sentence_and_leaves_nothing(client: Served, tmp_path: Path) -> None:
    deep, long = b"[" * 100_000, b"9" * 5_000
    for body in (b"", b"{", deep, long, b'{"sites": 1e400}', b'{"sites": 1.9}', b'{"budget": ' + b"9" * 400 + b"}"):
        for what in ("map/sample", "pack/sample"):
            answer = client.post(f"/{TOKEN}/{what}", headers=client.origin, content=body)
            assert answer.status_code == 400, (what, body[:20])
            assert answer.json()["error"].startswith("页面"), (what, body[:20])
    assert client.post(f"/{TOKEN}/ask/near/sample", headers=client.origin, content=deep).status_code == 400
    assert client.get(f"/{TOKEN}/tab/a/map/sample", params={"view": "[" * 9_000}).status_code == 400
    for key in ("nowhere", ".."):  # httpx would tidy the path
        asked = http.client.HTTPConnection(client.host)
        asked.request("POST", f"/{TOKEN}/pack/{key}", b"{}", client.origin)
        job = json.loads(asked.getresponse().read())
        asked.close()
        assert key in finished(client, httpx.Response(202, json=job))["error"]
    many = [("files", (f"{k}.csv", b"x")) for k in range(61)]
    answer = client.post(f"/{TOKEN}/studies", headers=client.origin, files=many)
    assert "最多60个文件" in answer.json()["error"]
    assert not list(tmp_path.rglob("*"))


def test_who_comes_as_soon_as_the_address_is_told_is_not_sent_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)

    def come(address: str) -> None:
        host = urlsplit(address)
        socket.create_connection((host.hostname, host.port), timeout=5).close()

    run_server(Desk(folder=tmp_path), browser=False, say=come)


def test_a_port_that_is_taken_is_another_one_or_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(app, "_PORT", port)
        run_server(Desk(folder=tmp_path), browser=False, say=told.append)
        with pytest.raises(InputError, match=f"port {port} of this computer cannot be used"):
            run_server(Desk(folder=tmp_path), port=port, browser=False, say=told.append)
    for _ in range(2):
        run_server(Desk(folder=tmp_path), browser=False, say=told.append)
    ports = [urlsplit(address).port == port for address in told]
    assert (ports, len({urlsplit(address).path for address in told})) == (
        [False, True, True],
        3,
    )  # never the same token


def test_a_browser_at_the_address_of_a_program_that_has_ended_is_told_the_way(client: Served) -> None:
    for path in ("/", "/other/", "/secret2/tab/a/map/sample"):
        told = client.get(path, headers={"Accept": "text/html,*/*"})
        assert (told.status_code, "新地址见程序窗口" in told.text) == (404, True)
        assert TOKEN not in told.text.replace("/secret2", "")
        assert "unsafe" not in told.headers["Content-Security-Policy"]
        assert client.get(path).text == "open the address that the program printed"  # what is no browser
    assert client.get("/", headers={"Accept": "text/html", "Host": "evil.example"}).status_code == 421


def test_every_answer_carries_a_strict_policy(client: Served) -> None:
    page = client.get(f"/{TOKEN}/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"  # the token stays in the address
    assert "http://" not in page.text.replace("http://127.0.0.1:", "")
    for asset in ("http.js", "desk.js", "studies.js", "desk.css"):
        assert client.get(f"/{TOKEN}/assets/{asset}").status_code == 200
    for secret in ("..%2f..%2fpyproject.toml", "study.toml", "../desk.js"):
        assert client.get(f"/{TOKEN}/assets/{secret}").status_code in (404, 400)


def test_names_of_files_lead_nowhere(client: Served, tmp_path: Path) -> None:
    for name in ("../../evil.csv", "/etc/passwd", r"C:\data\网点.csv"):
        assert "/" not in plain_name(name)
        assert "\\" not in plain_name(name)
    for name in ("", "..", "a/", ".hidden", "x" * 300, "a\x00b"):
        with pytest.raises(InputError, match="expected a plain name"):
            plain_name(name)
    answer = client.post(
        f"/{TOKEN}/studies",
        headers=client.origin,
        data={"name": "../../out"},
        files={"files": ("../../../evil.docx", b"x")},
    )
    told = finished(client, answer)
    assert "不支持的格式.docx" in told["error"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]  # nothing is left of what was refused


def test_a_page_asks_for_a_view_and_nothing_else(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    assert view_of({"added": [[1, 2]], "budget": 3}, "en") == View(added=((1.0, 2.0),), budget=3.0)
    assert view_of({"sure": True}, "en").sure
    assert view_of({"added": [[1, 2, "new"], [3, 4, "bank"]]}, "en").added == ((1.0, 2.0), (3.0, 4.0, "bank"))
    moved = {f"O{k}": [0, 0] for k in range(26)}
    odds: tuple[Any, ...] = ({"added": [1]}, {"budget": "x"}, [], {"added": [[0, 0]] * 51}, {"budget": 1, "sites": 2})
    odds += ({"added": [[1, 2, "shop"]]}, {"added": [[1, 2, ["bank"]]]}, {"added": [[1, 2, "bank", "outlet"]]})
    odds += ({"moved": [1]}, {"moved": {"O1": 5}}, {"added": [[0, 0]] * 25, "moved": moved})
    odds += (
        {"edits": [{"close": 5}]},
        {"edits": [5]},
        {"edits": [{"add": [[1, 2]]}]},
        {"edits": [{"close": [1]}] * 51},
    )
    for odd in (*odds, {"sure": "no"}, {"sure": None}):
        with pytest.raises(InputError):
            view_of(odd, "en")
    assert view_of({"moved": {"O1": [1, 2]}}, "en").moved == (("O1", 1.0, 2.0),)
    assert narrowed_of({"open": [1, "a"], "districts": ["城关镇", None], "group": None}) == Narrowed(
        open=frozenset({"1", "a"}), districts=frozenset({"城关镇", None})
    )
    for odd in ({}, [], {"open": 5}, {"open": [], "districts": 3}):
        with pytest.raises(InputError, match="expected sites, districts and a group"):
            narrowed_of(odd)
    for odd in ({}, {"at": [1], "near_m": 1, "closes": True}, {"at": [1, 2], "near_m": "x", "closes": 1}, []):
        with pytest.raises(InputError, match="expected a place, metres"):
            click_of(odd)
    with pytest.raises(InputError, match="no study 'x'"):
        desk.study("x")
    assert [desk.free_key(name) for name in ("../a b", "sample")] == ["a-b", "sample-2"]


def test_a_place_of_ones_own_is_measured_as_the_command_line_measures_it(tmp_path: Path) -> None:
    desk = Desk(folder=tmp_path)
    study = read_study(sample_county.sample_study())
    lon, lat = study.sites.lonlat[study.sites.rows(["C001"])[0]]
    page = desk.answers("sample").page(View(added=((float(lon), float(lat)),)), Job())
    then = study.what_if().add(float(lon), float(lat), id="X1").coverage()
    assert isinstance(then, Coverage)
    assert f"{then.covered_people:,.0f}" in page
    assert desk.answers("sample").page(View(added=((float(lon), float(lat)),)), Job()) is page  # drawn once


def test_the_first_place_of_ones_own_waits_for_nothing_that_is_made_once(
    sample_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_KNOWN", {})
    answers, (lon, lat) = Answers(sample_study), sample_study.sites.lonlat.mean(axis=0).tolist()
    answers.page(View(), Job())
    monkeypatch.setattr(symbols, "local_crs", None)  # of the named streets, the nearest of which names the place
    assert answers.follow(View(added=((lon, lat),)), View(), Job())


def test_places_of_each_kind_are_those_that_a_scenario_adds(sample_study: Study) -> None:
    study, at = sample_study, sample_study.sites.lonlat[sample_study.sites.rows(["C001", "C005", "C003"])].tolist()
    added = [at[0], [*at[1], "bank"], [*at[2], "outlet"]]
    view = view_of({"added": added, "moved": {"X2": at[0]}}, "en")
    trial, prices = tried_in(study, view), study.settings.siting.cost
    assert view_of(view_values(view), "en") == view
    told = [(one.id, one.kind, one.cost) for one in trial.scenario.added]
    assert told == [("X1", "new", prices.new), ("X2", "bank", prices.bank), ("X3", "outlet", 0.0)]
    assert [trial.scenario.added[1].lon, trial.scenario.added[1].lat] == at[0]
    page = Answers(study).page(view, Job())
    assert f"({study.coverage(trial.scenario).covered_people:,.0f}) are within" in page


def test_what_a_drag_is_told_is_a_measurement_of_the_sites_and_the_people_that_count() -> None:
    study = read_study(sample_county.sample_study())
    borders = study.district.where(np.arange(len(study.district)) % 3 > 0)  # people in no district
    study = replace(study, district=borders)
    gauge = Gauge(study)
    (lon, lat), own = study.sites.lonlat[study.sites.rows(["C001"])[0]], study.sites.lonlat[5]
    place = (float(own[0]), float(own[1]))
    moved, still = View(added=(place,), moved=(("O003", float(lon), float(lat)),)), View(added=(place,))
    added: Any = {"ids": ["X1"], "xy": [place], "kind": ["new"], "open": [True], "crs": "EPSG:4326"}
    there = study.sites + Sites(**added).to_crs(study.sites.crs)
    xy = there.xy.copy()
    xy[there.rows(["O003"])[0]] = xy[there.rows(["C001"])[0]]
    rng, district = np.random.default_rng(6), study.district.reindex(list(study.demand.ids))
    cases = ((moved, None, None), (still, ["茶垭镇", "南浦街道", None], None), (moved, ["芦渡镇"], "60+"))
    for view, districts, group in cases:  # one after another, each from what the one before has left
        counts = rng.random(len(there)) < 0.3
        asked = Narrowed(
            open=frozenset(there.ids[counts]),
            districts=None if districts is None else frozenset(districts),
            group=group,
        )
        now = measure_coverage(
            study.network,
            study.demand,
            replace(there, xy=xy if view.moved else there.xy, open=counts),
            study.standard,
            study.walker,
        )
        people = study.demand.people_of(group)
        if districts is not None:
            people = people * np.array([(None if d != d else d) in districts for d in district])  # noqa: PLR0124 -- NaN
        told = gauge.read(view, asked)
        assert told == pytest.approx({"people": people.sum(), "covered": people[now.covered].sum()}, rel=1e-12)
    with pytest.raises(InputError):
        gauge.read(View(moved=(("nowhere", *place),)), asked)
    assert gauge.read(view, asked) == told  # what is refused leaves nothing


def test_streets_of_a_view_are_measured_as_the_same_scenario_is(sample_study: Study) -> None:
    study, gauge = sample_study, Gauge(sample_study)
    bridge = int(np.flatnonzero(study.network.off_ground & (study.network.length_m > 300))[0])
    line = transform(np.asarray(study.network.lines(np.array([bridge]))[0].coords), study.network.crs, WGS84)
    (west, south), (east, north) = line.min(axis=0) - 0.01, line.max(axis=0) + 0.01
    edits = [
        {"close": [bridge], "name": "flood"},
        {"add": [[west, (south + north) / 2], [east, (south + north) / 2 + 0.002]], "bridge": True},
        {"close": f"LINESTRING ({west} {south}, {(west + east) / 2} {south + 0.004}, {east} {north})"},
    ]
    counts, found = frozenset(str(one) for one in study.sites.ids[study.sites.open]), []
    for many in (1, 3, 2, 0):  # the trial that answers takes back what the next question does not have
        view = view_of({"edits": edits[:many]}, "en")
        found.append(gauge.read(view, Narrowed(open=counts))["covered"])
        assert found[-1] == study.coverage(Scenario(edits=view.edits)).covered_people
    assert found[1] != found[-1], found


def test_two_views_beside_each_other_are_those_that_compare_tells(sample_study: Study) -> None:
    study, answers = sample_study, Answers(sample_study)
    today = {str(one) for one in study.sites.ids[study.sites.open]}
    one = Scenario(name="one", opened=("C005",))
    other = Scenario(name="other", opened=("C001",), closed=("O003",), edits=(Closure(edges=(5, 6)),))
    asks: dict[str, Any] = {"against": {"open": [*today, "C005"]}}
    asks |= {"open": [*today - {"O003"}, "C001"], "edits": [{"close": [5, 6]}]}
    told = answers.ask("compare", asks, "en")
    first, second = study.coverage(one), study.coverage(other)
    rows = compare_scenarios(study.coverage(), [(one, first), (other, second)])
    (_, said), (_, costs) = told["said"]
    assert costs == "Cost of what opens: A {:g}, B {:g}.".format(*rows["cost"])
    assert rows["cost"].min() > 0
    for covered, share in zip(rows["covered"], rows["covered_share"], strict=True):
        assert f"{percent_text(share)} ({covered:,.0f})" in said
    gained = first.demand.population[second.covered & ~first.covered].sum()
    lost = first.demand.population[first.covered & ~second.covered].sum()
    assert f"From A to B {gained:,.0f} gain, {lost:,.0f} lose" in said
    table = compare_coverages(first, second, study.district).xs("all", level="setting")
    for name, before, after, up, down, change in told["rows"]:
        row = table.loc[name]
        assert [before, after] == [percent_text(row["share_before"]), percent_text(row["share_after"])]
        assert [up, down] == [f"{row['gained']:,.0f}", f"{row['lost']:,.0f}"]
        assert change[1:] == f"{abs(row['gained'] - row['lost']):,.0f}"
    changes = [abs(table.loc[name, "gained"] - table.loc[name, "lost"]) for name, *_ in told["rows"]]
    assert changes == sorted(changes, reverse=True) != sorted(changes)
    assert len(told["rows"]) == len(table) - 1
    assert "净变化" in answers.ask("compare", asks, "zh")["said"][0][1]
    with pytest.raises(InputError, match="expected sites"):
        answers.ask("compare", asks | {"against": {}}, "en")


def test_a_proposal_none_of_whose_sites_counts_is_not_said_to_change_nothing(sample_study: Study) -> None:
    study, answers = sample_study, Answers(sample_study)
    today = [str(one) for one in study.sites.ids[study.sites.open]]
    asks: dict[str, Any] = {"open": today, "sites": 1, "against": {"open": today}}
    answers.page(view_of(asks, "en"), Job())
    (plan,) = answers._plans.values()
    ((_, off),) = answers.ask("compare", asks, "en")["said"]
    assert off.startswith("B: none of the sites that are proposed (1) is switched on.")
    said = answers.ask("compare", asks | {"open": [one for one in today if one != "O003"]}, "zh")[
        "said"
    ]  # something else differs
    assert len(said) == 3
    assert said[-1][1].startswith("B：建议新增的网点（1个）均未启用")  # noqa: RUF001
    then = answers.ask("compare", asks | {"open": [*today, *map(str, plan.selected)]}, "en")["said"]
    assert [text.split(":")[0] for _, text in then] == ["A", "Cost of what opens"]
    gained = plan.covered_people - study.coverage().covered_people
    assert f"From A to B {gained:,.0f} gain, 0 lose" in then[0][1]


def test_a_click_finds_the_street_that_is_meant() -> None:
    xy = [(0, 0), (1000, 0), (0, 60), (1000, 60)]
    given: dict[str, Any] = {
        "node_xy": np.add(xy, (5e5, 34e5)),
        "edges": [(0, 1), (2, 3)],
        "length_m": [1000, 1000],
        "off_ground": [False, True],
        "crs": "EPSG:32649",
    }
    road = Network(**given)
    nearby = Nearby(road)

    def click(x: float, y: float, near_m: float, *, closes: bool, edits: tuple[Any, ...] = ()) -> tuple[int, Any]:
        ((lon, lat),) = transform(np.array([(5e5 + x, 34e5 + y)]), road.crs, WGS84).tolist()
        told = nearby.find(Click(lon=lon, lat=lat, near_m=near_m, closes=closes), edits)
        at = transform(np.array([told["at"]]), WGS84, road.crs)[0] - (5e5, 34e5) if told else None
        return told.get("row", -2), at

    row, at = click(300, 50, 70, closes=True)
    assert (row, at.round()) == (1, pytest.approx([300, 60]))  # who closes means the bridge that is nearest
    row, at = click(300, 50, 70, closes=False)
    assert (row, at.round()) == (0, pytest.approx([300, 0]))  # nobody steps onto a bridge from beside
    assert click(300, 50, 40, closes=False) == (-2, None)
    assert click(300, 50, float("nan"), closes=True) == (-2, None)
    lane = NewStreet(line=transform(np.array([(5e5, 34e5 + 30), (501e3, 34e5 + 30)]), road.crs, WGS84))
    row, at = click(300, 50, 40, closes=False, edits=(lane,))
    assert (row, at.round()) == (-1, pytest.approx([300, 30], abs=1))  # a street that is drawn already
    assert click(300, 40, 15, closes=True, edits=(lane,)) == (-2, None)


def test_how_sure_the_view_is_stands_on_its_map_and_in_its_pack(town: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with town.open("a", encoding="utf-8") as file:
        file.write("\n[uncertainty]\ndraws = 3\n")
    desk, words = Desk(folder=town.parent / "studies", first=town, language="zh"), MapWords.of("zh")
    (key,) = desk.studies().keys() - {"sample"}
    study, today, drawing = read_study(town), View(sure=True, language="zh"), Job.part

    def cancelled(job: Job, done: int, whole: int) -> None:
        job.cancel()
        drawing(job, done, whole)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "part", cancelled)
        with pytest.raises(CancelledError):
            desk.answers(key).page(today, Job())
    job, sure = Job(), study.uncertainty()
    (bar,) = [said for _, said in bar_lines(sure, words)]
    assert bar in desk.answers(key).page(today, job)
    assert "覆盖结论的可靠程度" in desk.answers(key).page(today, job)
    assert bar not in desk.answers(key).page(View(language="zh"), Job())
    job.cancel()  # who asked first waits no longer; that is nothing to those who ask later
    monkeypatch.setattr(Study, "uncertainty", None)  # today is not drawn again for a place of one's own
    lon, lat = (float(value) for value in study.sites.lonlat[study.sites.rows(["B1"])[0]])
    page = desk.answers(key).page(View(added=((lon, lat),), sure=True, language="zh"), Job())
    then = sure.under(study.what_if().add(lon, lat, id="X1").scenario)
    assert [said in page for _, said in bar_lines(then, words, today=False)] == [True]
    assert [said in page for _, said in gain_lines(then.over(sure), words)] == [True]
    monkeypatch.undo()
    with zipfile.ZipFile(desk.pack(key, today, Job())) as pack:
        told = json.loads(pack.read("manifest.json"))["uncertainty"]
        assert bar in pack.read("coverage.html").decode()
    assert (told["draws"], told["covered_share_low"]) == (3, pytest.approx(sure.interval.low))


def copied(folder: Path, name: str) -> Path:
    """Copy the sample as a study of another name."""
    folder.mkdir(parents=True)
    for file in sample_county.sample_study().parent.iterdir():
        (folder / file.name).symlink_to(file) if file.name != "study.toml" else None
    text = sample_county.sample_study().read_text("utf-8")
    (folder / "study.toml").write_text(re.sub(r'(?m)^name = ".*"', f'name = "{name}"', text, count=1), "utf-8")
    return folder / "study.toml"


def test_studies_go_by_their_names_and_keep_apart(tmp_path: Path) -> None:
    first = copied(tmp_path / "elsewhere" / "county", "澜汀县")
    desk = Desk(folder=tmp_path / "studies", first=first)
    assert desk.names() == {"county": "澜汀县", "sample": read_study(sample_county.sample_study()).name}
    copied(tmp_path / "studies" / "county", "澜汀县")
    assert desk.names()["county"] == "澜汀县 (county)"
    assert desk.studies()["county-2"] == first
    assert desk.names()["county-2"] == "澜汀县 (county-2)"
    assert Desk(folder=tmp_path / "studies", first=tmp_path / "studies" / "county" / "study.toml").studies().keys() == {
        "county",
        "sample",
    }  # not twice
    (tmp_path / "studies" / "half" / "inputs").mkdir(parents=True)  # an upload that goes on
    assert desk.free_key("half") == "half-2"
    assert [desk.free_key(name) for name in ("", " /. ")] == [f"Study-{day_text()}"] * 2
    (tmp_path / "studies" / "county" / "study.toml").write_text("name = ", "utf-8")
    assert desk.names()["county"] == "county"


def test_packs_that_were_written_stay_and_can_be_had_again(client: Served) -> None:
    packs = client.desk.folder / "sample" / "packs"
    packs.mkdir(parents=True)
    for number in (1, 2, 10):
        (packs / f"{number}.zip").write_bytes(b"pack %d" % number)
    listed = {told["key"]: told["runs"] for told in client.get(f"/{TOKEN}/studies").json()}
    assert [run["number"] for run in listed["sample"]] == [10, 2, 1]
    assert client.get(f"/{TOKEN}/runs/sample/10").content == b"pack 10"
    for gone in ("runs/sample/3", "runs/other/1", "runs/..%2fsample/1"):
        assert client.get(f"/{TOKEN}/{gone}").status_code == 404


def test_work_that_is_cancelled_ends_and_leaves_nothing(client: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, going = threading.Event(), threading.Event()
    step = Job.step

    def slow(job: Job, text: str) -> None:
        begun.set()
        going.wait(30)
        step(job, text)

    monkeypatch.setattr(Job, "step", slow)
    before = set(threading.enumerate())
    answer = client.post(f"/{TOKEN}/pack/sample", headers=client.origin, json={})
    assert begun.wait(60)
    job = answer.json()["job"]
    (works,) = [one for one in set(threading.enumerate()) - before if "(run)" in one.name]
    assert client.post(f"/{TOKEN}/jobs/{job}/cancel", headers=client.origin, json={}).json() == {"state": "cancelled"}
    assert finished(client, answer)["state"] == "cancelled"  # who asks waits for no step
    going.set()
    works.join(60)
    assert finished(client, answer)["state"] == "cancelled"
    assert [path for path in client.desk.folder.rglob("*") if path.is_file()] == []
    assert client.post(f"/{TOKEN}/jobs/other/cancel", headers=client.origin, json={}).status_code == 400


def begin_study(page: Any, raw: Path) -> None:
    """Drop files on the page, and open the study that they make."""
    page.locator("#new-name").fill("澜汀县")
    page.locator("#files").set_input_files([str(path) for path in sorted(raw.iterdir())])
    page.locator("#begin").click()
    page.locator("#open").wait_for(timeout=180_000)
    assert "GCJ-02" in page.locator("#found").inner_text()
    page.locator("#open").click()


def back_and_forward(page: Any, tried: str) -> None:
    """Look at a village and a layer; the browser goes back to the list and forward; a reload shows them again."""
    frame = page.frame_locator("#map")
    sight = f"[{OF_MAP}.getZoom(), document.querySelector('.leaflet-control-layers-base input:checked').value]"

    def shown() -> Any:
        frame.locator("ul.sites li").first.wait_for(state="attached", timeout=180_000)
        page.wait_for_timeout(300)
        assert frame.locator(".headline").inner_text() == tried
        return frame.locator(".headline").evaluate(f"() => {sight}")

    shown()
    frame.locator(".headline").evaluate(f"() => {OF_MAP}.setZoom(14, {{animate: false}})")
    frame.locator(".leaflet-control-layers-base label", has_text="步行时间").click()
    looked, maps = shown(), []
    page.on("request", lambda request: maps.append(request.url) if "/tab/" in request.url else None)
    page.reload()
    assert shown() == looked
    page.go_back()
    page.locator("#start").wait_for()
    page.go_forward()
    frame.locator(".headline").wait_for(timeout=180_000)
    assert shown()[0] != 14
    page.goto("about:blank")
    maps.clear()
    page.go_back()
    shown()
    assert len(maps) == 1  # the browser fills no frame of the page that was left with a map that nobody sees


def after_the_program_was_started_again(page: Any, address: str, tried: str, faults: list[str]) -> None:
    """Leave the page at the address of a program that has ended; what was tried and its steps go along to this one."""
    page.goto(page.url.replace(TOKEN, "ended"))
    page.get_by_label("现地址").fill("http://127.0.0.1.evil.example/a")
    page.get_by_role("button").click()
    assert "/ended/" in page.url
    page.get_by_label("现地址").fill(address)
    page.keyboard.press("Enter")
    page.frame_locator("#map").locator(".headline").wait_for(timeout=180_000)
    assert page.frame_locator("#map").locator(".headline").inner_text() == tried
    page.wait_for_function("!document.getElementById('undo').disabled")
    faults[:] = [fault for fault in faults if "404" not in fault]


def cancel_and_have_again(page: Any, pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancel a second pack of an open study; find the first one in the list of studies."""
    step = Job.step

    def held(job: Job, text: str) -> None:  # a quick machine would be done before anybody could cancel
        while job.wanted:
            time.sleep(0.01)
        step(job, text)

    with monkeypatch.context() as patched:
        patched.setattr(Job, "step", held)
        page.locator("#pack").click()
        page.locator("#cancel").click()
        page.locator("#state", has_text="已取消").wait_for(timeout=180_000)
    assert not page.locator("#cancel").is_visible()
    assert page.locator("#name").inner_text() == "澜汀县"
    page.locator("#home").click()
    kept = page.locator("#studies li", has_text="澜汀县").locator("a")
    kept.wait_for()
    with page.expect_download() as waiting:
        kept.click()
    assert waiting.value.path().read_bytes() == pack.read_bytes()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_from_dropped_files_to_the_pack(
    client: Served, chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, address = tmp_path / "raw", f"http://{client.host}/{TOKEN}/"
    shutil.copytree(sample_county.sample_study().parent, raw)
    (raw / "study.toml").unlink()
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: faults.append(request.url) if "127.0.0.1" not in request.url
            and not request.url.startswith(("data:", "blob:")) else None)  # fmt: skip
    page.goto(address)
    begin_study(page, raw)
    frame = page.frame_locator("#map")
    frame.locator(".headline").wait_for(timeout=180_000)
    today = frame.locator(".headline").inner_text()
    assert "149,923人中75.1%" in today or "149,923人" in today
    page.locator("#add").click()
    box = page.locator("#map").bounding_box()
    study = read_study(sample_county.sample_study())
    lon, lat = study.sites.lonlat[study.sites.name.tolist().index("大田坪村委会")]
    x, y = page.frames[-1].evaluate(
        f"""([lon, lat]) => {{ const m = {OF_MAP}, at = m.latLngToContainerPoint([lat, lon]);
            const box = m.getContainer().getBoundingClientRect(); return [box.left + at.x, box.top + at.y]; }}""",
        [float(lon), float(lat)],
    )
    page.mouse.click(box["x"] + x + 2, box["y"] + y + 2)
    frame.locator(".sentence", has_text="新增覆盖").wait_for(timeout=180_000)
    assert frame.locator(".headline").inner_text() != today
    tried = frame.locator(".headline").inner_text()
    other = context.new_page()  # another tab sees none of it
    other.goto(address)
    other.locator("#studies button").first.click()
    other.frame_locator("#map").locator(".headline").wait_for(timeout=180_000)
    assert other.frame_locator("#map").locator(".headline").inner_text() == today
    page.reload()  # a reload loses nothing
    frame.locator(".headline").wait_for(timeout=180_000)
    assert frame.locator(".headline").inner_text() == tried
    back_and_forward(page, tried)
    after_the_program_was_started_again(page, address, tried, faults)
    page.locator("#clear").click()
    page.wait_for_function("document.getElementById('clear').disabled", timeout=180_000)
    page.locator("#limit").fill("6")
    page.locator("#floor").fill("30")
    page.locator("#propose").click()
    frame.locator("#tab-plan .lead").wait_for(timeout=180_000)
    assert "%22floor%22%3A0.3" in page.url
    assert re.search(r"建议新增\d+个网点，成本6", frame.locator("#tab-plan .lead").first.inner_text())  # noqa: RUF001
    with page.expect_download(timeout=180_000) as waiting:
        page.locator("#pack").click()
    waiting.value.save_as(tmp_path / "pack.zip")
    with zipfile.ZipFile(tmp_path / "pack.zip") as pack:
        assert {"coverage.html", "report.html", "sites.csv", "manifest.json"} <= set(pack.namelist())
    cancel_and_have_again(page, tmp_path / "pack.zip", monkeypatch)
    context.close()
    assert faults == []


def choose_one_after_another(page: Any, client: Served, roads: Path, others: list[Path]) -> None:
    """Choose files of several folders, one of them wrong; what makes no study is told and leaves nothing."""
    wrong = roads.with_name("公告.pdf")
    wrong.write_bytes(b"%PDF-1.4")
    for turn in (others, [wrong], others[:1]):
        page.locator("#files").set_input_files([str(path) for path in turn])
    assert page.locator("#dropped button").count() == len(others) + 1
    page.locator("#begin").click()
    page.locator("#state.bad", has_text="不支持的格式.pdf").wait_for()
    page.get_by_role("button", name="去掉 公告.pdf").click()
    page.get_by_label("网点.csv 的内容").select_option(label="银行网点")
    page.locator("#begin").click()
    page.locator(".warnings", has_text="文件中没有路网").wait_for()
    assert "网点.csv：识别为银行网点（按您的指定" in page.locator("#found").inner_text()  # noqa: RUF001
    page.get_by_label("网点.csv 的内容").select_option(label="按内容识别")
    assert not page.locator("#open").is_visible()
    assert client.get(f"/{TOKEN}/studies").json()[:-1] == [*client.desk.folder.glob("*")] == []
    with zipfile.ZipFile(roads.with_name("路网.zip"), "w") as packed:
        packed.write(roads, f"县局/{roads.name}")
    page.locator("#files").set_input_files(str(roads.with_name("路网.zip")))
    page.locator("#begin").click()
    page.locator("#open").wait_for()
    assert page.locator("#found li").first.inner_text() == "路网.zip：已解压到 inputs/路网，其中1个文件可用"  # noqa: RUF001
    assert page.locator("#dropped button").count() == 0  # another study begins with none of them


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_a_button_multiplies_people_to_the_official_totals_and_takes_that_back(
    client: Served, chromium: Any, tmp_path: Path
) -> None:
    page = chromium.new_page()
    page.goto(f"http://{client.host}/{TOKEN}/")
    roads, *others = write_county(tmp_path / "raw")
    page.locator("#new-name").fill('东 县\u202e <b>"2026"</b>')
    choose_one_after_another(page, client, roads, others)
    told, remedy, warnings = page.locator("#totals span"), page.locator("#totals button"), page.locator(".warnings")
    for covered in ("100人中40.0%", "110人中72.7%", "100人中40.0%"):
        page.locator("#open").click()
        page.frame_locator("#map").locator(".headline", has_text=covered).wait_for()
        titles = page.locator("#name"), page.frame_locator("#map").locator("h1")
        assert [one.inner_text() for one in titles] == ['东 县 <b>"2026"</b>'] * 2
        page.locator("#home").click()
        assert ("0.9至1.1倍" in warnings.inner_text()) == (remedy.inner_text() == "按官方人口调整")
        before = told.inner_text()
        remedy.click()
        page.wait_for_timeout(100)
        page.locator("#begin:enabled").wait_for()
        assert told.inner_text() != before
    refused = client.post(f"/{TOKEN}/totals/sample", headers=client.origin, json={"reconcile": True})
    assert finished(client, refused)["error"].startswith("没有研究")
    page.close()


class Watched:
    """The planner's page with the map of a town in it."""

    def __init__(self, chromium: Any, client: Served, town: Path) -> None:
        client.desk.first = town
        self.context = chromium.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.frame = self.page.frame_locator("#map")
        self.page.goto(f"http://{client.host}/{TOKEN}/")
        self.page.locator("#studies button").first.click()
        self.ready()

    def ready(self) -> None:
        """Wait for the map and all that follows it."""
        self.frame.locator("ul.sites li").first.wait_for(state="attached", timeout=180_000)
        self.page.locator("#state").wait_for(state="hidden")
        self.page.wait_for_timeout(150)

    def state(self) -> tuple[str, str]:
        self.ready()
        return self.frame.locator(".headline").inner_text(), self.frame.locator(
            ".figures[data-by=district]"
        ).text_content()

    def drawn(self) -> Any:
        """Return all that the map and its panel show, seen from one place."""
        self.ready()
        script = f"""() => {{
            const all = (name) => [...document.querySelectorAll(name)], icons = [], map = {OF_MAP};
            const text = (one) => one.textContent.replace(/\\s+/g, " ");
            const drawn = (one) => one.getElement().outerHTML.replace(/transform:[^;]*;|z-index:[^;]*;?/g, "")
                .replace(/ leaflet-marker-draggable| (tabindex|xmlns|overflow|aria-[dh][a-z]*)="[^"]*"/g, "");
            for (const box of all(".leaflet-control-layers-overlays input:not(:checked)")) box.click();
            // A map that is at that zoom would be panned there, by whole pixels.
            map.setView(map.options.maxBounds.getCenter(), 13, {{ animate: false, reset: true }});
            map.eachLayer((one) => {{ if (one.options.icon) icons.push(`${{one.getLatLng()}} ${{drawn(one)}}`); }});
            const pictures = (name) => [...map.getPane(name).querySelectorAll("canvas")].map((one) => one.toDataURL());
            const boxes = all(".leaflet-control-layers-base input").length, seen = [];
            const shown = all(".leaflet-control-layers-base input").findIndex((box) => box.checked);
            for (let row = 0; row <= boxes; row++) {{  // every way to colour people, the one that is shown last
                all(".leaflet-control-layers-base input")[row < boxes ? row : shown].click();
                seen.push(pictures("people"));
            }}
            return [text(document.querySelector("header")), ...all(".legend section").map(text),
                ...all(".legend section.classes").map((one) => one.hidden),
                ...all(".layers input, ul.sites input").map((one) => one.checked), icons.sort(),
                [...seen, pictures("streets"), pictures("main-streets")]];
        }}"""
        self.page.wait_for_timeout(100)
        *told, pictures = self.page.frames[-1].evaluate(script)
        return *told, [[hash(picture) for picture in pane] for pane in pictures]

    def follows(self) -> None:
        """See that the map that followed is the one that is drawn whole."""
        followed = self.drawn()
        self.page.reload()
        assert followed == self.drawn()

    def until(self, kept: Callable[[], bool]) -> None:
        """Wait until something is so; the policy of the page lets nobody else's script wait in it."""
        for _ in range(600):
            if kept():
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(self.page.url)

    def moved_on(self, address: str) -> tuple[str, str]:
        """Return the state after the next step."""
        self.until(lambda: bool(self.page.url != address))
        return self.state()

    def at(self, lonlat: Any) -> tuple[float, float]:
        """Return where a place stands in the window."""
        x, y = self.page.frames[-1].evaluate(
            f"([lon, lat]) => {{ const p = {OF_MAP}.latLngToContainerPoint([lat, lon]); const box = "
            f"{OF_MAP}.getContainer().getBoundingClientRect(); return [box.left + p.x, box.top + p.y]; }}",
            [float(v) for v in lonlat],
        )
        box = self.page.locator("#map").bounding_box()
        return box["x"] + x, box["y"] + y

    def drag(self, start: Any, end: Any) -> str:
        """Drag what stands at a place to another one; return the figure that was told before it was let go."""
        (x, y), (to_x, to_y) = self.at(start), self.at(end)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
        self.page.mouse.move(to_x, to_y, steps=4)
        self.frame.locator(".measured", has_text="%").wait_for()
        self.page.wait_for_timeout(200)
        told = self.frame.locator(".measured").inner_text()
        self.page.mouse.up()
        return str(told)


def undo_and_redo(seen: Watched, states: list[tuple[str, str]]) -> None:
    """Go back to the first state and on to the last one, over a reload and over the way back to today."""
    page = seen.page

    def press(key: str, wanted: tuple[str, str]) -> None:
        address = page.url
        page.keyboard.press(key) if "+" in key else page.locator(key).click()
        assert seen.moved_on(address) == wanted

    for state in states[-2::-1]:
        press("#undo", state)
    seen.follows()
    assert page.locator("#undo").is_disabled()
    for state in states[1:]:
        press("Control+Shift+z", state)
    seen.follows()
    assert seen.state() == states[-1]
    press("#clear", states[0])
    press("Control+z", states[-1])


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_sites_are_dragged_and_every_step_is_undone_and_done_again(
    client: Served, chromium: Any, town: Path, tmp_path: Path
) -> None:
    study, seen = read_study(town), Watched(chromium, client, town)
    (west, lat), (east, _) = study.sites.lonlat
    middle, quarter = ((west + east) / 2, lat), (0.75 * west + 0.25 * east, lat)
    page, states = seen.page, [seen.state()]

    def own() -> list[float]:
        ((lon, lat, kind),) = json.loads(unquote(page.url.split("#")[1]))["view"]["added"]
        assert kind == "bank"
        return [float(lon), float(lat)]

    def covered(place: Any, *, bank: bool = False) -> str:
        trial = study.what_if().add(*place, id="X1")
        return f"（{(trial.open('B1') if bank else trial).coverage().covered_people:,.0f}人）"  # noqa: RUF001

    page.get_by_label("添加网点的类别").select_option(label="银行网点")
    page.locator("#add").click()
    page.mouse.click(*seen.at(quarter))
    seen.until(page.locator("#undo").is_enabled)
    states.append(seen.state())
    assert covered(own()) in states[-1][0]
    first, address = own(), page.url
    told = seen.drag(first, middle)
    states.append(seen.moved_on(address))
    assert own() != first
    assert covered(own()) in states[-1][0]
    assert covered(own()) in told
    seen.frame.locator(".legend [data-tab=living]").click()
    seen.frame.locator("ul.sites li", has_text="Bank").locator("input").click()  # a switch on the map is a step, too
    seen.until(lambda: "switched" in page.url)
    states.append(seen.state())
    assert covered(own(), bank=True) in states[-1][0]
    page.locator("#move").click()
    told, address = seen.drag((west, lat), (0.55 * west + 0.45 * east, lat)), page.url
    states.append(seen.moved_on(address))
    (moved,) = json.loads(unquote(page.url.split("#")[1]))["view"]["moved"].values()
    there = study.what_if().add(*own(), id="X1").move("O1", *moved).open("B1").coverage()
    assert f"（{there.covered_people:,.0f}人）" in states[-1][0]  # noqa: RUF001
    assert f"（{there.covered_people:,.0f}人）" in told  # noqa: RUF001
    (tmp_path / "scenarios.toml").write_text(seen.frame.locator(".scenario").input_value(), "utf-8")
    (scenario,) = read_scenarios(tmp_path / "scenarios.toml")
    assert study.what_if().follow(scenario).coverage().covered_people == there.covered_people
    assert [move.id for move in scenario.moved] == ["O1"]
    assert scenario.name == "开设B1、添加X1"
    assert [(one.kind, one.cost) for one in scenario.added] == [("bank", study.settings.siting.cost.bank)]
    assert len(set(states)) == 5
    assert seen.frame.locator(".unserved").count() == 0  # of a page that can do no more than switch
    undo_and_redo(seen, states)
    seen.context.close()
    assert seen.faults == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_a_site_is_moved_by_keys_and_stays_where_no_site_can_stand(
    client: Served, chromium: Any, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Watched(chromium, client, town)
    page, frame, today = seen.page, seen.frame, seen.state()
    inner = page.frames[-1]
    inner.evaluate(f"{OF_MAP}.setZoom(12, {{animate: false}})")
    assert inner.evaluate("document.querySelectorAll('.leaflet-marker-draggable').length") == 0
    for where in (page.locator("#explain"), frame.locator(".leaflet-container")):
        page.locator("#explain").press("Enter")
        assert page.locator("#explain[aria-pressed=true]").count() == 1
        where.press("Escape")
        assert page.locator("#explain[aria-pressed=false]").count() == 1
    page.locator("#move").click()
    inner.evaluate("document.querySelector('.leaflet-marker-draggable').focus()")
    place = "document.querySelector('.leaflet-marker-draggable').style.transform"
    first = inner.evaluate(place)
    page.keyboard.press("Shift+ArrowDown")
    frame.locator(".measured", has_text="%").wait_for()
    assert inner.evaluate(place) != first
    page.keyboard.press("Escape")
    assert inner.evaluate(place) == first
    for _ in range(9):
        page.keyboard.press("Shift+ArrowUp")  # far from any street
    page.keyboard.press("Enter")
    page.locator("#state.bad").wait_for()
    assert inner.evaluate(place) == first
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    seen.until(page.locator("#undo").is_enabled)
    moved = seen.state()
    assert moved != today
    assert (
        inner.evaluate("document.activeElement.getAttribute('aria-label')") == "Hall"
    )  # the keyboard stays at the site
    with monkeypatch.context() as patched:  # a step that fails leaves all as it is
        patched.setattr(Answers, "follow", None)
        page.locator("#undo").click()
        page.locator("#state.bad").wait_for()
        seen.until(page.locator("#undo").is_enabled)
    page.locator("#undo").click()
    seen.until(page.locator("#redo").is_enabled)
    assert seen.state() == today
    seen.context.close()
    assert [fault for fault in seen.faults if "400" not in fault] == []  # the browser tells of refused questions


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_proposals_and_how_sure_they_are_are_steps_on_the_page_that_is_there(
    client: Served, chromium: Any, town: Path
) -> None:
    with town.open("a", encoding="utf-8") as file:
        file.write("\n[uncertainty]\ndraws = 3\n")
    study, seen = read_study(town), Watched(chromium, client, town)
    (west, lat), (east, _) = study.sites.lonlat
    page, frame, states = seen.page, seen.frame, [seen.state()]
    plan, bar = frame.locator("[data-tab=plan]"), frame.locator(".layers label", has_text="覆盖结论的可靠程度")

    def step(act: Callable[[], Any]) -> None:
        address = page.url
        act()
        states.append(seen.moved_on(address))

    def asked(kind: str, limit: str) -> None:
        page.locator("#kind").select_option(kind)
        page.locator("#limit").fill(limit)
        step(page.locator("#propose").click)

    page.frames[-1].evaluate(f"{OF_MAP}.setZoom(13, {{animate: false}}), window.still = true")
    frame.locator("[data-tab=living]").click()
    step(page.locator("#sure").click)
    assert [bar.count(), plan.is_visible()] == [1, False]
    page.locator("#floor").fill("101")
    page.locator("#propose").click()
    page.locator("#state.bad", has_text="各区划覆盖率至少（%）：应为0至100之间的数").wait_for()  # noqa: RUF001
    page.locator("#floor").fill("")
    asked("sites", "1")
    seen.until(lambda: page.evaluate("document.activeElement.id") == "propose")  # as long as it works it is disabled
    assert frame.locator(".plan tbody tr").count() == frame.locator(".site.proposed").count() == 1
    assert [plan.get_attribute("aria-pressed"), page.frames[-1].evaluate(f"{OF_MAP}.getZoom()")] == ["true", 13]
    frame.locator(".first-sites").press("End")  # a step of the page itself, with the site that is proposed
    seen.until(lambda: "switched" in page.url)
    page.locator("#undo").click()
    seen.until(lambda: "switched" not in page.url)
    seen.follows()
    page.frames[-1].evaluate("window.still = true")
    page.locator("#add").click()
    step(lambda: page.mouse.click(*seen.at((0.5 * west + 0.5 * east, lat))))
    page.locator("#sure").click()
    seen.until(lambda: bar.count() == 0)
    states.append(seen.state())
    seen.drawn()
    page.locator("#undo").click()
    seen.until(lambda: bar.count() > 0)
    states.pop()
    step(page.locator("#clear").click)
    assert [bar.count(), plan.is_visible(), frame.locator(".site.proposed").count()] == [1, False, 0]
    assert page.frames[-1].evaluate("window.still")
    seen.follows()
    seen.context.close()
    assert seen.faults == []


def compared(seen: Watched, town: Path, cache: Path) -> list[float]:
    """Return how many people the scenario that the page tells covers, as the command line says."""
    number = len([*town.parent.glob("scenarios-*.toml")])
    file = town.parent / f"scenarios-{number}.toml"
    file.write_text(seen.frame.locator(".scenario").input_value(), "utf-8")
    found = run_compare(town, file, town.parent / f"compared-{number}", Options(cache=cache), Silence())
    covered: list[float] = found.scenarios["covered"].tolist()
    return covered


def pace_and_compound(seen: Watched, click: Callable[[float, float], None], done: Callable[[], None]) -> None:
    """Ask for a compound where there is none, then walk twice as fast along most of the street."""
    page, box = seen.page, seen.frame.locator(".drawbox")
    page.locator("#undo").click()
    seen.until(page.locator("#undo").is_disabled)
    page.locator("#draw").select_option("compound")
    click(0.1, 5)
    box.locator(".told.bad", has_text="小区开放没有碰到研究区内的内部道路").wait_for()
    page.locator("#draw").select_option("pace")
    for share, north in ((-0.03, 40), (0.9, 40), (0.9, -40), (-0.03, -40)):
        click(share, north)
    box.locator(".told", has_text="（10人）").wait_for()  # noqa: RUF001 -- half as fast
    box.locator(".pace input").fill("2")
    box.locator(".told", has_text="（150人）").wait_for()  # noqa: RUF001
    done()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_streets_are_closed_and_drawn_and_every_step_is_undone_and_done_again(
    client: Served, chromium: Any, town: Path, cache: Path
) -> None:
    study, seen = read_study(town), Watched(chromium, client, town)
    page, box, ((west, lat), (east, _)) = seen.page, seen.frame.locator(".drawbox"), study.sites.lonlat
    states = [seen.state()]
    pixel = page.frames[-1].evaluate(f"({OF_MAP}.getBounds().getNorth() - {OF_MAP}.getBounds().getSouth()) / "
                                     f"{OF_MAP}.getSize().y")  # fmt: skip

    def click(share: float, north: float) -> None:
        page.mouse.click(*seen.at((west + share * (east - west), lat + north * pixel)))
        page.wait_for_timeout(120)

    def done() -> None:
        address = page.url
        box.locator(".finish").click()
        states.append(seen.moved_on(address))
        assert not box.is_visible()

    page.locator("#draw").select_option("works")
    click(0.1, 60)
    assert "此处没有道路" in box.inner_text()
    click(0.1, 5)
    box.locator(".told", has_text="（10人）").wait_for()  # noqa: RUF001 -- nobody but those at the site
    page.locator("#draw").select_option("barrier")
    click(0.12, 40)
    click(0.12, -40)
    box.locator(".told", has_text="（10人）").wait_for()  # noqa: RUF001
    done()
    page.locator("#draw").select_option("street")
    for share, north in ((0.0, 6), (0.12, 60), (0.125, 40), (0.25, -7)):
        click(share, north)
    box.locator(".told", has_text="（30人）").wait_for()  # noqa: RUF001 -- along the new street
    page.keyboard.press("Control+z")  # takes back a corner, not the closure
    box.locator(".told", has_text="（10人）").wait_for()  # noqa: RUF001
    click(0.25, -7)
    box.locator(".told", has_text="（30人）").wait_for()  # noqa: RUF001
    done()
    assert "（30人）" in states[2][0]  # noqa: RUF001
    closed, drawn = json.loads(unquote(page.url.split("#")[1]))["view"]["edits"]
    assert closed["close"].startswith("LINESTRING (108.20")
    assert [drawn["add"][0][1], drawn["add"][-1][1]] == pytest.approx([30.5, 30.5], abs=2e-6)
    assert compared(seen, town, cache) == [30.0]
    for act, wanted in (("#undo", 1), ("#undo", 0), ("#redo", 1)):
        address = page.url
        page.locator(act).click()
        assert seen.moved_on(address) == states[wanted]
    pace_and_compound(seen, click, done)
    assert "（150人）" in states[-1][0]  # noqa: RUF001
    assert compared(seen, town, cache) == [150.0]
    page.locator("#draw").select_option("barrier")  # by keys: the middle of the map, and what the arrows bring there
    for key in ("Enter", "ArrowRight", "Enter"):
        seen.frame.locator(".folium-map").press(key)
        page.wait_for_timeout(400)
    box.locator(".told", has_text="%").wait_for()
    page.keyboard.press("Escape")
    assert (box.is_visible(), page.locator("#draw").input_value()) == (False, "")
    seen.context.close()
    assert [fault for fault in seen.faults if "400" not in fault] == []  # the browser tells of refused questions


def scenarios_of_files(seen: Watched, town: Path, told: Callable[..., None]) -> None:
    """Put scenarios of the study's file on either side, then two of another file, and take the last step back."""
    page, said = seen.page, seen.page.locator("#beside .said")
    page.locator("#pick-held").select_option("the <i>bank</i>")
    told("270", "30")
    assert "开设成本：A 1，B 0" in said.inner_text()  # noqa: RUF001
    page.locator("#pick-map").select_option("away")
    told("270", "0")
    other = town.parent / "other.toml"
    other.write_text(
        '[[scenario]]\nname = "none"\nclose = ["O1"]\n[[scenario]]\nname = "both"\nopen = ["B1"]\n', "utf-8"
    )
    page.locator("#toml").set_input_files(str(other))
    told("0", "270")
    assert [page.locator(f"#pick-{side} option:checked").inner_text() for side in ("held", "map")] == ["none", "both"]
    other.write_text('[[scenario]]\nname = "x"\nopne = ["B1"]\n', "utf-8")
    page.locator("#toml").set_input_files(str(other))
    page.locator("#state.bad", has_text="opne").wait_for()
    page.locator("#undo").click()  # from both to away, beside the same A
    told("0", "0")
    page.reload()
    told("0", "0")
    page.locator("#pick-held").select_option("the <i>bank</i>")  # those of the study again
    told("270", "0")
    page.locator("#pick-map").select_option("today")
    told("270", "30")


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_two_maps_stand_beside_each_other_and_show_the_same_place(client: Served, chromium: Any, town: Path) -> None:
    names = '[[scenario]]\nname = "the <i>bank</i>"\nopen = ["B1"]\n[[scenario]]\nname = "away"\nclose = ["O1"]\n'
    (town.parent / "scenarios.toml").write_text(names, "utf-8")
    seen = Watched(chromium, client, town)
    page, said = seen.page, seen.page.locator("#beside .said")

    def both(asked: str) -> list[Any]:
        return [page.locator(frame).element_handle().content_frame().evaluate(asked) for frame in ("#held", "#map")]

    def told(*people: str) -> None:
        seen.until(lambda: re.findall(r"（(\d+)人）", said.inner_text()) == [*people])  # noqa: RUF001

    seen.frame.locator(".legend [data-tab=living]").click()
    seen.frame.locator("ul.sites li", has_text="Bank").locator("input").click()
    page.locator("#compare").click()
    told("30", "270")  # A is today, in B the bank counts
    assert "新增覆盖240人" in said.inner_text()
    seen.until(lambda: both(f"{OF_MAP}.getBounds().contains({OF_MAP}.options.maxBounds.pad(-0.375))") == [True, True])
    page.locator("#beside summary").click()
    both(f"{OF_MAP}.setZoom({OF_MAP}.getZoom() + 1, {{animate: false}})")
    centre = f"[{OF_MAP}.getZoom(), {OF_MAP}.getCenter().lng]"
    seen.until(lambda: both(centre)[0] == both(centre)[1])
    page.locator("#hold").click()
    told("270", "270")
    page.locator("#clear").click()
    told("270", "30")
    assert "失去覆盖240人" in said.inner_text()
    page.reload()  # both stand in the address
    told("270", "30")
    scenarios_of_files(seen, town, told)
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("[data-map=held]").click()
    at = "document.elementFromPoint(190, 600).id"
    assert page.evaluate(at) == "held"
    page.locator("[data-map=map]").click()
    assert page.evaluate(at) == "map"
    assert both("document.querySelector('.legend').getBoundingClientRect().height > 0") == [False, True]  # one legend
    seen.frame.locator(".legend").evaluate("legend => { legend.open = true; }")
    page.locator("#menu").click()
    page.locator("#add").click()
    assert not seen.frame.locator(".legend").evaluate("legend => legend.open")  # a tool needs the map
    page.keyboard.press("Escape")
    page.locator("#menu").press("Enter")  # the tools fit on a phone, and keys reach each of them
    for name in (
        "add",
        "what",
        "move",
        "draw",
        "explain",
        "nearness",
        "kind",
        "limit",
        "floor",
        "propose",
        "compare",
        "sure",
        "scenario",
        "load",
        "pack",
    ):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "[document.activeElement.id, document.activeElement.getBoundingClientRect().right <= 390]"
        ) == [
            name,
            True,
        ]
    page.locator("#compare").press("Enter")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert not page.locator("#tools").is_visible()
    assert [said.is_visible(), "held" in unquote(page.url)] == [False, False]
    seen.context.close()
    assert [fault for fault in seen.faults if "400" not in fault] == []  # the browser tells of refused questions


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
@pytest.mark.parametrize("there", ["a document", "no body"])
def test_no_tool_stumbles_where_the_map_is_still_on_its_way(
    client: Served, chromium: Any, town: Path, there: str
) -> None:
    seen = Watched(chromium, client, town)
    page, frame = seen.page, "document.querySelector('#map')"
    page.evaluate(f"{frame}.contentWindow.location.replace('about:blank')")  # no map
    seen.until(lambda: page.evaluate(f"{frame}.contentDocument.URL") == "about:blank")
    if there == "no body":
        page.evaluate(f"{frame}.contentDocument.body.remove()")
    for tool in ("add", "explain", "move", "scenario", "compare", "compare"):
        page.locator(f"#{tool}").click()
        seen.until(lambda: page.locator("#compare").is_enabled())
    page.keyboard.press("Control+z")
    page.locator("#sure").click()  # a whole page: no change of one that is left
    seen.until(lambda: page.locator("#sure").get_attribute("aria-pressed") == "true")
    seen.ready()
    seen.context.close()
    assert seen.faults == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_steps_follow_each_other_however_fast_they_come_and_what_is_lost_on_the_way_changes_nothing(
    client: Served, chromium: Any, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, seen, follow = read_study(town), Watched(chromium, client, town), Answers.follow
    (west, lat), (east, _) = study.sites.lonlat
    page, inner, places = seen.page, seen.page.frames[-1], [west + k / 8 * (east - west) for k in range(8)]
    undone, redone = "document.body.dataset.undo", "document.body.dataset.redo"
    page.locator("#add").click()
    page.mouse.click(*seen.at((places[4], lat)))
    seen.until(lambda: bool(inner.evaluate(undone) == "1"))
    one = seen.state()

    def slow(*given: Any) -> Any:
        time.sleep(0.5)
        return follow(*given)

    monkeypatch.setattr(Answers, "follow", slow)
    page.locator("#move").click()
    for start, end in ((0, 1), (4, 6)):
        seen.drag((places[start], lat), (places[end], lat))  # the second one before the first is answered
    seen.until(lambda: bool(inner.evaluate(undone) == "3"))
    view = json.loads(unquote(page.url.split("#")[1]))["view"]
    assert [view["moved"]["O1"][0], view["added"][0][0]] == pytest.approx([places[1], places[6]], abs=1e-3)
    both = seen.state()
    seen.follows()
    inner = page.frames[-1]
    inner.evaluate("for (let k = 0; k < 2; k++) document.dispatchEvent(new Event('undo'))")
    seen.until(lambda: bool(inner.evaluate(redone) == "2"))
    assert seen.state() == one
    page.locator("#redo").dblclick()
    seen.until(lambda: bool(inner.evaluate(undone) == "3"))
    assert seen.state() == both
    monkeypatch.undo()
    page.route("**/map/*", lambda route: route.abort())  # the program has ended
    page.locator("#undo").click()
    page.locator("#state.bad", has_text="程序已结束").wait_for()
    assert [seen.page.locator("#undo").is_enabled(), inner.evaluate(undone)] == [True, "3"]
    page.unroute("**/map/*")
    other = seen.context.new_page()  # a tab that was duplicated
    other.add_init_script(f"sessionStorage.tab ||= {json.dumps(page.evaluate('sessionStorage.tab'))}")
    other.goto(page.url)
    other.frame_locator("#map").locator("ul.sites li").first.wait_for(state="attached")
    assert other.frame_locator("#map").locator(".headline").inner_text() == both[0]
    assert urlsplit(other.frames[-1].url).path != urlsplit(inner.url).path  # keeps steps of its own
    page.keyboard.press("Control+z")
    seen.until(lambda: bool(inner.evaluate(redone) == "1"))
    seen.context.close()
    assert [fault for fault in seen.faults if "ERR_FAILED" not in fault] == []


def pack_is_the_run_of_the_scenario(seen: Watched, town: Path, cache: Path) -> None:
    """Save the pack of what is tried; its tables and layers are those of the command line, byte by byte."""
    with seen.page.expect_download(timeout=180_000) as waiting:
        seen.page.locator("#pack").click()
    folder, again = town.parent / "unpacked", town.parent / "again"
    with zipfile.ZipFile(waiting.value.path()) as pack:
        pack.extractall(folder)
    text = (folder / "scenarios.toml").read_text("utf-8")
    assert text == seen.frame.locator(".scenario").input_value()
    found = run_compare(
        town, folder / "scenarios.toml", again, Options(language="zh", layers=True, cache=cache), Silence()
    )
    assert found.scenarios["covered"].tolist() == [70.0]
    written = {path.name for path in folder.iterdir()} - {"scenarios.toml"}
    assert written == {path.name for path in again.iterdir()}
    assert {path.suffix for path in folder.iterdir()} == {".csv", ".html", ".gpkg", ".json", ".toml"}
    for name in written - {"manifest.json"}:
        one, other = folder / name, again / name
        assert one.read_bytes() == other.read_bytes() or same_content(one, other), name
    assert "310人中<b" in (folder / "report.html").read_text("utf-8").replace("<b>310</b>", "310")


def through_gates(seen: Watched) -> None:
    """Open all compounds, which this town has none of, and take it back."""
    address = seen.page.url
    seen.page.locator("#nearness").click()
    seen.page.locator("#gates").check()
    seen.page.locator("#apply").click()
    seen.moved_on(address)
    assert "open_compounds = true" in seen.frame.locator(".scenario").input_value()
    seen.page.locator("#undo").click()
    seen.until(lambda: not seen.page.locator("#gates").is_checked())


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_other_rules_and_another_speed_are_steps_like_others(
    client: Served, chromium: Any, town: Path, cache: Path
) -> None:
    seen = Watched(chromium, client, town)
    page, form, states = seen.page, seen.page.locator("#near form"), [seen.state()]
    speed, urban = page.locator("#speed"), form.get_by_label("城区", exact=True)
    how, of_towns = (form.get_by_label(f"{name}：计量方式") for name in ("城区", "镇区"))  # noqa: RUF001

    def step(act: str, people: int, *rule: str) -> None:
        """Take a step; look at the people who are covered and at what the headline says of the rule."""
        address = page.url
        page.locator(act).click()
        states.append(seen.moved_on(address))
        for said in (f"（{people}人）", *rule):  # noqa: RUF001
            assert said in states[-1][0]

    page.locator("#nearness").press("Enter")
    how.wait_for()
    assert [speed.input_value(), urban.input_value(), how.input_value()] == ["1", "15", "walk"]
    assert not page.locator("#gates").is_checked()
    for wrong in ("", "3.5", "0.2"):
        speed.fill(wrong)
        page.locator("#apply").click()
        assert "步行速度（米/秒）：应为0.3至3之间的数" in page.locator("#state.bad").inner_text()  # noqa: RUF001
        assert [speed.input_value(), speed.evaluate("one => one.matches(':focus')")] == [wrong, True]
    assert page.locator("#undo").is_disabled()
    speed.fill("1.2")  # 1,080 m in 15 minutes
    step("#apply", 70, "步行15分钟", "1.2米/秒")
    page.locator("#nearness").click()
    urban.fill("1.6")
    how.select_option("radius")
    of_towns.select_option("rural")
    step("#apply", 150, "直线1.6公里", "沿路网5公里", "1.2米/秒")
    through_gates(seen)
    assert compared(seen, town, cache) == [150.0]
    page.locator("#compare").click()
    seen.until(lambda: re.findall(r"（(\d+)人）", page.locator("#beside .said").inner_text()) == ["30", "150"])  # noqa: RUF001
    assert page.locator("#beside thead tr > :first-child").evaluate("one => one.tagName") == "TD"  # it heads nothing
    assert seen.frame.locator("h1").is_visible()  # for who hears the page
    page.locator("#compare").click()
    undo_and_redo(seen, states)
    page.locator("#nearness").click()
    seen.until(lambda: how.input_value() == "radius")
    assert of_towns.input_value() == "rural"
    step("#studied", 30, "步行15分钟", "1.0米/秒")
    page.locator("#nearness").click()
    speed.fill("1.2")
    step("#apply", 70)
    pack_is_the_run_of_the_scenario(seen, town, cache)
    page.locator("#kind").select_option("sites")
    page.locator("#limit").fill("1")
    page.locator("#propose").click()  # the bank reaches 1,080 m, too: everybody
    seen.frame.locator("#tab-plan .lead", has_text="覆盖310人").wait_for(state="attached")
    seen.context.close()
    assert seen.faults == []


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}")
def test_axe_finds_nothing_that_keeps_somebody_out(client: Served, chromium: Any, town: Path, tmp_path: Path) -> None:
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js").read_text("utf-8")
    client.desk.first = town
    (key,) = client.desk.studies().keys() - {"sample"}
    pack = tmp_path / "pack"
    shutil.unpack_archive(client.desk.pack(key, View(sites=1, language="zh"), Job()), pack)
    context = chromium.new_context(bypass_csp=True, reduced_motion="reduce")
    page = context.new_page()
    found: list[Any] = []

    def check(address: str, before: str = "") -> None:
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address, wait_until="networkidle")
        page.evaluate(before)
        for size in ((1440, 900), (390, 844)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.wait_for_timeout(300)
            for shown in [frame for frame in page.frames if frame.url not in ("", "about:blank")]:
                shown.evaluate(axe)
                found.extend(
                    (address, size, fault["id"], [node["html"] for node in fault["nodes"]])
                    for fault in shown.evaluate("async () => (await axe.run(document, {iframes: false})).violations")
                )

    living = """document.querySelector('.legend').open = true; document.querySelector('[data-tab=living]').click();
        for (const one of document.querySelectorAll('.filters details')) one.open = true;
        document.querySelector('.counted-sites input').click(); document.querySelector('.counted-sites input').click();
        document.querySelector('ul.sites input').click(); document.querySelector('ul.sites .find').click()"""
    for name, before in (("coverage", "0"), ("coverage", living), ("report", "0"), ("brief", "0")):
        check((pack / f"{name}.html").as_uri(), before)
    home = f"http://{client.host}/{TOKEN}/"
    check(home)
    drawing = """async () => {
        document.querySelector('#studies button').click();
        const map = document.querySelector('#map'), tool = document.querySelector('#draw');
        const there = () => map.contentDocument && map.contentDocument.querySelector('.drawbox');
        while (!there()) await new Promise((on) => setTimeout(on, 50));
        document.querySelector('#near').open = true;
        while (!document.querySelector('#rules input')) await new Promise((on) => setTimeout(on, 50));
        document.querySelector('#compare').click(); document.querySelector('#beside details').open = true;
        while (!document.querySelector('#beside tbody tr')) await new Promise((on) => setTimeout(on, 50));
        tool.value = 'pace'; tool.dispatchEvent(new Event('change')); }"""
    check(home, drawing)
    context.close()
    assert found == []
