"""What differs from one map of a study to another: a page that shows the one takes it and shows the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.present.map.packing import packed, steps
from accessibility.present.map.panel import changing_data, page_context, streets_data
from accessibility.present.map.sheets import dot_planes
from accessibility.present.pages import page_template, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.present.map.sheets import MapSheet


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """A map of a study, as far as it can differ from another one.

    Parameters
    ----------
    sheet
        What it shows.
    """

    sheet: MapSheet

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
        """What the page has of each point, ``(n,)`` each: a byte each, and its class in the switches."""
        class_of = self.sheet.class_of
        return [*dot_planes(self.sheet.layers, self.sheet.coverage), *([] if class_of is None else [class_of])]

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
            stays is its key. ``points`` and ``packed``: how many points differ; which, as steps, and their planes, the
            classes as steps. None where the maps have other layers, or none that can follow: then the page has to be
            drawn whole.
        """
        one, other = self.sheet, before.sheet
        if not (one.is_live and other.is_live) or one.picture is not None:
            return None
        if [layer.name for layer in one.layers] != [layer.name for layer in other.layers]:
            return None
        then = before.read
        data = {name: value for name, value in self.read.items() if value != then[name]}
        data["switches"] = {
            name: value for name, value in self.read["switches"].items() if value != then["switches"][name]
        }
        data["sites"] = [layer["key"] if layer in then["sites"] else layer for layer in self.read["sites"]]
        if one.backdrop.network is not other.backdrop.network:
            data["streets"] = streets_data(one)
        rows, pairs = one.dot_rows, zip(self.planes, before.planes, strict=True)
        at = np.flatnonzero(np.any([now != past for now, past in pairs], axis=0)[rows])
        *planes, classes = (plane[rows[at]] for plane in self.planes)
        found = packed(steps(at), *(plane.tobytes() for plane in planes), steps(classes))
        return {"page": self.page, "data": data, "points": len(at), "packed": found}


def _without_people(site: dict[str, Any]) -> dict[str, Any]:
    """Return a site without whom it covers: the page says that by itself."""
    return {**site, "properties": {**site["properties"], "people": ""}}
