"""The coverage map: a folium map that opens without the internet."""

from __future__ import annotations

import secrets
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folium
import jinja2
from branca.element import Element, Figure, MacroElement
from folium.features import DivIcon, GeoJsonTooltip
from folium.map import CustomPane, Layer
from folium.template import Template
from folium.utilities import JsCode
from markupsafe import Markup

from accessibility.inlining import LEAFLET_CSS, LEAFLET_JS, inline, policy, script_json, settle, write_whole
from accessibility.legends import MapCaption, class_table, drawing_notes
from accessibility.outlines import (
    SITE_LAYERS,
    Bounds,
    Streets,
    count,
    district_features,
    district_labels,
    safe_html,
    site_features,
    street_lines,
)
from accessibility.overlays import (
    MAX_MARKS,
    PeopleClasses,
    Picture,
    Places,
    classify_people,
    mark_table,
)
from accessibility.symbols import INKS, site_svg

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from accessibility.coverage import Coverage
    from accessibility.network import Network

__all__ = ["MapCaption", "draw_coverage", "write_map"]

TILES = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"
OSM_CREDIT = "© OpenStreetMap contributors"
_TILE_HOST = "https://tile.openstreetmap.org"
_MAX_ICONS = 2_000
_MAX_LABELS = 60


def draw_coverage(
    coverage: Coverage,
    *,
    caption: MapCaption,
    districts: gpd.GeoDataFrame | None = None,
    network: Network | None = None,
    basemap: bool = False,
) -> folium.Map:
    """Return the map of a coverage; saved, shown in a notebook or written, it opens without the internet.

    Parameters
    ----------
    coverage
        Whose people and sites are drawn.
    caption
        Title, headline, rules, sources; their texts are shown letter by letter.
    districts
        Polygons, indexed by name, with any of the columns of ``districts.csv``, shown where the pointer is.
    network
        Streets, drawn in place of a basemap.
    basemap
        Whether OpenStreetMap tiles are loaded from the internet; nothing else ever is.

    Raises
    ------
    InputError
        Districts without a coordinate system or of other geometry than polygons.

    Notes
    -----
    Up to 5 000 demand points are drawn one by one, more as a picture; the legend says which. Same inputs, same bytes.
    """
    if basemap and OSM_CREDIT not in " ".join(caption.sources):
        caption = replace(caption, sources=(*caption.sources, OSM_CREDIT))
    layers, places = classify_people(coverage), Places.of(coverage)
    outlines, bounds = (None, _bounds(places)) if districts is None else district_features(districts)
    drawn = _OfflineMap(tiles=None, max_zoom=19, prefer_canvas=True, zoom_snap=0.25, attribution_control=False)
    for pane, z_index in (("streets", 340), ("people", 350), ("main-streets", 360)):
        CustomPane(pane, z_index=z_index, pointer_events=False).add_to(drawn)
    if basemap:
        folium.TileLayer(TILES, attr=OSM_CREDIT, name="Basemap", overlay=True, control=True).add_to(drawn)
    people, notes = _add_people(drawn, coverage, layers, places)
    streets = None if network is None else street_lines(network, _widened(bounds))
    if streets is not None:
        _Scripted("coverageMap.streets()", name="Streets", overlay=True).add_to(drawn)
    outline = None if outlines is None or districts is None else _add_districts(drawn, districts, outlines)
    _add_sites(drawn, coverage)
    folium.LayerControl(collapsed=False).add_to(drawn)
    west, south, east, north = bounds
    drawn.fit_bounds([[south, west], [north, east]], padding=(12, 12))
    credit = safe_html(" · ".join(caption.sources)) if caption.sources else ""
    _Start(districts=outline, attribution=credit).add_to(drawn)
    page = _Page(
        words={
            "caption": caption,
            "tables": [class_table(layer, shaded=len(coverage.demand) > MAX_MARKS) for layer in layers],
            "notes": [*notes, *([streets.note] if streets else [])],
        },
        data={"people": people, "streets": _street_data(streets)},
        images_from=_TILE_HOST if basemap else "",
    )
    page.add_child(drawn)
    return drawn


def write_map(drawn: folium.Map, path: str | Path) -> None:
    """Write a map as one page that opens without the internet; the file appears whole or not at all.

    Raises
    ------
    OutputError
        The file cannot be written, or a layer added to the map would load something from the internet.
    """
    write_whole(drawn.get_root().render().encode("utf-8"), Path(path))


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

    def __init__(self, *, words: dict[str, Any], data: dict[str, Any], images_from: str) -> None:
        super().__init__()
        self.words, self.data, self.images_from = words, data, images_from

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
        html = _template("map.html").render(
            **self.words,
            mark=mark,
            policy=Markup(policy(mark, images_from=self.images_from)),  # noqa: S704
            header=Markup(self.header.render(**kwargs)),  # noqa: S704 -- folium's own markup
            body=Markup(self.html.render(**kwargs)),  # noqa: S704
            script=Markup(self.script.render(**kwargs)),  # noqa: S704
            style=Markup(_text("map.css")),  # noqa: S704
            library=Markup(_text("map.js")),  # noqa: S704
            data=Markup(script_json(self.data)),  # noqa: S704
        )
        return settle(inline(html, mark), mark=mark, ids=_ids(self))


class _Scripted(Layer):
    """A layer that an expression of map.js makes."""

    _template = Template("{% macro script(this, kwargs) %}var {{ this.get_name() }} = {{ this.made }};{% endmacro %}")

    def __init__(self, made: str, **options: Any) -> None:
        super().__init__(**options)
        self._name, self.made = "Scripted", made


class _Start(MacroElement):
    """Wakes map.js when all layers are there."""

    _template = Template("""
        {% macro script(this, kwargs) %}
        {%- if this.attribution %}
        L.control.attribution({prefix: false}).addAttribution({{ this.attribution|tojson }})
            .addTo({{ this._parent.get_name() }});
        {%- endif %}
        coverageMap.start({{ this._parent.get_name() }}, {{ this.districts or "null" }});
        {% endmacro %}
    """)

    def __init__(self, *, districts: str | None, attribution: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name, self.districts, self.attribution = "Start", districts, attribution


def _add_people(
    drawn: folium.Map, coverage: Coverage, layers: tuple[PeopleClasses, ...], places: Places
) -> tuple[dict[str, Any], list[str]]:
    """Add the people; return what map.js needs to know of them, and the notes of the legend."""
    unplaced = float(coverage.demand.population[~places.placed].sum())
    if len(coverage.demand) <= MAX_MARKS or not places.placed.any():
        for row, layer in enumerate(layers):
            _Scripted(f"coverageMap.people({row})", name=layer.name, overlay=False, show=row == 0).add_to(drawn)
        circles = "A circle is a place, larger with more people."
        how = f"Every cell is drawn, {places.cell_m:,.0f} m wide." if places.grid else circles
        data = {
            "points": mark_table(layers, places, coverage),
            "colours": [layer.colours for layer in layers],
            "cell": places.cell_m if places.grid else 0,
            "most": max(1.0, float(coverage.demand.population.max(initial=0.0))),
        }
        return data, drawing_notes(layers, how=how, unplaced=unplaced, hidden={})
    picture = Picture.of(places)
    for row, layer in enumerate(layers):
        folium.raster_layers.ImageOverlay(
            picture.image(layer),
            picture.bounds,
            pixelated=False,  # map.css says it, once
            name=layer.name,
            overlay=False,
            show=row == 0,
            pane="people",
            alt=layer.name,
        ).add_to(drawn)
    how = f"{len(coverage.demand):,} demand points as a picture, each a square of {places.cell_m:,.0f} m."
    hidden = {layer.name: picture.hidden_people(layer) for layer in layers} if picture.coarse else {}
    return picture.table(layers[0], coverage), drawing_notes(layers, how=how, unplaced=unplaced, hidden=hidden)


def _add_districts(drawn: folium.Map, districts: gpd.GeoDataFrame, outlines: dict[str, Any]) -> str:
    """Add outlines and, where there is room, names; return the outlines' name in the script."""
    fields = list(dict.fromkeys(key for feature in outlines["features"] for key in feature["properties"]))
    for feature in outlines["features"]:
        feature["properties"] = {key: feature["properties"].get(key, "") for key in fields}
    layer = folium.GeoJson(
        outlines,
        name="Districts",
        style_function=lambda _: {"color": "#22303c", "weight": 1.4, "opacity": 0.75, "fillOpacity": 0},
        highlight_function=lambda _: {"weight": 3.2, "opacity": 1},
        tooltip=_tooltip(fields, ["", *fields[1:]]),
    )
    layer.add_to(drawn)
    if len(districts) <= _MAX_LABELS:
        folium.GeoJson(
            district_labels(districts),
            name="District names",
            marker=folium.CircleMarker(radius=0, stroke=False, fill=False, interactive=False),
            on_each_feature=JsCode("coverageMap.label"),  # a folium tooltip is one for the whole layer
        ).add_to(drawn)
    return str(layer.get_name())


def _add_sites(drawn: folium.Map, coverage: Coverage) -> None:
    """Add a layer a kind of site, named by its symbol and count: the layer control is the legend of the sites."""
    for (kind, is_open), features in site_features(coverage).items():
        svg, n = site_svg(kind, is_open=is_open), len(features["features"])
        marker: Any = folium.Marker(icon=DivIcon(html=svg, icon_size=(16, 16), icon_anchor=(8, 8), class_name="site"))
        if n > _MAX_ICONS:
            ink = INKS[kind]
            marker = folium.CircleMarker(
                radius=4, color=ink, weight=1.5, fill=True, fill_color=ink if is_open else "#fff", fill_opacity=1
            )
        folium.GeoJson(
            features,
            name=f"{svg} {SITE_LAYERS[kind, is_open]} <b>{count(n)}</b>",
            show=is_open,
            marker=marker,
            tooltip=_tooltip(["name", "what", "people", "id"], labels=False),
        ).add_to(drawn)


def _tooltip(fields: list[str], aliases: list[str] | None = None, **options: Any) -> GeoJsonTooltip:
    return GeoJsonTooltip(fields, aliases, **{"class_name": "tip", "sticky": True, **options})


def _street_data(streets: Streets | None) -> dict[str, Any] | None:
    return None if streets is None else {"lines": streets.lines, "origin": streets.origin}


def _bounds(places: Places) -> Bounds:
    """Return the bounds of people and, where they have no place, of nothing in particular."""
    found = places.lonlat[places.placed]
    if not len(found):
        return (-180.0, -60.0, 180.0, 75.0)
    (west, south), (east, north) = found.min(axis=0).tolist(), found.max(axis=0).tolist()
    return (west, south, east, north)


def _widened(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    return (west - 0.01, south - 0.01, east + 0.01, north + 0.01)


def _ids(element: Element) -> Iterator[str]:
    """Yield the ids of a page's elements, always in the same order."""
    yield element._id  # noqa: SLF001 -- branca makes them at random and offers no way to set them
    for part in (element.__dict__.get(name) for name in ("header", "html", "script")):
        if isinstance(part, Element):
            yield from _ids(part)
    for child in element._children.values():  # noqa: SLF001
        yield from _ids(child)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_text), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


def _text(name: str) -> str:
    return files("accessibility").joinpath("templates", name).read_text("utf-8")
