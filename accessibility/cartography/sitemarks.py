"""Sites on a map: a layer a kind, each with its symbol, its count and what the pointer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.cartography.outlines import collection, count, feature, safe_html
from accessibility.cartography.symbols import INKS, SHAPES, site_svg
from accessibility.projection import WGS84, transform

if TYPE_CHECKING:
    import pandas as pd

    from accessibility.cartography.mapwords import MapWords
    from accessibility.coverage import Coverage

KINDS = tuple((kind, counts) for counts in (True, False) for kind in ("outlet", "bank", "new"))
"""Kinds of sites and whether they count, in the order of the layers."""


def site_key(kind: str, *, is_open: bool) -> str:
    """Return how the words of a kind of site end: ``outlet_open``."""
    return f"{kind}_{'open' if is_open else 'closed'}"


def layer_name(kind: str, words: MapWords, *, is_open: bool, sites: int) -> str:
    """Return the name of a layer as markup: symbol, words, count."""
    said = words(f"sites_{site_key(kind, is_open=is_open)}")
    return f"{site_svg(kind, is_open=is_open)} {said} <b>{count(sites)}</b>"


def site_features(coverage: Coverage, words: MapWords) -> dict[tuple[str, bool], dict[str, Any]]:
    """Return the sites as GeoJSON by kind and whether they count, in the order of `KINDS`; ``row`` is their row."""
    sites = coverage.sites
    lonlat = transform(sites.xy, sites.crs, WGS84)
    decided = coverage.covered & (coverage.nearest >= 0)
    served = np.bincount(coverage.nearest[decided], weights=coverage.demand.population[decided], minlength=len(sites))
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    for kind, is_open in KINDS:
        features = []
        for row in np.flatnonzero((sites.kind == kind) & (sites.open == is_open)).tolist():
            name, ident = str(sites.name[row] or ""), str(sites.ids[row])
            what = words(f"site_{site_key(kind, is_open=is_open)}")
            texts = {"name": safe_html(name or ident), "what": what, "id": safe_html(ident), "row": row}
            texts["people"] = words("nearest_for", people=count(served[row])) if is_open else ""
            features.append(feature(row, shapely.Point(lonlat[row]), texts))
        if features:
            found[kind, is_open] = collection(features)
    return found


def proposed_features(table: pd.DataFrame, words: MapWords) -> dict[str, Any]:
    """Return the sites of a proposal as GeoJSON, from the table of a plan; those without a place are left out."""
    features = []
    for rank, ident, name, kind, lon, lat, gain in table[
        ["rank", "id", "name", "kind", "lon", "lat", "gain_people"]
    ].itertuples(index=False):
        if not np.isfinite([lon, lat]).all():
            continue
        texts = {"rank": int(rank), "name": safe_html(name or ident), "id": safe_html(ident), "kind": str(kind)}
        said = {"what": words(f"site_{site_key(kind, is_open=False)}"), "people": f"{words('gain')} {count(gain)}"}
        features.append(feature(int(rank), shapely.Point(lon, lat), texts | said))
    return collection(features)


def symbol_data() -> dict[str, Any]:
    """Return shapes and inks for the page, which draws the symbols of sites that are switched."""
    return {"shapes": SHAPES, "inks": INKS}
