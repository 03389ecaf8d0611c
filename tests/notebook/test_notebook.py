"""The what-if widget in the kernel: it answers as engine and server do, and is where its page is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
import worlds

from accessibility import (
    Addition,
    InputError,
    NewStreet,
    OutputError,
    Scenario,
    Settings,
    UnknownSiteError,
    read_scenarios,
    read_study,
)
from accessibility.cli.serving.desk import Desk
from accessibility.geo.projection import WGS84, transform
from accessibility.present.language import count
from accessibility.study.answers import Job
from accessibility.study.views import view_of

ipywidgets = pytest.importorskip("ipywidgets")
pytest.importorskip("anywidget")

from accessibility.notebook import WhatIf  # noqa: E402 -- skipped without the extra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from accessibility import Coverage, Study

FIGURES = ("walk_s", "metres", "radius_m", "covered", "covered_radius", "unreached", "nearest")


@pytest.fixture(scope="module")
def study(sample_study: Study) -> Study:
    return sample_study


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Save into a temporary folder; leave no widget behind."""
    monkeypatch.chdir(tmp_path)
    yield
    ipywidgets.Widget.close_all()


class Page:
    """What a page in a browser tells the kernel, and what it hears."""

    def __init__(self, what_if: WhatIf) -> None:
        self.widget: Any = what_if.view
        self.heard: list[dict[str, Any]] = []
        self.widget.send = lambda content, buffers=None: self.heard.append(content)  # noqa: ARG005

    def _tell(self, data: dict[str, Any]) -> None:
        self.widget._handle_msg({"content": {"data": data}, "buffers": []})

    def asks(self, path: str, body: Any = None) -> Any:
        """Return the answer to a question; an error as text where it is one."""
        self._tell({"method": "custom", "content": {"id": "a", "path": path, "body": body}})
        told = self.heard.pop()
        assert told.pop("id") == "a"
        ((_, answer),) = told.items()
        return answer

    def works(self, path: str, body: Any) -> dict[str, Any]:
        """Return how a piece of work ends."""
        told = begun = self.asks(path, body)
        while told["state"] == "working":
            told = self.asks(f"jobs/{begun['job']}")
        return dict(told)

    def goes(self, view: dict[str, Any], switched: Iterable[str] = (), rest: str = "people=:") -> None:
        """Say what the page shows, in one step from what it has shown, spelt in an address of its own."""
        told, ids = self.widget.steps, ",".join(quote(site, safe="") for site in switched)
        parts = [*([f"switched={ids}"] if ids else []), rest]
        self.shows(f"?view={quote(json.dumps(view))}#{'&'.join(parts)}", [*told["past"], told["now"]], [])

    def shows(self, now: str, past: list[str], future: list[str]) -> None:
        steps = {"now": now, "past": past, "future": future}
        self._tell({"method": "update", "state": {"steps": steps}, "buffer_paths": []})

    def undoes(self) -> None:
        told = self.widget.steps
        self.shows(told["past"][-1], told["past"][:-1], [*told["future"], told["now"]])


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, value in attrs if name.startswith("on") or (name in ("src", "href") and
                    not str(value).startswith("data:image/svg+xml;base64,"))]  # fmt: skip

    def handle_data(self, data: str) -> None:
        self.text += data


def still_text(what_if: WhatIf) -> str:
    """Return what is read of the picture that stays in a saved notebook: it holds nothing but our own elements."""
    parsed = _Text()
    parsed.feed(what_if._still()["text/html"])
    ours = {"div", "span", "b", "bdi", "table", "thead", "tbody", "tr", "td", "th", "ul", "li", "style", "img"}
    assert parsed.tags <= ours | {"svg", "circle", "rect", "path"}
    return parsed.text


def same(one: Coverage, other: Coverage) -> bool:
    return all(
        np.array_equal(getattr(one, f), getattr(other, f), equal_nan=getattr(one, f).dtype.kind == "f") for f in FIGURES
    )


def assert_true(what_if: WhatIf) -> None:
    """Hold what the widget shows and says against a measurement from scratch."""
    after = what_if.study.coverage(what_if.scenario)
    assert same(what_if.coverage(), after)
    said = still_text(what_if)
    assert f"covered: {count(after.covered_people)} of {count(after.population)} people" in said
    before, people = what_if.trial.baseline.coverage, after.demand.population
    gained, lost = after.covered & ~before.covered, before.covered & ~after.covered
    assert f"gained: covered now{count(people[gained].sum())}" in said
    assert f"lost: no longer covered{count(people[lost].sum())}" in said


def inside(study: Study) -> list[tuple[float, float]]:
    lonlat = transform(study.demand.xy, study.demand.crs, WGS84).round(6)
    return [(float(lon), float(lat)) for lon, lat in lonlat[:: len(lonlat) // 40]]


def test_what_the_page_does_the_trial_is(study: Study) -> None:
    what_if, trial = WhatIf(study), study.what_if()
    page, (here, there, stop) = Page(what_if), inside(study)[3:6]
    page.goes({"added": [here]})
    trial.add(*here, id="X1")
    page.goes({"added": [here]}, ["O003"])
    trial.close("O003")
    page.goes({"added": [here], "moved": {"O005": there}}, ["O003", "B017"])
    trial.move("O005", *there).open("B017")
    page.goes({"added": [stop], "moved": {"O005": there}}, ["O003", "B017"])
    trial.move("X1", *stop)
    assert replace(what_if.scenario, name="") == trial.scenario
    assert same(what_if.coverage(), trial.coverage())
    assert_true(what_if)
    for _ in range(2):
        page.undoes()
    assert what_if.scenario.closed == ("O003",)
    assert what_if.scenario.moved == ()
    what_if.undo().undo()
    assert what_if.trial.scenario == Scenario()
    assert_true(what_if)
    what_if.redo()
    assert [a.id for a in what_if.scenario.added] == ["X1"]


def test_switches_of_one_map_are_each_taken_once(study: Study) -> None:
    """The kernel looks after each step: what is switched is against the map, not against the step before."""
    what_if = WhatIf(study, Scenario(closed=("O004",)))
    page, map_told = Page(what_if), view_told(what_if)
    for switched, closed, opened in (
        (["O003"], {"O003", "O004"}, set()),
        (["O003", "B017"], {"O003", "O004"}, {"B017"}),
        (["B017", "O004"], set(), {"B017"}),
        ([], {"O004"}, set()),
    ):
        page.goes(map_told, switched)
        assert (set(what_if.scenario.closed), set(what_if.scenario.opened)) == (closed, opened)


def test_random_steps_of_page_and_program_stay_true(study: Study) -> None:
    """Of which each undo gives back what was before, whoever took the step."""
    rng, what_if = np.random.default_rng(5), WhatIf(study)
    page, places, states = Page(what_if), inside(study), [Scenario()]
    view: dict[str, Any] = {}
    for step in range(30):
        site, place = str(rng.choice(study.sites.ids)), places[rng.integers(len(places))]
        match rng.choice(["add", "switch", "move", "undo", "program"]):
            case "add":
                view = {**view, "added": [*view.get("added", []), place]}
                page.goes(view)
            case "switch":
                page.goes(view, [site])
            case "move":
                view = {**view, "moved": {**view.get("moved", {}), site: place}}
                page.goes(view)
            case "program":
                what_if.switch(site)
                view = view_told(what_if)
            case _ if states[1:]:
                what_if.undo() if step % 2 else page.undoes()
                states.pop()
                assert what_if.trial.scenario == states[-1]
                view = view_told(what_if)
                continue
            case _:
                continue
        states.append(what_if.trial.scenario)
        if step % 10 == 9:
            assert_true(what_if)
    assert len(what_if.scenario.added) * len(what_if.scenario.moved) > 0
    assert [f"X{k}" for k in range(1, len(what_if.scenario.added) + 1)] == [a.id for a in what_if.scenario.added]


def view_told(what_if: WhatIf) -> dict[str, Any]:
    from urllib.parse import parse_qs  # noqa: PLC0415

    return dict(json.loads(parse_qs(what_if.view.steps["now"].partition("#")[0][1:])["view"][0]))


def test_methods_do_what_the_trial_does_and_the_page_is_told(study: Study) -> None:
    what_if, trial, (here, there) = WhatIf(study), study.what_if(), inside(study)[7:9]
    what_if.add(*here, kind="bank").switch("O004").move("O005", *there).switch("O004").change(speed_m_s=0.8)
    trial.add(*here, kind="bank").close("O004").move("O005", *there).open("O004").change(speed_m_s=0.8)
    assert what_if.trial.scenario == trial.scenario
    assert what_if.scenario.added[0].kind == "bank"
    assert len(what_if.view.steps["past"]) == 5
    view = view_of(view_told(what_if), "en")
    assert study.coverage(view.base).covered_people == trial.coverage().covered_people
    page = Page(what_if)
    assert f"({count(trial.coverage().covered_people)})" in page.asks("page/study", view_told(what_if))["page"]
    page.goes({**view_told(what_if), "added": [there]}, ["N1"])  # the page goes on from there
    assert what_if.scenario.closed == ("N1",)
    assert_true(what_if)
    with pytest.raises(InputError, match="outside the area"):
        what_if.add(107.0, 30.5)
    with pytest.raises(UnknownSiteError, match=r"did you mean .*O003"):
        what_if.switch("O03")
    for _ in range(6):
        what_if.undo()
    with pytest.raises(InputError, match="nothing to undo"):
        what_if.undo()
    for _ in range(6):
        what_if.redo()
    assert what_if.scenario.closed == ("N1",)
    with pytest.raises(InputError, match="nothing to do again"):
        what_if.redo()


def test_the_kernel_answers_what_the_server_answers(study: Study, tmp_path: Path, monkeypatch: Any) -> None:
    desk = Desk(folder=tmp_path)
    monkeypatch.setattr(Desk, "study", lambda *_: study)
    page, (here, there) = Page(WhatIf(study)), inside(study)[9:11]
    view = {"added": [here], "moved": {"O003": there}, "sites": 3}
    assert page.works("map/study", view)["state"] == "done"
    served = desk.answers("sample")
    assert page.asks("page/study", view)["page"] == served.page(view_of(view, "en"), Job())
    asked: dict[str, Any] = {**view, "open": ["O001", "O003", "X1"], "districts": None, "group": "60+"}
    figure = page.asks("ask/figure/study", asked)
    assert figure == served.ask("figure", asked, "en")
    trial = study.what_if().add(*here, id="X1").move("O003", *there)
    for site in study.sites.ids[study.sites.open]:
        if site not in asked["open"]:
            trial.close(site)
    now, elderly = study.coverage(trial.scenario), study.demand.groups["60+"]
    assert figure == pytest.approx({"people": elderly.sum(), "covered": elderly[now.covered].sum()})
    told = page.asks("ask/explain/study", {**asked, "at": here})
    why = study.explain(*here, trial.scenario)
    assert told["said"] == [why.told("en")]
    assert told["place"] == [here[1], here[0]]


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("ask/figure/study", {"added": [[107.0, 30.5]], "open": ["X1"]}, "lies outside the area of Sample county"),
        ("ask/figure/study", {"base": {"opne": []}, "open": []}, "unknown key"),
        ("ask/secret/study", {}, "expected 'figure', 'street', 'explain'"),
        ("ask/explain/study", {"open": []}, "expected a place"),
        ("jobs/other", None, "no work 'other'"),
        ("page", {"added": 5}, "expected places"),
        ("save", {"text": "x"}, "TOML"),
    ],
)
def test_a_question_that_makes_no_sense_is_answered_by_a_sentence(study: Study, path: str, body: Any, why: str) -> None:
    what_if = WhatIf(study)
    assert why in Page(what_if).asks(path, body)
    assert what_if.trial.scenario == Scenario()


def test_work_that_fails_says_why_and_work_can_be_cancelled(study: Study) -> None:
    page = Page(WhatIf(study, lang="zh"))
    told = page.works("map/study", {"added": [[107.0, 30.5]]})
    assert told["state"] == "failed"
    assert "区域之外" in told["error"]
    job = page.asks("map/study", {"sites": 2})["job"]
    assert page.asks(f"jobs/{job}/cancel", {})["state"] in ("working", "cancelled", "done")


def test_steps_of_two_threads_come_one_after_the_other(study: Study, monkeypatch: Any) -> None:
    """A kernel with subshells calls some handlers in a thread of theirs, while others still work."""
    what_if = WhatIf(study).switch("O004")
    early: list[bool] = []
    begun, close = Event(), what_if.trial.close

    def next_one() -> None:
        begun.set()
        what_if.switch("O020")

    other = Thread(target=next_one)

    def slow(site: str) -> Any:
        monkeypatch.setattr(what_if.trial, "close", close)
        other.start()
        begun.wait(5)
        other.join(0.1)
        early.append(other.is_alive())
        return close(site)

    monkeypatch.setattr(what_if.trial, "close", slow)
    what_if.switch("O003")
    other.join()
    assert early == [True]
    assert what_if.scenario.closed == ("O004", "O003", "O020")
    assert len(what_if.view.steps["past"]) == 3


HOSTILE = ('<img src="x" onerror="hurt()">', "</td><script>hurt()</script>", "a & b {{7*7}} $x$ ${y}", "汀城 'x' \"y\"")


def test_names_are_text(town: Path, cache: Path) -> None:
    rows = "".join(
        f'O{k},"{name.replace(chr(34), chr(34) * 2)}",{108.2 + 0.001 * k},30.5\n' for k, name in enumerate(HOSTILE)
    )
    (town.parent / "outlets.csv").write_text(f"id,name,lon,lat\n{rows}", encoding="utf-8")
    study = read_study(town, cache=cache)
    what_if = WhatIf(study, Scenario(name=HOSTILE[0], added=(Addition(id=HOSTILE[1], lon=108.205, lat=30.5),)))
    for site in study.sites.ids[study.sites.open]:
        what_if.switch(site)
    said = still_text(what_if)
    assert all(name in said for name in HOSTILE[1:])
    page = Page(what_if)
    page.goes(view_told(what_if), [HOSTILE[1]])
    assert HOSTILE[1] in what_if.scenario.closed
    drawn = page.asks("page/study", view_told(what_if))["page"]
    assert not [name for name in HOSTILE[:2] if name in drawn]
    assert page.asks("save", {"text": '[[scenario]]\nname = "x"'})["said"] == f"Saved {HOSTILE[0]!r} in scenarios.toml."


def test_nothing_is_asked_of_the_internet(study: Study) -> None:
    state = {k: v for k, v in WhatIf(study).switch("O003").view.get_state().items() if k != "_esm"}
    assert "http" not in str(state).replace("http://www.w3.org", "")
    assert "fetch(" not in WhatIf(study).view._esm


def test_a_scenario_is_saved_and_begun_with(study: Study, tmp_path: Path) -> None:
    what_if, here = WhatIf(study), inside(study)[11]
    page = Page(what_if)
    page.goes({"added": [here]}, ["O003"])
    told = page.asks("save", {"text": '[[scenario]]\nname = "close O003, add X1"\nclose = ["O003"]'})
    assert told == {"said": "Saved 'close O003, add X1' in scenarios.toml."}
    (saved,) = read_scenarios(tmp_path / "scenarios.toml")
    assert saved == replace(what_if.scenario, name="close O003, add X1")
    assert same(study.coverage(saved), what_if.coverage())

    again = WhatIf(study, saved)
    assert again.scenario == saved
    assert_true(again)
    again.save()  # the same once more: nothing to add
    again.switch("O004")
    assert "another scenario is named 'close O003" in Page(again).asks("save", {"text": '[[scenario]]\nname = "x"'})
    with pytest.raises(OutputError, match="cannot be written"):
        again.save(tmp_path / "scenarios.toml" / "s.toml")
    again.undo().undo().undo()
    assert again.trial.scenario == Scenario(name=saved.name)


def test_it_follows_steps_taken_elsewhere(study: Study) -> None:
    what_if = WhatIf(study)
    what_if.trial.close("O003").change(speed_m_s=0.8)
    what_if.refresh()
    assert_true(what_if)
    assert "walks at 0.8 m/s" in still_text(what_if)
    assert view_of(view_told(what_if), "en").base.settings == Settings(speed_m_s=0.8)
    assert what_if.undo().trial.scenario == Scenario()


def test_what_is_counted_on_the_page_stays_when_the_program_takes_a_step(study: Study) -> None:
    what_if = WhatIf(study)
    page = Page(what_if)
    page.goes({}, ["O003"], rest="group=60%2B")
    what_if.switch("O004")
    assert what_if.view.steps["now"].endswith("#group=60%2B")
    assert what_if.scenario.closed == ("O003", "O004")
    page.goes(view_told(what_if), ["O005"])  # against the map that has both closed
    assert list(what_if.scenario.closed) == ["O003", "O004", "O005"]


def test_an_explanation_is_told_and_drawn(study: Study) -> None:
    what_if, (lon, lat) = WhatIf(study, lang="both"), inside(study)[4]
    page = Page(what_if)
    why = what_if.explain(lon, lat)
    assert why.covered == study.explain(lon, lat).covered
    ((told,),) = ([message["explained"] for message in page.heard],)
    assert told["said"] == [why.told("en"), why.told("zh")]
    assert told["way"][0] == pytest.approx([lat, lon], abs=1e-6)
    with pytest.raises(InputError):
        what_if.explain(200, 0)


def test_streets_are_edited_and_the_page_has_them() -> None:
    line = worlds.degrees((1_000, 10), (1_000, 590))
    what_if = WhatIf(worlds.two_streets()).edit(NewStreet(line=line, bridge=True))
    after = what_if.study.coverage(Scenario(edits=what_if.scenario.edits))
    assert after.covered_people > what_if.study.coverage().covered_people
    assert what_if.coverage().covered_people == after.covered_people
    assert view_of(view_told(what_if), "en").base.edits == what_if.scenario.edits
    assert "new bridge" in still_text(what_if)
    assert what_if.undo().scenario.edits == ()


def test_a_notebook_shows_it_and_keeps_a_picture_that_follows(study: Study, monkeypatch: Any) -> None:
    import IPython.display  # noqa: PLC0415

    shown: list[Any] = []
    updated: list[dict[str, str]] = []

    class Handle:
        def update(self, told: dict[str, str], *, raw: bool) -> None:
            assert raw
            updated.append(told)

    def display(told: Any, **given: Any) -> Handle | None:
        shown.append(told)
        return Handle() if given.get("display_id") else None

    monkeypatch.setattr(IPython.display, "display", display)
    what_if = WhatIf(study)
    what_if._ipython_display_()
    living, still = shown
    assert living["application/vnd.jupyter.widget-view+json"]["model_id"] == what_if.view.model_id
    assert living["text/plain"].startswith("<WhatIf <Trial as today: <Coverage 75.1 % of 149,923 people")
    assert what_if.view.still in still["text/html"]
    Page(what_if).goes({}, ["O003"])
    what_if.switch("O004")
    first, last = (count(study.coverage(Scenario(closed=ids)).covered_people) for ids in (("O003",), ("O003", "O004")))
    assert [first in updated[0]["text/html"], last in updated[1]["text/html"]] == [True, True]


def test_without_the_extra_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['anywidget'] = None\nimport accessibility.notebook"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert "ModuleNotFoundError: anywidget is not installed; the what-if widget needs" in done.stderr
    assert "outlet-accessibility[notebook]" in done.stderr
