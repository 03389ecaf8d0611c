"""Reads what a map's page is packed with, byte by byte: another reading of accessibility/compact.py's format."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from typing import Any


class Unpacker:
    """The bytes of a packed text, read from the front."""

    def __init__(self, packed: str) -> None:
        self.left = zlib.decompress(base64.b64decode(packed))

    def take(self, count: int) -> list[int]:
        found, self.left = list(self.left[:count]), self.left[count:]
        return found

    def number(self) -> int:
        value = place = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 127) << place
            place += 7
            if byte < 128:
                return value

    def numbers(self, count: int) -> list[int]:
        return [self.number() for _ in range(count)]

    def steps(self, count: int) -> list[int]:
        found, at = [], 0
        for step in self.numbers(count):
            at += -(step + 1) // 2 if step % 2 else step // 2
            found.append(at)
        return found


def data_of(page: str) -> dict[str, Any]:
    """Return the data that a page's script reads."""
    (text,) = re.findall(r'<script type="application/json" id="map-data">(.*?)</script>', page, flags=re.DOTALL)
    found: dict[str, Any] = json.loads(html.unescape(text))
    return found


def dots_of(people: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the demand points of a map, a list a column."""
    n, unit, (west, south) = people["points"], people["unit"], people["corner"]
    from_page = Unpacker(people["packed"])
    found: dict[str, list[Any]] = {"x": [west + unit * v for v in from_page.steps(n)]}
    found["y"] = [south + unit * v for v in from_page.steps(n)]
    found["people"] = [v / 10 for v in from_page.numbers(n)]
    for name in ("minutes", "tenths", "state", *(f"layer{k}" for k in range(len(people["layers"])))):
        found[name] = from_page.take(n)
    if people["switched"]:
        found["class"] = from_page.steps(n)
    assert from_page.left == b""
    return found
