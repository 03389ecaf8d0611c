"""The templates of pages, and the files that stand in them as they are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import zlib
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
import numpy as np

from accessibility.errors import OutputError, visible
from accessibility.sources.files import write_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

    from numpy.typing import NDArray


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
