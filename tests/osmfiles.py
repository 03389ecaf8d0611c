"""Tiny OpenStreetMap files, written by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())


def node(number: int, lon: float, lat: float, **tags: str) -> str:
    return f'<node id="{number}" version="1" lon="{lon}" lat="{lat}">{_tags(tags)}</node>'


def way(number: int, refs: Sequence[int], tags: Mapping[str, str] | None = None) -> str:
    nodes = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    return f'<way id="{number}" version="1">{nodes}{_tags(tags or {"highway": "residential"})}</way>'


def relation(number: int, members: Iterable[tuple[str, int, str]], tags: Mapping[str, str]) -> str:
    listed = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in members)
    return f'<relation id="{number}" version="1">{listed}{_tags(tags)}</relation>'


def write_osm(path: Path, *objects: str) -> Path:
    path.write_text(f'<?xml version="1.0"?><osm version="0.6">{"".join(objects)}</osm>', encoding="utf-8")
    return path
