"""Servers of map tiles, which a map loads from the internet where somebody asks for it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from accessibility.errors import InputError

KEY = "TIANDITU_KEY"
"""The environment variable with the key of Tianditu: it stands in no study and in no manifest, but in the map."""
_OSM, _TIANDITU = "https://tile.openstreetmap.org", "https://t0.tianditu.gov.cn"


@dataclass(frozen=True, kw_only=True)
class Basemap:
    """Tiles of a server, in Web Mercator."""

    host: str  # the only one that a map may load images from
    addresses: tuple[str, ...]  # of the tiles, and of their names where these are a layer of their own
    credit: str  # what a map says of them
    deepest: int  # the deepest zoom that there is


def basemap_of(name: str | None = None) -> Basemap:
    """Return the tiles of OpenStreetMap or of Tianditu (天地图), whose CGCS2000 differs from WGS84 by centimetres.

    Raises
    ------
    InputError
        No key of Tianditu in the environment, or what is none.

    Examples
    --------
    >>> basemap_of("osm").host
    'https://tile.openstreetmap.org'
    """
    if name != "tianditu":
        credit = "© OpenStreetMap contributors"
        return Basemap(host=_OSM, addresses=(f"{_OSM}/{{z}}/{{x}}/{{y}}.png",), credit=credit, deepest=19)
    key = os.environ.get(KEY, "")
    if not re.fullmatch(r"[0-9A-Za-z]{16,64}", key):
        msg = f"tiles of Tianditu need a key; expected it in the environment variable {KEY}, of https://console.tianditu.gov.cn"
        raise InputError(msg)
    asks = "SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles"
    place = "TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
    addresses = tuple(f"{_TIANDITU}/{layer}_w/wmts?{asks}&LAYER={layer}&{place}&tk={key}" for layer in ("vec", "cva"))
    return Basemap(host=_TIANDITU, addresses=addresses, credit="天地图（国家地理信息公共服务平台）", deepest=18)  # noqa: RUF001
