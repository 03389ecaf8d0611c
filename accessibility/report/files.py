"""Tables as files: CSV that spreadsheets open without harm, and GeoParquet."""

from __future__ import annotations

import csv
import numbers
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.controls import visible
from accessibility.files import write_aside

if TYPE_CHECKING:
    import os

    import geopandas as gpd

# What a spreadsheet takes for the start of a formula, the full-width forms of East Asian keyboards among it
# (OWASP, CSV injection; CWE-1236).
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n\0")
_DECIMALS = 6


def defuse(text: str) -> str:
    r"""Return `text` as a cell that harms nobody: control characters spelt out, formulas behind an apostrophe.

    A spreadsheet takes for a formula what begins with one of ``= + - @``, white space aside and their full-width forms
    among them, and what starts with a control character.

    Examples
    --------
    >>> defuse("=1+1"), defuse("  @x"), defuse("Town - East"), defuse("\x1bx")
    ("'=1+1", "'  @x", 'Town - East', '\\x1bx')
    """
    text = visible(text)
    risky = text[:1] in _CONTROL or text.lstrip()[:1] in _FORMULA
    return f"'{text}" if text and risky else text


def write_csv(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table as CSV that spreadsheets open: UTF-8 with BOM, lines ended by CR LF (RFC 4180), no index.

    Text cells, those of the header among them, are defused; numbers never are, a negative one neither. Numbers have
    at most six decimals, trailing zeros dropped: shares keep six, people add up in the file to the millionth, and
    degrees are right to 0.1 m. A missing value is an empty cell. The same table gives the same bytes.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    rows = frame.astype(object).itertuples(index=False, name=None)
    with write_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([defuse(str(name)) for name in frame.columns])
        writer.writerows([_cell(value) for value in row] for row in rows)


def write_geoparquet(gdf: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table with geometry as GeoParquet 1.1: zstd, without its index.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    # An open file, because pyarrow refuses paths that the locale cannot spell.
    with write_aside(path) as aside, aside.open("wb") as file:
        gdf.to_parquet(file, index=False, compression="zstd", schema_version="1.1.0")


def _cell(value: Any) -> str:
    """Return a value as the text of its cell."""
    if isinstance(value, str):
        return defuse(value)
    if pd.isna(value):
        return ""
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    return str(value) if isinstance(value, (np.bool_, numbers.Number)) else defuse(str(value))


def _number(value: float) -> str:
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".") if np.isfinite(value) else str(value)
    return "0" if text == "-0" else text
