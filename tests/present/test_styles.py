"""Styles as QGIS reads them: well-formed, escaped, with the classes and colours of the map."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import layerworlds
import pytest

from accessibility.present.layers.files import GEOMETRY
from accessibility.present.layers.styles import Style, StyleRule, fill, layer_styles, marker, where_between, write_qml
from accessibility.present.map.overlays import classify_people

HOSTILE = "<b>&\"']]>" + layerworlds.HOSTILE


def test_names_and_expressions_are_escaped() -> None:
    style = Style(
        name=HOSTILE,
        description=HOSTILE,
        shape="fill",
        rules=(StyleRule(label=HOSTILE, where='"a" < 3 & "b"', symbol=fill("#102030", outline="#ffffff")),),
        label="'<&' || \"name\"",
        order='"a" > 1',
    )
    root = ET.fromstring(write_qml(style))  # noqa: S314 -- our own text
    (rule,) = root.iter("rule")
    assert rule.attrib["label"] == HOSTILE
    assert rule.attrib["filter"] == '"a" < 3 & "b"'
    (text,) = root.iter("text-style")
    assert text.attrib["fieldName"] == "'<&' || \"name\""
    (order,) = root.iter("orderByClause")
    assert order.text == '"a" > 1'
    options = {option.attrib["name"]: option.attrib["value"] for option in root.iterfind(".//layer/Option/Option")}
    assert options["color"] == "16,32,48,255"
    assert options["outline_style"] == "solid"


def test_a_style_without_labels_and_order_says_so() -> None:
    rules = (StyleRule(label="all", symbol=marker("circle", "#000000")),)
    root = ET.fromstring(write_qml(Style(name="n", description="", shape="marker", rules=rules)))  # noqa: S314
    assert root.attrib["labelsEnabled"] == "0"
    assert root.find("labeling") is None
    (renderer,) = root.iter("renderer-v2")
    assert renderer.attrib["enableorderby"] == "0"
    (rule,) = root.iter("rule")
    assert "filter" not in rule.attrib


def test_a_rule_belongs_to_the_symbol_of_its_number() -> None:
    rules = tuple(StyleRule(label=c, symbol=fill(c)) for c in ("#000001", "#000002", "#000003"))
    root = ET.fromstring(write_qml(Style(name="n", description="", shape="fill", rules=rules)))  # noqa: S314
    colour = {
        symbol.attrib["name"]: option.attrib["value"]
        for symbol in root.iter("symbol")
        for option in symbol.iterfind("layer/Option/Option[@name='color']")
    }
    drawn = {rule.attrib["label"]: colour[rule.attrib["symbol"]] for rule in root.iter("rule")}
    assert drawn == {"#000001": "0,0,1,255", "#000002": "0,0,2,255", "#000003": "0,0,3,255"}


def test_sides_of_a_class_may_be_open() -> None:
    assert where_between("x", None, 5) == "x <= 5"
    assert where_between("x", 5, None) == "x > 5"


def test_every_layer_has_a_style_of_its_geometry() -> None:
    styles = layer_styles(layerworlds.county().coverage)
    assert list(styles) == list(GEOMETRY)
    for layer, found in styles.items():
        assert found
        assert {style.shape for style in found} == {"marker" if GEOMETRY[layer] == "Point" else "fill"}
        assert len({style.name for style in found}) == len(found)
        assert all(len(style.name) <= 30 for style in found)  # the width of QGIS's column


def test_colours_and_classes_are_those_of_the_map() -> None:
    coverage = layerworlds.county().coverage
    layers = {layer.name: layer for layer in classify_people(coverage)}
    people = {style.name: style for style in layer_styles(coverage)["demand"]}
    assert set(people) == set(layers)
    assert next(iter(people)) == "Walking time"
    for name, style in people.items():
        assert [rule.label for rule in style.rules] == list(layers[name].labels)
        colours = [rule.symbol["color"] for rule in style.rules]
        assert colours == [fill(colour)["color"] for colour in layers[name].colours]


@pytest.mark.parametrize("places", ["grid", "points"])
def test_cells_of_a_grid_are_filled_and_points_are_dots(places: str) -> None:
    import mapworlds  # noqa: PLC0415

    coverage = mapworlds.grid(20) if places == "grid" else layerworlds.county().coverage
    styles = layer_styles(coverage)["demand"]
    assert {style.shape for style in styles} == {"fill" if places == "grid" else "marker"}
    colours = [rule.symbol["color"] for rule in styles[0].rules]
    assert colours == [fill(colour)["color"] for colour in classify_people(coverage)[1].colours]
