"""Styles as the OGC writes them draw what QGIS draws: the same features by the same rules, in the same colours."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import layerworlds
import pytest

from accessibility.present.layers.files import write_geopackage
from accessibility.present.layers.styles import Style, StyleRule, fill, layer_styles, marker, write_sld

if TYPE_CHECKING:
    from pathlib import Path

SE, OGC = "{http://www.opengis.net/se}", "{http://www.opengis.net/ogc}"


def holds(there: ET.Element, row: dict[str, Any]) -> bool | None:
    """Return what a filter says of a feature, in the logic of SQL: None where it cannot be told."""
    kind = there.tag.removeprefix(OGC)
    if kind in ("And", "Or", "Not"):
        parts = [holds(part, row) for part in there]
        if kind == "Not":
            return None if parts[0] is None else not parts[0]
        decided = kind == "Or"
        return decided if decided in parts else None if None in parts else not decided
    value, literal = row[there[0].text or ""], there[1].text or "" if len(there) > 1 else ""
    if kind == "PropertyIsNull":
        return value is None
    if value is None:
        return None
    other: Any = literal if isinstance(value, str) else {"true": 1.0}.get(literal) or float(literal)
    told = {
        "PropertyIsEqualTo": value == other,
        "PropertyIsLessThan": value < other,
        "PropertyIsLessThanOrEqualTo": value <= other,
        "PropertyIsGreaterThan": value > other,
        "PropertyIsGreaterThanOrEqualTo": value >= other,
    }[kind]
    return bool(told)


def test_every_rule_draws_the_features_that_qgis_draws(tmp_path: Path) -> None:
    """QGIS's expressions are SQL: SQLite says which features they mean, the filters say it a second time."""
    county = layerworlds.county()
    write_geopackage(county, tmp_path / "t.gpkg")
    with closing(sqlite3.connect(tmp_path / "t.gpkg")) as file:
        file.row_factory = sqlite3.Row
        written = {
            (row["f_table_name"], row["styleName"]): row["styleSLD"]
            for row in file.execute("SELECT * FROM layer_styles")
        }
        tried = 0
        for layer, styles in layer_styles(county.coverage).items():
            rows = [dict(row) for row in file.execute(f"SELECT * FROM {layer}")]  # noqa: S608 -- our own names
            for style in styles:
                root = ET.fromstring(written[layer, style.name])  # noqa: S314 -- our own text
                rules = {name.text: rule for rule in root.iter(f"{SE}Rule") for name in rule.iterfind(f"{SE}Name")}
                for rule in style.rules:
                    if rule.where in ("", "ELSE"):
                        continue
                    query = f"SELECT fid FROM {layer} WHERE {rule.where}"  # noqa: S608 -- as above
                    (condition,) = rules[rule.label].iterfind(f"{OGC}Filter/*")
                    drawn = [row["fid"] for row in rows if holds(condition, row)]
                    assert drawn == [row["fid"] for row in file.execute(query)], (layer, style.name, rule.label)
                    tried += len(drawn)
        assert tried > 20


def test_colours_sizes_and_dashes_are_those_of_qgis() -> None:
    star = StyleRule(label="a", where="ELSE", symbol=marker("diamond", "#102030", outline="#ffffff", size_mm=2.8))
    root = ET.fromstring(write_sld("l", Style(name="s", description="", shape="marker", rules=(star,))))  # noqa: S314
    said = {one.attrib["name"]: one.text for one in root.iter(f"{SE}SvgParameter")}
    assert (said["fill"], said["stroke"], said["stroke-width"]) == ("#102030", "#ffffff", "1.07")
    assert [one.text for one in root.iter(f"{SE}WellKnownName")] == ["square"]
    assert [one.text for one in root.iter(f"{SE}Rotation")] == ["45"]
    assert [one.text for one in root.iter(f"{SE}Size")] == ["10"]  # pixels of 0.28 mm
    assert root.find(f".//{SE}ElseFilter") is not None
    areas = [
        StyleRule(label=label, symbol=fill("", outline="#010203", dashed=dashed))
        for label, dashed in (("near", False), ("far", True))
    ]
    ordered = Style(name="s", description="", shape="fill", rules=tuple(areas), order='"m"', opacity=0.7, label='"m"')
    root = ET.fromstring(write_sld("l", ordered))  # noqa: S314
    assert root.find(f".//{SE}PolygonSymbolizer/{SE}Fill") is None
    groups = [[name.text for name in group.iter(f"{SE}Name")] for group in root.iter(f"{SE}FeatureTypeStyle")]
    assert groups == [["far"], ["near"]]  # what is drawn first lies lowest
    dashes = [one.text for one in root.iter(f"{SE}SvgParameter") if one.attrib["name"] == "stroke-dasharray"]
    assert dashes == ["6 4"]
    assert {one.text for one in root.iter(f"{SE}SvgParameter") if one.attrib["name"] == "stroke-opacity"} == {"0.7"}


@pytest.mark.parametrize("where", ['"a" LIKE 3', '"a" > 1 OR "b"', "a; b"])
def test_an_expression_that_sld_cannot_say_is_refused(where: str) -> None:
    rule = StyleRule(label="x", where=where, symbol=fill("#000000"))
    with pytest.raises(ValueError, match="style has the expression"):
        write_sld("l", Style(name="s", description="", shape="fill", rules=(rule,)))
