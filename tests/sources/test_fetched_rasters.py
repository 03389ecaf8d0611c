"""Windows of people and heights from archives of our own, which answer as the real ones do, and as they should not."""

from __future__ import annotations

import io
import socket
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from fakeservers import tiff
from rasterio.io import MemoryFile

from accessibility.errors import InputError, OutputError
from accessibility.sources.fetched import remote
from accessibility.sources.fetched.rasters import (
    CutOut,
    PeopleOf,
    fetch_heights,
    fetch_people,
    ghs_pop_urls,
    glo_30_urls,
    worldpop_url,
    write_cut_out,
)
from accessibility.sources.fetched.remote import Keeper, open_remote

if TYPE_CHECKING:
    from pathlib import Path

    from fakeservers import FakeArchive
    from numpy.typing import NDArray

pytestmark = pytest.mark.usefixtures("naps")
BOX = (108.15, 30.45, 108.25, 30.55)
CHN = PeopleOf(source="worldpop", year=2025, country="CHN")


def country() -> bytes:
    """Return the people of a square degree as WorldPop has them: in strips, nobody where nobody may live."""
    chance = np.random.default_rng(17)
    people = chance.random((1200, 1200), dtype=np.float32) * 10
    people[chance.random(people.shape) < 0.3] = -99_999
    return tiff(people, 107.7, 31.0, (1200, 1200), nodata=-99_999)


def publish(archive: FakeArchive, urls: list[str], contents: list[bytes]) -> None:
    """Put files where these addresses are."""
    archive.files |= {url.removeprefix(archive.url): content for url, content in zip(urls, contents, strict=True)}


def sampled(content: bytes, cut: CutOut) -> NDArray[np.float64]:
    """Return what a raster has in the middle of every cell of a window, NaN beyond it."""
    with MemoryFile(content) as memory, memory.open() as raster:
        whole, grid = np.ma.filled(raster.read(1, masked=True).astype(float), np.nan), raster.transform
    rows, columns = cut.values.shape
    east = cut.transform.c + (np.arange(columns) + 0.5) * cut.transform.a
    north = cut.transform.f + (np.arange(rows) + 0.5) * cut.transform.e
    column, row = np.floor((east - grid.c) / grid.a).astype(int), np.floor((north - grid.f) / grid.e).astype(int)
    found = np.pad(whole, 1, constant_values=np.nan)
    at = [np.clip(v + 1, 0, n + 1) for v, n in ((row, whole.shape[0]), (column, whole.shape[1]))]
    return found[np.ix_(*at)]


def people_of(archive: FakeArchive, folder: Path, box: tuple[float, float, float, float] = BOX) -> CutOut:
    return fetch_people(CHN, box, server=archive.url, keeper=Keeper(folder=folder))


@pytest.mark.parametrize("ranges", [True, False])
def test_a_window_has_the_cells_of_the_file(archive: FakeArchive, tmp_path: Path, *, ranges: bool) -> None:
    content, archive.ranges = country(), ranges
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [content])
    cut = people_of(archive, tmp_path)
    assert min(cut.values.shape) in (120, 121)
    assert np.array_equal(cut.values, sampled(content, cut), equal_nan=True)
    kept = len(list(tmp_path.rglob("0*"))) * remote.BLOCK
    assert kept < (0.5 if ranges else 0.7) * len(content)  # what lies south of the place was not waited for
    assert cut.urls == (worldpop_url("CHN", 2025, archive.url),)


def test_a_window_beyond_the_file_has_nobody_there(archive: FakeArchive, tmp_path: Path) -> None:
    content = country()
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [content])
    cut = people_of(archive, tmp_path, (107.65, 30.95, 107.75, 31.05))
    there = np.isfinite(cut.values)
    assert np.array_equal(cut.values[there], sampled(content, cut)[there])
    assert not there[: round(0.05 * 1200)].any()
    assert not there[:, : round(0.05 * 1200)].any()


@pytest.mark.parametrize("ranges", [True, False])
def test_what_breaks_off_goes_on_where_it_was(archive: FakeArchive, tmp_path: Path, *, ranges: bool) -> None:
    content, archive.ranges = country(), ranges
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [content])
    archive.cuts = [0, 700_000, 2_300_000, 2_900_000, None] if not ranges else [0, 300_000, 300_000, None]
    cut = people_of(archive, tmp_path)
    assert np.array_equal(cut.values, sampled(content, cut), equal_nan=True)
    assert len({asked for _, asked in archive.asked}) > 1  # not from the beginning each time
    archive.asked.clear()
    assert np.array_equal(people_of(archive, tmp_path).values, cut.values, equal_nan=True)
    assert len(archive.asked) == 1  # whether the file is still the same; the rest is there


@pytest.mark.parametrize("cuts", [[None], [None, 0, None]])
def test_what_follows_an_answer_to_its_last_byte_is_asked_for(
    archive: FakeArchive, tmp_path: Path, cuts: list[int | None]
) -> None:
    content, ahead = bytes(range(256)) * (2 * remote._AHEAD * remote.BLOCK // 256), remote._AHEAD * remote.BLOCK
    publish(archive, [f"{archive.url}/file"], [content])
    archive.cuts = cuts
    found = open_remote(f"{archive.url}/file", Keeper(folder=tmp_path))
    assert found is not None
    assert found.read(ahead) == content[:ahead]
    assert found.read(9) == content[ahead : ahead + 9]


def test_what_came_before_an_end_is_kept_for_the_next_run(archive: FakeArchive, tmp_path: Path) -> None:
    content = country()
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [content])
    archive.cuts = [None, 0]
    with pytest.raises(OutputError, match=r"broke off.*expected the internet and another try: what came is kept"):
        people_of(archive, tmp_path)
    archive.cuts, archive.asked = [None], []
    cut = people_of(archive, tmp_path)
    assert np.array_equal(cut.values, sampled(content, cut), equal_nan=True)
    assert "bytes=0-" in archive.asked[0][1]
    assert not any(asked.startswith("bytes=0-") for _, asked in archive.asked[1:])


def test_a_file_that_changes_in_between_is_not_mixed(archive: FakeArchive, tmp_path: Path) -> None:
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [country()])
    found = open_remote(worldpop_url("CHN", 2025, archive.url), Keeper(folder=tmp_path))
    assert found is not None
    archive.mark = '"2"'
    found.seek(3_000_000)
    with pytest.raises(OutputError, match=r"another file than when it was begun; .*run this again"):
        found.read(10)


def test_any_bytes_of_a_remote_file_are_those_of_the_file(archive: FakeArchive, tmp_path: Path) -> None:
    content = np.random.default_rng(3).bytes(3 * remote.BLOCK + 1_234)
    publish(archive, [f"{archive.url}/file"], [content])
    found = open_remote(f"{archive.url}/file", Keeper(folder=tmp_path))
    assert found is not None
    chance = np.random.default_rng(5)
    for start, length in zip(chance.integers(0, len(content) + 99, 40), chance.integers(0, 400_000, 40), strict=True):
        found.seek(int(start))
        assert found.read(int(length)) == content[start : start + length]
    assert (found.seek(-4, io.SEEK_END), found.read()) == (len(content) - 4, content[-4:])


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (404, "there is no such file; expected one for the country and the year"),
        (403, r"the server refused \(status 403\)"),
        (503, r"is busy or out of order \(status 503\); expected the internet"),
    ],
)
def test_servers_that_have_it_not(
    archive: FakeArchive, tmp_path: Path, naps: list[float], status: int, said: str
) -> None:
    archive.answers = [status]
    with pytest.raises((InputError, OutputError), match=said):
        people_of(archive, tmp_path)
    assert naps == ([1, 2, 4] if status == 503 else [])


def test_a_server_that_was_busy_is_asked_again(archive: FakeArchive, tmp_path: Path) -> None:
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [country()])
    archive.answers = [503, 429, 200]
    assert np.nansum(people_of(archive, tmp_path).values) > 0


def test_offline_gives_one_clear_word(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(
            OutputError, match=r"cannot be reached \(.*refused\); expected the internet and another try"
        ):
            fetch_people(CHN, BOX, server=away, keeper=Keeper(folder=tmp_path))
    with pytest.raises(InputError, match=r"is no address .*; expected one that begins with https://"):
        fetch_people(CHN, BOX, server="mirror", keeper=Keeper(folder=tmp_path))


def test_a_login_page_is_no_raster(archive: FakeArchive, tmp_path: Path) -> None:
    page = b"<html>Please log in to the hotel's network</html>"
    publish(archive, [worldpop_url("CHN", 2025, archive.url), *ghs_pop_urls(BOX, 2025, archive.url)], [page, page])
    with pytest.raises(InputError, match=r"cannot be read as a GeoTIFF .*; expected one, not a page"):
        people_of(archive, tmp_path)
    with pytest.raises(InputError, match=r"is no ZIP archive with a GeoTIFF .*; expected one, not a page"):
        fetch_people(PeopleOf(source="ghs-pop", year=2025), BOX, server=archive.url, keeper=Keeper(folder=tmp_path))


def test_a_place_where_a_country_has_nobody_is_told(archive: FakeArchive, tmp_path: Path) -> None:
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [country()])
    with pytest.raises(
        InputError, match=r"has no one within 9\.100, 47\.000, 9\.200, 47\.100; expected the people of the"
    ):
        people_of(archive, tmp_path, (9.1, 47.0, 9.2, 47.1))


def test_time_runs_out(archive: FakeArchive, tmp_path: Path) -> None:
    publish(archive, [worldpop_url("CHN", 2025, archive.url)], [country()])
    with pytest.raises(OutputError, match=r"too slow: not done in time; .*--minutes"):
        fetch_people(CHN, BOX, server=archive.url, keeper=Keeper(folder=tmp_path, deadline_s=0.0))


def test_tiles_of_the_jrc_are_joined(archive: FakeArchive, tmp_path: Path) -> None:
    west, north, cells = -180.00791620856731, 89.09958317764332, 12  # the published corner, on a grid of five minutes
    box = (109.5, 38.5, 110.5, 39.5)
    urls = ghs_pop_urls(box, 2025, archive.url)
    assert [url[-10:-4].lstrip("_") for url in urls] == ["R5_C29", "R5_C30", "R6_C29", "R6_C30"]
    whole = np.arange(240 * 240, dtype=np.float32).reshape(240, 240)
    parts = []
    for i, url in enumerate(urls):
        row, column = divmod(i, 2)
        part = whole[row * 120 : row * 120 + 120, column * 120 : column * 120 + 120]
        packed = io.BytesIO()
        corner = (west + 10 * (28 + column), north - 10 * (4 + row))
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archived:
            archived.writestr("readme.txt", "GHSL")
            archived.writestr(f"{url[-10:-4]}.tif", tiff(part, *corner, (cells, cells), nodata=-200))
        parts.append(packed.getvalue())
    publish(archive, urls, parts)
    cut = fetch_people(PeopleOf(source="ghs-pop", year=2023), box, server=archive.url, keeper=Keeper(folder=tmp_path))
    one = tiff(whole, west + 280, north - 40, (cells, cells), nodata=-200)
    assert (cut.year, len(cut.urls)) == ("2025", 4)
    assert np.array_equal(cut.values, sampled(one, cut))


def test_heights_join_tiles_and_the_sea_has_none(archive: FakeArchive, tmp_path: Path) -> None:
    box = (107.9, 29.9, 108.1, 30.1)
    urls = glo_30_urls(box, archive.url)
    contents = [
        tiff(np.full((60, 60), 100.0 * i, np.float32), west - 1 / 120, south + 1 + 1 / 120, (60, 60), tiled=False)
        for i, (south, west) in enumerate([(29, 107), (29, 108), (30, 107), (30, 108)], start=1)
    ]
    publish(archive, urls[:3], contents[:3])
    cut = fetch_heights(box, server=archive.url, keeper=Keeper(folder=tmp_path))
    assert cut is not None
    assert set(np.unique(cut.values[np.isfinite(cut.values)])) == {100, 200, 300}
    assert np.array_equal(
        cut.values, np.fmax.reduce([sampled(content, cut) for content in contents[:3]]), equal_nan=True
    )
    write_cut_out(cut, tmp_path / "heights.tif")
    with rasterio.open(tmp_path / "heights.tif") as raster:
        assert raster.tags()["TIFFTAG_COPYRIGHT"].startswith("© DLR e.V. 2010-2014")
        assert np.array_equal(raster.read(1, masked=True).filled(np.nan), cut.values, equal_nan=True)
    archive.files.clear()
    assert fetch_heights(box, server=archive.url, keeper=Keeper(folder=tmp_path / "other")) is None


def test_north_of_fifty_degrees_tiles_have_wider_cells(archive: FakeArchive, tmp_path: Path) -> None:
    """A slope that is the same on both sides of 50 degrees north stays one where the cells become wider."""
    box = (120.2, 49.8, 120.6, 50.2)
    slope = [
        np.broadcast_to(120 + (np.arange(columns, dtype=np.float32) + 0.5) / columns, (60, columns)).astype(np.float32)
        for columns in (60, 40)
    ]
    publish(
        archive,
        glo_30_urls(box, archive.url),
        [tiff(part, 120, north, (part.shape[1], 60)) for part, north in zip(slope, (50, 51), strict=True)],
    )
    cut = fetch_heights(box, server=archive.url, keeper=Keeper(folder=tmp_path))
    assert cut is not None
    middles = cut.transform.c + (np.arange(cut.values.shape[1]) + 0.5) * cut.transform.a
    assert np.abs(cut.values - middles).max() < 1e-3
