"""The coverage map: a folium map that opens without the internet, and what differs from one map to the next."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import folium
import numpy as np
from branca.element import Element, Figure, MacroElement
from folium.map import CustomPane, Layer
from folium.template import Template
from folium.utilities import JsCode
from markupsafe import Markup

from accessibility.errors import visible
from accessibility.present.map.legends import MapCaption, Proposal, headline_forms
from accessibility.present.map.living import Switches
from accessibility.present.map.outlines import Backdrop
from accessibility.present.map.sheets import MapSheet, class_bytes, dot_planes, page_context, palettes
from accessibility.present.pages import (
    LEAFLET_CSS,
    LEAFLET_JS,
    fill_page,
    inline,
    packed,
    page_template,
    policy,
    printable,
    script_json,
    steps,
    template_text,
)
from accessibility.present.symbols import INKS, KINDS, SHAPES, gather_streets, site_key
from accessibility.sources.files import write_text
from accessibility.whatif.scenario import addition_values
from accessibility.wording.cards import safe_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.siting.plan import SitingPlan


__all__ = ["Backdrop", "MapCaption", "Proposal", "Switches", "draw_coverage", "write_map"]

_DEEPEST = 19
_SCRIPTS = (
    "living.js",
    "filters.js",
    "kept.js",
    "moving.js",
    "pencil.js",
    "explaining.js",
    "panel.js",
    "names.js",
    "saving.js",
    "map.js",
)
_READ = (
    *("point", "tap", "read_people", "read_covered", "read_uncovered", "read_gained", "read_lost", "read_minutes"),
    *("read_no_way", "read_kilometres", "read_over", "read_several", "old_browser", "fit"),
)

_SWITCHED = (
    *("switched", "opening_gains", "closing_loses", "open_site", "close_site", "not_switchable", "more_sites"),
    *("no_match", "find", "no_district", "total", "copied", "copy", "first_sites", "people", "covered"),
    *("uncovered", "share_of", "kind_outlet", "kind_bank", "kind_new", "no_bank", "all_sites", "all_districts"),
    *("everybody", "not_counted", "counted", "counted_nobody", "counted_sites", "counted_people"),
    *("counted_group", "some_of", "alone", "measured_here", "measured_drawn", "draw_group", "draw_line"),
    *("draw_area", "draw_streets", "draw_compound", "pace_factor", "draw_keys", "no_street_here", "finish"),
    *("corner_back", "leave", "what_if", "called_today", "called_open", "called_close", "called_add", "called_many"),
)
_PANES = (("water", 330), ("streets", 340), ("people", 350), ("main-streets", 360), ("names", 640))


def draw_coverage(
    coverage: Coverage,
    *,
    caption: MapCaption,
    backdrop: Backdrop | None = None,
    before: Coverage | None = None,
    plan: SitingPlan | Proposal | None = None,
    switches: Switches | None = None,
) -> folium.Map:
    """Return the map of a coverage; saved, shown in a notebook or written, it opens without the internet.

    Parameters
    ----------
    coverage
        Whose people and sites are drawn.
    caption
        Title, date, language, sources; their texts are shown letter by letter.
    backdrop
        Districts, streets and water; nothing but the people and sites if not given.
    before
        Another coverage of the same people: the map shows first who gains and who loses compared with it.
    plan
        A proposal, numbered in opening order, with its proof; a `Proposal` brings the picture of the frontier, too.
        Who gains from it is a layer where `switches` are given.
    switches
        Whom each site would cover: sites can be switched on and off in the map, and every figure of coverage follows
        exactly. What does not fit into 2 MB is left out, and the map says so.

    Returns
    -------
    folium.Map
        The map; layers can be added, and `write_map` or its own ``save`` writes it.

    Raises
    ------
    InputError
        Districts without a coordinate system or of other geometry than polygons; switches, comparison or frontier that
        do not belong to the coverage.

    Notes
    -----
    Up to a million demand points are drawn one by one, more as a picture; the legend says which. Same inputs, same
    bytes.

    Examples
    --------
    >>> import accessibility as acc
    >>> from accessibility.present.map.coverage_map import MapCaption, draw_coverage
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(500900, 34e5)], population=[30], crs="EPSG:32649")
    >>> now = acc.measure_coverage(road, homes, acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649"))
    >>> page = draw_coverage(now, caption=MapCaption(title="Town", date="2026-11-29")).get_root().render()
    >>> "100.0 % of 30 people" in page
    True
    """
    return draw_sheet(
        MapSheet(
            coverage=coverage,
            caption=caption,
            backdrop=Backdrop() if backdrop is None else backdrop,
            before=before,
            proposal=plan if plan is None or isinstance(plan, Proposal) else Proposal(plan=plan),
            switches=switches,
        )
    )


def draw_sheet(sheet: MapSheet) -> folium.Map:
    """Return the map of what was worked out for it."""
    tiles = sheet.backdrop.tiles
    drawn = _OfflineMap(tiles=None, max_zoom=_DEEPEST, prefer_canvas=True, zoom_snap=0.25, attribution_control=False)
    for pane, z_index in _PANES:
        CustomPane(pane, z_index=z_index, pointer_events=False).add_to(drawn)
    _add_tiles(drawn, sheet)
    _add_people(drawn, sheet)
    for name, there in (("water", sheet.waters), ("streets", sheet.streets)):
        if there is not None:
            _Scripted(f"coverageMap.{name}()", name=sheet.words(name), overlay=True).add_to(drawn)
    for row, edited in enumerate(sheet.edited):
        _Scripted(f"coverageMap.edited({row})", name=edited["name"], overlay=True).add_to(drawn)
    _add_districts(drawn, sheet)
    _add_sites(drawn, sheet)
    if sheet.has_names:
        _Scripted("coverageMap.names()", name=sheet.words("names"), overlay=True).add_to(drawn)
    control = folium.LayerControl(collapsed=False).add_to(drawn)
    attribution = safe_html(" · ".join(sheet.sources)) if sheet.sources else ""
    _Start(control=control.get_name(), attribution=attribution).add_to(drawn)
    page = _Page(
        words=page_context(sheet),
        data=page_data(sheet),
        images_from="" if tiles is None else tiles.host,
        people=sheet.script,
    )
    page.add_child(drawn)
    return drawn


def write_map(drawn: folium.Map, path: str | Path) -> None:
    """Write a map as one page that opens without the internet; the file appears whole or not at all.

    Parameters
    ----------
    drawn
        The map.
    path
        The page, ``.html``.

    Raises
    ------
    OutputError
        The file cannot be written, or a layer added to the map would load something from the internet.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import accessibility as acc
    >>> from accessibility.present.map.coverage_map import MapCaption, draw_coverage, write_map
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> homes = acc.Demand(ids=["a"], xy=[(500900, 34e5)], population=[30], crs="EPSG:32649")
    >>> now = acc.measure_coverage(road, homes, acc.Sites(ids=["O1"], xy=[(5e5, 34e5)], crs="EPSG:32649"))
    >>> with TemporaryDirectory() as folder:
    ...     write_map(draw_coverage(now, caption=MapCaption(title="Town", date="")), Path(folder) / "town.html")
    ...     'src="http' in (Path(folder) / "town.html").read_text(encoding="utf-8")
    False
    """
    write_text(path, drawn.get_root().render())


class _OfflineMap(folium.Map):
    """A folium map that asks for Leaflet alone, no jQuery and no Bootstrap."""

    default_js = [("leaflet", LEAFLET_JS)]  # noqa: RUF012 -- as folium declares it
    default_css = [("leaflet_css", LEAFLET_CSS)]  # noqa: RUF012
    _template = Template("""
        {% macro html(this, kwargs) %}<div class="folium-map" id={{ this.get_name()|tojson }}></div>{% endmacro %}
        {% macro script(this, kwargs) %}
        var {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
            center: {{ this.location|tojson }}, crs: L.CRS.{{ this.crs }}, ...{{ this.options|tojavascript }} });
        L.control.scale({imperial: false}).addTo({{ this.get_name() }});
        {% endmacro %}
    """)


class _Page(Figure):
    """The page around a map; rendering it puts everything inside."""

    def __init__(self, *, words: dict[str, Any], data: dict[str, Any], images_from: str, people: str) -> None:
        super().__init__()
        self.words, self.data, self.images_from, self.people = words, data, images_from, people

    def render(self, **kwargs: Any) -> str:
        """Return the whole page, the same bytes for the same map."""
        parts = (self.header, self.html, self.script)
        before = [part._children.copy() for part in parts]  # noqa: SLF001 -- rendering adds to them, each time anew
        for child in list(self._children.values()):
            child.render(**kwargs)
        page = self._put_together(**kwargs)
        for part, children in zip(parts, before, strict=True):
            part._children = children  # noqa: SLF001
        return page

    def _put_together(self, **kwargs: Any) -> str:
        mark = secrets.token_hex(16)
        html = page_template("map.html").render(
            **self.words,
            mark=mark,
            policy=Markup(policy(mark, images_from=self.images_from, reads=bool(self.data["people"].get("file")))),  # noqa: S704
            header=Markup(self.header.render(**kwargs)),  # noqa: S704 -- folium's own markup
            body=Markup(self.html.render(**kwargs)),  # noqa: S704
            script=Markup(self.script.render(**kwargs)),  # noqa: S704
            style=Markup(template_text("map.css")),  # noqa: S704
            library=Markup("".join(template_text(name) for name in ("packed.js", self.people, *_SCRIPTS))),  # noqa: S704
            data=Markup(script_json(self.data)),  # noqa: S704
        )
        return visible(fill_page(inline(html, mark), mark=mark, ids=_ids(self)))


class _Scripted(Layer):
    """A layer that an expression of the page's script makes."""

    _template = Template("{% macro script(this, kwargs) %}var {{ this.get_name() }} = {{ this.made }};{% endmacro %}")

    def __init__(self, made: str, **options: Any) -> None:
        super().__init__(**options)
        self._name, self.made = "Scripted", made


class _Start(MacroElement):
    """Wakes the page's script when all layers are there."""

    _template = Template("""
        {% macro script(this, kwargs) %}
        {%- if this.attribution %}
        L.control.attribution({prefix: false}).addAttribution({{ this.attribution|tojson }})
            .addTo({{ this._parent.get_name() }});
        {%- endif %}
        coverageMap.start({{ this._parent.get_name() }}, {{ this.control }});
        {% endmacro %}
    """)

    def __init__(self, *, control: str, attribution: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.control, self.attribution = "Start", control, attribution


def _add_tiles(drawn: folium.Map, sheet: MapSheet) -> None:
    """Add the tiles of a server, below everything; the layer of their names where they have one of its own."""
    tiles = sheet.backdrop.tiles
    if tiles is None:
        return
    for name, address in zip(("basemap", "basemap_names"), tiles.addresses, strict=False):
        layer = folium.TileLayer(
            address,
            attr=tiles.credit,
            name=sheet.words(name),
            overlay=True,
            control=True,
            max_native_zoom=tiles.deepest,
            max_zoom=_DEEPEST,
        )
        del layer.options["attribution"]  # it stands among the sources of the map: once is enough
        layer.add_to(drawn)


def _add_people(drawn: folium.Map, sheet: MapSheet) -> None:
    """Add a layer for each way to colour the people, the first one shown."""
    picture = sheet.picture
    for row, layer in enumerate(sheet.layers):
        options: dict[str, Any] = {"name": layer.name, "overlay": False, "show": row == 0}
        if picture is None:
            _Scripted(f"coverageMap.people({row})", **options).add_to(drawn)
            continue
        folium.raster_layers.ImageOverlay(
            picture.image(layer),
            picture.bounds,
            pixelated=False,  # map.css says it, once
            pane="people",
            alt=layer.name,
            **options,
        ).add_to(drawn)


def _add_districts(drawn: folium.Map, sheet: MapSheet) -> None:
    """Add the outlines of the districts."""
    outlines = sheet.outlines[0]
    if outlines is None:
        return
    folium.GeoJson(
        outlines,
        name=sheet.words("districts").capitalize(),
        style_function=lambda _: {"color": "#22303c", "weight": 1.4, "opacity": 0.75, "fillOpacity": 0},
        on_each_feature=JsCode("coverageMap.district"),  # a folium tooltip is one for the whole layer
    ).add_to(drawn)


def _add_sites(drawn: folium.Map, sheet: MapSheet) -> None:
    """Add the layers of sites: the layer control is their legend; and those of a proposal."""
    for row, sites in enumerate(sheet.site_layers):
        _Scripted(f"coverageMap.sites({row})", name=sites["name"], overlay=True, show=sites["counts"]).add_to(drawn)
    if sheet.proposed is not None:
        _Scripted("coverageMap.proposed()", name=sheet.proposed["name"], overlay=True).add_to(drawn)


def _ids(element: Element) -> Iterator[str]:
    """Yield the ids of a page's elements, always in the same order."""
    yield element._id  # noqa: SLF001 -- branca makes them at random and offers no way to set them
    for part in (element.__dict__.get(name) for name in ("header", "html", "script")):
        if isinstance(part, Element):
            yield from _ids(part)
    for child in element._children.values():  # noqa: SLF001
        yield from _ids(child)


def page_data(sheet: MapSheet) -> dict[str, Any]:
    """Return what the script reads; texts are its values, never its markup."""
    keys = (*_READ, *sheet.script_words, *(_SWITCHED if sheet.is_live else ()))
    waters, streets = sheet.waters, sheet.streets
    return {
        "words": {key: sheet.words.template(key) for key in keys} | _settings_said(sheet),
        "people": sheet.people,
        "streets": None if streets is None else {"lines": streets.lines, "origin": streets.origin},
        "names": sheet.names,
        "bounds": [sheet.outlines[1][1::-1], sheet.outlines[1][:1:-1]],  # south-west and north-east, latitude first
        "water": None if waters is None else {**waters.rings, "origin": waters.origin},
        **changing_data(sheet),
    }


def changing_data(sheet: MapSheet) -> dict[str, Any]:
    """Return what else than its people another map of the same study may have otherwise."""
    switches = _switch_data(sheet) if sheet.is_live else None
    return {"sites": sheet.site_layers, "proposed": sheet.proposed, "edited": sheet.edited, "switches": switches}


def _settings_said(sheet: MapSheet) -> dict[str, list[tuple[str, str]]]:
    """Return the settings by their number, from 1, as the state of people has it."""
    named = sheet.coverage.demand.settings
    return {f"setting_{k}": list(sheet.words.settings([name]).items()) for k, name in enumerate(named, start=1)}


def _switch_data(sheet: MapSheet) -> dict[str, Any]:
    """Return the switchable sites, how they are named and look, and the sentences that follow them."""
    words, now, switches, live = sheet.words, sheet.coverage, sheet.switches, sheet.live
    if switches is None or live is None or live.data is None:
        return {}
    sites, changes = now.sites, sheet.changes
    today = sites.open if switches.today is None else switches.today
    lonlat = sites.lonlat
    added = {site.id: site for site in switches.added}
    names = {site_key(kind, is_open=counts): words(f"site_{site_key(kind, is_open=counts)}") for kind, counts in KINDS}
    return {
        **live.data,
        "ids": [str(ident) for ident in sites.ids],
        "names": [sheet.called(ident, name) for ident, name in zip(sites.ids, sites.name, strict=True)],
        "kinds": sites.kind.tolist(),
        "places": np.round(lonlat[:, ::-1], 6).tolist(),
        "drawn": sites.open.astype(int).tolist(),
        "today": today.astype(int).tolist(),
        "added": {row: addition_values(added[site]) for row, site in enumerate(sites.ids) if site in added},
        "fixed": switches.fixed,
        "compares": sheet.before is not None or sheet.proposal is not None,
        "against": "drawn" if sheet.before is None else "today",
        "headline": headline_forms(now, words),
        "banks": [str(bank) for bank in sites.bank],
        "settings": [words.setting(setting) for setting in now.demand.settings],
        "change": {"name": changes.name, "colours": changes.colours, "first": sheet.compares_first},
        "what": names,
        "shapes": SHAPES,
        "inks": INKS,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """A map of a study, as far as it can differ from another one."""

    sheet: MapSheet  # what it shows

    @cached_property
    def page(self) -> str:
        """The page without its map: headline, legend, notes."""
        empty = dict.fromkeys(("mark", "policy", "header", "body", "script", "style", "library", "data"), "")
        return printable(page_template("map.html").render(**page_context(self.sheet), **empty))

    @cached_property
    def read(self) -> dict[str, Any]:
        """What the scripts read, but for the people and the ground below them."""
        read, silent = {**changing_data(self.sheet), "figures": self.sheet.figures}, []
        for layer in read["sites"]:  # without whom each site covers: the page says that by itself
            features = [{**one, "properties": {**one["properties"], "people": ""}} for one in layer["features"]]
            silent.append({**layer, "features": features})
        read["sites"] = silent
        return read

    @cached_property
    def planes(self) -> list[NDArray[Any]]:
        """What the pointer reads of each point, ``(n,)`` each: a byte each, and its class in the switches."""
        class_of = self.sheet.class_of
        return [*([] if class_of is None else [class_of]), *dot_planes((), self.sheet.coverage)]

    @cached_property
    def ways(self) -> dict[str, NDArray[np.uint8]]:
        """What each way to colour the people shows of each point, ``(n,)`` each, by name, the first one first."""
        return {layer.name: class_bytes(layer) for layer in self.sheet.layers}

    def ready(self) -> Self:
        """Return the same, with all made that the first step from here would wait for."""
        _ = self.read, self.planes, self.ways, self.sheet.dot_rows
        gather_streets(self.sheet.backdrop.names)  # a place of one's own has no name
        return self

    def since(self, before: Followed) -> dict[str, Any] | None:
        """Return what differs from a map before.

        Parameters
        ----------
        before
            Another map of the study.

        Returns
        -------
        dict or None
            ``page``: headline and legend. ``data``: what the scripts read, where it is another; a layer of sites that
            stays is its key; ``layers`` where people are coloured in other ways. ``points`` and ``packed``: how many
            points differ; which, and their classes, as steps; their planes; then, of each way of colouring that the map
            before has not, what it shows of every point. None where a map has nothing that can follow: then the page
            has to be drawn whole.
        """
        one, other = self.sheet, before.sheet
        if not (one.is_live and other.is_live) or one.picture is not None:
            return None
        then = before.read
        data = {name: value for name, value in self.read.items() if value != then[name]}
        data["switches"] = {
            name: value for name, value in self.read["switches"].items() if value != then["switches"][name]
        }
        data["sites"] = [layer["key"] if layer in then["sites"] else layer for layer in self.read["sites"]]
        if [(way.name, way.colours) for way in one.layers] != [(way.name, way.colours) for way in other.layers]:
            data["layers"] = palettes(one.layers, one.places)
        stay = [name for name in self.ways if name in before.ways]
        now, past = ([*of.planes, *(of.ways[name] for name in stay)] for of in (self, before))
        rows = one.dot_rows
        differs = np.any([plane != other for plane, other in zip(now, past, strict=True)], axis=0)
        at = np.flatnonzero(differs[rows])
        classes, *planes = (plane[rows[at]] for plane in now)
        fresh = [plane[rows] for name, plane in self.ways.items() if name not in stay]
        found = packed(steps(at), steps(classes), *(plane.tobytes() for plane in (*planes, *fresh)))
        return {"page": self.page, "data": data, "points": len(at), "packed": found}
