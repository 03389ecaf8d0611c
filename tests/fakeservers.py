"""A small town on servers of our own, which answer as Overpass and Nominatim do."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

from accessibility.sources.fetched.overpass import Servers

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
        self.remark = ""
        self.places = PLACES

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
        self._say(200, [found | {"boundingbox": ["30.4", "30.6", "108.1", "108.3"]}] if self.server.known else [])

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(text)["data"][0]
        self.server.asked.append(query)
        answers = self.server.answers
        status = answers.pop(0) if len(answers) > 1 else answers[0]
        ways = {'["highway"]': TOWN, '["route"="ferry"]': FERRIES}
        elements = next((known for words, known in ways.items() if words in query), self.server.places)
        remark = {"remark": self.server.remark} if self.server.remark else {}
        self._say(status, {"elements": elements} | remark)

    def _say(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode() if status != 500 else b"<html>out of order</html>"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
