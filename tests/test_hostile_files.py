"""Files that hold something else than their name says: no address is asked, and one sentence tells what was found."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from accessibility.errors import InputError
from accessibility.sources.areas import read_areas
from accessibility.sources.lines import read_lines
from accessibility.sources.tables import read_table
from accessibility.sources.vectors import read_vector

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        for read in (read_vector, read_table, read_lines, lambda path: read_areas(path, name="name")):
            with pytest.raises(InputError, match=f"^{file.name}: "):
                read(file)
    assert asked == []


def test_a_pretended_format_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    file = tmp_path / "places.gpkg"
    file.write_bytes(b"PK\x03\x04 a workbook")
    with pytest.raises(InputError, match=r"places.gpkg: is not a GeoPackage, as its name says; it begins with b'PK"):
        read_vector(file)
