"""What differs from one map of a study to another: a page that shows the one takes it and shows the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.present.map.packing import packed, steps
from accessibility.present.map.panel import changing_data, page_context, streets_data
from accessibility.present.map.sheets import class_bytes, dot_planes, palettes
from accessibility.present.pages import page_template, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.present.map.sheets import MapSheet


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
        read = {**changing_data(self.sheet), "figures": self.sheet.figures}
        read["sites"] = [
            {**layer, "features": [_without_people(one) for one in layer["features"]]} for layer in read["sites"]
        ]
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
        if one.backdrop.network is not other.backdrop.network:
            data["streets"] = streets_data(one)
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


def _without_people(site: dict[str, Any]) -> dict[str, Any]:
    """Return a site without whom it covers: the page says that by itself."""
    return {**site, "properties": {**site["properties"], "people": ""}}
