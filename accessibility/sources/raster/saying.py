"""What a raster says its numbers are, beside them: units, descriptions, tags and the name of its file."""

from __future__ import annotations

import re
from typing import Any

from accessibility.errors import InputError
from accessibility.sources.checks import Finding
from accessibility.sources.quantities import PER_AREA, held_instead, shown_instead

_TAGS = ("units", "unit", "long_name", "standard_name", "description", "tifftag_imagedescription")
_SHORT = 80  # letters of what speaks of the numbers, and not of how they came about


def refuse_other_units(raster: Any, band: int, name: str) -> None:
    """Raise `InputError` where a band says that its numbers are people per area, thousands of them or a share."""
    tags = {key.casefold(): text for told in (raster.tags(), raster.tags(band)) for key, text in told.items()}
    said = (raster.units[band - 1], raster.descriptions[band - 1], *map(tags.get, _TAGS))
    for text in filter(None, said):
        area = PER_AREA.search(text)
        if held_instead(text) and len(text) <= _SHORT:
            hectares = area and any(word in area[0].casefold() for word in ("ha", "hect", "公顷"))
            known = area and not re.search("mi|acre|亩|平方米", area[0])
            advice = f' (unit = "{"per_hectare" if hectares else "per_km2"}" in the study)' if known else ""
            msg = f"{name}: its numbers are {text!r}, as the file says; expected people of each cell{advice}"
            raise InputError(msg)


def tell_unit_by_name(name: str) -> list[Finding]:
    """Return a finding where a file's name speaks of another thing than people; pd stands for density at WorldPop."""
    stem = name.rsplit(".", 1)[0]
    held = held_instead(re.sub(r"(?<![^_])pd(?![^_])", "density", stem.casefold()))
    unit = next(filter(None, (held, shown_instead(stem))), "")
    if not unit:
        return []
    message = f"the name of the file speaks of {unit}; read as people of each cell: is unit right?"
    return [Finding(code="unit-by-name", source=name, message=message)]


def tell_colours(raster: Any, band: int, name: str) -> list[Finding]:
    """Return a finding where the file gives each number of a band a colour of its own, as classes have."""
    tags = {key.casefold(): text.casefold() for key, text in raster.tags(band).items()}
    if raster.colorinterp[band - 1].name != "palette" and tags.get("layer_type") != "thematic":
        return []
    message = "each of its numbers has a colour of its own: are they classes, such as land cover, and no people?"
    return [Finding(code="raster-classes", source=name, message=message)]
