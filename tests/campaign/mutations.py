"""What goes wrong with files: bytes rot, texts are edited by hand, tables and geometry hold what they should not.

A mutation takes the town and changes one of its files. One that ``keeps`` changes no figure: rows in another order,
another encoding, blank rows. After it the answer is the same, or the input is refused, or a finding says more.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import rasterio
import shapely
from rasterio.transform import Affine

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from doors import Town

ODD_WORDS = (
    *("", " ", "nan", "inf", "-1", "-0", "1e309", "1e-320", "0x10", "１２", "1,5", "1.234,5", "1 000", "=1+1"),
    *("@x", "٣", "true", "null", "None", "#N/A", "#REF!", "2024-01-01", "12:00", "9" * 400, "0" * 400),
    *("\u202ex", "\x1b[31m", "\x07", "<script>alert(1)</script>", "url(//x)", "../../etc"),
    *("https://example.invalid/x", "a\tb", 'a"b', "a'b", "合计", "共计", "\ud7ff", "\ufeff", "𠮷", "é" * 300),
    *("{}", "[]", "%s%n", "{{7*7}}", "\\", "/", "NaN°", "120°09'18\"", "-999", "65535"),
)
_ODD_NUMBERS = (np.nan, np.inf, -np.inf, -1.0, 1e308, 1e-308, 1e20, -99_999.0, 65_535.0, 3.4e38, 0.0)
_TEXT = (".csv", ".geojson", ".kml", ".osm", ".graphml", ".toml")


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One kind of change: its name, what it does to a file, and whether figures stay."""

    name: str
    change: Callable[[Path, random.Random], None]
    fits: Callable[[Path], bool]
    keeps: bool = False


def mutate(town: Town, draw: random.Random) -> Mutation:
    """Change one file of the town; return what was done."""
    files = [town.study, *town.files.values()]
    while True:
        path = draw.choice(files)
        fitting = [m for m in MUTATIONS if m.fits(path)]
        chosen = draw.choice(fitting)
        if path == town.study and chosen.name == "another file's content":
            continue
        chosen.change(path, draw)
        return chosen


def _flip(path: Path, draw: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(draw.choice([1, 1, 2, 5, 20])):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content)


def _cut(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(len(content))])


def _splice(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    a, b = sorted(draw.randrange(len(content)) for _ in range(2))
    b = min(b, a + 4_096)
    path.write_bytes(content[:a] + draw.choice([content[a:b] * 2, bytes(b - a), b"", b"\xff" * 8]) + content[b:])


def _swapped(path: Path, draw: random.Random) -> None:
    others = [file for file in path.parent.iterdir() if file.is_file() and file != path]
    path.write_bytes(draw.choice(others).read_bytes())


def _word(path: Path, draw: random.Random) -> None:
    """Replace one word or number of a text by an odd one."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    words = list(re.finditer(r"[\w.+-]+", text))
    hit = draw.choice(words)
    text = text[: hit.start()] + draw.choice(ODD_WORDS) + text[hit.end() :]
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def _line(path: Path, draw: random.Random) -> None:
    """Remove, double or move a line, or a mark of a text on one line."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    parts = re.split(r"(?<=[\n>,}])", text)
    i, j = draw.randrange(len(parts)), draw.randrange(len(parts))
    match draw.randrange(3):
        case 0:
            del parts[i]
        case 1:
            parts.insert(j, parts[i])
        case _:
            parts[i], parts[j] = parts[j], parts[i]
    path.write_bytes("".join(parts).encode("utf-8", "surrogateescape"))


def _nested(path: Path, draw: random.Random) -> None:
    deep = draw.choice([200, 3_000])
    text = {
        ".toml": "x = " + "[" * deep + "]" * deep + "\n",
        ".geojson": "[" * deep + "]" * deep,
        ".csv": '"' * deep,
    }.get(path.suffix, "<a>" * deep + "</a>" * deep)
    path.write_text(path.read_text(encoding="utf-8", errors="replace") + text, encoding="utf-8")


def _encoded(path: Path, draw: random.Random) -> None:
    text = path.read_text(encoding="utf-8")
    with contextlib.suppress(UnicodeEncodeError):
        path.write_bytes(text.encode(draw.choice(["utf-8-sig", "gb18030", "utf-16"])))


def _newlines(path: Path, draw: random.Random) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", draw.choice([b"\r\n", b"\n\n", b" \n"])))


def _cell(path: Path, draw: random.Random) -> None:
    """Write an odd value, a formula or a merge into a workbook."""
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert sheet is not None
    at = sheet.cell(draw.randint(1, sheet.max_row + 1), draw.randint(1, sheet.max_column + 1))
    odd = draw.choice([*ODD_WORDS, *_ODD_NUMBERS, "=A1", "=1/0", True, None])
    with contextlib.suppress(ValueError, openpyxl.utils.exceptions.IllegalCharacterError):
        at.value = odd if not isinstance(odd, float) or np.isfinite(odd) else str(odd)
    if draw.random() < 0.2:
        sheet.merge_cells(start_row=1, start_column=1, end_row=2, end_column=2)
    book.save(path)


def _part(path: Path, draw: random.Random) -> None:
    """Drop, empty or break a part of a packed file."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w") as new:
        names = old.namelist()
        victim = draw.choice(names)
        for name in names:
            part = old.read(name)
            if name == victim:
                part = draw.choice([b"", part[: len(part) // 2], part.replace(b"<", b"<<", 3), bytes(100)])
                if draw.random() < 0.3:
                    continue
            new.writestr(name, part)
    path.write_bytes(content.getvalue())


def _grid(path: Path, draw: random.Random) -> None:
    """Write a raster with an odd grid, system, type or value."""
    with rasterio.open(path) as raster:
        profile, values = raster.profile, raster.read()
    odd = draw.randrange(7)
    t = profile["transform"]
    if odd == 0:
        profile["crs"] = draw.choice([None, "EPSG:4490", "EPSG:3857", "EPSG:32649", 'LOCAL_CS["x",UNIT["m",1]]'])
    elif odd == 1:
        steps = draw.choice([(0, 0), (np.nan, 1), (t.a, -t.e), (-t.a, t.e), (t.a * 1e6, t.e)])
        profile["transform"] = Affine(steps[0], t.b, t.c, t.d, steps[1], t.f)
    elif odd == 2:
        profile["transform"] = Affine(t.a, draw.choice([1e-17, 1e-4]), t.c, draw.choice([0, 1e-5]), t.e, t.f)
    elif odd == 3:
        profile["nodata"] = draw.choice([None, 0, np.nan, 10, -1e30])
    elif odd == 4:
        profile["dtype"] = draw.choice(["uint8", "int16", "float64", "complex64"])
    elif odd == 5:
        profile["count"], values = 2, np.concatenate([values, values])
    values = values.astype(profile["dtype"])
    if odd == 6:
        values[0, draw.randrange(values.shape[1]), draw.randrange(values.shape[2])] = draw.choice(_ODD_NUMBERS)
    with contextlib.suppress(ValueError), rasterio.open(path, "w", **profile) as raster:  # a void that does not fit
        raster.write(values)


def _shape(path: Path, draw: random.Random) -> None:
    """Write a geometry that no map has, another type of it, or another coordinate system."""
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    i = draw.randrange(len(frame))
    old = frame.geometry.iloc[i]
    odd = draw.choice(
        [
            None,
            shapely.Point(),
            shapely.Point(np.nan, np.nan),
            shapely.Point(np.inf, 30),
            shapely.Point(1e30, 1e30),
            shapely.transform(old, lambda xy: xy[:, ::-1]),
            shapely.transform(old, lambda xy: xy + np.array([360, 0])),
            shapely.transform(old, lambda xy: np.repeat(xy[:1], len(xy), axis=0)),
            shapely.force_3d(old),
            shapely.LineString([(108, 30), (108, 30)]),
            shapely.MultiPoint([(108.2, 30.5), (108.2, 30.5)]),
            shapely.GeometryCollection([old]),
            shapely.Polygon([(108, 30), (109, 31), (109, 30), (108, 31), (108, 30)]),
        ]
    )
    shapes = frame.geometry.to_numpy().copy()
    shapes[i] = odd
    frame = frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs), crs=frame.crs)
    if draw.random() < 0.2:
        frame = frame.set_crs(draw.choice([3857, 4490, 2_000]), allow_override=True)
    _rewritten(frame, path)


def _column(path: Path, draw: random.Random) -> None:
    """Drop, rename, double or fill a column with another type."""
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    columns = [c for c in frame.columns if c != frame.geometry.name]
    column = draw.choice(columns or ["x"])
    odd = draw.choice([None, 1, 1.5, True, "x", "", pd.Timestamp(0), np.nan, -1, 10**18])
    match draw.randrange(3):
        case 0:
            frame = frame.drop(columns=[column], errors="ignore")
        case 1:
            frame = frame.rename(columns={column: draw.choice(["名称", "x", "POPULATION", " id", "geometry2"])})
        case _:
            frame[column] = odd
    _rewritten(frame, path)


def _rows(path: Path, draw: random.Random) -> None:
    """Put the rows in another order."""
    frame = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    _rewritten(frame.iloc[draw.sample(range(len(frame)), len(frame))], path)


def _rewritten(frame: Any, path: Path) -> None:
    with contextlib.suppress(Exception):  # what a writer refuses is no input
        if path.suffix == ".parquet":
            frame.to_parquet(path)
        else:
            whole = path.read_bytes()
            path.unlink()
            try:
                frame.to_file(path, driver="LIBKML" if path.suffix == ".kml" else None, engine="pyogrio")
            finally:
                if not path.exists():
                    path.write_bytes(whole)


def _is(*suffixes: str) -> Callable[[Path], bool]:
    return lambda path: path.suffix in suffixes


def _any(_: Path) -> bool:
    return True


_GEO = _is(".gpkg", ".geojson", ".shp", ".parquet", ".fgb", ".kml")
MUTATIONS = (
    Mutation(name="flipped bytes", change=_flip, fits=_any),
    Mutation(name="cut short", change=_cut, fits=_any),
    Mutation(name="spliced bytes", change=_splice, fits=_any),
    Mutation(name="another file's content", change=_swapped, fits=_any),
    Mutation(name="an odd word", change=_word, fits=_is(*_TEXT)),
    Mutation(name="an odd word in the study", change=_word, fits=_is(".toml")),
    Mutation(name="a moved line", change=_line, fits=_is(*_TEXT)),
    Mutation(name="nested deep", change=_nested, fits=_is(*_TEXT)),
    Mutation(name="another encoding", change=_encoded, fits=_is(".csv", ".toml"), keeps=True),
    Mutation(name="other ends of lines", change=_newlines, fits=_is(".csv", ".osm", ".graphml"), keeps=True),
    Mutation(name="an odd cell", change=_cell, fits=_is(".xlsx")),
    Mutation(name="a broken part", change=_part, fits=_is(".xlsx")),
    Mutation(name="an odd grid", change=_grid, fits=_is(".tif")),
    Mutation(name="an odd shape", change=_shape, fits=_GEO),
    Mutation(name="an odd column", change=_column, fits=_GEO),
    Mutation(name="another order of rows", change=_rows, fits=_GEO, keeps=True),
)
