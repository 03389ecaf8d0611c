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
from conftest import ROOT

from accessibility import InputError, Scenario, read_scenarios, read_study
from accessibility.geo.projection import WGS84, mercator, transform
from accessibility.present.map.outlines import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accessibility.study.study import Study

CHROMIUM = Path("/usr/bin/chromium")
MISSING = [m for m in ("jupyterlab", "ipyleaflet", "playwright") if importlib.util.find_spec(m) is None]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no {CHROMIUM}"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]
START_S, ANSWER_MS = 180, 120_000
KERNEL_IDLE = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
CELL = """
from pathlib import Path
import accessibility as acc
from accessibility.notebook import WhatIf
study = acc.read_study(Path({study!r}), cache=Path({cache!r}))
WhatIf(study, acc.Scenario(added=[acc.Addition(id="X1", lon={lon}, lat={lat}, name={name!r})]))
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


# What is shown passes: a site that comes under the mouse says its name in the same place.
LISTEN = """() => {
  window.said = [];
  new MutationObserver((records) => {
    for (const {target, addedNodes} of records)
      if ((target.closest ?? (() => null)).call(target, ".what-if"))
        addedNodes.forEach((node) => window.said.push(node.textContent));
  }).observe(document.body, {childList: true, subtree: true});
}"""
HAS_SAID = """(text) => {
  const at = window.said.findIndex((said) => said.includes(text));
  window.said.splice(0, at + 1);
  return at >= 0;
}"""


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
        self.page.locator(".what-if .leaflet-marker-icon").first.wait_for(timeout=START_S * 1_000)
        self.page.evaluate(LISTEN)
        self.map.scroll_into_view_if_needed()

    def _only_here(self, route: Any) -> None:
        if urlsplit(route.request.url).hostname in ("127.0.0.1", None):
            route.continue_()
        else:
            self.asked.append(route.request.url)
            route.abort()

    @property
    def map(self) -> Any:
        return self.page.locator(".what-if .leaflet-container")

    def marker(self, site: str) -> Any:
        return self.page.locator(f'.what-if .leaflet-marker-icon[alt*="({site}):"]')

    def says(self, text: str) -> None:
        """Wait until the widget has said a text since it was last asked; the mouse may be over another site by now."""
        self.page.wait_for_function(HAS_SAID, arg=text)

    def covers(self, people: float) -> None:
        """Wait until the figures say so many people; what was done is said before them."""
        self.page.locator(".what-if .covered", has_text=count(people)).wait_for()

    def covered(self) -> str:
        return str(self.page.locator(".what-if .covered").inner_text())

    def press(self, button: str) -> None:
        self.page.locator(".what-if button", has_text=button).click()

    @property
    def pixel_m(self) -> float:
        """The width of a pixel in Web Mercator metres, measured by the markers farthest from each other."""
        (one, at_one), (two, at_two) = self._ends()
        return float(at_two[0] - at_one[0]) / (self.middle(two)[0] - self.middle(one)[0])

    def point(self, lon: float, lat: float) -> tuple[float, float]:
        """Return where a place stands in the window."""
        (one, at), _ = self._ends()
        x, y = self.middle(one)
        east, north = (mercator(np.array([[lon, lat]]))[0] - at) / self.pixel_m
        return x + float(east), y - float(north)

    def _ends(self) -> list[tuple[str, Any]]:
        """Return the westernmost and the easternmost of today's sites that are on the map, and where they stand."""
        sites = self.study.sites
        at = mercator(transform(sites.xy, sites.crs, WGS84))
        rows = [row for row in np.flatnonzero(sites.open) if self.marker(sites.ids[row]).count()]
        rows.sort(key=lambda row: float(at[row, 0]))
        return [(str(sites.ids[row]), at[row]) for row in (rows[0], rows[-1])]

    def middle(self, site: str) -> tuple[float, float]:
        box = self.marker(site).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*begin)
        self.page.mouse.down()
        self.page.mouse.move(*((a + b) / 2 for a, b in zip(begin, end, strict=True)), steps=4)
        self.page.mouse.move(*end, steps=4)
        self.page.mouse.up()


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


def redo_and_draw(lab: Lab, site: str) -> None:
    """Take a step again and back; close the streets along a line beside a site, and open them."""
    lab.press("Redo")
    lab.says("Took the step again")
    lab.press("Undo")
    lab.says("Took back the last step")
    lab.page.locator(".what-if select").select_option(label="closes streets along a line")
    lab.page.locator(".what-if button", has_text="Done").wait_for()  # the map may stand lower now
    (x, y), below = lab.middle(site), 14
    for dx in (-20, 60, 60):  # the second click on the last corner ends the line
        lab.page.mouse.click(x + dx, y + below)
    lab.says("Done: closure.")
    lab.press("Undo")


def test_a_whole_what_if_by_mouse(lab: Lab, tmp_path: Path) -> None:
    page, study, (here, there) = lab.page, lab.study, lab.places
    closing, opening = lonely_sites(study, is_open=True)[0], lonely_sites(study, is_open=False)[0]
    begun = lab.covered()
    assert page.locator(".what-if li").all_inner_texts() == [f"adds X1 {HOSTILE}, new site"]
    assert HOSTILE in lab.marker("X1").get_attribute("title")

    page.mouse.dblclick(*lab.point(*here))  # the second click of a double click adds nothing
    lab.says("Added N1")
    lab.marker("N1").wait_for()
    lab.drag(lab.middle("N1"), lab.point(*there))
    lab.says("Moved N1")
    lab.marker(closing).click()
    lab.says(f"Closed {closing}")
    lab.marker(closing).wait_for(state="detached")
    at = study.sites.xy[study.sites.rows([opening])]
    x, y = lab.point(*transform(at, study.sites.crs, WGS84)[0].tolist())
    page.mouse.move(x, y)
    lab.says(f"({opening}): candidate")
    page.mouse.click(x, y)
    lab.says(f"Opened {opening}")
    lab.marker(opening).wait_for()

    page.locator(".what-if").get_by_label("Scenario").fill("By hand")
    lab.press("Save")
    lab.says("Saved 'By hand' in scenarios.toml")
    (scenario,) = read_scenarios(tmp_path / "scenarios.toml")
    assert (scenario.opened, scenario.closed) == ((opening,), (closing,))
    assert [a.id for a in scenario.added] == ["X1", "N1"]
    landed = mercator(np.array([(scenario.added[1].lon, scenario.added[1].lat), there]))
    assert np.hypot(*(landed[0] - landed[1])) < 2 * lab.pixel_m
    before = replace(scenario, opened=(), closed=())
    after, first = study.coverage(scenario), replace(before, added=before.added[:1])
    lab.covers(after.covered_people)
    assert begun == count(study.coverage(first).covered_people) != count(after.covered_people)
    for name, row in after.by(study.district).iterrows():
        told = page.locator(".what-if table.districts tr", has_text=str(name)).locator("td").all_inner_texts()
        assert told[1:3] == [count(row["population"]), count(row["covered"])]

    x, y = lab.middle("N1")
    lab.drag((x, y), (x, lab.map.bounding_box()["y"] + 3))  # the map is wider than the county
    lab.says("lies outside the area of Sample county")
    assert lab.covered() == count(after.covered_people)
    assert lab.middle("N1") == pytest.approx((x, y), abs=1)
    for times, left in ((1, replace(scenario, opened=())), (1, before), (2, first), (1, Scenario())):
        for _ in range(times):
            lab.press("Undo")
        lab.covers(study.coverage(left).covered_people)
    redo_and_draw(lab, closing)
    page.locator(".what-if button:disabled", has_text="Undo").wait_for()
    lab.covers(study.coverage().covered_people)
    lab.marker(closing).wait_for()
    assert lab.marker("N1").count() == lab.marker("X1").count() == 0
    assert not page.locator(".what-if-still").is_visible()  # it waits for a page without a kernel
    assert page.evaluate("window.hurt") is None
    assert lab.asked == []
    assert lab.broken == []
