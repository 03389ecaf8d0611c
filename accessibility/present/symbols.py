"""What a site is called that nobody named, and how it looks: a shape and an ink a kind, filled where it counts."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import WGS84, local_crs
from accessibility.present.language import count
from accessibility.present.map.outlines import feature
from accessibility.wording import Language, Wording
from accessibility.wording.cards import safe_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray
    from pyproj import CRS

    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import MapWords
    from accessibility.sites import Sites

    Called = Callable[[object, object], str]

NEAR_STREET_M = 150.0
"""A street whose name is known is that of a site within so many metres."""
_OWNERS, _STREETS = ("operator", "brand"), ("address", "addr", "addr:street")
_KINDS = {"outlet": "outlet", "bank": "bank", "new": "candidate"}


@dataclass(frozen=True, kw_only=True)
class SiteLabel:
    """What a site without a name is called, in any language.

    Examples
    --------
    >>> SiteLabel(kind="bank", street="Rua X").text("en"), SiteLabel(kind="bank", street="文庙路").text("zh")
    ('bank branch at Rua X', '文庙路的银行网点')
    """

    kind: str  # `outlet`, `bank` or `new`
    owner: str = ""  # operator, brand or bank; empty where nothing says
    street: str = ""  # its address, else the nearest street with a name; empty where there is none
    ident: str = ""  # its id, where the rest does not tell it from others; else empty

    def text(self, language: Language) -> str:
        """Return the label in a language.

        Parameters
        ----------
        language
            ``en`` or ``zh``.

        Returns
        -------
        str
            Whose or which kind of site it is, and where.

        Examples
        --------
        >>> SiteLabel(kind="new", owner="Post", street="Main Street", ident="C4").text("en")
        'Post at Main Street (C4)'
        """
        say = Wording("names", language)
        told = self.owner or say(_KINDS[self.kind])
        told = say("label_at", what=told, street=self.street) if self.street else told
        return f"{told} ({self.ident})" if self.ident else told


def label_sites(sites: Sites, names: gpd.GeoDataFrame | None = None) -> dict[str, SiteLabel]:
    """Return what the sites are called that have no name, by id; two of one label keep their ids in it.

    Parameters
    ----------
    sites
        All sites, with the columns of their tables.
    names
        Lines of streets with their ``name``, and whatever else has a name; None where nothing is known of streets.

    Returns
    -------
    dict
        A label for each id of a site without a name.

    Examples
    --------
    >>> import accessibility as acc
    >>> sites = acc.Sites(ids=["B1", "B2"], xy=[(0, 0), (9, 9)], name=["Hall", ""], kind=["outlet", "bank"], crs=32649)
    >>> {site: label.text("en") for site, label in label_sites(sites).items()}
    {'B2': 'bank branch (B2)'}
    """
    rows = [row for row, name in enumerate(sites.name) if not str(name or "").strip()]
    if not rows:
        return {}
    streets = _nearest_streets(sites.lonlat[rows], names)
    told = [
        SiteLabel(kind=str(sites.kind[row]), owner=_owner(sites, row), street=_first(sites, _STREETS, row) or street)
        for row, street in zip(rows, streets, strict=True)
    ]
    alike = Counter(told)
    return {
        ident: label if (label.street or label.owner) and alike[label] == 1 else replace(label, ident=ident)
        for ident, label in zip((str(sites.ids[row]) for row in rows), told, strict=True)
    }


def call_site(name: Any, ident: Any, labels: Mapping[str, SiteLabel]) -> Any:
    """Return the name of a site, else its label, else its id; None where there is no site.

    Parameters
    ----------
    name, ident
        Of the site, as they stand in a table.
    labels
        As `label_sites` returns them.

    Returns
    -------
    object
        A text, a `SiteLabel` or an id.

    Examples
    --------
    >>> call_site("", "B2", {"B2": SiteLabel(kind="bank", street="Rua X")}).text("en"), call_site("Hall", "B1", {})
    ('bank branch at Rua X', 'Hall')
    """
    if isinstance(name, str) and name.strip():
        return name
    return None if pd.isna(ident) else labels.get(str(ident), ident)


def format_site(name: Any, ident: Any, labels: Mapping[str, SiteLabel], languages: Iterable[Language]) -> str:
    """Return what a site is called on maps, in layers and in the notebook.

    Parameters
    ----------
    name, ident
        Of the site, as they stand in a table.
    labels
        As `label_sites` returns them.
    languages
        Of a label, one after another; what they say alike stands once.

    Returns
    -------
    str
        Its name, else its label, else its id.

    Examples
    --------
    >>> labels = {"B2": SiteLabel(kind="bank", street="Rua X")}
    >>> format_site(None, "B2", labels, ("zh", "en")), format_site("", "B9", labels, ("en",))
    ('Rua X的银行网点 bank branch at Rua X', 'B9')
    """
    told = call_site(name, ident, labels)
    if isinstance(told, SiteLabel):
        return " ".join(dict.fromkeys(told.text(language) for language in languages))
    return "" if told is None else str(told)


def _owner(sites: Sites, row: int) -> str:
    return _first(sites, _OWNERS, row) or str(sites.bank[row] or "").strip()


def _first(sites: Sites, columns: tuple[str, ...], row: int) -> str:
    """Return the first of some columns in which something stands."""
    found = (sites.columns[name][row] for name in columns if name in sites.columns)
    return next((text for value in found if isinstance(value, str) and (text := value.strip())), "")


@dataclass(frozen=True)
class _Streets:
    """Lines of streets that have names, in metres, and which of them is near."""

    metres: CRS
    tree: shapely.STRtree
    names: NDArray[np.object_]


_KNOWN: dict[int, _Streets | None] = {}  # by the table they are of, as long as it lives: a new place asks again


def _streets(names: gpd.GeoDataFrame) -> _Streets | None:
    """Return the streets of a table; None where it has none."""
    if id(names) not in _KNOWN:
        lines = names[names.geom_type.isin(["LineString", "MultiLineString"]) & ~names.is_empty]
        found = None
        if len(lines):
            west, south, east, north = lines.to_crs(WGS84).total_bounds.tolist()
            metres = local_crs((west + east) / 2, (south + north) / 2)
            found = _Streets(
                metres, shapely.STRtree(lines.to_crs(metres).geometry.to_numpy()), lines["name"].to_numpy()
            )
        _KNOWN[id(names)] = found
        weakref.finalize(names, _KNOWN.pop, id(names), None)
    return _KNOWN[id(names)]


def gather_streets(names: gpd.GeoDataFrame | None) -> None:
    """Make ready what tells the street of a site without a name, which is made once."""
    if names is not None:
        _streets(names)


def _nearest_streets(lonlat: Any, names: gpd.GeoDataFrame | None) -> list[str]:
    """Return the name of the nearest street of each place; empty where none with a name is near."""
    found, placed = [""] * len(lonlat), np.flatnonzero(finite_rows(lonlat))
    streets = None if names is None else _streets(names)
    if streets is None or not placed.size:
        return found
    points = gpd.GeoSeries(shapely.points(lonlat[placed]), crs=WGS84).to_crs(streets.metres)
    at, line = streets.tree.query_nearest(points.to_numpy(), max_distance=NEAR_STREET_M, all_matches=False)
    for place, street in zip(placed[at].tolist(), streets.names[line].tolist(), strict=True):
        found[place] = str(street)
    return found


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
    places = np.round(sites.lonlat, 5).tolist()
    decided = coverage.covered & (coverage.nearest >= 0)
    served = np.bincount(coverage.nearest[decided], weights=coverage.demand.population[decided], minlength=len(sites))
    found = []
    for kind, is_open in KINDS:
        features, what = [], words(f"site_{site_key(kind, is_open=is_open)}")
        for row in np.flatnonzero((sites.kind == kind) & (sites.open == is_open)).tolist():
            name, ident = called(sites.ids[row], sites.name[row]), str(sites.ids[row])
            texts = {"name": safe_html(name), "what": what, "id": safe_html(ident), "row": row}
            texts["people"] = words("nearest_for", people=count(served[row])) if is_open else ""
            texts |= _room(coverage, row, words)
            place = {"type": "Point", "coordinates": places[row]}  # one by one through a library takes most of the time
            features.append({"type": "Feature", "id": row, "geometry": place, "properties": texts})
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
