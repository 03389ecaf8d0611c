"""Layers as Shapefiles, for programs that open nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.files import spellable, write_folder
from accessibility.report.layers import GEOMETRY

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import geopandas as gpd

MAX_NAME = 10
MAX_TEXT_BYTES = 254
SHORT_NAMES = {
    "nearest_site": "near_site",
    "nearest_people": "near_ppl",
    "gain_people": "gain_ppl",
    "covered_people": "cov_ppl",
    "covered_share": "cov_share",
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


def short_name(column: str) -> str:
    """Return what a column is called in a Shapefile.

    Examples
    --------
    >>> short_name("walk_s"), short_name("rural_covered_share_radius")
    ('walk_s', 'rural_covr')
    """
    return SHORT_NAMES.get(column, column)


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
                    geometry_type=GEOMETRY[name],
                    layer_options={"ENCODING": "UTF-8", "DBF_DATE_LAST_UPDATE": _DATE, "2GB_LIMIT": "YES"},
                )
            except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
                msg = f"{name}.shp: {error}"
                raise OSError(msg) from error  # what the system refuses is told in one way


def _plain(layer: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer with the names and values the format can hold."""
    plain = layer.rename(columns=SHORT_NAMES)
    for column in plain.columns.drop(plain.geometry.name):
        values = plain[column]
        if values.dtype == np.bool_:
            plain[column] = values.astype(np.int16)
        elif pd.api.types.is_string_dtype(values.dtype):
            plain[column] = pd.array([_cut(value) for value in values], dtype="string")
    return plain


def _cut(text: Any) -> str | None:
    return None if pd.isna(text) else str(text).encode()[:MAX_TEXT_BYTES].decode("utf-8", errors="ignore")
