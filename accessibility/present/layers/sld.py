"""The same styles as QGIS has, in the words of the OGC: SLD 1.1, which GeoServer, MapServer and ArcGIS read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from accessibility.present.layers.styles import Style, StyleRule

_SLD, _SE, _OGC = (f"http://www.opengis.net/{name}" for name in ("sld", "se", "ogc"))
_PIXEL_MM = 0.28  # of the standard
_TOKEN = re.compile(
    r"""\s*(?:"(?P<name>[^"]*)"|'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)|(?P<word>\w+|<=|>=|[<>=(),]))"""
)
_COMPARISONS = {"<": "LessThan", "<=": "LessThanOrEqualTo", ">": "GreaterThan", ">=": "GreaterThanOrEqualTo"}
_COMPARISONS["="] = "EqualTo"
_ROUNDED = {"<=": "<", ">": ">="}  # round(x) <= c as x < c + half a step, round(x) > c as x >= c + half a step


def write_sld(layer: str, style: Style) -> str:
    """Return a style as SLD. Labels are the first column of theirs, for the standard has no other expressions.

    Parameters
    ----------
    layer
        Name of the layer.
    style
        The style; its rules may have the expressions that `accessibility.present.layers.styles` writes.

    Raises
    ------
    ValueError
        An expression that cannot be told in SLD.

    Examples
    --------
    >>> from accessibility.present.layers.sld import write_sld
    >>> from accessibility.present.layers.styles import Style, StyleRule, fill
    >>> rule = StyleRule(label="few", where='"people" <= 10', symbol=fill("#ff0000"))
    >>> text = write_sld("districts", Style(name="People", description="", shape="fill", rules=(rule,)))
    >>> text[text.index("<ogc:Filter>") : text.index("</ogc:PropertyIs")]
    '<ogc:Filter><ogc:PropertyIsLessThanOrEqualTo><ogc:PropertyName>people</ogc:PropertyName><ogc:Literal>10</ogc:Literal>'
    """
    root = ET.Element("StyledLayerDescriptor", {"version": "1.1.0", "xmlns": _SLD, "xmlns:se": _SE, "xmlns:ogc": _OGC})
    named = ET.SubElement(root, "NamedLayer")
    ET.SubElement(named, "se:Name").text = layer
    user = ET.SubElement(named, "UserStyle")
    ET.SubElement(user, "se:Name").text = style.name
    _titled(user, style.description)
    # Where features are drawn in an order, one rule after the other is, the lowest first.
    groups = [[rule] for rule in reversed(style.rules)] if style.order else [list(style.rules)]
    for group in groups:
        drawn = ET.SubElement(user, "se:FeatureTypeStyle")
        for rule in group:
            _rule(drawn, rule, style)
        if style.label:
            _text(ET.SubElement(drawn, "se:Rule"), style.label)
    return ET.tostring(root, encoding="unicode")


def _titled(parent: ET.Element, title: str) -> None:
    ET.SubElement(ET.SubElement(parent, "se:Description"), "se:Title").text = title


def _rule(parent: ET.Element, rule: StyleRule, style: Style) -> None:
    there = ET.SubElement(parent, "se:Rule")
    ET.SubElement(there, "se:Name").text = rule.label
    _titled(there, rule.label)
    if rule.where == "ELSE":
        ET.SubElement(there, "se:ElseFilter")
    elif rule.where:
        ET.SubElement(there, "ogc:Filter").append(_filter(rule.where))
    if style.shape == "fill":
        area = ET.SubElement(there, "se:PolygonSymbolizer")
        _paint(area, rule.symbol, style.opacity)
        return
    graphic = ET.SubElement(ET.SubElement(there, "se:PointSymbolizer"), "se:Graphic")
    mark = ET.SubElement(graphic, "se:Mark")
    diamond = rule.symbol["name"] == "diamond"  # a square on its corner: the standard has no name for it
    ET.SubElement(mark, "se:WellKnownName").text = "square" if diamond else rule.symbol["name"]
    _paint(mark, rule.symbol, style.opacity)
    ET.SubElement(graphic, "se:Size").text = f"{float(rule.symbol['size']) / _PIXEL_MM:.4g}"
    if diamond:
        ET.SubElement(graphic, "se:Rotation").text = "45"


def _paint(parent: ET.Element, symbol: Mapping[str, str], opacity: float) -> None:
    """Add the fill and the line of a symbol."""
    if symbol.get("style") != "no":
        _parameters(ET.SubElement(parent, "se:Fill"), {"fill": _hex(symbol["color"]), "fill-opacity": f"{opacity:g}"})
    if symbol.get("outline_style", "no") != "no":
        line = {"stroke": _hex(symbol["outline_color"]), "stroke-opacity": f"{opacity:g}"}
        line["stroke-width"] = f"{float(symbol['outline_width']) / _PIXEL_MM:.3g}"
        line |= {"stroke-dasharray": "6 4"} if symbol["outline_style"] == "dash" else {}
        _parameters(ET.SubElement(parent, "se:Stroke"), line)


def _parameters(parent: ET.Element, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        ET.SubElement(parent, "se:SvgParameter", {"name": name}).text = value


def _hex(colour: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour.split(",")[:3])


def _text(rule: ET.Element, expression: str) -> None:
    found = re.search(r'"([^"]+)"', expression)
    words = ET.SubElement(rule, "se:TextSymbolizer")
    if found:
        ET.SubElement(ET.SubElement(words, "se:Label"), "ogc:PropertyName").text = found[1]
    _parameters(ET.SubElement(words, "se:Font"), {"font-size": "11", "font-weight": "bold"})
    _parameters(ET.SubElement(ET.SubElement(words, "se:Halo"), "se:Fill"), {"fill": "#ffffff"})
    _parameters(ET.SubElement(words, "se:Fill"), {"fill": "#22303c"})


def _filter(expression: str) -> ET.Element:
    """Return an expression of QGIS as a filter of the OGC."""
    tokens = list(_tokens(expression))
    found = _all_of(tokens)
    if tokens:
        msg = f"style has the expression {expression!r}; expected comparisons joined by AND"
        raise ValueError(msg)
    return found


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each word of an expression."""
    at, end = 0, len(expression.rstrip())
    while at < end:
        found = _TOKEN.match(expression, at)
        if found is None or found.lastgroup is None:
            msg = f"style has the expression {expression!r}; expected columns, numbers, texts and comparisons"
            raise ValueError(msg)
        yield found.lastgroup, found[found.lastgroup].replace("''", "'")
        at = found.end()


def _all_of(tokens: list[tuple[str, str]]) -> ET.Element:
    parts = [_one_of(tokens)]
    while _taken(tokens, "AND"):
        parts.append(_one_of(tokens))
    return parts[0] if len(parts) == 1 else _joined("And", parts)


def _one_of(tokens: list[tuple[str, str]]) -> ET.Element:
    if _taken(tokens, "NOT"):
        return _joined("Not", [_one_of(tokens)])
    half = 0.0
    if _taken(tokens, "round"):
        _, column, _, (_, digits), _ = (tokens.pop(0) for _ in range(5))
        half = 0.5 * 10.0 ** -int(digits)
    else:
        column = tokens.pop(0)
    name = column[1]
    if _taken(tokens, "IS"):
        negated = _taken(tokens, "NOT")
        tokens.pop(0)
        null = ET.Element("ogc:PropertyIsNull")
        ET.SubElement(null, "ogc:PropertyName").text = name
        return _joined("Not", [null]) if negated else null
    if _taken(tokens, "IN"):
        values = []
        while not _taken(tokens, ")"):
            kind, text = tokens.pop(0)
            values += [text] if kind in ("text", "number") else []
        return _joined("Or", [_compared("=", name, value) for value in values])
    sign = tokens.pop(0)[1] if tokens and tokens[0][1] in _COMPARISONS and tokens[0][0] == "word" else ""
    if not sign:
        return _compared("=", name, "true")
    value = tokens.pop(0)[1]
    return _compared(_ROUNDED[sign], name, repr(float(value) + half)) if half else _compared(sign, name, value)


def _taken(tokens: list[tuple[str, str]], word: str) -> bool:
    """Take the next word if it is this one; return whether it was."""
    return bool(tokens) and tokens[0] == ("word", word) and bool(tokens.pop(0))


def _compared(sign: str, name: str, value: str) -> ET.Element:
    there = ET.Element(f"ogc:PropertyIs{_COMPARISONS[sign]}")
    ET.SubElement(there, "ogc:PropertyName").text = name
    ET.SubElement(there, "ogc:Literal").text = value
    return there


def _joined(how: str, parts: list[ET.Element]) -> ET.Element:
    whole = ET.Element(f"ogc:{how}")
    whole.extend(parts)
    return whole
