"""``coverage.gpkg``: all layers of a run in one file that QGIS opens with their styles."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from accessibility.files import spellable, write_aside
from accessibility.report.layers import GEOMETRY, make_layers
from accessibility.report.layerstyles import layer_styles
from accessibility.report.styles import write_qml

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accessibility.report.layers import LayerSources
    from accessibility.report.styles import Style

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
_STYLE_ROW = """
    INSERT INTO layer_styles (
        f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
        styleName, styleQML, styleSLD, useAsDefault, description, owner, update_time
    ) VALUES ('', '', ?, ?, ?, ?, '', ?, ?, ?, ?)
"""


def write_geopackage(sources: LayerSources, path: str | os.PathLike[str]) -> None:
    """Write the layers demand, outlets, banks, candidates, proposed, districts, blackspots and service_areas.

    Coordinates are in EPSG:4326. Each layer carries its style, the one marked as the default is the one QGIS opens it
    with; a layer without rows has its columns. Same inputs, same bytes, with the same version of the libraries: what
    the format keeps of the time of writing is set to 1970.

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
    styles = layer_styles(sources.coverage)
    with write_aside(path) as whole, spellable(whole.parent) as folder:
        aside = folder / whole.name
        try:
            for name, layer in layers.items():
                pyogrio.write_dataframe(
                    layer,
                    aside,
                    layer=name,
                    driver="GPKG",
                    geometry_type=GEOMETRY[name],
                    layer_options={"GEOMETRY_NAME": _GEOMETRY_COLUMN},
                    dataset_options={} if aside.exists() else {"VERSION": _VERSION},
                )
            _add_styles(aside, styles)
        except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.Error) as error:
            raise OSError(str(error)) from error  # what the system refuses is told in one way


def _add_styles(path: Path, styles: Mapping[str, Sequence[Style]]) -> None:
    """Add the table that QGIS reads styles from, and take the time of writing out of the file."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(_STYLE_TABLE)
        file.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)"
            " VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles for QGIS', NULL)"
        )
        for layer, found in styles.items():
            rows = [
                (layer, _GEOMETRY_COLUMN, style.name, write_qml(style), row == 0, style.description, _OWNER, _NO_TIME)
                for row, style in enumerate(found)
            ]
            file.executemany(_STYLE_ROW, rows)
        file.execute("UPDATE gpkg_contents SET last_change = ?", (_NO_TIME,))
