"""`MapSheet`: everything a coverage map shows, worked out before it is drawn; people as dots of a few bytes each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import shapely
from markupsafe import Markup

from accessibility.geo.arrays import extent
from accessibility.geo.projection import mercator
from accessibility.measures.surface import Places
from accessibility.present.charts import picture_words
from accessibility.present.language import count
from accessibility.present.map.legends import (
    bar_lines,
    class_table,
    compared_lines,
    compared_service_lines,
    gain_lines,
    headline_lines,
    hidden_notes,
    open_after,
    own_lines,
    proposal_panel,
    rows_of,
    rule_rows,
    served_lines,
)
from accessibility.present.map.living import MAX_BYTES, embed_switches
from accessibility.present.map.outlines import (
    Waters,
    collection,
    district_features,
    district_figures,
    name_data,
    street_lines,
    water_rings,
)
from accessibility.present.map.overlays import (
    Picture,
    classify_certainty,
    classify_changes,
    classify_gains,
    classify_people,
    edited_streets,
    shade_limits,
    shade_of,
)
from accessibility.present.pages import minute_bytes, packed, states, steps, tenth_km_bytes, varints
from accessibility.present.symbols import (
    SHAPES,
    SiteLabel,
    format_site,
    label_sites,
    proposed_layer,
    site_layers,
    site_svg,
)
from accessibility.streets.search.packing import hilbert_rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.geo.projection import Bounds
    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import MapWords
    from accessibility.present.map.legends import MapCaption, Proposal
    from accessibility.present.map.living import Switches, SwitchLayer
    from accessibility.present.map.outlines import Backdrop, StreetLines
    from accessibility.present.map.overlays import PeopleClasses

MAX_DOTS = 1_000_000
_UNITS_PER_CELL = 25  # a place is right to a fiftieth of a cell
_FINEST_M = 0.1
_COARSEST_M = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class MapSheet:
    """Everything a coverage map shows."""

    coverage: Coverage  # whose people and sites are drawn
    caption: MapCaption  # title, date, sources, language
    backdrop: Backdrop  # districts, streets, water
    before: Coverage | None = None  # what the coverage is compared with; None without a comparison.
    proposal: Proposal | None = None  # which sites should open; None without one.
    switches: Switches | None = None  # what makes the sites switchable; None where they are not.
    like: MapSheet | None = None  # another map of the same study: what lies below the people is taken from there
    max_dots: int = MAX_DOTS  # more demand points than this are a picture

    script: ClassVar[str] = "people.js"
    """What draws the people in the page."""
    script_words: ClassVar[tuple[str, ...]] = ()
    """What only this script says."""

    @cached_property
    def words(self) -> MapWords:
        """What the map says."""
        return self.caption.words

    @cached_property
    def places(self) -> Places:
        """Where the people stand."""
        if self.like is not None:
            return self.like.places
        return Places.of(self.coverage)

    @cached_property
    def layers(self) -> tuple[PeopleClasses, ...]:
        """The ways to colour people, the one that shows first."""
        now, words = self.coverage, self.words
        layers = classify_people(now, words)
        if self.backdrop.sure is not None:
            layers = (*layers, classify_certainty(self.backdrop.sure.certainty, now.demand.population, words))
        if self.before is not None and not self.is_live:
            layers = (self.changes, *layers)
        if self.proposal is not None and self.switches is not None:
            after = self.switches.covered_by(open_after(self.proposal.plan, now.sites), len(now.demand))
            layers = (classify_gains(now.covered, after, now.demand.population, words), *layers)
        return layers

    @cached_property
    def changes(self) -> PeopleClasses:
        """Gained and lost, as the map is drawn; a page whose sites can be switched draws it by itself."""
        return classify_changes(self.today, self.coverage, self.words)

    @property
    def today(self) -> Coverage:
        """What gained and lost are against."""
        return self.coverage if self.before is None else self.before

    @cached_property
    def live(self) -> SwitchLayer | None:
        """The sites that can be switched; None where nobody asked for it."""
        if self.switches is None:
            return None
        selected = () if self.proposal is None else self.proposal.plan.selected
        keep = rows_of(self.coverage.sites, selected)
        like = None if self.like is None else self.like.live
        return embed_switches(self.switches, self.coverage, self.today.covered, keep=keep, like=like)

    @property
    def is_live(self) -> bool:
        """Whether sites can be switched."""
        return self.live is not None and self.live.data is not None

    @cached_property
    def opened(self) -> pd.DataFrame | None:
        """The sites of a proposal in opening order, as the table of a plan; None without one."""
        return None if self.proposal is None else self.proposal.plan.table()

    @property
    def compares_first(self) -> bool:
        """Whether the map shows first who gains and who loses."""
        return self.before is not None and self.proposal is None

    @property
    def sources(self) -> tuple[str, ...]:
        """Whose data the map shows, tiles among them."""
        named, tiles = tuple(self.caption.sources), self.backdrop.tiles
        return named if tiles is None or tiles.credit in " ".join(named) else (*named, tiles.credit)

    @cached_property
    def site_layers(self) -> list[dict[str, Any]]:
        """The layers of the sites, by kind and whether they count: the list of layers is their legend."""
        return site_layers(self.coverage, self.words, self.called) if self.draws(len(self.coverage.sites)) else []

    @cached_property
    def proposed(self) -> dict[str, Any] | None:
        """The layer of the sites of a proposal; None where there are none."""
        if self.opened is None or not len(self.opened) or not self.draws(len(self.opened)):
            return None
        return proposed_layer(self.opened, self.words, self.called)

    @property
    def opened_lines(self) -> list[tuple[str, str]]:
        """What the head of the page says of a proposal; the panel says it where there is one in full."""
        return []

    def draws(self, sites: int) -> bool:  # noqa: ARG002 -- what is held in memory is few enough
        """Return whether so many sites are drawn one by one."""
        return True

    @cached_property
    def picture(self) -> Picture | None:
        """The picture of the people, where there are too many to be drawn one by one."""
        few = len(self.coverage.demand) <= self.max_dots or not self.places.placed.any()
        return None if few else Picture.of(self.places)

    @cached_property
    def outlines(self) -> tuple[dict[str, Any] | None, Bounds]:
        """The districts as GeoJSON, and the bounds of the map."""
        if self.backdrop.districts is None:
            return None, _bounds(self.places)
        shapes, bounds = district_features(self.backdrop.districts) if self.like is None else self.like.outlines
        if shapes is None:
            return None, bounds
        told = [
            {**shape, "properties": {**shape["properties"], "figures": figures}}
            for shape, figures in zip(shapes["features"], self.figures, strict=True)
        ]
        return collection(told), bounds

    @cached_property
    def figures(self) -> list[list[tuple[str, str]]]:
        """What each district shows."""
        districts = self.backdrop.districts
        rows = [] if districts is None else districts.drop(columns=districts.geometry.name).iterrows()
        return [[*district_figures(figures, self.words).items()] for _, figures in rows]

    @cached_property
    def streets(self) -> StreetLines | None:
        """StreetLines, a little beyond the bounds."""
        network = self.backdrop.network
        if self.like is not None:
            return self.like.streets
        return None if network is None else street_lines(network, self._widened)

    @cached_property
    def edited(self) -> list[dict[str, Any]]:
        """Layers of the streets that a scenario edits."""
        network = self.coverage.snapped.network
        return [] if network is None else edited_streets(network, self.words)

    @cached_property
    def waters(self) -> Waters | None:
        """Rivers and lakes, a little beyond the bounds."""
        water = self.backdrop.water
        if self.like is not None:
            return self.like.waters
        return None if water is None or water.empty else water_rings(water, self._widened)

    @cached_property
    def names(self) -> dict[str, Any]:
        """Names of districts, settlements and streets."""
        if self.like is not None:
            return self.like.names
        return name_data(self.backdrop.districts, self.backdrop.names, self._widened)

    @cached_property
    def dot_rows(self) -> NDArray[np.intp]:
        """The demand points that have a place, in the order in which the page has them."""
        return dot_rows(self.places) if self.like is None else self.like.dot_rows

    @cached_property
    def _labels(self) -> dict[str, SiteLabel]:
        """What sites without a name are called."""
        return label_sites(self.coverage.sites, self.backdrop.names)

    def called(self, ident: object, name: object) -> str:
        """Return what a site is called: by its name, else by its label in the languages of the map, else by its id."""
        return format_site(name, ident, self._labels, self.words.languages)

    @property
    def has_names(self) -> bool:
        """Whether anything on the map has a name: a layer then shows it where there is room."""
        return any(self.names.values()) or any(str(name or "") for name in self.coverage.sites.name)

    @property
    def _widened(self) -> Bounds:
        west, south, east, north = self.outlines[1]
        return (west - 0.01, south - 0.01, east + 0.01, north + 0.01)

    @cached_property
    def people(self) -> dict[str, Any]:
        """What the page draws the people from, and what the pointer reads."""
        if self.picture is not None:
            return self.picture.table(self.layers[0], self.coverage)
        return pack_dots(self.layers, self.places, self.coverage, self.class_of)

    @property
    def class_of(self) -> NDArray[np.int64] | None:
        """``(n,)`` class of each point in the switches of the map, if it has any."""
        return self.live.class_of if self.live is not None and self.is_live else None

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What a reader must know of how the map is drawn, in lines by HTML language."""
        words, hidden = self.words, {}
        metres = f"{self.places.cell_m:,.0f}"
        if self.picture is None:
            drawn = "every_cell" if self.places.grid else "every_place"
            notes = words.lines("every_shape" if self.places.shapes is not None else drawn, metres=metres)
        else:
            notes = words.lines("picture", points=count(len(self.coverage.demand)), metres=metres)
            hidden = {x.name: self.picture.hidden_people(x) for x in self.layers} if self.picture.coarse else {}
        unplaced = float(self.coverage.demand.population[~self.places.placed].sum())
        notes += hidden_notes(self.layers, words, unplaced=unplaced, hidden=hidden)
        notes += [] if self.streets is None else self.streets.said(words)
        small = 0 if self.waters is None else self.waters.left
        notes += words.lines("small_waters", left=small) if small else []
        return [*notes, *words.lines("method"), *words.lines("north")]


def _bounds(places: Places) -> Bounds:
    """Return the bounds of people and, where they have no place, of nothing in particular."""
    found = places.lonlat[places.placed]
    if not len(found):
        return (-180.0, -60.0, 180.0, 75.0)
    west, south, east, north = np.concatenate(extent(found)).tolist()
    return (west, south, east, north)


def pack_dots(
    layers: Sequence[PeopleClasses], places: Places, coverage: Coverage, class_of: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Return the demand points that have a place, along a curve that keeps neighbours together.

    Parameters
    ----------
    layers
        Ways to colour them.
    places
        Where they stand.
    coverage
        What the pointer reads.
    class_of
        ``(n,)`` class of each point in the switches of the map, if it has any.

    Returns
    -------
    dict
        ``packed`` holds, one after another: eastings and northings in `unit` Web Mercator metres from the corner, as
        steps; tenths of a person, as varints; begun minutes, begun tenths of a kilometre and state, a byte each; a byte
        a layer, 0 where the layer does not show the point, else one more than its class; classes of the switches, as
        steps. Where people were read as polygons, then how many rings each has, how many corners each ring, as varints,
        and eastings and northings of the corners in `unit` from the corner, as steps.
    """
    rows = dot_rows(places)
    xy = mercator(places.lonlat[rows])
    corner = extent(xy)[0] if len(xy) else np.zeros(2)
    unit = float(np.clip(places.cell_m / _UNITS_PER_CELL, _FINEST_M, _COARSEST_M))
    whole = np.rint((xy - corner) / unit)
    people = coverage.demand.population[rows]
    parts = [steps(whole[:, 0]), steps(whole[:, 1]), varints(np.rint(people * 10))]
    parts += [plane[rows].tobytes() for plane in dot_planes(layers, coverage)]
    if class_of is not None:
        parts.append(steps(class_of[rows]))
    if places.shapes is not None:
        parts += _rings(places.shapes[rows], corner, unit)
    return {
        "points": len(rows),
        "corner": corner.tolist(),
        "unit": unit,
        "cell": places.cell_m,
        "grid": places.grid,
        "shaped": places.shapes is not None,
        "most": max(1.0, float(people.max(initial=0.0))),
        "layers": palettes(layers, places),
        "switched": class_of is not None,
        "packed": packed(*parts),
    }


def dot_rows(places: Places) -> NDArray[np.intp]:
    """Return the demand points that have a place, in the order in which the page has them."""
    rows = np.flatnonzero(places.placed)
    found: NDArray[np.intp] = rows[np.argsort(hilbert_rank(mercator(places.lonlat[rows])), kind="stable")]
    return found


def dot_planes(layers: Sequence[PeopleClasses], coverage: Coverage) -> list[NDArray[np.uint8]]:
    """Return what the pointer reads of each point and what each layer shows of it, ``(n,)`` each."""
    read = [plane(coverage) for plane in (minute_bytes, tenth_km_bytes, states)]
    return [*read, *(class_bytes(layer) for layer in layers)]


def class_bytes(layer: PeopleClasses) -> NDArray[np.uint8]:
    """Return what a layer shows of each point, ``(n,)``: 0 for nothing, else one more than its class."""
    return (layer.of + 1).astype(np.uint8)


def _rings(shapes: NDArray[np.object_], corner: NDArray[np.float64], unit: float) -> list[bytes]:
    """Return the rings of polygons, the last corner of each, which is its first, left out."""
    parts, of_part = shapely.get_parts(shapes, return_index=True)
    rings, of_ring = shapely.get_rings(parts, return_index=True)
    xy, of_corner = shapely.get_coordinates(rings, return_index=True)
    last = np.append(of_corner[1:] != of_corner[:-1], True) if len(xy) else np.zeros(0, np.bool_)
    whole = np.rint((mercator(xy[~last]) - corner) / unit)
    counts = np.bincount(of_part[of_ring], minlength=len(shapes)), np.bincount(of_corner[~last], minlength=len(rings))
    return [*map(varints, counts), steps(whole[:, 0]), steps(whole[:, 1])]


def palettes(layers: Sequence[PeopleClasses], places: Places) -> list[dict[str, Any]]:
    """Return each layer's name, colours, a list of shades a class, and the people from which a shade is fuller."""
    return [_palette(layer, shaded=places.areas) for layer in layers]


def _palette(layer: PeopleClasses, *, shaded: bool) -> dict[str, Any]:
    limits = shade_limits(layer) if shaded else np.empty(0)
    shades = len(limits) + 1
    colours = [[shade_of(colour, k) for k in range(shades)] for colour in layer.colours]
    return {"name": layer.name, "colours": colours, "limits": limits.tolist()}


def page_context(sheet: MapSheet) -> dict[str, Any]:
    """Return what the template shows."""
    words, now, live = sheet.words, sheet.coverage, sheet.live
    shaded = sheet.places.areas or sheet.picture is not None  # circles say by their size how many people there are
    tables = [class_table(layer, words, shaded=shaded) for layer in sheet.layers]
    if sheet.is_live:
        tables.insert(0 if sheet.compares_first else len(tables), class_table(sheet.changes, words, shaded=False))
    given, of = sheet.caption.headline, sheet.backdrop
    plan = None if sheet.proposal is None else proposal_panel(sheet.proposal, now.sites, words, sheet.called)
    compared = [] if sheet.before is None else compared_lines(sheet.before, now, words)
    return {
        "caption": sheet.caption,
        "sources": sheet.sources,
        "words": words,
        "headline": [("", given)] if given else headline_lines(now, words),
        "bars": [
            bar_lines(of.sure, words, today=sheet.before is None),
            gain_lines(of.gain, words),
            served_lines(now, words),
            compared_service_lines(sheet.before, now, words),
            own_lines(of.own, words),
            sheet.opened_lines,
        ],
        "compared": compared if plan is None else plan["summary"],
        "tables": tables,
        "changes": sheet.changes.name if sheet.is_live else None,
        "rules": rule_rows(now, words),
        "notes": sheet.notes,
        "live": sheet.is_live,
        "live_notes": [] if live is None else _live_notes(live, words, drawn=sheet.picture is None),
        "plan": plan,
        "symbols": {kind: Markup(site_svg(kind, is_open=False)) for kind in SHAPES},  # noqa: S704 -- our own
        "picture_words": picture_words(words),
    }


def _live_notes(live: SwitchLayer, words: MapWords, *, drawn: bool) -> list[tuple[str, str]]:
    """Return what cannot be switched or does not follow, and why."""
    if live.data is None:
        return words.lines("switches_off", size=f"{live.size / 1e6:.1f}", limit=f"{MAX_BYTES / 1e6:g}")
    left = words.lines("left_out", n=live.left_out, most=count(live.most)) if live.left_out else []
    stays = [] if drawn else words.lines("picture_stays")
    return [*left, *stays, *words.lines("only_coverage")]
