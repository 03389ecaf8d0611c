"""The street next to a click: where a line that is drawn begins and ends, and which street closes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from accessibility.geo.projection import WGS84, transform
from accessibility.streets.edits import NewStreet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.network import Network

_DIGITS = 6  # of a degree: a decimetre


@dataclass(frozen=True, kw_only=True)
class Click:
    """Where somebody clicks."""

    # lon, lat: degrees, WGS84
    lon: float
    lat: float
    near_m: float  # how far a street may be, in metres
    closes: bool  # whether the street is to close: then bridges and tunnels are meant, too, and streets of today alone


@dataclass(frozen=True, eq=False)
class Nearby:
    """The streets of a network in space, to be clicked on."""

    network: Network  # the streets of today

    @cached_property
    def _lines(self) -> NDArray[np.object_]:
        return self.network.lines()

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._lines)

    def find(self, click: Click, edits: Sequence[StreetEdit] = ()) -> dict[str, Any]:
        """Return the place on a street that is nearest to a click, its row and its line; nothing where none is near.

        Parameters
        ----------
        click
            Where.
        edits
            What is drawn already: a line may begin on a street that is new.

        Returns
        -------
        dict
            ``at`` (degrees, WGS84), ``row`` of the network (-1 of a new street) and ``line``; empty where none is near.
        """
        network = self.network
        here = shapely.Point(transform(np.array([[click.lon, click.lat]]), WGS84, network.crs)[0])
        rows = self._tree.query(here, predicate="dwithin", distance=np.nan_to_num(click.near_m))
        if not click.closes:
            rows = rows[~(network.off_ground | network.across | network.closed)[rows]]
        lines = [*self._lines[rows]]
        if not click.closes:
            new = [shapely.get_coordinates(edit.line) for edit in edits if isinstance(edit, NewStreet)]
            drawn = [shapely.LineString(transform(xy, WGS84, network.crs)) for xy in new]
            lines += [line for line in drawn if line.distance(here) <= click.near_m]
        if not lines:
            return {}
        best = int(np.argmin(shapely.distance(lines, here)))
        at = shapely.line_interpolate_point(lines[best], shapely.line_locate_point(lines[best], here))
        (place,) = self._degrees(at)
        return {"at": place, "row": int(rows[best]) if best < len(rows) else -1, "line": self._degrees(lines[best])}

    def _degrees(self, shape: Any) -> list[list[float]]:
        found: list[list[float]] = (
            transform(shapely.get_coordinates(shape), self.network.crs, WGS84).round(_DIGITS).tolist()
        )
        return found
