"""A small town on servers of our own, which answer as Overpass, Nominatim and archives of large files do."""

from __future__ import annotations

import gzip
import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlparse

from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from accessibility.sources.fetched.overpass import Servers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = '村 "Hill", County'
STEP = 500 / 95_970.0  # 500 m of longitude at 30.5 degrees north


def town_node(number: int, east: float, north: float, **tags: str) -> dict[str, Any]:
    """Return a node so many steps of 500 m away from the town's square."""
    place = {"lon": 108.2 + east * STEP, "lat": 30.5 + north * 500 / 110_860.0}
    return {"type": "node", "id": number, **place} | ({"tags": tags} if tags else {})


def town_way(number: int, nodes: list[int], **tags: str) -> dict[str, Any]:
    return {"type": "way", "id": number, "nodes": nodes, "tags": tags}


TOWN = [
    *(town_node(i, i, 0) for i in range(5)),
    town_node(5, 2, 1),
    town_node(6, 2, 2, barrier="gate", access="no"),
    town_node(7, 2, 3),
    town_node(8, 1, 1),
    town_node(9, 40, 0),  # 20 km away: the way to it is cut at the margin
    town_way(21, [0, 1, 2, 3, 4, 9], highway="residential", name="Long Road"),
    town_way(22, [2, 5, 6, 7], highway="footway"),
    town_way(23, [1, 8], highway="steps", oneway="-1"),
    town_way(24, [8, 5], highway="motorway"),
    town_way(25, [5, 3], highway="cycleway"),
]
FERRIES = [town_node(3, 3, 0), town_node(10, 3, 2), town_way(26, [3, 10], route="ferry", duration="00:04")]
PLACES = [
    town_node(31, 4, 0, amenity="bank", name="County Bank"),
    town_node(32, 0, 0, amenity="townhall", name="Town Hall"),
    town_node(33, 1, 0, amenity="post_office"),
]


HOUSES = [
    *(town_node(40 + i, *at) for i, at in enumerate([(1, 0.1), (1.1, 0.1), (1.1, 0.2), (1, 0.2)])),
    *(town_node(44 + i, *at) for i, at in enumerate([(3, 0.1), (3.3, 0.1), (3.3, 0.4), (3, 0.4)])),
    *(town_node(48 + i, *at) for i, at in enumerate([(3.1, 0.2), (3.2, 0.2), (3.2, 0.3), (3.1, 0.3)])),
    town_way(52, [40, 41, 42, 43, 40], building="house", **{"building:levels": "2"}),
    town_way(53, [44, 45, 46, 47, 44]),
    town_way(54, [48, 49, 50, 51, 48]),
    {
        "type": "relation",
        "id": 55,
        "members": [
            {"type": "way", "ref": 53, "role": "outer"},
            {"type": "way", "ref": 54, "role": "inner"},
        ],
        "tags": {"type": "multipolygon", "building": "apartments"},
    },
]  # a house of two floors, and flats around a yard


def country(letters: str, level: str) -> dict[str, Any]:
    return {"type": "relation", "id": int(level), "tags": {"ISO3166-1:alpha3": letters, "admin_level": level}}


def square(half: float) -> dict[str, Any]:
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
        self.shape: dict[str, Any] = square(0.02)
        self.known = True
        self.others: list[str] = []  # places of the same name
        self.remark = ""
        self.places = PLACES
        self.countries = [country("CHN", "2")]

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
        found["boundingbox"] = ["30.4", "30.6", "108.1", "108.3"]
        others = [found | {"display_name": name} for name in self.server.others]
        self._say(200, [found, *others] if self.server.known else [])

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(text)["data"][0]
        self.server.asked.append(query)
        answers = self.server.answers
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        if "is_in(" in query:
            self._say(status, {"elements": self.server.countries})
            return
        ways = {'["highway"]': TOWN, '["route"="ferry"]': FERRIES, "['building']": HOUSES, '["building"]': HOUSES}
        elements = next((known for words, known in ways.items() if words in query), self.server.places)
        remark = {"remark": self.server.remark} if self.server.remark else {}
        self._say(status, {"elements": elements} | remark)

    def _say(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode() if status != 500 else b"<html>out of order</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def tiff(values: NDArray[np.float32], west: float, north: float, cells: tuple[float, float], **kept: Any) -> bytes:
    """Return a GeoTIFF in degrees: its north-western corner and how many cells a degree has each way."""
    rows, columns = values.shape
    grid = from_origin(west, north, 1 / cells[0], 1 / cells[1])
    size = {"width": columns, "height": rows, "count": 1, "dtype": "float32"}
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", crs="EPSG:4326", transform=grid, **size, **kept) as raster:
            raster.write(values, 1)
        return bytes(memory.read())


class BadServer(ThreadingHTTPServer):
    """A server that answers everything in one bad way: `endless`, `drip`, `bomb` (gzip), or `elsewhere` (redirects)."""

    daemon_threads = True

    def __init__(self, way: str) -> None:
        super().__init__(("127.0.0.1", 0), _BadHandler)
        self.url, self.way = f"http://127.0.0.1:{self.server_address[1]}", way

    def handle_error(self, *_: Any) -> None:
        """Say nothing of who hangs up in the middle."""


class _BadHandler(BaseHTTPRequestHandler):
    server: BadServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        way = self.server.way
        self.send_response(302 if way == "elsewhere" else 200)
        told = {"elsewhere": ("Location", "file:///etc/passwd"), "bomb": ("Content-Encoding", "gzip")}
        self.send_header(*told.get(way, ("Content-Length", "999999999")))
        self.send_header("Connection", "close")
        self.end_headers()
        if way == "bomb":
            self.wfile.write(gzip.compress(bytes(50_000_000)))
        part, every = (b"[" * 2**16, 0.0) if way == "endless" else (b"[", 0.02)
        while way in ("endless", "drip"):
            self.wfile.write(part)
            time.sleep(every)

    def do_POST(self) -> None:
        self.do_GET()


class FakeArchive(ThreadingHTTPServer):
    """Files by their path, sent as large archives send them.

    With `ranges` a part is sent where one is asked for; without, the whole file whatever is asked. `cuts` holds after
    how many bytes the next answers break off (None: not at all), `answers` their statuses; the last stays.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _FileHandler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files = files or {}
        self.ranges = True
        self.mark = '"1"'
        self.cuts: list[int | None] = [None]
        self.answers: list[int] = [200]
        self.asked: list[tuple[str, str]] = []
        self.sent = 0

    def handle_error(self, *_: Any) -> None:
        """Say nothing of who hangs up in the middle."""


def _next(kept: list[Any]) -> Any:
    return kept.pop(0) if len(kept) > 1 else kept[0]


class _FileHandler(BaseHTTPRequestHandler):
    server: FakeArchive

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        server, path = self.server, urlparse(self.path).path
        asked = self.headers.get("Range", "")
        server.asked.append((path, asked))
        status, content, cut = _next(server.answers), server.files.get(path), _next(server.cuts)
        if status != 200 or content is None:
            self._head(status if status != 200 else 404, 0)
            return
        first, last = 0, len(content) - 1
        if server.ranges and asked:
            first, last = (int(end) for end in asked.removeprefix("bytes=").split("-"))
            last = min(last, len(content) - 1)
            self._head(206, last + 1 - first, f"bytes {first}-{last}/{len(content)}")
        else:
            self._head(200, len(content))
        for start in range(first, last + 1, 2**14):
            part = content[start : min(start + 2**14, last + 1)]
            if cut is not None and start + len(part) - first > cut:
                self.connection.close()
                return
            self.wfile.write(part)
            server.sent += len(part)

    def _head(self, status: int, length: int, span: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("ETag", self.server.mark)
        if span:
            self.send_header("Content-Range", span)
        self.end_headers()
