"""Streets that a file holds twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from accessibility.streets.spelling import said_twice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.streets.spelling import Said

_DIGITS = 3  # of metres and seconds


def drawn_twice(
    lines: NDArray[np.object_], directed: NDArray[np.bool_], about: pd.DataFrame, what: str
) -> tuple[NDArray[np.bool_], Said]:
    """Return whether each line lies on an earlier one that says the same, and how many do.

    A table of the edges of osmnx's graphs holds every street from either end, others hold the lines of two years.
    Whoever closes a street closes all of it only where it is there once, and its metres count once.

    Parameters
    ----------
    lines
        ``(n,)`` lines.
    directed
        ``(n,)`` whether a line is another one from its other end.
    about
        ``(n,)`` rows of what is said of them: lines that differ in anything are no doubles.
    what
        The name of lines in sentences.

    Examples
    --------
    >>> there, back = shapely.LineString([(0, 0), (9, 0)]), shapely.LineString([(9, 0), (0, 0)])
    >>> kinds = pd.DataFrame({"kind": ["path", "path", "steps"]})
    >>> drawn_twice(np.array([there, back, back]), np.zeros(3, bool), kinds, "lines")[0].tolist()
    [False, True, False]
    """
    rows = np.flatnonzero(pd.DataFrame(shapely.bounds(lines)).duplicated(keep=False))
    alike = np.where(directed[rows], lines[rows], shapely.normalize(lines[rows]))
    told = about.iloc[rows].round(_DIGITS).assign(shape=shapely.to_wkb(alike))
    again = np.zeros(len(lines), np.bool_)
    again[rows[told.duplicated().to_numpy()]] = True
    return again, said_twice(int(again.sum()), what)
