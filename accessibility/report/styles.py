"""Styles that QGIS reads: symbols and rules as the XML of a QML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Shape = Literal["marker", "fill"]
_SYMBOL_LAYERS: dict[Shape, str] = {"marker": "SimpleMarker", "fill": "SimpleFill"}
_QGIS = "3.22"  # of Debian 12; later ones read it too
_NOTHING = "0,0,0,0"


@dataclass(frozen=True, kw_only=True)
class StyleRule:
    """One line of a legend.

    Parameters
    ----------
    label
        What the legend says.
    where
        The QGIS expression of the features it draws; all if empty.
    symbol
        Properties of the symbol, as QGIS names them; `fill` and `marker` make them.
    """

    label: str
    where: str = ""
    symbol: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How QGIS draws a layer.

    Parameters
    ----------
    name, description
        What QGIS calls it.
    shape
        Of the geometry.
    rules
        Legend, from top to bottom; a feature is drawn by every rule that holds for it.
    label
        The QGIS expression that is written beside each feature; nothing if empty.
    order
        The QGIS expression by which features are drawn, the greatest first and lowest; as they come if empty.
    opacity
        Of the whole layer, 0 to 1.
    """

    name: str
    description: str
    shape: Shape
    rules: tuple[StyleRule, ...]
    label: str = ""
    order: str = ""
    opacity: float = 1.0


def fill(colour: str, *, outline: str = "", width_mm: float = 0.2, dashed: bool = False) -> dict[str, str]:
    """Return the symbol of a polygon; without a colour it is not filled, without an outline it has none.

    Examples
    --------
    >>> fill("#ff0000")["color"], fill("", outline="#000000")["style"]
    ('255,0,0,255', 'no')
    """
    line = "dash" if dashed else "solid"
    return {
        "color": _rgb(colour),
        "style": "solid" if colour else "no",
        "outline_color": _rgb(outline),
        "outline_style": line if outline else "no",
        "outline_width": f"{width_mm:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }


def marker(name: str, colour: str, *, outline: str = "", size_mm: float = 2.4) -> dict[str, str]:
    """Return the symbol of a point: ``circle``, ``square``, ``diamond`` or ``star`` of QGIS."""
    return {
        "name": name,
        "color": _rgb(colour),
        "outline_color": _rgb(outline),
        "outline_style": "solid" if outline else "no",
        "outline_width": "0.3",
        "outline_width_unit": "MM",
        "size": f"{size_mm:g}",
        "size_unit": "MM",
    }


def ground_marker(colour: str, metres: float) -> dict[str, str]:
    """Return a square as wide as something is on the ground, and never narrower than one sees."""
    symbol = marker("square", colour)
    return symbol | {
        "size": f"{metres:g}",
        "size_unit": "RenderMetersInMapUnits",
        "size_map_unit_scale": "3x:0,0,1,0.35,0,0",  # at least 0.35 mm
    }


def write_qml(style: Style) -> str:
    """Return a style as QML, the text of names and expressions escaped."""
    labelled = {"labelsEnabled": "1" if style.label else "0"}
    root = ET.Element("qgis", {"version": _QGIS, "styleCategories": "Symbology|Labeling|Rendering", **labelled})
    ordered = {"enableorderby": "1" if style.order else "0"}
    renderer = ET.SubElement(root, "renderer-v2", {"type": "RuleRenderer", "symbollevels": "0", **ordered})
    rules = ET.SubElement(renderer, "rules", {"key": "rules"})
    symbols = ET.SubElement(renderer, "symbols")
    for row, rule in enumerate(style.rules):
        where = {"filter": rule.where} if rule.where else {}
        ET.SubElement(rules, "rule", {"key": f"rule-{row}", "label": rule.label, "symbol": str(row), **where})
        symbol = ET.SubElement(symbols, "symbol", {"type": style.shape, "name": str(row), "alpha": "1"})
        options = ET.SubElement(symbol, "layer", {"class": _SYMBOL_LAYERS[style.shape], "enabled": "1", "pass": "0"})
        _options(options, rule.symbol)
    if style.order:
        clauses = ET.SubElement(renderer, "orderby")
        ET.SubElement(clauses, "orderByClause", {"asc": "0", "nullsFirst": "0"}).text = style.order
    if style.label:
        _label(root, style.label)
    ET.SubElement(root, "layerOpacity").text = f"{style.opacity:g}"
    return ET.tostring(root, encoding="unicode")


def _options(parent: ET.Element, values: Mapping[str, str]) -> None:
    table = ET.SubElement(parent, "Option", {"type": "Map"})
    for name, value in values.items():
        ET.SubElement(table, "Option", {"type": "QString", "name": name, "value": value})


def _label(root: ET.Element, expression: str) -> None:
    labels = ET.SubElement(ET.SubElement(root, "labeling", {"type": "simple"}), "settings", {"calloutType": "simple"})
    text = {"fieldName": expression, "isExpression": "1", "fontSize": "8", "fontSizeUnit": "Point", "fontWeight": "75"}
    written = ET.SubElement(labels, "text-style", {**text, "textColor": "34,48,60,255", "textOpacity": "1"})
    halo = {"bufferDraw": "1", "bufferSize": "0.8", "bufferSizeUnits": "MM"}
    ET.SubElement(written, "text-buffer", {**halo, "bufferColor": "255,255,255,255", "bufferOpacity": "0.8"})
    ET.SubElement(labels, "placement", {"placement": "0", "placementFlags": "10", "priority": "5"})
    ET.SubElement(labels, "rendering", {"drawLabels": "1", "obstacle": "1"})


def where_between(value: str, low: float | None, high: float | None) -> str:
    """Return the expression "above `low` and at most `high`"; a side that is None is open.

    Examples
    --------
    >>> where_between('"walk_s"', 300, 600)
    '"walk_s" > 300 AND "walk_s" <= 600'
    """
    sides = [f"{value} > {low:g}"] if low is not None else []
    sides += [f"{value} <= {high:g}"] if high is not None else []
    return " AND ".join(sides)


def legend_of(
    labels: Sequence[str], wheres: Sequence[str], symbols: Sequence[Mapping[str, str]]
) -> tuple[StyleRule, ...]:
    """Return a rule a label."""
    return tuple(
        StyleRule(label=label, where=where, symbol=symbol)
        for label, where, symbol in zip(labels, wheres, symbols, strict=True)
    )


def _rgb(colour: str) -> str:
    if not colour:
        return _NOTHING
    return ",".join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5)) + ",255"
