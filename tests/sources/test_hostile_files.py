"""Files that hold something else than their name says: no address is asked, and one sentence tells what was found."""

from __future__ import annotations

import bz2
import gzip
import json
import sqlite3
import threading
import zipfile
import zlib
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from accessibility.errors import InputError
from accessibility.sources import vectors
from accessibility.sources.areas import read_areas
from accessibility.sources.lines import read_lines
from accessibility.sources.osm.extracts import read_network
from accessibility.sources.osm.pbf import look_through
from accessibility.sources.raster.reading import read_population_raster
from accessibility.sources.tables.places import PlaceSpec, read_sites
from accessibility.sources.tables.reading import read_table
from accessibility.sources.vectors import read_vector
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def _listening() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server on this machine and the paths it was asked for."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815 -- the name that the server calls

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


_SOURCE = "<SrcDataSource>{}/x.geojson</SrcDataSource>"
_VRT = f'<OGRVRTDataSource><OGRVRTLayer name="o">{_SOURCE}</OGRVRTLayer></OGRVRTDataSource>'
DISGUISED = {
    "a virtual layer": _VRT,
    "a virtual layer through a virtual file": _VRT.replace("{}", "/vsicurl/{}"),
    "a virtual layer behind other XML": '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"/>' + _VRT,
    "a pipeline": '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline read {}/x.geojson"}}',
    "a feature service": "<OGRWFSDataSource><URL>{}/wfs</URL></OGRWFSDataSource>",
    "a catalogue": "<OGRCSWDataSource><URL>{}/csw</URL></OGRCSWDataSource>",
    "a linked coordinate system": '{{"type": "FeatureCollection", '
    '"crs": {{"type": "link", "properties": {{"href": "{}/crs", "type": "proj4"}}}}, '
    '"features": [{{"type": "Feature", "properties": {{"name": "a"}}, "geometry": '
    '{{"type": "Point", "coordinates": [1, 2]}}}}]}}',
}


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".json", ".kml", ".shp", ".fgb"])
@pytest.mark.parametrize("what", DISGUISED)
def test_a_vector_file_that_points_elsewhere_is_refused_and_asks_nothing(
    tmp_path: Path, what: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    file = tmp_path / f"x{suffix}"
    with _listening() as (address, asked):
        file.write_text(DISGUISED[what].format(address), encoding="utf-8")
        for read in (read_vector, read_table, read_lines, read_areas):
            with pytest.raises(InputError, match=f"^{file.name}: "):
                read(file)
    assert asked == []


_PART = (
    '<VRTDataset rasterXSize="2" rasterYSize="2"><SRS>EPSG:4326</SRS><GeoTransform>0,0.001,0,0,0,-0.001</GeoTransform>'
    '<VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename relativeToVRT="{relative}">{source}'
    "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
)
RASTERS = {
    "a virtual raster": _PART.format(relative=0, source="/vsicurl/{}/x.tif"),
    "a web map": '<GDAL_WMS><Service name="TMS"><ServerUrl>{}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service>'
    "<DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY>"
    "<SizeX>10</SizeX><SizeY>10</SizeY></DataWindow></GDAL_WMS>",
    "a coverage service": "<WCS_GDAL><ServiceURL>{}/wcs?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
    "a map service": "<GDAL_WMTS><GetCapabilitiesUrl>{}/wmts</GetCapabilitiesUrl></GDAL_WMTS>",
    "an index of tiles": "<GDALTileIndexDataset><IndexDataset>{}/x.gpkg</IndexDataset></GDALTileIndexDataset>",
    "a pipeline": '{{"type": "gdal_streamed_alg", "command_line": "gdal raster pipeline read /vsicurl/{}/x.tif"}}',
}


@pytest.mark.parametrize("suffix", [".tif", ".asc", ".img", ".vrt", ".hgt"])
@pytest.mark.parametrize("what", RASTERS)
def test_a_raster_that_points_elsewhere_is_refused_and_asks_nothing(
    tmp_path: Path, what: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    file = tmp_path / f"x{suffix}"
    with _listening() as (address, asked):
        file.write_text(RASTERS[what].format(address), encoding="utf-8")
        with pytest.raises(InputError, match=rf"^{file.name}: .*(not recognized|remote|no GeoTIFF)"):
            read_population_raster(file)
    assert asked == []


def _written(path: Path, people: float = 5.0) -> Path:
    grid = rasterio.Affine(0.001, 0, 0, 0, -0.001, 0)
    profile = {"width": 2, "height": 2, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "transform": grid}
    with rasterio.open(path, "w", driver="GTiff", **profile) as raster:
        raster.write(np.full((2, 2), people, "float32"), 1)
    return path


def test_a_virtual_raster_of_parts_on_this_machine_is_read_and_one_of_virtual_parts_is_not(tmp_path: Path) -> None:
    _written(tmp_path / "part.tif")
    whole = tmp_path / "whole.vrt"
    whole.write_text(_PART.format(relative=1, source="part.tif"), encoding="utf-8")
    assert read_population_raster(whole)[0].total_people == 20.0
    inner = _PART.format(relative=0, source="/vsicurl/http://127.0.0.1:9/x.tif")
    (tmp_path / "inner.vrt").write_text(inner, encoding="utf-8")
    whole.write_text(_PART.format(relative=1, source="inner.vrt"), encoding="utf-8")
    with pytest.raises(InputError, match=r"whole.vrt: its part 'inner.vrt' is no GeoTIFF"):
        read_population_raster(whole)


@pytest.mark.parametrize("end", [".msk", ".ovr", ".aux.xml"])
def test_what_lies_beside_a_raster_leads_nowhere_else(tmp_path: Path, end: str) -> None:
    file = _written(tmp_path / "people.tif")
    (tmp_path / f"people.tif{end}").write_text(_PART.format(relative=0, source="/vsicurl/http://127.0.0.1:9/x"))
    with pytest.raises(InputError, match=f"^people.tif{end}: "):
        read_population_raster(file)


def _number(value: int) -> bytes:
    """Return a number as Protocol Buffers write it: seven bits a byte, the lowest first."""
    more = value >> 7
    return bytes([value & 127 | (128 if more else 0)]) + (_number(more) if more else b"")


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _block(kind: bytes, content: bytes, packing: int = 3) -> bytes:
    packed = zlib.compress(content) if packing == 3 else content
    blob = b"\x10" + _number(len(content)) + _field(packing, packed)
    header = _field(1, kind) + b"\x18" + _number(len(blob))
    return len(header).to_bytes(4, "big") + header + blob


def _extract(path: Path, *texts: bytes, packing: int = 3) -> Path:
    """Write an extract of one block: a table of texts and a node with the tag of the first two of them."""
    table = b"".join(_field(1, text) for text in (b"", *texts))
    node = b"\x08\x02" + _field(2, b"\x01") + _field(3, b"\x02") + b"\x40\x02\x48\x02"
    group = _field(1, node)
    header = _block(b"OSMHeader", _field(4, b"OsmSchema-V0.6"))
    path.write_bytes(header + _block(b"OSMData", _field(1, table) + _field(2, group), packing))
    return path


def test_a_nul_inside_a_text_of_an_extract_is_refused_before_its_reader_sees_it(tmp_path: Path) -> None:
    look_through(_extract(tmp_path / "whole.osm.pbf", b"name", b"line\nfeed", b"\n"))
    look_through(_extract(tmp_path / "plain.osm.pbf", b"name", b"Vaduz", packing=1))
    for bad in (b"name\0", b"\0", b"a\n\0b"):
        file = _extract(tmp_path / "bad.osm.pbf", b"name", bad)
        with pytest.raises(InputError, match=r"bad.osm.pbf: block 1 of data has the text .*, with a NUL inside"):
            read_network(file)
        file.unlink()


def test_an_extract_whose_numbers_do_not_fit_each_other_is_one_plain_sentence(tmp_path: Path) -> None:
    ids = _number(2**63) * 3  # each so much more than the one before that the third is no number of 64 bits
    nodes = _field(1, ids) + _field(8, b"\0\0\0") + _field(9, b"\0\0\0")
    street = b"\x08\x01" + _field(2, b"\x01") + _field(3, b"\x02") + _field(8, b"\x02\x02")
    table = _field(1, b"") + _field(1, b"highway") + _field(1, b"service")
    data = _field(1, table) + _field(2, _field(2, nodes)) + _field(2, _field(3, street))
    (file := tmp_path / "t.osm.pbf").write_bytes(
        _block(b"OSMHeader", _field(4, b"OsmSchema-V0.6")) + _block(b"OSMData", data)
    )
    with pytest.raises(InputError, match=r"t.osm.pbf: cannot be read as OpenStreetMap data \(its numbers do not fit"):
        read_network(file)


def test_a_raster_that_is_cut_short_or_takes_too_much_memory_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, options = tmp_path / "t.tif", {"count": 1, "dtype": "float32", "crs": "EPSG:32649"}
    grid = rasterio.transform.from_origin(500_000, 3_400_000, 100, 100)
    with rasterio.open(path, "w", driver="GTiff", width=200, height=200, transform=grid, **options) as raster:
        raster.write(np.ones((1, 200, 200), np.float32))
    path.write_bytes(path.read_bytes()[:80_000])
    with pytest.raises(InputError, match=r"t.tif: cannot be read as .tif \(RasterioIOError: TIFFReadEncodedStrip"):
        read_population_raster(path)

    def full(*_: object, **__: object) -> None:
        raise rasterio.errors.RasterioIOError from OSError("gdalrasterblock.cpp, 1102: cannot allocate 900000000 bytes")

    monkeypatch.setattr("accessibility.sources.raster.reading.read_values", full)
    with pytest.raises(InputError, match=r"t.tif: too large for this machine's memory"):
        read_population_raster(path)


def test_an_extract_packed_in_another_way_or_beyond_all_bounds_is_refused(tmp_path: Path) -> None:
    file = _extract(tmp_path / "other.osm.pbf", b"name", b"Vaduz", packing=6)
    with pytest.raises(InputError, match=r"other.osm.pbf: its blocks are packed with another method than zlib"):
        look_through(file)
    bomb = tmp_path / "bomb.osm.pbf"
    bomb.write_bytes(_block(b"OSMHeader", b"") + _block(b"OSMData", bytes(2**25 + 1)))
    with pytest.raises(InputError, match=r"bomb.osm.pbf: a block unpacks to more than 32 MiB"):
        look_through(bomb)


@pytest.mark.parametrize(("end", "packed"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
@pytest.mark.parametrize(
    "inside", [b" " * 2**16, b"<!-- -->" * 2**13, b'<node id="1" lon="9" lat="47"/>' * 2**11, b"<member" * 2**13]
)
def test_an_extract_of_text_that_unpacks_to_far_more_than_it_holds_is_refused(
    end: str, packed: Callable[[bytes], bytes], inside: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may always be unpacked is brought down, from 64 MiB to 4."""
    from accessibility.sources.osm import ordering  # noqa: PLC0415

    monkeypatch.setattr(ordering, "_SMALL_BYTES", 4 * 2**20)
    file = tmp_path / f"bomb.osm{end}"
    file.write_bytes(packed(b'<osm version="0.6">') + 100 * packed(inside))  # members one behind the other, each small
    with pytest.raises(InputError, match=r"bomb.osm.*: 0.\d MB that unpack to more than [45] MB; expected an extract"):
        read_network(file)


def test_an_extract_of_text_larger_than_anybody_reads_is_refused_and_a_large_one_reads(
    town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes are brought down: a town is a country then. Its text packs as well as an extract's does."""
    from accessibility.sources.osm import ordering  # noqa: PLC0415

    file = town.parent / "roads.osm.gz"
    file.write_bytes(gzip.compress((town.parent / "roads.osm").read_bytes()))
    monkeypatch.setattr(ordering, "_SMALL_BYTES", 0)
    assert read_network(file)[0].length_m.sum() == pytest.approx(2_000, rel=0.001)
    file.write_bytes(gzip.compress((town.parent / "roads.osm").read_bytes() + b" "))
    monkeypatch.setattr(ordering, "_MOST_BYTES", 100)
    with pytest.raises(InputError, match=r"roads.osm.gz: .*osmium cat makes .osm.pbf of it"):
        read_network(file)


@pytest.mark.parametrize("name", ["é" * 300, "x" * 300, "roads.osm/people", "\x00", "\ufeff"])
@pytest.mark.parametrize(
    ("role", "end"),
    [
        *(("network", end) for end in (".osm", ".osm.pbf", ".csv", ".gpkg", ".graphml", ".parquet", ".shp")),
        *(
            ("population", ".csv"),
            ("population", ".tif"),
            ("outlets", ".gpkg"),
            ("area", ".gpkg"),
            ("area", ".osm.pbf"),
        ),
        ("elevation", ".tif"),
    ],
)
def test_a_name_that_no_file_can_have_is_one_sentence(name: str, end: str, role: str, town: Path, cache: Path) -> None:
    lines = [line for line in town.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{role} ")]
    lines.append(f"{role} = {{ path = {json.dumps(name + end)} }}")
    town.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_study(town, cache=cache)
    assert str(refused.value).isprintable()


def test_a_pretended_format_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    file = tmp_path / "places.gpkg"
    file.write_bytes(b"PK\x03\x04 a workbook")
    with pytest.raises(InputError, match=r"places.gpkg: is not a GeoPackage, as its name says; it begins with b'PK"):
        read_vector(file)


@pytest.mark.parametrize("suffix", [".kml", ".gpx"])
def test_a_head_of_comments_is_looked_through_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"<?xml version='1.0'?>" + b"<!-- -->" * 60 + b"nothing")  # cut in 2^60 ways before it was refused
    with pytest.raises(InputError, match=f"t{suffix}: is not"):
        read_table(path)


def test_cells_of_a_hundred_thousand_digits_or_spaces_are_looked_at_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"name,lon,lat\n说明{' ' * 100_000}x\n甲,{'1' * 100_000}x,30\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"coordinates of"):
        read_sites(path, PlaceSpec(role="outlets", coordinates="WGS84"))


@pytest.mark.parametrize(
    ("view", "ends"),
    [
        ("SELECT * FROM o", True),
        ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS fid, NULL AS geom FROM c", False),
        (
            "WITH RECURSIVE c(x) AS (SELECT st_x(1) UNION ALL SELECT x FROM c) SELECT x AS fid, NULL AS geom FROM c",
            False,
        ),
    ],
)
def test_a_layer_that_is_a_view_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, view: str, *, ends: bool
) -> None:
    monkeypatch.setattr(vectors, "_MOST_LOOKS", 2)
    path = tmp_path / "o.gpkg"
    gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Point(1, 2)], crs=4326).to_file(path, layer="o", driver="GPKG")
    with closing(sqlite3.connect(path)) as base:
        base.execute(f"CREATE VIEW v AS {view}")
        base.execute("UPDATE gpkg_geometry_columns SET table_name = 'v'")
        base.execute("UPDATE gpkg_contents SET table_name = 'v', identifier = 'v'")
        base.commit()
    if ends:
        assert read_vector(path)["id"].tolist() == ["a"]
    else:
        with pytest.raises(InputError, match="its layer 'v' is a view that does not end"):
            read_vector(path)


@pytest.mark.parametrize(
    "works_out",
    [
        "ALTER TABLE o ADD COLUMN x TEXT GENERATED ALWAYS AS (hex(zeroblob(400000000))) VIRTUAL",
        "ALTER TABLE o ADD COLUMN x TEXT GENERATED ALWAYS AS (hex(zeroblob(20000000))) VIRTUAL",
        "CREATE VIEW v AS SELECT fid, geom, hex(zeroblob(15000000)) AS id FROM o",
        "ALTER TABLE o ADD COLUMN x TEXT GENERATED ALWAYS AS (upper(id)) VIRTUAL",
    ],
)
def test_a_layer_that_works_out_far_more_than_its_file_holds_is_refused(tmp_path: Path, works_out: str) -> None:
    path = tmp_path / "o.gpkg"
    rows = ["a", "b"]
    gpd.GeoDataFrame({"id": rows}, geometry=[shapely.Point(1, 2)] * 2, crs=4326).to_file(path, layer="o", driver="GPKG")
    with closing(sqlite3.connect(path)) as base:
        base.execute(works_out)
        if "VIEW" in works_out:
            base.execute("UPDATE gpkg_geometry_columns SET table_name = 'v'")
            base.execute("UPDATE gpkg_contents SET table_name = 'v', identifier = 'v'")
        base.commit()
    if "upper" in works_out:
        assert read_vector(path)["x"].tolist() == ["A", "B"]
    else:
        with pytest.raises(InputError, match=r"o\.gpkg: 0\.1 MB that unpack to \d+ MB; expected a table of places"):
            read_vector(path)


@pytest.mark.parametrize("read", [read_areas, read_table, read_lines])
def test_a_kmz_that_unpacks_to_a_hundred_times_its_size_is_refused(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    with zipfile.ZipFile(tmp_path / "o.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", b"<kml><Document>" + b" " * 60_000_000)
    with pytest.raises(InputError, match=r"o\.kmz: 0\.1 MB that unpack to 60 MB; expected a table of places"):
        read(tmp_path / "o.kmz")


def test_a_parquet_file_that_unpacks_to_a_hundred_times_its_size_is_refused(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["x" * 60_000_000]}, geometry=[shapely.Point(108.2, 30.5)], crs=4326)
    frame.to_parquet(tmp_path / "o.parquet", compression="zstd")
    with pytest.raises(InputError, match=r"o\.parquet: 0\.0 MB that unpack to 60 MB; expected a table of places"):
        read_vector(tmp_path / "o.parquet")
    frame.assign(name="x").to_parquet(tmp_path / "o.parquet")
    assert len(read_vector(tmp_path / "o.parquet")) == 1
