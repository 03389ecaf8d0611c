"""How a site looks on a map: a shape and an ink a kind, filled where it counts, hollow where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.present.map.outlines import count, feature, safe_html

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import MapWords

    Called = Callable[[object, object], str]

_MAX_ICONS = 2_000
SHAPES = {
    "outlet": '<circle cx="8" cy="8" r="5.4"/>',
    "bank": '<rect x="3" y="3" width="10" height="10"/>',
    "new": '<path d="M8 1.6 14.4 8 8 14.4 1.6 8Z"/>',
}
INKS = {"outlet": "#111d26", "bank": "#7b1fa2", "new": "#00695c"}


def site_svg(kind: str, *, is_open: bool) -> str:
    """Return the symbol of a kind of site, 16 pixels wide, to stand in a page."""
    return (
        f'<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" {site_paint(kind, is_open=is_open)}>'
        f"{SHAPES[kind]}</svg>"
    )


def site_paint(kind: str, *, is_open: bool) -> str:
    """Return fill and stroke of a kind of site as attributes of SVG."""
    ink = INKS[kind]
    fill, stroke = (ink, "#fff") if is_open else ("#fff", ink)
    return f'fill="{fill}" stroke="{stroke}" stroke-width="{1.4 if is_open else 2}"'


PIN = (
    '<svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">'
    '<circle cx="11" cy="11" r="9.4" fill="#fff" stroke="#08519c" stroke-width="2.6"/></svg>'
)
"""A site of a proposal; the page writes its rank into it."""


KINDS = tuple((kind, counts) for counts in (True, False) for kind in ("outlet", "bank", "new"))
"""Kinds of sites and whether they count, in the order of the layers."""


def site_key(kind: str, *, is_open: bool) -> str:
    """Return how the words of a kind of site end: ``outlet_open``."""
    return f"{kind}_{'open' if is_open else 'closed'}"


def layer_name(kind: str, words: MapWords, *, is_open: bool, sites: int) -> str:
    """Return the name of a layer as markup: symbol, words, count."""
    said = words(f"sites_{site_key(kind, is_open=is_open)}")
    return f"{site_svg(kind, is_open=is_open)} {said} <b>{count(sites)}</b>"


def site_layers(coverage: Coverage, words: MapWords, called: Called) -> list[dict[str, Any]]:
    """Return the layers of sites, each a kind and whether it counts, in the order of `KINDS`.

    Parameters
    ----------
    coverage
        Whose sites.
    words
        What the map says.
    called
        Says what a site is called, of its id and its name.

    Returns
    -------
    list of dict
        ``key`` and whether they ``count``; ``name`` as markup: symbol, words, number; ``svg`` of each site, empty where
        they are too many for symbols and are dots of the ``ink``; ``features`` of GeoJSON, whose ``row`` is that of the
        site.
    """
    sites = coverage.sites
    lonlat = sites.lonlat
    decided = coverage.covered & (coverage.nearest >= 0)
    served = np.bincount(coverage.nearest[decided], weights=coverage.demand.population[decided], minlength=len(sites))
    found = []
    for kind, is_open in KINDS:
        features = []
        for row in np.flatnonzero((sites.kind == kind) & (sites.open == is_open)).tolist():
            name, ident = called(sites.ids[row], sites.name[row]), str(sites.ids[row])
            what = words(f"site_{site_key(kind, is_open=is_open)}")
            texts = {"name": safe_html(name), "what": what, "id": safe_html(ident), "row": row}
            texts["people"] = words("nearest_for", people=count(served[row])) if is_open else ""
            texts |= _room(coverage, row, words)
            features.append(feature(row, shapely.Point(lonlat[row]), texts))
        if features:
            layer = {"key": site_key(kind, is_open=is_open), "counts": is_open, "features": features}
            name = layer_name(kind, words, is_open=is_open, sites=len(features))
            svg = site_svg(kind, is_open=is_open) if len(features) <= _MAX_ICONS else ""
            found.append({**layer, "name": name, "svg": svg, "ink": INKS[kind]})
    return found


def _room(coverage: Coverage, row: int, words: MapWords) -> dict[str, str]:
    """Return how many people a site has room for and serves as ``room``; nothing where no site has a capacity."""
    service, room = coverage.service, float(coverage.sites.capacity[row])
    if service is None or not (coverage.sites.open[row] or np.isfinite(room)):
        return {}
    if not coverage.sites.open[row]:
        return {"room": words("has_room", capacity=count(room))}
    if not np.isfinite(room):
        return {"room": words("room_for_all")}
    told = service.of_sites()
    said = {name: count(float(told[name][row])) for name in ("capacity", "served", "unserved")}
    return {"room": words("room_for", **said)}


def proposed_layer(table: pd.DataFrame, words: MapWords, called: Called) -> dict[str, Any]:
    """Return the sites of a proposal, from the table of a plan, without those that have no place.

    ``name`` as markup: symbol, words, number; ``svg`` of each; ``features`` of GeoJSON.
    """
    features = []
    for rank, ident, name, kind, lon, lat, gain in table[
        ["rank", "id", "name", "kind", "lon", "lat", "gain_people"]
    ].itertuples(index=False):
        if not np.isfinite([lon, lat]).all():
            continue
        texts = {"rank": int(rank), "name": safe_html(called(ident, name)), "id": safe_html(ident), "kind": str(kind)}
        said = {"what": words(f"site_{site_key(kind, is_open=False)}"), "people": f"{words('gain')} {count(gain)}"}
        features.append(feature(int(rank), shapely.Point(lon, lat), texts | said))
    return {"name": f"{PIN} {words('sites_proposed')} <b>{len(features)}</b>", "svg": PIN, "features": features}
