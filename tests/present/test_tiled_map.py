"""The map of an area in tiles: its file of tiles, its pyramid of pictures and its page in a browser."""

from __future__ import annotations

import functools
import http.server
import io
import itertools
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import mapworlds
import numpy as np
import pytest
from browsing import MARKS, PHONE, Opened
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pmtiles.reader import MmapSource, Reader
from pmtiles.tile import zxy_to_tileid

from accessibility.geo.projection import WGS84, mercator, transform
from accessibility.present.map import tiledmap
from accessibility.present.map.outlines import Backdrop
from accessibility.present.map.overlays import PeopleClasses, classify_people
from accessibility.present.map.tiledmap import Pyramid, TiledMap
from accessibility.present.pages import Extent, read_tiles, tile_number, tiles_text, write_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from accessibility import Coverage

HALF = np.pi * 6_378_137
CLASSES = (3, 7, 5)
EXTENT = Extent(zooms=(0, 6), bounds=(-1.5, 2.0, 3.0, 4.25), about={"name": "村"})


@given(st.integers(0, 16), st.data())
def test_tiles_have_the_numbers_of_the_format(zoom: int, data: st.DataObject) -> None:
    x, y = (data.draw(st.integers(0, 2**zoom - 1)) for _ in "xy")
    assert tile_number(zoom, x, y) == zxy_to_tileid(zoom, x, y)


def test_the_library_of_the_format_reads_every_tile(tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    places = [(zoom, x, y) for zoom in range(8) for x in range(2**zoom) for y in range(2**zoom)]
    chance.shuffle(places)
    tiles = {place: chance.bytes(int(chance.integers(1, 40))) for place in places}
    numbered = [(tile_number(*place), tile) for place, tile in tiles.items()]
    sizes = write_tiles(tmp_path / "a.pmtiles", numbered, EXTENT)
    assert sizes == {number: len(tile) for number, tile in numbered}
    assert list(read_tiles(tmp_path / "a.pmtiles")) == sorted(numbered)
    assert tiles_text(numbered[:500], EXTENT) == tiles_text(reversed(numbered[:500]), EXTENT)
    with (tmp_path / "a.pmtiles").open("rb") as file:
        reader: Any = Reader(MmapSource(file))  # type: ignore[no-untyped-call]  # the library has no types
        head = reader.header()
        assert head["leaf_directory_length"] > 0  # more than the root holds
        assert (head["min_lon_e7"], head["max_lat_e7"], head["max_zoom"]) == (-15_000_000, 42_500_000, 6)
        assert reader.metadata() == {"name": "村"}
        assert all(reader.get(*place) == tiles[place] for place in places[:40])


def values(tile: bytes) -> np.ndarray[Any, Any]:
    """Return the values of a tile's pixels."""
    with Image.open(io.BytesIO(tile)) as image:
        assert image.mode == "P"
        return np.asarray(image)


def index_of(pyramid: Pyramid, of: Sequence[int]) -> int:
    """Return the value of a pixel of these classes, -1 where a way to colour people does not show it."""
    index = 0
    for classes, one in zip(reversed(pyramid.classes), reversed(of), strict=True):
        index = index * (classes + 1) + int(one) + 1
    return index


def expected(zoom: int, lonlat: Any, people: Any, of: Any, pyramid: Pyramid) -> dict[tuple[int, int], int]:
    """Return the value of every pixel.

    At the last two zooms that of the cell with the most people of those that hold its centre or stand in it; else of
    each way to colour people the class with the most people who stand in it.
    """
    pixel = 2 * HALF / (256 << zoom)
    places = (np.array([HALF, HALF]) + mercator(lonlat) * [1, -1]) / pixel
    drawn: dict[tuple[int, int], int] = {}
    sums: dict[tuple[int, int], list[dict[int, float]]] = {}
    for at in np.argsort(people):
        half = pyramid.cell_m / np.cos(np.radians(lonlat[at, 1])) / 2 / pixel
        spans = [
            {int(np.floor(v)), *range(int(np.ceil(v - half - 0.5)), int(np.ceil(v + half - 0.5)))} for v in places[at]
        ]
        if people[at] > 0:
            drawn |= dict.fromkeys(itertools.product(*spans), index_of(pyramid, [classes[at] for classes in of]))
            own = sums.setdefault((int(places[at, 0]), int(places[at, 1])), [{} for _ in CLASSES])
            for way, classes in enumerate(of):
                if classes[at] >= 0:
                    own[way][classes[at]] = own[way].get(classes[at], 0) + people[at]
    if zoom > pyramid.deepest - 2:
        return drawn
    best = {at: [max(sorted(one), key=lambda k: one[k]) if one else -1 for one in each] for at, each in sums.items()}
    return {at: index_of(pyramid, classes) for at, classes in best.items()}


@pytest.mark.parametrize(("deepest", "cell_m"), [(12, 100.0), (9, 1_000.0), (13, 60.0)])
def test_a_pixel_is_the_class_of_most_people_in_it_at_every_zoom(deepest: int, cell_m: float, tmp_path: Path) -> None:
    chance = np.random.default_rng(deepest)
    n = 300
    lonlat = np.array([106.875, 31.952]) + chance.uniform(-0.03, 0.03, (n, 2))  # where four squares written aside meet
    people = np.maximum(chance.permutation(n) - 20.0, 0.0)  # no two who are somebody are alike
    of = [chance.integers(low, high, n).astype(np.int8) for low, high in ((0, 3), (0, 7), (-1, 5))]
    pyramid = Pyramid(folder=tmp_path, deepest=deepest, cell_m=cell_m, classes=CLASSES)
    for rows in np.array_split(np.arange(n), 3):
        pyramid.add(lonlat[rows], people[rows], [classes[rows] for classes in of])
    pyramid.add(np.full((1, 2), np.nan), np.ones(1), [np.zeros(1, np.int8)] * 3)  # without a place
    first = PeopleClasses(
        name="", labels=("a", "b", "c"), colours=("#100000", "#200000", "#300000"), of=of[0], population=people
    )
    numbered = list(pyramid.tiles([first]))
    tiles = dict(numbered)
    assert len(tiles) == len(numbered)
    seen = 0
    for zoom in (deepest, deepest - 1, deepest - 2, deepest - 5, deepest - 6, 1, 0):
        wanted = expected(zoom, lonlat, people, of, pyramid)
        drawn: dict[tuple[int, int], int] = {}
        for x, y in {(x // 256, y // 256) for x, y in wanted}:
            picture = values(tiles[tile_number(zoom, x, y)])
            seen += 1
            drawn |= {(x * 256 + i, y * 256 + j): int(picture[j, i]) for j, i in np.argwhere(picture)}
        assert drawn == wanted
    assert seen > 6


@pytest.fixture(scope="module")
def town() -> Coverage:
    return mapworlds.grid(side=40)


def written(town: Coverage, folder: Path, **more: Any) -> list[str]:
    (folder / "aside").mkdir(parents=True)
    page = TiledMap(caption=mapworlds.caption(**more), backdrop=Backdrop())
    return page.write(town, [town], folder / "aside", folder)


def test_the_same_people_are_the_same_bytes_and_nobody_is_no_map(town: Coverage, tmp_path: Path) -> None:
    names = [written(town, tmp_path / which) for which in "ab"]
    assert names == [["coverage.html"]] * 2
    pages = [(tmp_path / which / "coverage.html").read_bytes() for which in "ab"]
    assert pages[0] == pages[1]
    assert TiledMap(caption=mapworlds.caption(), backdrop=Backdrop()).write(town, [], tmp_path, tmp_path) == []
    empty = replace(town, demand=replace(town.demand, population=np.zeros(len(town.demand))))
    assert written(empty, tmp_path / "c") == ["coverage.html"]


class Page(Opened):
    """A page of a map that may read what lies beside it."""

    def __init__(self, chromium: Any, address: str, size: tuple[int, int] = (1400, 900)) -> None:
        super().__init__(chromium.new_page(viewport={"width": size[0], "height": size[1]}))
        self.page.goto(address)
        self.page.wait_for_selector(".reading")
        self.tick("overlays", on=False)

    def _local(self, address: str) -> None:
        if "127.0.0.1" not in address:
            super()._local(address)

    def assert_colours(self, town: Coverage, zoom: int) -> None:
        """Hold colour and reading of some cells, in each way to colour them."""
        lonlat = transform(town.demand.xy, town.demand.crs, WGS84)
        for way, layer in enumerate(classify_people(town)[:2]):
            self.page.locator(".leaflet-control-layers-base input").nth(way).evaluate("box => box.click()")
            for row in (417, 1599):
                self.look_at(lonlat[row], zoom)
                self.page.wait_for_timeout(150)
                wanted = layer.colours[layer.of[row]]
                assert "#" + "".join(f"{v:02x}" for v in self.colour(lonlat[row])) == wanted, (way, row)
                self.page.mouse.move(*self.point(lonlat[row]))
                self.page.wait_for_timeout(60)
                assert layer.labels[layer.of[row]] in self.page.locator(".reading").inner_text()


@functools.cache
def _ranges(folder: Path) -> type[http.server.SimpleHTTPRequestHandler]:
    class Ranges(http.server.SimpleHTTPRequestHandler):
        """A server of files that gives ranges, as those of the web do."""

        def __init__(self, *asked: Any) -> None:
            super().__init__(*asked, directory=str(folder))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            found = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if found is None:
                super().do_GET()
                return
            part = (folder / self.path.lstrip("/")).read_bytes()[int(found[1]) : int(found[2]) + 1]
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part)

    return Ranges


@pytest.fixture
def beside(town: Coverage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a map whose details lie beside it."""
    monkeypatch.setattr(tiledmap, "_MAX_INSIDE", 4_000)
    assert written(town, tmp_path, title="<img src=x onerror=window.broken=1>") == ["coverage.html", "coverage.pmtiles"]
    return tmp_path


@pytest.fixture
def served(beside: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _ranges(beside))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/coverage.html"
    server.shutdown()
    thread.join()
    server.server_close()


@MARKS[0]
@MARKS[1]
def test_a_page_that_holds_all_tiles_shows_and_tells_the_class_of_each_place(
    town: Coverage, tmp_path: Path, chromium: Any
) -> None:
    written(town, tmp_path)
    page = Page(chromium, (tmp_path / "coverage.html").as_uri())
    page.assert_colours(town, 16)
    assert page.complaints == []
    page.page.close()


@MARKS[0]
@MARKS[1]
def test_a_served_page_reads_its_details_in_ranges(town: Coverage, served: str, chromium: Any) -> None:
    page = Page(chromium, served)
    page.assert_colours(town, 15)
    assert page.page.locator(".finer").count() == 0
    assert page.page.evaluate("window.broken") is None
    page.page.close()


@MARKS[0]
@MARKS[1]
def test_a_page_opened_as_a_file_is_handed_its_details(town: Coverage, beside: Path, chromium: Any) -> None:
    page = Page(chromium, (beside / "coverage.html").as_uri(), PHONE)
    choose = page.page.locator(".finer input")
    (beside / "other.pmtiles").write_bytes(b"no tiles" * 20)
    choose.set_input_files(str(beside / "other.pmtiles"))
    page.page.wait_for_selector(".finer span:has-text('could not be read')")
    choose.set_input_files(str(beside / "coverage.pmtiles"))
    page.page.wait_for_selector(".finer", state="detached")
    page.assert_colours(town, 15)
    assert page.complaints == []
    page.page.close()


def test_more_sites_than_a_page_takes_are_told_and_left_out(
    town: Coverage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiledmap, "_MAX_SITES", 0)
    written(town, tmp_path)
    page = (tmp_path / "coverage.html").read_text(encoding="utf-8")
    assert "1 site is too many to be drawn one by one" in page
    assert "geo_json" not in page
