"""What clicks on the ground draw: lines, areas and places, which become edits of streets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from accessibility.geo.projection import mercator
from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from accessibility.streets.edits import StreetEdit

    Corners = list[tuple[float, float]]

LEAST = {"line": 2, "area": 3, "place": 1}
"""How many corners a shape has at least."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """How clicks become an edit of streets.

    Parameters
    ----------
    shape
        What is drawn.
    make
        The edit, of its corners and of how many times as fast people walk.
    """

    shape: Literal["line", "area", "place"]
    make: Callable[[Corners, float], StreetEdit]


def _barrier(at: Corners, _: float) -> StreetEdit:
    import shapely  # noqa: PLC0415 -- `import accessibility` stays light

    return Closure(area=shapely.LineString(at))


TOOLS = {
    "street": Tool(shape="line", make=lambda at, _: NewStreet(line=at)),
    "bridge": Tool(shape="line", make=lambda at, _: NewStreet(line=at, bridge=True)),
    "barrier": Tool(shape="line", make=_barrier),
    "closure": Tool(shape="area", make=lambda at, _: Closure(area=at)),
    "pace": Tool(shape="area", make=lambda at, factor: Pace(area=at, factor=factor)),
    "compound": Tool(shape="place", make=lambda at, _: CompoundOpening(area=at[0])),
}


@dataclass
class Pencil:
    """The corners of a drawing that is not finished.

    Examples
    --------
    >>> pencil = Pencil()
    >>> [pencil.put(lon, 30.0, near_m=10) for lon in (111.0, 111.1, 111.1)]
    [False, False, True]
    >>> pencil.corners
    [(111.0, 30.0), (111.1, 30.0)]
    """

    corners: Corners = field(default_factory=list)

    def put(self, lon: float, lat: float, *, near_m: float) -> bool:
        """Add a corner; one that lies at the last, to Web Mercator metres, ends the drawing: then return True."""
        if self.corners:
            (x, y), (to_x, to_y) = mercator(np.array([self.corners[-1], (lon, lat)])).tolist()
            if np.hypot(x - to_x, y - to_y) <= near_m:
                return True
        self.corners.append((lon, lat))
        return False

    def features(self, shape: str) -> dict[str, Any]:
        """Return what is drawn so far, for a map."""
        found: list[dict[str, Any]] = [{"type": "Point", "coordinates": list(corner)} for corner in self.corners]
        if len(self.corners) > 1:
            line = [list(corner) for corner in self.corners]
            found.append({"type": "LineString", "coordinates": line + line[:1] * (shape == "area")})
        return collected(found, {"color": "#6a1b9a", "weight": 2, "dashArray": "4 4"})


def collected(geometries: list[dict[str, Any]], style: dict[str, Any]) -> dict[str, Any]:
    """Return geometries as features of one style, which no click meets."""
    told = {"style": {"interactive": False, **style}}
    features = [{"type": "Feature", "geometry": geometry, "properties": told} for geometry in geometries]
    return {"type": "FeatureCollection", "features": features}
