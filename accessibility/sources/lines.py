"""Roads as lines (GeoPackage, GeoParquet, Shapefile, GeoJSON) and graphs as GraphML: networks without an extract."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from accessibility.errors import Finding, InputError
from accessibility.sources.cache import files_beside, sha256_file
from accessibility.sources.files import absence, is_file
from accessibility.sources.vectors import read_vector
from accessibility.streets.graphs import read_graph, read_graphml_file
from accessibility.streets.lines import LineOptions, read_edges, read_frame, write_edges
from accessibility.streets.network import CutStreets, Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pyproj import CRS

    from accessibility.geo.projection import Bounds
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.foot import FootAccess
    from accessibility.streets.spelling import Said

SUFFIXES = (".gpkg", ".parquet", ".geoparquet", ".shp", ".geojson", ".json", ".geojsonl", ".fgb", ".kml")
_OF_PIECES = {"row": np.int32, "begin": np.float64, "end": np.float64, "slower": np.float64, "edit": np.int16}


def read_lines(
    path: Path,
    *,
    layer: str | None = None,
    noded: bool = False,
    crs: CRS | str | int | None = None,
    bounds: Bounds | None = None,
    foot: FootAccess | None = None,
) -> tuple[Network, list[Finding]]:
    """Return the network of a file of lines, and what was set aside or looks suspicious.

    See `accessibility.streets.lines.read_frame` for junctions and `accessibility.streets.spelling.judge_rows` for the
    columns that say who may walk where.

    Parameters
    ----------
    path
        The file, with a coordinate system.
    layer
        Layer of a GeoPackage; its only one if not given.
    noded, crs, bounds, foot
        As those of `accessibility.streets.lines.LineOptions`.

    Raises
    ------
    InputError
        A file that is missing, unreadable or empty, has several layers and none is named, no coordinate system,
        geometry other than lines, coordinates that are no numbers, or no walkable line within `bounds`.
    """
    options = LineOptions(noded=noded, crs=crs, bounds=bounds, foot=foot)
    table = _read(path, layer)
    with _named(path):
        fields, said = read_frame(table, options)
        return Network(**fields), findings_of(path, said)


def write_saved(network: Network) -> gpd.GeoDataFrame:
    """Return one row per edge with all that a network knows of it; edited streets after those they were cut from."""
    tables, rest = [write_edges(network)], network
    while rest.pieces is not None:
        told = {name: getattr(rest.pieces, name) for name in _OF_PIECES}
        tables[0], rest = tables[0].assign(**told), rest.pieces.of
        tables.insert(0, write_edges(rest))
    if len(tables) == 1:
        return tables[0]
    return gpd.GeoDataFrame(pd.concat([table.assign(level=level) for level, table in enumerate(tables)]))


def read_saved(path: Path, edits: Sequence[StreetEdit] = ()) -> Network:
    """Return the network that `write_saved` wrote, in every value; `edits` are those that were made of its streets.

    Raises
    ------
    InputError
        A file that is missing or unreadable, or was not written so.
    """
    table = _read(path, None)
    levels = [table] if "level" not in table.columns else [rows for _, rows in table.groupby("level")]
    with _named(path):
        network = Network(**read_edges(levels[0]))
        for level in levels[1:]:
            told = {name: level[name].to_numpy().astype(dtype) for name, dtype in _OF_PIECES.items()}
            pieces = CutStreets(of=network, edits=tuple(edits), **told)
            network = Network(**read_edges(level), pieces=pieces)
    return network


def read_graphml(path: Path, foot: FootAccess | None = None) -> tuple[Network, list[Finding]]:
    """Return the network of a GraphML file, such as osmnx saves; see `Network.from_networkx`.

    Raises
    ------
    InputError
        A file that is missing or no GraphML, and whatever `Network.from_networkx` refuses.
    """
    _there(path)
    with _named(path):
        fields, said = read_graph(read_graphml_file(path), foot=foot)
        return Network(**fields), findings_of(path, said)


def fingerprints(path: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that belong to a Shapefile, by suffix."""
    return {file.suffix: sha256_file(file) for file in files_beside(path)}


def findings_of(path: Path, said: Said) -> list[Finding]:
    """Return what was said of lines or a graph as findings on a file."""
    return [
        Finding(code=code, source=path.name, message=f"{count:,} {text}", count=count)
        for code, (count, text) in said.items()
    ]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say in what file it is that something is refused."""
    try:
        yield
    except InputError as error:
        msg = f"{path.name}: {error}"
        raise InputError(msg) from error


def _there(path: Path) -> None:
    if not is_file(path):
        msg = f"{path.name}: {absence(path)} ({path}); expected a network"
        raise InputError(msg)


def _read(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    _there(path)
    try:
        return read_vector(path, layer=layer)
    except InputError:
        raise
    except Exception as error:
        msg = f"{path.name}: cannot be read as lines: {' '.join(str(error).split())}"
        raise InputError(msg) from error
