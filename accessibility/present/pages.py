"""The templates of pages, and what stands in them as it is: files, pictures, numbers and tiles in few bytes.

Numbers take seven bits a byte, and differences where neighbours are alike. Tiles lie in one file that a page reads in
ranges: PMTiles, version 3; the format's own library writes the time of day into what it compresses, here the same tiles
are the same bytes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import struct
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Any

import jinja2
import numpy as np

from accessibility.errors import OutputError, visible
from accessibility.sources.files import write_text
from accessibility.standards import CM_PER_M, MS_PER_S

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage


def template_text(name: str) -> str:
    """Return a file of the folder ``templates``."""
    return files("accessibility.present").joinpath("templates", name).read_text("utf-8")


def page_template(name: str) -> jinja2.Template:
    """Return a template of the folder ``templates``: values are text, and one that is missing is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


LEAFLET_JS = "https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js"
LEAFLET_CSS = "https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.css"
_PACKAGED = {LEAFLET_JS: "leaflet.js", LEAFLET_CSS: "leaflet.css"}

_SCRIPT = re.compile(r'<script src="([^"]*)">\s*</script>')
_STYLESHEET = re.compile(r'<link rel="stylesheet" href="([^"]*)"\s*/?>')
_CSS_ADDRESS = re.compile(r"""url\(\s*+['"]?([^'")]++)['"]?\s*+\)""")
_CSS_LOADS = re.compile(r"""(?:url\(|@import)\s*['"]?([^'")\s;]+)""", re.IGNORECASE)
_REMOTE = re.compile(r"\s*(?:[a-z]+:)?//", re.IGNORECASE)
_LOADING = frozenset(("src", "srcset", "href", "xlink:href", "poster", "data", "background"))
_ELEMENT_ID = re.compile(r"_([0-9a-f]{32})(?![0-9a-f])")


def inline(html: str, mark: str) -> str:
    """Return a page with its scripts and stylesheets inside.

    Parameters
    ----------
    html
        A page as folium renders it.
    mark
        Where the nonce will stand; scripts put inside carry it.

    Raises
    ------
    OutputError
        A script, stylesheet, image or font that would come from the internet.
    """
    html = _SCRIPT.sub(lambda m: f'<script nonce="{mark}">{_script(m[1])}</script>', html)
    html = _STYLESHEET.sub(lambda m: f"<style>{_stylesheet(m[1])}</style>", html)
    page = _Loads()
    page.feed(html)
    remote = sorted({address for address in page.found if _REMOTE.match(address)})
    if remote:
        msg = f"map page would load {len(remote)} addresses from the internet: {', '.join(remote[:10])}; expected none"
        raise OutputError(msg)
    return html


class _Loads(HTMLParser):
    """What the tags and styles of a page would load: its texts and the values of its scripts load nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        for name, value in attrs:
            if name in _LOADING:
                self.found.append(value or "")
            elif name == "style":
                self.found += _CSS_LOADS.findall(value or "")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.found += _CSS_LOADS.findall(data)


def fill_page(html: str, *, mark: str, ids: Iterable[str]) -> str:
    """Return the page with its random parts replaced, so that the same map is the same bytes.

    Element ids become numbers; `mark` becomes a nonce made from the content. Only scripts of this package and of the
    libraries carry the mark, which nobody can know before: markup that slips in from a name is refused by the policy.
    """
    html = html.encode("utf-8", "replace").decode("utf-8")  # half a character, from a damaged table, becomes "?"
    number = {old: f"{k:03d}" for k, old in enumerate(ids)}
    html = _ELEMENT_ID.sub(lambda m: f"_{number.get(m[1], m[1])}", html)
    digest = hashlib.sha256(html.replace(mark, "").encode("utf-8")).digest()
    return html.replace(mark, base64.urlsafe_b64encode(digest)[:22].decode("ascii"))


def printable(html: str) -> str:
    """Return a page that any browser shows: half a character, from a damaged table, is "?", what one obeys is spelt."""
    return visible(html.encode("utf-8", "replace").decode("utf-8"))


def write_html(html: str, path: str | os.PathLike[str]) -> None:
    """Write a page, whole or not at all, with the same bytes on every system.

    Raises
    ------
    OutputError
        The file could not be written; one that was there is untouched.
    """
    write_text(path, html)


def policy(mark: str, *, images_from: str = "", reads: bool = False) -> str:
    """Return the content security policy: marked scripts, own styles, images of ``data:`` addresses, nothing else.

    A page that `reads` may read files that lie beside it on the same server.
    """
    images = f"data: {images_from}".strip()
    beside = " connect-src 'self';" if reads else ""
    return (
        f"default-src 'none';{beside} script-src 'nonce-{mark}'; style-src 'unsafe-inline'; img-src {images};"
        " font-src data:; base-uri 'none'; form-action 'none'"
    )


def png(index: NDArray[np.uint8], colours: list[str], *, level: int = 9) -> bytes:
    """Return a PNG of palette rows; row 0 of the palette is transparent (PNG specification, third edition).

    At `level` 9 the rows are as small as deflate makes them, at 6 they take a third of the time and a fiftieth more.
    """
    height, width = index.shape
    palette = bytes.fromhex("".join(colour[1:] for colour in colours))
    scanlines = np.zeros((height, width + 1), np.uint8)  # each begins with its filter, 0 for none
    scanlines[:, 1:] = index
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette),
        (b"tRNS", b"\x00"),
        (b"IDAT", zlib.compress(scanlines.tobytes(), level)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def data_address(kind: str, content: bytes) -> str:
    """Return `content` as a ``data:`` address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def script_json(value: object) -> str:
    """Return JSON that is safe inside a script element: no markup, no line separators of JavaScript."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _leaflet() -> Traversable:
    return files("xstatic.pkg.leaflet").joinpath("data")


def _packaged(address: str) -> Traversable:
    if address not in _PACKAGED:
        known = ", ".join(_PACKAGED)
        msg = f"map page links to {address!r}, which is not packaged; expected one of {known}"
        raise OutputError(msg)
    return _leaflet().joinpath(_PACKAGED[address])


def _script(address: str) -> str:
    code = _packaged(address).read_text("utf-8")
    code = re.sub(r"^//[#@] sourceMappingURL=.*$", "", code, flags=re.MULTILINE)
    # Leaflet's own credit is a link to its site; the map switches it off, the page shall not even hold it.
    code = code.replace('href="https://leafletjs.com"', 'href="#"')
    return code.replace("</script", "<\\/script")


def _stylesheet(address: str) -> str:
    sheet = _packaged(address)
    return _CSS_ADDRESS.sub(lambda m: _css_image(m[1], m[0]), sheet.read_text("utf-8"))


def _css_image(address: str, whole: str) -> str:
    if address.startswith(("#", "data:")):
        return whole
    return f'url("{data_address("image/png", _leaflet().joinpath(address).read_bytes())}")'


_SEVEN = np.uint64(7)
TOP, NONE = 250, 255  # of a byte: "more than it can say", and "no such way"
_UNREACHED_BIT = 2
_LEVEL = 6  # of deflate; 9 takes ten times as long on a million places and saves one byte in fifty


def varints(values: NDArray[Any]) -> bytes:
    """Return whole numbers from 0 to 2^63, seven bits a byte, the low ones first, the last byte of each below 128.

    Examples
    --------
    >>> varints(np.array([1, 127, 128, 300])).hex()
    '017f8001ac02'
    """
    left = np.asarray(values).astype(np.uint64)
    size = np.ones(len(left), np.intp)
    high = left >> _SEVEN
    while high.any():
        size += high > 0
        high >>= _SEVEN
    first = np.cumsum(size) - size
    out = np.zeros(int(size.sum()), np.uint8)
    for byte in range(int(size.max(initial=0))):
        here = np.flatnonzero(size > byte)
        more = np.where(size[here] > byte + 1, 128, 0)
        out[first[here] + byte] = (left[here] >> np.uint64(7 * byte)).astype(np.uint8) & 127 | more
    return out.tobytes()


def zigzag(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return signed whole numbers as unsigned ones, small where they are near zero: 0, -1, 1, -2 are 0, 1, 2, 3."""
    signed = np.asarray(values).astype(np.int64)
    return ((signed << 1) ^ (signed >> 63)).astype(np.uint64)


def steps(values: NDArray[Any]) -> bytes:
    """Return signed whole numbers as differences, each from the one before, the first from 0."""
    return varints(zigzag(np.diff(np.asarray(values).astype(np.int64), prepend=0)))


def packed(*parts: bytes) -> str:
    """Return bytes, one part after another, deflated and as text."""
    return base64.b64encode(zlib.compress(b"".join(parts), _LEVEL)).decode("ascii")


def minute_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun minutes of walking: 15:00 is 15, a millisecond more is 16; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.walk_s * MS_PER_S) / (60 * MS_PER_S)))


def tenth_km_bytes(coverage: Coverage) -> NDArray[np.uint8]:
    """Return begun tenths of a kilometre along the network; 251 over the scale, 255 no way."""
    return _bytes(np.ceil(np.rint(coverage.metres * CM_PER_M) / (100 * CM_PER_M)))


def states(coverage: Coverage) -> NDArray[np.uint8]:
    """Return bit 0 covered, bit 1 unreached, bits 2-6 the setting, from 1 (so that nobody is zero)."""
    setting = sum(here * np.uint8(k) for k, here in enumerate(coverage.demand.setting_rows.values(), start=1))
    found: NDArray[np.uint8] = (coverage.covered + _UNREACHED_BIT * coverage.unreached + 4 * setting).astype(np.uint8)
    return found


def _bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.where(np.isnan(values), NONE, np.minimum(values, TOP + 1)).astype(np.uint8)


_HEADER = struct.Struct("<7sB11Q6B4iB2i")
_ROOT_BYTES = 16_384 - _HEADER.size  # header and root directory are one read
_LEAF_ENTRIES = 4_096
_PLAIN, _GZIP, _PNG = 1, 2, 2  # of compressions, of types of tiles
_E7 = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What a file of tiles says of itself."""

    zooms: tuple[int, int]  # first and last zoom
    bounds: tuple[float, float, float, float]  # west, south, east, north in degrees
    about: Mapping[str, Any]  # name, description, attribution


def tile_number(zoom: int, x: int, y: int) -> int:
    """Return the number of a tile: zooms one after another, each along a Hilbert curve (PMTiles 3, section 4.1).

    Examples
    --------
    >>> tile_number(0, 0, 0), [tile_number(1, x, y) for x, y in ((0, 0), (0, 1), (1, 1), (1, 0))]
    (0, [1, 2, 3, 4])
    """
    number: int = (4**zoom - 1) // 3
    side = 1 << zoom >> 1
    while side:
        right, low = int(x & side > 0), int(y & side > 0)
        number += side * side * ((3 * right) ^ low)
        if not low:
            if right:
                x, y = side - 1 - (x & side - 1), side - 1 - (y & side - 1)
            x, y = y & side - 1, x & side - 1
        side >>= 1
    return number


def write_tiles(path: Path, tiles: Iterable[tuple[int, bytes]], extent: Extent) -> dict[int, int]:
    """Write PNG tiles, each with its number, in any order; return the bytes of each.

    Parameters
    ----------
    path
        The file.
    tiles
        Number and content, no number twice.
    extent
        What the file says of itself.
    """
    with tempfile.TemporaryFile() as content:
        found = [(number, content.tell(), content.write(tile)) for number, tile in tiles]
        content.seek(0)
        with path.open("wb") as file:
            _put_together(file, sorted(found), content, extent)
    return {number: length for number, _, length in sorted(found)}


def tiles_text(tiles: Iterable[tuple[int, bytes]], extent: Extent) -> bytes:
    """Return a file of a few tiles, to stand inside a page."""
    entries, content = [], io.BytesIO()
    for number, tile in sorted(tiles):
        entries.append((number, content.tell(), content.write(tile)))
    content.seek(0)
    file = io.BytesIO()
    _put_together(file, entries, content, extent)
    return file.getvalue()


def read_tiles(path: Path) -> Iterable[tuple[int, bytes]]:
    """Yield the tiles of a file that `write_tiles` wrote, in the order of their numbers."""
    with path.open("rb") as file:
        told = _HEADER.unpack(file.read(_HEADER.size))
        root, leaves, content = told[2:4], told[6:8], told[8]
        file.seek(leaves[0])
        inner = file.read(leaves[1])
        file.seek(root[0])
        entries = _entries(file.read(root[1]))
        for number, offset, length, run in entries:
            part = [(number, offset, length, run)] if run else _entries(inner[offset : offset + length])
            for which, at, size, _ in part:
                file.seek(content + at)
                yield which, file.read(size)


def _put_together(file: IO[bytes], entries: list[tuple[int, int, int]], content: IO[bytes], extent: Extent) -> None:
    root, leaves = _directories(entries)
    about = _zipped(json.dumps(dict(extent.about), ensure_ascii=False, sort_keys=True).encode())
    size = sum(length for *_, length in entries)
    at = np.cumsum([_HEADER.size, len(root), len(about), len(leaves)]).tolist()
    places = [at[0], len(root), at[1], len(about), at[2], len(leaves), at[3], size]
    box = [round(degrees * _E7) for degrees in extent.bounds]
    middle = [(box[0] + box[2]) // 2, (box[1] + box[3]) // 2]
    kinds = (0, _GZIP, _PLAIN, _PNG, *extent.zooms)
    file.write(_HEADER.pack(b"PMTiles", 3, *places, *[len(entries)] * 3, *kinds, *box, extent.zooms[0], *middle))
    file.write(root + about + leaves)
    shutil.copyfileobj(content, file)


def _directories(entries: list[tuple[int, int, int]]) -> tuple[bytes, bytes]:
    """Return the root directory and the leaves, which are none where all fits into the root."""
    root = _directory([(*entry, 1) for entry in entries])
    if len(root) <= _ROOT_BYTES:
        return root, b""
    size = _LEAF_ENTRIES
    while True:
        starts = [*range(0, len(entries), size), len(entries)]
        leaves = [_directory([(*entry, 1) for entry in entries[a:b]]) for a, b in pairwise(starts)]
        ends = np.cumsum([0, *map(len, leaves)]).tolist()
        root = _directory(
            [(entries[a][0], at, len(leaf), 0) for a, at, leaf in zip(starts, ends, leaves, strict=False)]
        )
        if len(root) <= _ROOT_BYTES:
            return root, b"".join(leaves)
        size *= 2


def _directory(entries: list[tuple[int, int, int, int]]) -> bytes:
    """Return entries of number, offset, length and run in columns, numbers as differences (section 4.2)."""
    number, offset, length, run = np.array(entries, np.int64).reshape(-1, 4).T
    follows = np.append(False, offset[1:] == offset[:-1] + length[:-1]) if len(offset) else np.zeros(0, np.bool_)
    columns = (np.diff(number, prepend=0), run, length, np.where(follows, 0, offset + 1))
    return _zipped(varints(np.array([len(number)])) + b"".join(varints(column) for column in columns))


def _zipped(plain: bytes) -> bytes:
    return gzip.compress(plain, mtime=0)


def _entries(directory: bytes) -> list[tuple[int, int, int, int]]:
    values, value, shift = [], 0, 0
    for byte in gzip.decompress(directory):
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004 -- the last byte of a number
            values.append(value)
            value = shift = 0
    number, run, length, offset = np.array(values[1:], np.int64).reshape(4, -1)
    places: list[int] = []
    for k, at in enumerate(offset.tolist()):
        places.append(at - 1 if at else places[-1] + int(length[k - 1]))
    return list(zip(np.cumsum(number).tolist(), places, length.tolist(), run.tolist(), strict=True))
