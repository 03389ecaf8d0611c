"""Shapefiles that were cut short: GDAL gives the rows that remain, or rows without a shape, and says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accessibility.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = 100  # bytes of .shp and .shx
_DBF_HEADER = 32
_CODE = 9_994  # what .shp and .shx begin with


def refuse_cut_shapefile(path: Path) -> None:
    """Raise `InputError` where a Shapefile, or its table, is shorter than it says itself; other formats pass.

    The headers are those of the ESRI Shapefile Technical Description (1998), in words of two bytes, and of dBASE.
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
