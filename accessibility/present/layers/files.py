"""Tables as files: CSV that spreadsheets open without harm, and GeoParquet."""

from __future__ import annotations

import csv
import numbers
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import visible
from accessibility.present.layers.sld import write_sld
from accessibility.present.layers.styles import layer_styles, write_qml
from accessibility.present.layers.tables import geometry_type_of, input_columns, make_layers
from accessibility.sources.files import spellable, write_aside, write_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from accessibility.present.layers.styles import Style
    from accessibility.present.layers.tables import LayerSources

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


MAX_TEXT_BYTES = 254
SHORT_NAMES = {
    "nearest_site": "near_site",
    "nearest_people": "near_ppl",
    "gain_people": "gain_ppl",
    "covered_people": "cov_ppl",
    "covered_share": "cov_share",
    "covered_probability": "cov_prob",
    "marginal_per_cost": "gain_cost",
    "urban_people": "urban_ppl",
    "town_people": "town_ppl",
    "rural_people": "rural_ppl",
    "urban_covered_share": "urban_cov",
    "town_covered_share": "town_cov",
    "rural_covered_share": "rural_cov",
    "rural_covered_share_radius": "rural_covr",
    "walk_min_mean": "wmin_mean",
    "walk_min_p50": "wmin_p50",
    "walk_min_p90": "wmin_p90",
    "partner_banks": "partner_bk",
    "elderly_people": "elder_ppl",
    "unreached_people": "unrch_ppl",
    "streetless_people": "nostr_ppl",
    "outlet_name": "out_name",
    "outlet_kind": "out_kind",
    "outlet_straight_km": "out_st_km",
    "bank_straight_km": "bank_st_km",
    "bank_people": "bank_ppl",
    "candidate_id": "cand_id",
    "candidate_name": "cand_name",
    "candidate_min": "cand_min",
    "candidate_km": "cand_km",
    "candidate_straight_km": "cand_st_km",
    "candidate_people": "cand_ppl",
}
"""Columns whose names are too long for the format, and what they are called there."""
_DATE = "1970-01-01"  # the format keeps the day of writing; the same inputs give the same bytes


def short_names(columns: Sequence[str]) -> dict[str, str]:
    """Return what the columns of a layer are called in a Shapefile; those of a study's own settings by number.

    Examples
    --------
    >>> short_names(["walk_s", "rural_covered_share_radius"])
    {'walk_s': 'walk_s', 'rural_covered_share_radius': 'rural_covr'}
    >>> short_names(["old town_people", "old town_covered_share"])
    {'old town_people': 's1_ppl', 'old town_covered_share': 's1_cov'}
    """
    found = {column: SHORT_NAMES.get(column, column) for column in columns}
    own = [column.removesuffix("_people") for column in columns if column.endswith("_people")]
    own = [
        setting for setting in own if f"{setting}_covered_share" in columns and f"{setting}_people" not in SHORT_NAMES
    ]
    for k, setting in enumerate(own, start=1):
        for ending, short in (("people", "ppl"), ("covered_share", "cov"), ("covered_share_radius", "covr")):
            if f"{setting}_{ending}" in found:
                found[f"{setting}_{ending}"] = f"s{k}_{short}"
    return found


def write_shapefiles(layers: Mapping[str, gpd.GeoDataFrame], folder: str | os.PathLike[str]) -> None:
    """Write each layer as a Shapefile of its name: UTF-8 with a ``.cpg``, names of ten letters (`SHORT_NAMES`).

    The format knows neither true and false (1 and 0) nor texts above 254 bytes (cut after a whole letter). An empty
    text is read as a missing one. Same inputs, same bytes.

    Parameters
    ----------
    layers
        As `make_layers` returns them.
    folder
        Where the files appear, all or none; other files in it stay.

    Raises
    ------
    OutputError
        The files could not be written, or one is larger than the 2 GB the format allows.
    """
    import pyogrio  # noqa: PLC0415 -- `import accessibility` stays light

    with write_folder(folder) as whole, spellable(whole) as aside:
        for name, layer in layers.items():
            try:
                pyogrio.write_dataframe(
                    _plain(layer),
                    aside / f"{name}.shp",
                    driver="ESRI Shapefile",
                    geometry_type=geometry_type_of(layers, name),
                    layer_options={"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": _DATE, "2GB_LIMIT": "YES"},
                )
            except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
                msg = f"{name}.shp: {error}"
                raise OSError(msg) from error  # what the system refuses is told in one way


def _plain(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer with the names and values the format can hold."""
    plain = layer.rename(columns=short_names(list(layer.columns)))
    for column in plain.columns.drop(plain.geometry.name):
        values = plain[column]
        if values.dtype == np.bool_:
            plain[column] = values.astype(np.int16)
        elif pd.api.types.is_string_dtype(values.dtype):
            plain[column] = pd.array([_cut(value) for value in values], dtype="string")
    return plain


def _cut(text: Any) -> str | None:
    return None if pd.isna(text) else str(text).encode()[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore")


_VERSION = "1.2"  # of the format: QGIS 3.22 warns about later ones
_GEOMETRY_COLUMN = "geom"
_NO_TIME = "1970-01-01T00:00:00.000Z"
_OWNER = "accessibility"
# As QGIS itself makes it.
_STYLE_TABLE = """
    CREATE TABLE layer_styles (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
        f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
        styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
        description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME
    )
"""
_ASIDE: Mapping[str, str] = {
    "OGR_SQLITE_SYNCHRONOUS": "OFF",
    "OGR_SQLITE_JOURNAL": "OFF",
    "OGR_CURRENT_DATE": _NO_TIME,
}
"""Of a file aside, which goes to the disk once, when it is whole, and not after every layer.

The driver writes the time of a layer once more where a second has passed since it was made, and SQLite counts that.
"""
_STYLE_ROW = """
    INSERT INTO layer_styles (
        f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
        styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time
    ) VALUES ('', '', ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def write_geopackage(sources: LayerSources, path: str | os.PathLike[str]) -> None:
    """Write the layers demand, outlets, banks, candidates, proposed, districts, blackspots and service_areas.

    Coordinates are in EPSG:4326. Each layer carries its styles, as QML and as SLD; the one marked as the default is the
    one QGIS opens it with; a layer without rows has its columns. Sites keep the columns of their table. Same inputs,
    same bytes, with the same version of the libraries: what the format keeps of the time of writing is set to 1970.

    Parameters
    ----------
    sources
        What the layers are made of.
    path
        Where the file appears, whole or not at all.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    import pyogrio  # noqa: PLC0415 -- `import accessibility` stays light

    layers = make_layers(sources)
    layers |= {name: layers[name].assign(**kept) for name, kept in input_columns(sources.coverage).items()}
    styles = layer_styles(sources.coverage)
    with write_aside(path) as whole, spellable(whole.parent) as folder:
        aside = folder / whole.name
        pyogrio.set_gdal_config_options(_ASIDE)
        try:
            for name, layer in layers.items():
                pyogrio.write_dataframe(
                    layer,
                    aside,
                    layer=name,
                    driver="GPKG",
                    geometry_type=geometry_type_of(layers, name),
                    layer_options={"GEOMETRY_NAME": _GEOMETRY_COLUMN},
                    dataset_options={} if aside.exists() else {"VERSION": _VERSION},
                    use_arrow=True,
                )
            _add_styles(aside, styles)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.Error) as error:
            raise OSError(str(error)) from error  # what the system refuses is told in one way
        finally:
            pyogrio.set_gdal_config_options(dict.fromkeys(_ASIDE))


def _add_styles(path: Path, styles: Mapping[str, Sequence[Style]]) -> None:
    """Add the table that QGIS reads styles from, and take the time of writing out of the file."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("PRAGMA synchronous = OFF")
        file.execute(_STYLE_TABLE)
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles for QGIS', NULL)"
        )
        for layer, found in styles.items():
            for row, style in enumerate(found):
                told = (style.name, write_qml(style), write_sld(layer, style), row == 0, style.description)
                file.execute(_STYLE_ROW, (layer, _GEOMETRY_COLUMN, *told, _OWNER, _NO_TIME))
        file.execute("UPDATE gpkg_contents SET last_change = ?", (_NO_TIME,))
