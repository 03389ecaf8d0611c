"""The what-if widget in JupyterLab, in a real browser whose way to the internet is blocked."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browsing import OF_MAP
from conftest import ROOT

from accessibility import InputError, Scenario, Settings, read_scenarios, read_study
from accessibility.geo.projection import WGS84, mercator, transform
from accessibility.present.language import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accessibility.study.study import Study

CHROMIUM = Path("/usr/bin/chromium")
MISSING = [m for m in ("jupyterlab", "anywidget", "playwright") if importlib.util.find_spec(m) is None]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
START_S, ANSWER_MS = 180, 60_000
KERNEL_IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
CELL = """
from pathlib import Path
import accessibility as acc
from accessibility.notebook import WhatIf
study = acc.read_study(Path({study!r}), cache=Path({cache!r}))
what_if = WhatIf(study, acc.Scenario(added=[acc.Addition(id="X1", lon={lon}, lat={lat}, name={name!r})]))
what_if
"""
HOSTILE = "<img src=x onerror=window.hurt=1> & $x$"


def write_notebook(folder: Path, source: str) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "c0",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "what_if.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Callable[[], str]]:
    """Run JupyterLab on a free port, with settings of its own; yield what waits for it and returns its address."""
    own, token = folder / "jupyter", secrets.token_hex(16)
    settings = own / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS), encoding="utf-8")
    places = {f"JUPYTER_{what}_DIR": str(own / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    # should the tests themselves be killed, kernel and server end on their own
    command += ["--ServerApp.shutdown_no_activity_timeout=120", "--MappingKernelManager.cull_interval=30"]
    command += ["--MappingKernelManager.cull_idle_timeout=120"]
    server = subprocess.Popen(  # noqa: S603 -- our own interpreter
        command,
        env={**os.environ, **places, "IPYTHONDIR": str(own / "ipython"), "PYTHONPATH": paths},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield lambda: f"{_address(server, own / 'runtime')}lab/tree/what_if.ipynb?token={token}"
    finally:
        server.terminate()
        with suppress(subprocess.TimeoutExpired):
            server.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # what is left of its own group, a kernel that hangs
        server.wait()


def _address(server: subprocess.Popen[bytes], runtime: Path) -> str:
    """Return the address that the server writes down, once it answers there."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            with suppress(ValueError, OSError):  # half written, or not listening yet
                address = str(json.loads(file.read_text(encoding="utf-8"))["url"])
                socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), timeout=5).close()
                return address
        time.sleep(0.1)
    msg = f"JupyterLab did not start in {START_S} s, exit code {server.poll()}"
    raise AssertionError(msg)


@dataclass
class Lab:
    """The page with the widget, and what went wrong on it."""

    page: Any
    study: Study
    places: list[tuple[float, float]]
    asked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.page.set_default_timeout(ANSWER_MS)
        self.page.context.route("**/*", self._only_here)
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_function(KERNEL_IDLE, timeout=START_S * 1_000)
        self.page.evaluate("void window.jupyterapp.commands.execute('runmenu:run-all')")
        self.page.locator("#map").wait_for(timeout=START_S * 1_000)
        self.map.locator("ul.sites li").first.wait_for(state="attached")
        self.page.locator("#map").scroll_into_view_if_needed()

    def _only_here(self, route: Any) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", None):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    @property
    def map(self) -> Any:
        return self.page.frame_locator("#map")

    def covers(self, scenario: Scenario) -> None:
        """Wait until the headline says what a scenario covers, measured from scratch, and all of the page is there."""
        people = count(self.study.coverage(scenario).covered_people)
        self.map.locator(".headline", has_text=f"({people})").wait_for()
        self.map.locator("ul.sites li").first.wait_for(state="attached")

    def until(self, so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        until = time.monotonic() + ANSWER_MS / 1_000
        while not so():
            assert time.monotonic() < until, self.steps()
            self.page.wait_for_timeout(50)

    def steps(self) -> Any:
        """Return the state of the page, and those before and after it."""
        return json.loads(self.page.locator("#map").evaluate("map => map.dataset.steps || '{}'"))

    def settle(self, steps: int) -> None:
        """Wait until so many steps stand on the page, nobody works on another one, and the kernel has heard of them."""
        free = self.page.locator("#add")  # while a step is taken no button can be pressed
        self.until(lambda: len(self.steps().get("past", [])) == steps and bool(free.is_enabled()))
        asked = "import json; print(json.dumps(what_if.view.steps))"
        self.until(lambda: bool(json.loads(self.run(asked)) == self.steps()))

    def stand_still(self) -> None:
        """Wait until the map has come to where it was sent."""
        seen: list[Any] = [None]

        def still() -> bool:
            seen.append(self.point(*self.places[0]))
            return bool(seen[-1] == seen[-2])

        self.page.wait_for_timeout(100)  # a map that is sent somewhere begins with the next frame
        self.until(still)

    def press(self, button: str) -> None:
        self.page.locator(button).click()

    def run(self, code: str) -> str:
        """Run code in the kernel, beside the page; return what it prints."""
        return str(
            self.page.evaluate(
                """async (code) => {
                    const {kernel} = window.jupyterapp.shell.currentWidget.sessionContext.session;
                    const asked = kernel.requestExecute({code});
                    let said = "";
                    asked.onIOPub = ({content}) => { said += content.text ?? content.evalue ?? ""; };
                    await asked.done;
                    return said;
                }""",
                code,
            )
        ).strip()

    def point(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where a place stands in the window."""
        frame = self.page.locator("#map").element_handle().content_frame()
        x, y = frame.evaluate(
            f"([lon, lat]) => {{ const p = {OF_MAP}.latLngToContainerPoint([lat, lon]); const box = "
            f"{OF_MAP}.getContainer().getBoundingClientRect(); return [box.left + p.x, box.top + p.y]; }}",
            [lon, lat],
        )
        box = self.page.locator("#map").bounding_box()
        return box["x"] + x, box["y"] + y

    def click(self, lon: float, lat: float) -> None:
        self.page.mouse.click(*self.point(lon, lat))

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        (x, y), (to_x, to_y) = self.point(*begin), self.point(*end)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move((x + to_x) / 2, (y + to_y) / 2, steps=4)
        self.page.mouse.move(to_x, to_y, steps=4)
        self.map.locator(".measured", has_text="%").wait_for()
        self.page.mouse.up()

    def switch(self, site: str) -> None:
        self.map.locator(f'ul.sites li span[title="{site}"]').click()


@pytest.fixture
def lab(chromium: Any, sample: Path, cache: Path, tmp_path: Path) -> Iterator[Lab]:
    with jupyterlab(tmp_path) as address:
        study = read_study(sample, cache=cache)  # while the server starts
        places = lonely_places(study, 3)
        lon, lat = places.pop()
        write_notebook(
            tmp_path, CELL.format(study=str(sample), cache=str(cache), lon=lon, lat=lat, name=HOSTILE).strip()
        )
        context = chromium.new_context(viewport={"width": 1_500, "height": 1_100})
        lab = Lab(context.new_page(), study, places)
        lab.open(address())
        yield lab
        context.close()


def lonely_places(study: Study, how_many: int) -> list[tuple[float, float]]:
    """Return places of uncovered people where a counter can stand and that lie far from every site and each other."""
    now, trial = study.coverage(), study.what_if()
    people = now.demand
    taken, found = [*study.sites.xy], []
    for row in np.argsort(-np.where(now.covered, 0.0, people.population)):
        lon, lat = transform(people.xy[[row]], people.crs, WGS84)[0].tolist()
        if min(np.hypot(*(people.xy[row] - xy)) for xy in taken) < 1_200:
            continue
        try:
            trial.add(lon, lat)
        except InputError:
            continue
        taken.append(people.xy[row])
        found.append((lon, lat))
        if len(found) == how_many:
            break
    return found


def lonely_sites(study: Study, *, is_open: bool) -> list[str]:
    """Return the sites inside the area, the one farthest from all others first."""
    xy = study.sites.xy
    apart = np.hypot(*(xy[:, None] - xy[None]).T)
    np.fill_diagonal(apart, np.inf)
    inside = study.site_district.notna().to_numpy()
    rows = np.flatnonzero(inside & (study.sites.open == is_open))
    return [str(study.sites.ids[row]) for row in rows[np.argsort(-apart[rows].min(axis=1))]]


def test_a_whole_what_if_by_mouse(lab: Lab, tmp_path: Path) -> None:
    page, study, (there, here) = lab.page, lab.study, lab.places
    closing, opening = lonely_sites(study, is_open=True)[0], lonely_sites(study, is_open=False)[0]
    begun = read_scenario(lab, tmp_path, steps=1)
    assert begun.added[0].name == HOSTILE
    lab.covers(begun)

    lab.press("#add")
    lab.click(*here)
    added = read_scenario(lab, tmp_path, steps=2)
    lab.map.locator(".leaflet-marker-draggable").nth(1).wait_for()
    assert [site.id for site in added.added] == ["X1", "X2"]
    lab.covers(added)
    lab.drag((added.added[1].lon, added.added[1].lat), there)
    lab.settle(3)
    lab.map.locator("[data-tab=living]").click()
    lab.switch(closing)
    lab.switch(opening)
    scenario = read_scenario(lab, tmp_path, steps=5)
    assert (scenario.opened, scenario.closed) == ((opening,), (closing,))
    landed = mercator(np.array([(scenario.added[1].lon, scenario.added[1].lat), there]))
    assert np.hypot(*(landed[0] - landed[1])) < 100
    lab.covers(scenario)
    after = study.coverage(scenario)
    rows = lab.map.locator(".figures[data-by=district] tbody tr").all()
    told = {cells[0]: cells[1:3] for row in rows if (cells := row.locator("td").all_text_contents())}
    for name, row in after.by(study.district).iterrows():
        assert told[str(name)] == [count(row["population"]), count(row["covered"])]
    assert lab.run("print(what_if.coverage().covered_people)") == str(after.covered_people)

    change_and_undo(lab, scenario)
    explain_and_compare(lab, scenario, there)
    lab.press("#scenario")
    page.locator("#state", has_text="in scenarios.toml").wait_for()
    (saved,) = read_scenarios(tmp_path / "scenarios.toml")
    assert replace(saved, name="") == replace(scenario, name="")

    assert study.districts is not None
    _, _, east, north = study.districts.total_bounds
    lab.press("#add")
    lab.map.locator(".fit").click()  # explanations have moved the map
    lab.stand_still()
    lab.click(east, north)
    page.locator("#state.bad", has_text="lies outside the area of Sample county").wait_for()
    lab.covers(scenario)
    undo_all(lab, scenario)
    assert not page.locator(".what-if-still").is_visible()  # it waits for a page without a kernel
    assert page.evaluate("window.hurt") is None
    assert lab.asked == []
    assert lab.broken == []


def change_and_undo(lab: Lab, scenario: Scenario) -> None:
    """Walk more slowly, and hold towns to the rural rule; take it back."""
    lab.press("#nearness")
    lab.page.locator("#rules select").nth(1).select_option("rural")
    lab.page.locator("#speed").fill("0.8")
    lab.press("#apply")
    slow = Settings(speed_m_s=0.8, standard=lab.study.standard.changed(town=lab.study.standard.rural))
    lab.covers(replace(scenario, settings=slow))
    asked = "print(what_if.trial.scenario.settings.standard.town.text)"
    lab.until(lambda: lab.run(asked) == "5 km along the network")  # the kernel hears of a step a moment later
    lab.press("#undo")
    lab.covers(scenario)


def explain_and_compare(lab: Lab, scenario: Scenario, there: tuple[float, float]) -> None:
    """Ask why a place is covered, by the page and by the program; put today beside the scenario."""
    lab.press("#explain")
    lab.click(*there)
    lab.map.locator(".tip p").wait_for()
    lon, lat = (float(v) for v in lab.study.demand.lonlat[0])
    lab.run(f"what_if.explain({lon}, {lat})")
    lab.map.locator(".tip p", has_text=lab.study.explain(lon, lat, scenario).told("en")).wait_for()
    lab.press("#explain")
    lab.press("#compare")
    gained = lab.study.coverage(scenario).covered & ~lab.study.coverage().covered
    people = count(lab.study.demand.population[gained].sum())
    lab.page.locator("#beside .said", has_text=people).wait_for()
    assert lab.page.frame_locator("#held").locator(".headline").inner_text().startswith("75.1 %")
    lab.press("#compare")


def undo_all(lab: Lab, scenario: Scenario) -> None:
    """Go back to today by the page and on by the program; each shows what the other did."""
    first = replace(scenario, opened=(), closed=(), added=scenario.added[:1])
    for left in (replace(scenario, opened=()), replace(scenario, opened=(), closed=())):
        lab.press("#undo")
        lab.covers(left)
    lab.press("#undo")  # the drag
    lab.settle(2)
    lab.press("#undo")
    lab.covers(first)
    lab.settle(1)
    assert lab.run("what_if.undo().redo().undo(); print(what_if.scenario.added)") == "()"
    lab.covers(Scenario())
    lab.settle(0)
    lab.run("what_if.switch('O003')")
    lab.covers(Scenario(closed=("O003",)))
    lab.settle(1)
    lab.press("#undo")
    lab.covers(Scenario())


def read_scenario(lab: Lab, folder: Path, steps: int) -> Scenario:
    """Return what the kernel says is different from today after so many steps."""
    lab.settle(steps)
    (folder / "now.toml").unlink(missing_ok=True)
    assert lab.run("acc.write_scenarios([what_if.scenario], 'now.toml')") == ""
    (scenario,) = read_scenarios(folder / "now.toml")
    return scenario
