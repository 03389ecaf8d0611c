"""The layers of a run as tables with geometry, and tables as files: CSV, GeoParquet, GeoPackage, Shapefiles."""

from __future__ import annotations

import csv
import numbers
import sqlite3
import tomllib
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.errors import visible
from accessibility.geo.projection import WGS84
from accessibility.measures.surface import shape_people
from accessibility.measures.tables import as_text, demand_table, district_columns, district_table, values_by_id
from accessibility.present.layers.styles import layer_styles, write_qml, write_sld
from accessibility.present.report.uncertainty import with_certainty
from accessibility.present.symbols import format_site
from accessibility.sites import KIND_OF
from accessibility.sources.files import spellable, write_aside, write_folder

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from accessibility.measures.coverage import Coverage
    from accessibility.present.layers.styles import Style
    from accessibility.present.symbols import SiteLabel
    from accessibility.uncertainty import Uncertainty
    from accessibility.wording import Language

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


@cache
def read_schema() -> dict[str, dict[str, Any]]:
    """Return the tables of ``schema.toml``."""
    return tomllib.loads((Path(__file__).parents[1] / "schema.toml").read_text("utf-8"))


SHORT_NAMES = read_schema()["shapefile"]
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


GEOMETRY = {
    **dict.fromkeys(("demand", "outlets", "banks", "candidates", "proposed"), "Point"),
    **dict.fromkeys(("districts", "blackspots", "service_areas"), "MultiPolygon"),
}
"""The layers in their order, and the type of their geometry; people who were read as areas are areas."""
SITE_COLUMNS = ("id", "name", "label", "kind", "bank", "open", "closed", "cost", "district", "nearest_people")
ROOM_COLUMNS = ("capacity", "served", "unserved", "used")
"""Of the layers of sites, too, where some have a capacity."""
PROPOSED_COLUMNS = (
    *("rank", "id", "name", "kind", "cost", "lon", "lat"),
    *("gain_people", "covered_people", "covered_share", "marginal_per_cost"),
)
"""The columns of ``sites.csv``."""
_PROPOSED_TEXTS = ("id", "name", "kind")


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSources:
    """What the layers of a run are made of."""

    coverage: Coverage  # who is covered; its people and sites
    # district, site_district: name of the district of each demand point and each site, keyed by id
    district: pd.Series[Any]
    site_district: pd.Series[Any]
    # polygons indexed by district name, with a coordinate system; None without an area.
    districts: gpd.GeoDataFrame | None
    blackspots: gpd.GeoDataFrame  # `Blackspots.spots`
    service_areas: gpd.GeoDataFrame  # `trace_service_areas`
    plan: pd.DataFrame | None = None  # the table of a proposal, with `PROPOSED_COLUMNS`; None without one.
    sure: Uncertainty | None = None  # how sure it is that each place is covered; None where nobody asked.
    # labels, languages: what sites without a name are called, by id, and in which languages
    labels: Mapping[str, SiteLabel] = field(default_factory=dict)
    languages: tuple[Language, ...] = ("en",)

    @cached_property
    def people(self) -> gpd.GeoDataFrame:
        """Everybody, without how sure it is."""
        return demand_table(self.coverage, self.district)

    def called(self, names: Iterable[Any], ids: Iterable[Any]) -> Any:
        """Return what sites are called, as maps and reports have it."""
        told = [format_site(name, ident, self.labels, self.languages) for name, ident in zip(names, ids, strict=True)]
        return as_text(np.array(told, dtype=object))


def make_layers(sources: LayerSources) -> dict[str, gpd.GeoDataFrame]:
    """Return every layer by its name, in EPSG:4326 and in the order of `GEOMETRY`; one without rows has its columns.

    Raises
    ------
    InputError
        A series that names an id twice, or districts that do not hold those of the series.
    """
    sites = _sites(sources)
    return {
        "demand": with_certainty(_people(sources), sources.sure),
        **{name: sites[sites["kind"] == kind].reset_index(drop=True) for name, kind in KIND_OF.items()},
        "proposed": _proposed(sources),
        "districts": _districts(sources),
        "blackspots": sources.blackspots.to_crs(WGS84),
        "service_areas": sources.service_areas.to_crs(WGS84),
    }


def geometry_type_of(layers: Mapping[str, gpd.GeoDataFrame], layer: str) -> str:
    """Return the type of the geometry of a layer of a run: people are points, or polygons if they stand for areas."""
    areas = layer == "demand" and (layers[layer].geom_type == "MultiPolygon").any()
    return "MultiPolygon" if areas else GEOMETRY[layer]


def _people(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return the demand points, as the cells or polygons they stand for where they were read as such."""
    people, shapes = sources.people, shape_people(sources.coverage)
    if shapes is None:
        return people
    single = shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON
    whole = shapes.copy()
    whole[single] = shapely.multipolygons(shapes[single][:, None])  # a layer has one type of geometry
    return people.set_geometry(whole, crs=WGS84)


def _sites(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return all sites; ``nearest_people`` are the covered people for whom the site is the nearest that counts."""
    coverage, sites = sources.coverage, sources.coverage.sites
    decided = coverage.covered & (coverage.nearest >= 0)
    people = coverage.demand.population[decided]
    columns = {
        "id": as_text(sites.ids),
        "name": as_text(sites.name),
        "label": sources.called(sites.name, sites.ids),
        "kind": as_text(sites.kind),
        "bank": as_text(sites.bank),
        "open": sites.open,
        "closed": sites.closed,
        "cost": sites.cost,
        "district": as_text(values_by_id(sources.site_district, sites.ids)),
        "nearest_people": np.bincount(coverage.nearest[decided], weights=people, minlength=len(sites)),
    }
    if coverage.service is not None:
        told = coverage.service.of_sites()
        columns |= {name: told[name] for name in ROOM_COLUMNS}
        columns["capacity"] = np.where(np.isfinite(sites.capacity), sites.capacity, np.nan)
    points = shapely.points(sites.lonlat)
    return gpd.GeoDataFrame(columns, geometry=points, crs=WGS84)


def input_columns(coverage: Coverage) -> dict[str, dict[str, Any]]:
    """Return the other columns of the tables of sites, as text, by layer and name; those in which nothing stands not.

    One that is called as a column of the layer is called ``input_...``.
    """
    sites, found = coverage.sites, {}
    for layer, kind in KIND_OF.items():
        here = sites.kind == kind
        room = ROOM_COLUMNS if sites.has_capacity else ()
        taken = {*SITE_COLUMNS, *room, "fid", "geom", "geometry"}  # SQLite takes Name and name for the same
        kept: dict[str, Any] = {}
        for column, values in sites.columns.items():
            texts = as_text(values[here])
            name = f"input_{column}" if column.casefold() in taken else column
            if name.casefold() not in taken and (pd.Series(texts).fillna("") != "").any():
                taken.add(name.casefold())
                kept[name] = texts
        found[layer] = kept
    return found


def _proposed(sources: LayerSources) -> gpd.GeoDataFrame:
    plan = sources.plan

    kinds = {name: "string" if name in _PROPOSED_TEXTS else "float64" for name in PROPOSED_COLUMNS} | {"rank": "int64"}
    table = pd.DataFrame(columns=list(PROPOSED_COLUMNS)) if plan is None else plan[list(PROPOSED_COLUMNS)]
    table = table.astype(kinds).reset_index(drop=True)
    table.insert(list(table.columns).index("kind"), "label", sources.called(table["name"], table["id"]))
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs=WGS84)


def _districts(sources: LayerSources) -> gpd.GeoDataFrame:
    """Return the districts with their row of ``districts.csv``; the rows without a polygon are left to that file."""
    columns = list(district_columns(sources.coverage.standard, served=sources.coverage.service is not None))
    kinds = {**dict.fromkeys(columns, "float64"), "district": "string"}
    kinds |= dict.fromkeys(("outlets", "partner_banks"), "int64")
    if sources.districts is None:
        return gpd.GeoDataFrame(pd.DataFrame(columns=columns).astype(kinds), geometry=[], crs=WGS84)
    names = list(sources.districts.index)
    table = district_table(sources.coverage, sources.district, sources.site_district, names=names)
    shapes = [shapely.multipolygons(shapely.get_parts(shape)) for shape in sources.districts.geometry.to_crs(WGS84)]
    return gpd.GeoDataFrame(table.iloc[: len(names)].astype(kinds), geometry=shapes, crs=WGS84)
