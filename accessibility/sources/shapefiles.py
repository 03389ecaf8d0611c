"""Shapefiles as they come: cut short, and with texts whose encoding nobody wrote down."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from accessibility.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = 100  # bytes of .shp and .shx
_DBF_HEADER = 32
_CODE = 9_994  # what .shp and .shx begin with
_LANGUAGE_AT = 29  # the byte of a .dbf that names its code page
_LANGUAGES = {  # dBASE's language drivers whose code page is sure; 0x57 is whatever the machine had
    page: f"cp{number}"
    for number, pages in {
        437: [0x01],
        850: [0x02],
        1252: [0x03],
        932: [0x13, 0x7B],
        936: [0x4D, 0x7A],
        949: [0x4E, 0x79],
        950: [0x4F, 0x78],
        1250: [0xC8],
        1251: [0xC9],
    }.items()
    for page in pages
}


def refuse_cut_shapefile(path: Path) -> None:
    """Raise `InputError` where a Shapefile, or its table, is shorter than it says itself; other formats pass.

    GDAL gives the rows that remain, or rows without a shape, and says nothing. The headers are those of the ESRI
    Shapefile Technical Description (1998), in words of two bytes, and of dBASE.
    """
    if path.suffix.lower() != ".shp":
        return
    parts = [path] + [file for end in (".shx", ".dbf", ".SHX", ".DBF") if (file := path.with_suffix(end)).is_file()]
    for part in parts:
        with part.open("rb") as stream:
            head = stream.read(_HEADER)
        size, told = part.stat().st_size, _told_size(head, table=part.suffix.lower() == ".dbf")
        if size < told:
            msg = f"{path.name}: {part.name} has {size:,} bytes and says itself {told:,}; the file is cut short"
            raise InputError(msg)


def _told_size(head: bytes, *, table: bool) -> int:
    if table:
        rows, header, row = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
        return max(_DBF_HEADER, header + rows * row)
    if int.from_bytes(head[:4], "big") != _CODE:
        return 0  # no Shapefile at all: the reader will say so
    return max(_HEADER, 2 * int.from_bytes(head[24:28], "big"))


def shapefile_encoding(path: Path) -> str | None:
    """Return the encoding of a Shapefile's texts: the one it names, if they fit; else UTF-8, if they fit; else GBK.

    None leaves it to GDAL.
    """
    table, page = (_beside(path, suffix) for suffix in (".dbf", ".cpg"))
    if table is None:
        return None
    content = table.read_bytes()
    texts = content[int.from_bytes(content[8:10], "little") :] + _field_names(content)
    said = None if page is None else _codec(page.read_text(encoding="ascii", errors="replace"))
    if page is not None and said is None:
        return None
    for encoding in (said, _LANGUAGES.get(content[_LANGUAGE_AT]), "utf-8"):
        if encoding is not None and _fits(texts, encoding):
            return encoding
    return "gbk"


def _beside(path: Path, suffix: str) -> Path | None:
    return next((file for end in (suffix, suffix.upper()) if (file := path.with_suffix(end)).is_file()), None)


def _field_names(content: bytes) -> bytes:
    header = content[_DBF_HEADER : int.from_bytes(content[8:10], "little")]
    return b" ".join(header[at : at + 11].split(b"\0")[0] for at in range(0, len(header) - 11, 32))


def _fits(texts: bytes, encoding: str) -> bool:
    """Return whether bytes are text of an encoding, but for letters that the width of a field cut in two."""
    decoded = texts.decode(encoding, errors="replace")
    wrong = decoded.count("\N{REPLACEMENT CHARACTER}")
    return wrong == 0 or 2 * wrong < sum(letter > "\x7f" for letter in decoded) - wrong


def _codec(page: str) -> str | None:
    """Return Python's name of the code page that a ``.cpg`` holds, None where it is none of its."""
    name = re.sub(r"^(ansi|oem|windows)[ _-]*", "", page.strip().lower().strip("\0\ufeff"))
    for spelt in (f"cp{name}" if name.isdigit() else name, name):
        try:
            return codecs.lookup(spelt).name
        except LookupError:
            continue
    return None
