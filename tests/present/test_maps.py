"""The coverage map, checked without a browser."""

from __future__ import annotations

import base64
import errno
import hashlib
import html
import json
import re
import warnings
import zlib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import folium.plugins
import geopandas as gpd
import mapworlds
import numpy as np
import pytest
import shapely
import worlds
from branca.element import Element
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from scipy.spatial import cKDTree
from unpacking import dots_of

from accessibility import Demand, InputError, OutputError, Rule, Standard, measure_coverage
from accessibility.errors import OBEYED, visible
from accessibility.geo.projection import WGS84, mercator, transform, unmercator
from accessibility.measures.surface import Places
from accessibility.present.map.coverage_map import Backdrop, draw_coverage, write_map
from accessibility.present.map.outlines import KEY, basemap_of, district_figures, street_lines
from accessibility.present.map.overlays import PeopleClasses, Picture, classify_people
from accessibility.present.map.sheets import pack_dots
from accessibility.present.pages import inline
from accessibility.wording.cards import safe_html


def html_of(drawn: Any) -> str:
    return str(drawn.get_root().render())


def decoded(address: str) -> tuple[np.ndarray[Any, Any], dict[int, tuple[int, ...]]]:
    """Read a data address with GDAL's own PNG reader."""
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    with warnings.catch_warnings(), MemoryFile(content) as file:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open() as image:
            return image.read(1), image.colormap(1)


def test_walking_classes_hold_their_upper_limit() -> None:
    cover = mapworlds.street([0, 300, 301, 600, 601, 900, 901, 1200, 1201, 1800, 1801])
    _, walk = classify_people(cover)
    assert walk.of.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert walk.people.tolist() == [2, 2, 2, 2, 2, 1, 0]
    assert walk.labels[0] == "0–5 min"  # noqa: RUF001
    assert walk.labels[5] == "over 30 min"


def test_classes_are_those_of_the_rule() -> None:
    people = mapworlds.street([0, 240, 241, 720, 721, 1441]).demand
    cover = measure_coverage(worlds.line(24_000, 24), people, worlds.outlets([(0, 0)]), Standard(urban=Rule.walk(12)))
    _, walk = classify_people(cover)
    assert [label for label in walk.labels if "12" in label] == ["8–12 min", "12–16 min"]  # noqa: RUF001
    assert walk.people[:3].sum() == cover.covered_people == 4


def test_rural_classes_are_about_rural_people_only() -> None:
    at = [2_000.0, 2_001.0, 5_000.0, 5_001.0, 10_000.0, 10_001.0, 100.0]
    cover = mapworlds.street(at, ["rural"] * 6 + ["urban"], [1, 2, 4, 8, 16, 32, 64])
    distance = classify_people(cover)[2]
    assert distance.of.tolist() == [0, 1, 1, 2, 2, 3, -1]
    assert distance.people.tolist() == [1, 6, 24, 32, 0]
    assert distance.total == 63


def test_status_splits_the_uncovered() -> None:
    people = worlds.people([(10, 0), (6_100, 0), (901, 0)], [3, 5, 7])
    cover = measure_coverage(worlds.two_islands(), people, worlds.outlets([(0, 0)]))
    status = classify_people(cover)[0]
    assert status.of.tolist() == [0, 2, 1]
    assert status.people.tolist() == [3, 7, 5]


def test_web_mercator_matches_proj() -> None:
    lonlat = np.array([[108.4, 30.5], [-73.9, 40.7], [24.9, 60.2]])
    from pyproj import CRS  # noqa: PLC0415

    expected = transform(lonlat, WGS84, CRS.from_epsg(3857))
    np.testing.assert_allclose(mercator(lonlat), expected, atol=1e-3)
    np.testing.assert_allclose(unmercator(expected), lonlat, atol=1e-9)


def test_a_grid_that_stands_askew_has_no_seams() -> None:
    cover = mapworlds.grid()
    places = Places.of(cover)
    assert places.grid
    assert places.cell_m == pytest.approx(100, abs=0.5)
    picture = Picture.of(places)
    index, colours = decoded(picture.image(classify_people(cover)[1]))
    assert colours[0][3] == 0
    inside = shapely.box(*_pixel_bounds(picture, places)).buffer(-9)
    rows, columns = np.mgrid[: picture.height, : picture.width]
    here = shapely.contains_xy(inside, columns + 0.5, rows + 0.5)
    assert here.sum() > 50_000
    assert (index[here] > 0).all()


def _pixel_bounds(picture: Picture, places: Places) -> tuple[float, float, float, float]:
    at = mercator(places.lonlat)
    columns, rows = (at[:, 0] - picture.west) / picture.pixel, (picture.north - at[:, 1]) / picture.pixel
    return (columns.min(), rows.min(), columns.max(), rows.max())


def test_every_cell_has_its_colour_at_its_place() -> None:
    cover = mapworlds.grid()
    picture, layers = Picture.of(Places.of(cover)), classify_people(cover)
    walk = layers[1]
    index, colours = decoded(picture.image(walk))
    found = index.ravel()[picture.own]
    for row in range(len(walk.labels)):
        want = tuple(int(walk.colours[row][k : k + 2], 16) for k in (1, 3, 5))
        assert {colours[i][:3] for i in np.unique(found[walk.of == row]).tolist()} <= {want}
    (south, west), (north, east) = picture.bounds
    assert (south, west) < tuple(transform(cover.demand.xy, cover.demand.crs, WGS84)[0][::-1]) < (north, east)


def test_where_cells_share_a_pixel_the_most_people_win() -> None:
    rng = np.random.default_rng(3)
    lonlat = np.column_stack([rng.uniform(100, 110, 900), rng.uniform(25, 35, 900)])
    lonlat = np.vstack([lonlat, lonlat[:, :] + 1e-5, lonlat - 1e-5])
    count, of = rng.integers(0, 9, len(lonlat)).astype(float), rng.integers(0, 3, len(lonlat)).astype(np.int8)
    picture = Picture.of(Places(lonlat=lonlat, cell_m=100.0, grid=True))
    assert picture.coarse
    layer = PeopleClasses(name="x", labels=("a", "b", "c"), colours=("#000000",) * 3, of=of, population=count)
    winner, _ = picture.winners(layer)
    hidden = 0.0
    for pixel in set(picture.own.tolist()):
        here = picture.own == pixel
        sums = [count[here & (of == k)].sum() for k in range(3)]
        assert winner[pixel] == (int(np.argmax(sums)) if max(sums) > 0 else -1)
        hidden += sum(sums) - max(sums)
    assert hidden > 0
    assert picture.hidden_people(layer) == pytest.approx(hidden)


def test_a_pixel_of_several_cells_tells_all_their_people_and_that_they_are_several() -> None:
    cover = mapworlds.grid(side=30)
    picture = Picture.of(Places.of(cover), max_side=10)
    assert picture.coarse
    table = picture.table(classify_people(cover)[0], cover)
    planes = np.frombuffer(zlib.decompress(base64.b64decode(table["planes"])), np.uint8).reshape(5, -1)
    there = np.bincount(picture.own, minlength=planes.shape[1])
    people = np.bincount(picture.own, weights=cover.demand.population, minlength=planes.shape[1])
    np.testing.assert_array_equal(planes[2] + 256 * planes[3].astype(int), people)
    assert there.max() > 1
    np.testing.assert_array_equal(planes[4] >= 128, there > 1)


def test_the_table_reads_back_minutes_distance_and_people() -> None:
    cover = mapworlds.grid()
    picture = Picture.of(Places.of(cover))
    table = picture.table(classify_people(cover)[0], cover)
    planes = np.frombuffer(zlib.decompress(base64.b64decode(table["planes"])), np.uint8)
    planes = planes.reshape(5, -1)[:, picture.own]
    np.testing.assert_array_equal(planes[0], np.minimum(np.ceil(np.round(cover.walk_s, 3) / 60), 251))
    np.testing.assert_array_equal(planes[1], np.minimum(np.ceil(np.round(cover.metres, 2) / 100), 251))
    np.testing.assert_array_equal(planes[2] + 256 * planes[3].astype(int), cover.demand.population)
    np.testing.assert_array_equal(planes[4] & 1, cover.covered)
    np.testing.assert_array_equal(planes[4] >> 2, 1)  # all urban


@pytest.mark.parametrize("at_once", [1, 4_000_000])
def test_a_picture_of_polygons_holds_the_pixels_inside_them(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr("accessibility.present.map.overlays._PIXELS_AT_ONCE", at_once)
    rng = np.random.default_rng(4)
    lonlat = np.column_stack([rng.uniform(8.0, 8.02, 30), rng.uniform(47.0, 47.02, 30)])
    shapes = shapely.buffer(shapely.points(lonlat), rng.uniform(0.0005, 0.002, 30))
    shapes[3] = shapely.difference(shapes[3], shapely.buffer(shapely.points(lonlat[3]), 0.0003))
    shapes[7] = None
    picture = Picture.of(Places(lonlat=lonlat, cell_m=60.0, grid=False, shapes=shapes))
    flat = shapely.transform(shapes, mercator)
    at = np.arange(picture.width * picture.height)
    x = picture.west + (at % picture.width + 0.5) * picture.pixel
    y = picture.north - (at // picture.width + 0.5) * picture.pixel
    for row in range(30):
        drawn = set(picture.pixels[picture.rows == row].tolist())
        assert len(drawn) == (picture.rows == row).sum()
        if row == 7:  # a square, as without polygons
            assert len(drawn) in range(4, 26)
            continue
        assert drawn == set(np.flatnonzero(shapely.contains_xy(flat[row], x, y)).tolist()) | {int(picture.own[row])}


def test_begun_minutes_and_no_way() -> None:
    cover = measure_coverage(
        worlds.two_islands(), worlds.people([(900, 0), (901, 0), (6_100, 0)]), worlds.outlets([(0, 0)])
    )
    dots = dots_of(pack_dots(classify_people(cover), Places.of(cover), cover))
    assert sorted(dots["minutes"]) == [15, 16, 255]


@pytest.mark.parametrize("crs", ["EPSG:4545", "EPSG:4326"])
def test_dots_hold_every_place_with_its_figures(crs: str) -> None:
    cover = mapworlds.grid(side=30)
    cover = replace(cover, demand=cover.demand.to_crs(crs))
    layers, places = classify_people(cover), Places.of(cover)
    dots = dots_of(pack_dots(layers, places, cover))
    at = np.column_stack([dots["x"], dots["y"]])
    far, row = cKDTree(mercator(places.lonlat)).query(at)
    assert sorted(np.asarray(row).tolist()) == list(range(900))
    assert np.max(far) <= 2.0 / np.sqrt(2) + 1e-6  # the unit of a cell of 100 m is 2 m
    np.testing.assert_array_equal(dots["people"], cover.demand.population[row])
    np.testing.assert_array_equal(dots["minutes"], np.minimum(np.ceil(np.round(cover.walk_s[row], 3) / 60), 251))
    np.testing.assert_array_equal(dots["tenths"], np.minimum(np.ceil(np.round(cover.metres[row], 2) / 100), 251))
    np.testing.assert_array_equal(np.array(dots["state"]) & 1, cover.covered[row])
    for k, layer in enumerate(layers):
        np.testing.assert_array_equal(np.array(dots[f"layer{k}"]) - 1, layer.of[row])


def test_people_without_a_place_are_counted_and_said() -> None:
    demand = Demand(ids=["a", "b"], xy=[worlds.ORIGIN, (np.nan, np.nan)], population=[3, 4], crs=worlds.CRS)  # type: ignore[arg-type]
    cover = measure_coverage(worlds.line(), demand, worlds.outlets([(0, 0)]))
    assert classify_people(cover)[0].people.tolist() == [3, 0, 4]
    page = html_of(draw_coverage(cover, caption=mapworlds.caption()))
    assert "4 people without a place are counted above and not drawn" in page


def test_the_page_asks_for_nothing_from_the_internet(tmp_path: Path) -> None:
    cover, districts = mapworlds.named_sites()
    path = tmp_path / "地图 map.html"
    write_map(
        draw_coverage(
            cover, backdrop=Backdrop(districts=districts, network=worlds.line()), caption=mapworlds.caption()
        ),
        path,
    )
    page = path.read_text("utf-8")
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?\s*(?:https?:)?//""", page)
    assert "tile.openstreetmap.org" not in page
    assert "default-src 'none'" in page
    assert "sourceMappingURL" not in page
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_basemap_allows_its_tiles_and_nothing_else() -> None:
    page = html_of(
        draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption(), backdrop=Backdrop(tiles=basemap_of()))
    )
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert re.findall(r"https://[^ ;]+", policy[1]) == ["https://tile.openstreetmap.org"]
    assert '<p dir="auto">© OpenStreetMap contributors</p>' in page


def test_tianditu_needs_a_key_that_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("", "short", "0123456789abcdef&x=1", "0123456789abcdef'"):
        monkeypatch.setenv(KEY, key)
        with pytest.raises(InputError, match=r"need a key; expected it in the environment variable TIANDITU_KEY"):
            basemap_of("tianditu")
    monkeypatch.setenv(KEY, "0123456789abcdef0123456789abcdef")
    for address in basemap_of("tianditu").addresses:
        assert address.startswith("https://t0.tianditu.gov.cn/")
        assert address.endswith("&tk=0123456789abcdef0123456789abcdef")


def test_a_layer_from_the_internet_is_refused(tmp_path: Path) -> None:
    drawn = draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption())
    drawn.add_child(folium.plugins.MarkerCluster())  # type: ignore[no-untyped-call]
    with pytest.raises(OutputError, match="markercluster"):
        write_map(drawn, tmp_path / "map.html")
    assert not list(tmp_path.iterdir())


def test_same_inputs_same_bytes() -> None:
    def once() -> Any:
        cover, districts = mapworlds.named_sites()
        return draw_coverage(
            cover, backdrop=Backdrop(districts=districts, network=worlds.line()), caption=mapworlds.caption()
        )

    first = once()
    page = html_of(first)
    assert html_of(once()) == page
    assert html_of(first) == page  # drawn twice
    other, districts = mapworlds.named_sites()
    assert (
        html_of(draw_coverage(other, backdrop=Backdrop(districts=districts), caption=mapworlds.caption(title="B")))
        != page
    )


def test_only_our_own_scripts_may_run() -> None:
    drawn: Any = draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption())
    drawn.get_root().html.add_child(Element('<script>1</script><script src="x.js" nonce="guess"></script>'))
    page = html_of(drawn)
    policy = re.search(r"script-src 'nonce-([^']+)'", page)
    assert policy is not None
    nonces = re.findall(r"<script([^>]*)>", page)
    allowed = [tag for tag in nonces if f'nonce="{policy[1]}"' in tag]
    assert len(allowed) == 3  # Leaflet, map.js, the layers
    assert len(nonces) == 6


@pytest.mark.parametrize("name", mapworlds.NAMES)
def test_no_name_reaches_a_script_or_becomes_markup(name: str) -> None:
    cover, districts = mapworlds.named_sites((name,))
    page = html_of(
        draw_coverage(
            cover, backdrop=Backdrop(districts=districts), caption=mapworlds.caption(title=name, sources=(name,))
        )
    )
    assert not OBEYED.search(page)
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", page, flags=re.DOTALL)
    assert len(scripts) == 4
    if re.search(r"[^\w ]", name):
        assert not any(name in script for script in scripts)
    assert html.unescape(re.findall(r"<h1[^>]*>(.*?)</h1>", page)[0]) == visible(name)


@pytest.mark.parametrize(
    ("file", "published"),
    [
        ("leaflet.js", "WBkoXOwTeyKclOHuWtc+i2uENFpDZ9YPdf5Hf+D7ewM="),
        ("leaflet.css", "kLaT2GOSpHechhsozzB+flnD+zUyjE2LlfWPgU04xyI="),
    ],
)
def test_the_packaged_leaflet_is_the_published_one(file: str, published: str) -> None:
    """The hashes are those of Leaflet's download page for 1.9.3 (subresource integrity)."""
    content = files("xstatic.pkg.leaflet").joinpath("data", file).read_bytes()
    assert base64.b64encode(hashlib.sha256(content).digest()).decode() == published


def test_text_is_shown_letter_by_letter() -> None:
    for name in mapworlds.NAMES:
        shown = safe_html(name)
        assert html.unescape(shown.removeprefix("<bdi>").removesuffix("</bdi>")) == visible(name)
        assert not set(shown.removeprefix("<bdi>").removesuffix("</bdi>")) & set("<>{}`$\\\"'\u2028%")


def test_legend_says_people_and_share_of_each_class() -> None:
    page = html_of(draw_coverage(mapworlds.street([100, 800, 1_000], count=[10, 20, 30]), caption=mapworlds.caption()))
    section = page[page.index('data-layer="Covered or not"') :]
    rows = re.findall(r"<td>([^<]+)</td><td>([^<]+)</td><td>([^<]+)</td></tr>", section[: section.index("</section>")])
    assert rows[0] == ("covered", "30", "50.0 %")
    assert rows[1] == ("not covered: too far", "30", "50.0 %")
    assert "审图号: ____" in page


def test_district_figures_carry_both_parts() -> None:
    import pandas as pd  # noqa: PLC0415

    figures = {"population": 200.0, "covered": 150.0, "uncovered": 50.0, "unreached": 0.0, "covered_share": 0.75}
    texts = district_figures(pd.Series({**figures, "urban_people": 120, "urban_covered_share": 0.5, "x": "text"}))
    assert texts["covered"] == "150 of 200 (75.0 %)"
    assert texts["urban"] == "60 of 120 (50.0 %) covered"
    assert district_figures(pd.Series({"population": np.nan})) == {}


def test_districts_must_be_polygons_with_a_coordinate_system() -> None:
    cover = mapworlds.street([0, 1])
    point = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], index=["West"], crs="EPSG:4326")
    with pytest.raises(InputError, match="'West'"):
        draw_coverage(cover, backdrop=Backdrop(districts=point), caption=mapworlds.caption())
    with pytest.raises(InputError, match="coordinate system"):
        draw_coverage(
            cover, backdrop=Backdrop(districts=point.set_crs(None, allow_override=True)), caption=mapworlds.caption()
        )


def test_minor_streets_are_left_out_and_said_so() -> None:
    cover = mapworlds.grid(side=20)
    net = mapworlds.lattice(cover.demand.xy, 20, "EPSG:4545")
    lonlat = transform(net.node_xy, net.crs, WGS84)
    (west, south), (east, north) = lonlat.min(axis=0), lonlat.max(axis=0)
    whole = street_lines(net, (west, south, east, north))
    assert len(whole.lines) == 2
    assert "left out" not in whole.note
    few = street_lines(net, (west, south, east, north), budget=500)
    assert len(few.lines) == 1
    assert "38 km of paths and tracks left out" in few.note
    assert len(json.dumps(few.lines, separators=(",", ":"))) < 1_000
    drawn = []
    for group in whole.lines:
        at = 0
        steps = np.array(group["steps"]).reshape(-1, 2)
        for n in group["counts"]:
            drawn.append(shapely.LineString((np.cumsum(steps[at : at + n], axis=0) + whole.origin) / 1e5))
            at += n
    truth = shapely.linestrings(lonlat[net.edges])
    far = 20 / 111_320  # tolerance and rounding, in degrees
    assert shapely.hausdorff_distance(shapely.union_all(drawn), shapely.union_all(truth)) < far


def test_a_map_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.html"
    path.write_text("old")
    drawn = draw_coverage(mapworlds.street([0, 1]), caption=mapworlds.caption())

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"map\.html cannot be written: No space left"):
        write_map(drawn, path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


LOADING = ("url(//x)", "x' url(https://x.example/a.png)", "@import '//x'", "<img src=//x>", '<link href="https://x">')


def test_a_name_is_text_whatever_it_looks_like() -> None:
    """A name that reads like a style or a tag loads nothing, and stops no map."""
    cover = mapworlds.street([100.0 * k for k in range(len(LOADING))])
    sites = replace(worlds.outlets(cover.demand.xy.tolist()), ids=list(LOADING), name=list(LOADING))  # type: ignore[arg-type]
    named = measure_coverage(worlds.line(), cover.demand, sites)
    page = html_of(draw_coverage(named, caption=mapworlds.caption(title=" ".join(LOADING))))
    assert "url(//x)" in page


@pytest.mark.parametrize(
    "loads",
    [
        *("<img src='//x.example/a.png'>", "<IMG SRC = https://x.example/a.png>", "<p style='background: url(//x)'>"),
        *("<style>p { background: URL( 'http://x' ) }</style>", "<style>@import '//x';</style>", "<image href='//x'/>"),
        *("<video poster=' //x'></video>", "<svg><use xlink:href='https://x#a'/></svg>"),
    ],
)
def test_a_page_that_would_load_anything_is_refused(loads: str) -> None:
    with pytest.raises(OutputError, match="would load 1 addresses from the internet"):
        inline(f"<html><body>{loads}</body></html>", "mark")


def test_sites_are_layers_by_kind_and_whether_they_count() -> None:
    from accessibility import Sites  # noqa: PLC0415

    xy = [tuple(worlds.ORIGIN + np.array([10.0 * k, 0])) for k in range(5)]
    kind, counts = ["outlet", "outlet", "bank", "bank", "new"], [True, False, True, False, False]
    sites = Sites(ids=list("abcde"), xy=xy, kind=kind, open=counts, crs=worlds.CRS)  # type: ignore[arg-type]
    cover = measure_coverage(worlds.line(), worlds.people([(0, 0)]), sites)
    drawn = draw_coverage(cover, caption=mapworlds.caption())
    names = [str(getattr(c, "layer_name", "")) for c in drawn._children.values()]
    names = [name for name in names if name.startswith("<svg")]
    plain = [re.sub(r"<svg.*</svg>|<[^>]+>", "", n).strip() for n in names]
    assert plain == [
        "Outlets 1",
        "Partner bank branches 1",
        "Outlets, closed 1",
        "Other bank branches 1",
        "Candidate new sites 1",
    ]
