"""Settings: the Degree of Urbanisation of a 1 km grid, statistical urban-rural codes, columns of names or numbers.

The thresholds assume densities averaged over 1 km² of land on an equal-area grid, so that finer points are summed into
such cells first and each point takes the class of its cell. The cells are those of GHS-SMOD, fixed on the Earth: a
place has one class in every study, and published classes can be compared cell by cell.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pyproj import CRS

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen, finite_rows
from accessibility.geo.projection import WGS84, transform
from accessibility.standards import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

EDITIONS = ("R2022A", "R2023A")
CELL_M = 1_000.0
GRID = CRS.from_authority("ESRI", 54009)
"""World Mollweide: corners of the cells are multiples of 1 000 m in it."""
REACH_M = 60_000.0
"""People as far away can decide what a place is: a centre of 50 000 may be a row of 34 cells, 1.7 km long each."""

_URBAN, _DENSE, _SEMI_DENSE, _SCATTERED = 300.0, 1_500.0, 900.0, 50.0  # people per km² of land, "or more"
_CENTRE_PEOPLE, _CLUSTER_PEOPLE, _SEMI_DENSE_PEOPLE, _RURAL_CLUSTER_PEOPLE = 50_000.0, 5_000.0, 2_500.0, 500.0
_HOLE_CELLS = 15  # holes of less than 15 km² inside a centre belong to it
_MAJORITY = 5  # of eight neighbours
_HALF_LAND = 0.5
_MAX_CELLS = 100_000_000
_SIDES = np.array([(0, 1, 0), (1, 1, 1), (0, 1, 0)], dtype=np.bool_)  # cells that touch
_CORNERS = np.ones((3, 3), dtype=np.bool_)
_AROUND = np.array([(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)])
URBAN_RURAL_CODES = {
    **dict.fromkeys(("111", "112"), "urban"),
    **dict.fromkeys(("121", "122", "123"), "town"),
    **dict.fromkeys(("210", "220"), "rural"),
}
"""Setting by the classification code of China's National Bureau of Statistics."""
SETTING_WORDS = {"城区": "urban", "城市": "urban", "镇区": "town", "镇": "town", "乡村": "rural", "农村": "rural"}
_IS_URBAN, _IS_TOWN, _IS_RURAL = np.arange(3, dtype=np.int8)  # rows of `SETTINGS`


@dataclass(frozen=True, kw_only=True, eq=False)
class Density(Frozen):
    """People per square kilometre, from which settings follow."""

    people: NDArray[np.float64]  # (rows, columns) people of each cell of 1 km
    cell: NDArray[np.intp]  # (n,) cell of each point, counted along the rows; -1 for a point without a place

    def settings(self, factor: NDArray[np.float64] | None = None) -> NDArray[np.str_]:
        """Return the setting of each point, were there `factor` times the people in each cell."""
        return self.named(_settled(self.people if factor is None else self.people * factor))

    def named(self, settled: NDArray[np.int8]) -> NDArray[np.str_]:
        """Return the setting of each point, which of `SETTINGS` its cell is; a point without a place is urban."""
        names: NDArray[np.str_] = np.array(SETTINGS)[np.append(settled, _IS_URBAN)[self.cell]]
        return names

    def take(self, rows: NDArray[Any] | slice) -> Density:
        """Return the same grid with some of the points."""
        return replace(self, cell=self.cell[rows])


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What the classification of demand points found."""

    cells: dict[str, int]  # setting to number of 1 km cells; cells where nobody lives are among the rural ones
    people: dict[str, float]  # setting to people
    # whether an urban cluster reaches the edge of the data: cut there, it may count as smaller than it is
    touches_edge: bool
    # unplaced, unplaced_people: points without coordinates, and their people: held to the urban rule
    unplaced: int = 0
    unplaced_people: float = 0.0
    # urban, town or rural for each point on the three grids whose corners lie half a cell off
    shifted: tuple[NDArray[np.str_], ...] = ()
    density: Density | None = None  # the grid that decided; None where no point has a place.

    def notes(self) -> list[dict[str, Any]]:
        """Return what a reader of the result should know: code, message, count and people of each observation."""
        found: list[dict[str, Any]] = []
        if self.touches_edge:
            message = "an urban cluster touches the edge of the data, where it may be cut; read people further"
            found.append({"code": "cluster-at-edge", "message": message, "count": 1})
        if self.unplaced:
            message = f"{self.unplaced} rows have no place to take a setting from: held to the urban rule"
            people = self.unplaced_people
            found.append({"code": "no-setting", "message": message, "count": self.unplaced, "people": people})
        return found


def classify_degurba(
    population: ArrayLike, land: ArrayLike | None = None, *, level: int, edition: str = "R2022A"
) -> NDArray[np.int16]:
    """Return the Degree of Urbanisation of each cell of a 1 km grid.

    Parameters
    ----------
    population
        ``(rows, columns)`` people per cell of 1 km², not a density; NaN is nobody.
    land
        ``(rows, columns)`` share of permanent land, 0 to 1; all land where not given. NaN is no land. People in a cell
        without any land live infinitely dense, as in the reference implementation.
    level
        1 gives 3 urban centre, 2 urban cluster, 1 rural, 0 water. 2 gives 30 urban centre, 23 dense and 22 semi-dense
        urban cluster, 21 suburban, 13 rural cluster, 12 low density, 11 very low density, 10 water.
    edition
        How the edges of centres are smoothed: ``R2022A`` (five of eight neighbours) or ``R2023A`` (more than half of
        the neighbours that are populated or land; water never joins).

    Returns
    -------
    NDArray
        ``(rows, columns)`` codes. Cells outside the array count as unpopulated land.

    Raises
    ------
    InputError
        Another level or edition, arrays of other shapes, negative people, land outside 0 to 1.

    Notes
    -----
    Eurostat, *Applying the Degree of Urbanisation* (2021), with the 2022/2023 rules of the Global Human Settlement
    Layer as coded in flexurba (Van Migerode et al. 2024), without the optional built-up rule. All thresholds are "or
    more". Densities are per km² of land; holes below 15 km² inside a centre are filled after smoothing.

    Examples
    --------
    >>> classify_degurba([[5000] * 10], level=1)
    array([[3, 3, 3, 3, 3, 3, 3, 3, 3, 3]], dtype=int16)
    >>> classify_degurba([[5000] * 9 + [4999]], level=1)
    array([[2, 2, 2, 2, 2, 2, 2, 2, 2, 2]], dtype=int16)
    """
    from scipy import ndimage  # noqa: PLC0415 -- slow to import, and only grids of people need it

    if level not in (1, 2) or edition not in EDITIONS:
        msg = f"level {level!r}, edition {edition!r}; expected level 1 or 2 and edition {' or '.join(EDITIONS)}"
        raise InputError(msg)
    people, ground = _checked(population, land)
    density = np.divide(people, ground, out=np.where(people > 0, np.inf, 0.0), where=ground > 0)
    water = (ground < _HALF_LAND) & (people == 0)
    centre = _centres(density, people, water, edition)
    urban = _clusters(density >= _URBAN, people, at_least=_CLUSTER_PEOPLE, touching=_CORNERS) > 0
    if level == 1:
        return np.select([centre, urban, water], [3, 2, 0], default=1).astype(np.int16)
    dense = _clusters(density >= _DENSE, people, at_least=_CLUSTER_PEOPLE, touching=_SIDES) > 0
    semi = _clusters(density >= _SEMI_DENSE, people, at_least=_SEMI_DENSE_PEOPLE, touching=_SIDES)
    near = ndimage.binary_dilation(centre | dense, _CORNERS, iterations=2)
    semi_dense = (semi > 0) & ~np.isin(semi, np.unique(semi[near]))
    village = _clusters(density >= _URBAN, people, at_least=_RURAL_CLUSTER_PEOPLE, touching=_CORNERS) > 0
    rules = [centre, dense, semi_dense, urban, village, density >= _SCATTERED, water]
    return np.select(rules, [30, 23, 22, 21, 13, 12, 10], default=11).astype(np.int16)


def aggregate_to_km(
    xy: NDArray[np.float64], population: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return people summed into 1 km cells, and the cell of each point.

    Parameters
    ----------
    xy
        ``(n, 2)`` finite metres in an equal-area coordinate system.
    population
        ``(n,)`` people.

    Returns
    -------
    grid
        ``(rows, columns)`` people, aligned to whole kilometres; row 0 is the southernmost.
    cells
        ``(n, 2)`` row and column of each point.

    Examples
    --------
    >>> grid, cells = aggregate_to_km(np.array([[100.0, 0.0], [900.0, 20.0], [1000.0, 0.0]]), np.array([1.0, 2.0, 4.0]))
    >>> grid
    array([[3., 4.]])
    """
    if not len(xy):
        return np.zeros((0, 0)), np.empty((0, 2), dtype=np.intp)
    cell = km_cells(xy)
    grid = PeopleGrid.between(cell.min(axis=0), cell.max(axis=0))
    grid.add(cell, population)
    return grid.people, cell - grid.low


def km_cells(flat: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return ``(n, 2)`` row and column of the 1 km cell of each of ``(n, 2)`` places on the grid's projection."""
    return np.floor(flat[:, ::-1] / CELL_M).astype(np.intp)


@dataclass(frozen=True, kw_only=True, eq=False)
class PeopleGrid:
    """People of each cell of 1 km, added up as they are met."""

    low: NDArray[np.intp]  # row and column of the first cell, as `km_cells` counts them
    people: NDArray[np.float64]  # (rows, columns) people; row 0 is the southernmost

    @classmethod
    def between(cls, low: NDArray[np.intp], high: NDArray[np.intp]) -> PeopleGrid:
        """Return the empty grid from one cell to another.

        Raises
        ------
        InputError
            One too large for memory.
        """
        rows, columns = (int(size) for size in high - low + 1)
        if rows * columns > _MAX_CELLS:
            size = f"{columns:,} km by {rows:,} km apart"
            msg = f"people lie {size}; expected a study of at most {_MAX_CELLS:,} cells of 1 km"
            raise InputError(msg)
        return cls(low=low, people=np.zeros((rows, columns)))

    def add(self, cell: NDArray[np.intp], population: NDArray[np.float64]) -> None:
        """Add ``(n,)`` people to the ``(n, 2)`` cells they live in; one after the other, whatever the parts."""
        np.add.at(self.people.reshape(-1), self.place(cell), population)

    def place(self, cell: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the place of cells along the rows of the grid."""
        there = cell - self.low
        place: NDArray[np.intp] = there[:, 0] * self.people.shape[1] + there[:, 1]
        return place

    def settled(self) -> tuple[NDArray[np.int8], bool]:
        """Return which of `SETTINGS` each cell is, along the rows, and whether a town reaches the edge of the grid."""
        found = _settled(self.people)
        return found.ravel(), _at_edge(found)


def classify_settings(
    xy: NDArray[np.float64], crs: CRS | str | int, population: NDArray[np.float64]
) -> tuple[NDArray[np.str_], Settlement]:
    """Return urban, town or rural for each demand point by the Degree of Urbanisation of its 1 km cell.

    The cells are those of GHS-SMOD, on the World Mollweide projection (ESRI:54009), whatever the study's cut; all of
    it counts as land. Urban centres are ``urban``, urban clusters ``town``, the rest ``rural``. Points without
    coordinates are ``urban``, the stricter rule. Give people to `REACH_M` around the study area too, or centres cut at
    its border lose their 50 000.

    Parameters
    ----------
    xy
        ``(n, 2)`` coordinates in `crs`, x (or longitude) first; NaN for people without a place.
    crs
        The coordinate system of `xy`.
    population
        ``(n,)`` people.
    """
    flat = to_grid(xy, crs)
    people = np.nan_to_num(np.asarray(population, dtype=np.float64))
    placed = finite_rows(flat)
    half = CELL_M / 2
    grids = [_density(flat + np.array(by), people) for by in ((0.0, 0.0), (half, 0.0), (0.0, half), (half, half))]
    settled = [np.empty(0, np.int8) if grid is None else _settled(grid.people) for grid in grids]
    setting, *shifted = (
        np.full(len(flat), "urban") if grid is None else grid.named(cells)
        for grid, cells in zip(grids, settled, strict=True)
    )
    return setting, Settlement(
        cells={name: int((settled[0] == row).sum()) for row, name in enumerate(SETTINGS)},
        people={s: float(people[setting == s].sum()) for s in SETTINGS},
        touches_edge=bool(placed.any()) and _at_edge(settled[0]),
        unplaced=int((~placed).sum()),
        unplaced_people=float(people[~placed].sum()),
        shifted=tuple(shifted),
        density=grids[0],
    )


def _density(flat: NDArray[np.float64], people: NDArray[np.float64]) -> Density | None:
    """Return the people of the cells, on a grid that begins anywhere; None where nobody has a place."""
    placed = finite_rows(flat)
    if not placed.any():
        return None
    grid, at = aggregate_to_km(flat[placed], people[placed])
    cell = np.full(len(flat), -1, np.intp)
    cell[placed] = at[:, 0] * grid.shape[1] + at[:, 1]
    return Density(people=grid, cell=cell)


def _settled(people: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return which of `SETTINGS` each cell of 1 km is, by its Degree of Urbanisation."""
    codes = classify_degurba(people, level=1)
    return np.select([codes == 3, codes == 2], [_IS_URBAN, _IS_TOWN], default=_IS_RURAL)  # noqa: PLR2004 -- the codes themselves


def to_grid(xy: NDArray[np.float64], crs: CRS | str | int) -> NDArray[np.float64]:
    """Return ``(n, 2)`` metres on the grid's projection, NaN where there is no place."""
    there = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    return transform(transform(there, CRS.from_user_input(crs), WGS84), WGS84, GRID)


def _at_edge(settled: NDArray[np.int8]) -> bool:
    return any(bool((side != _IS_RURAL).any()) for side in (settled[0], settled[-1], settled[:, 0], settled[:, -1]))


def settings_from_codes(codes: Iterable[object], names: Sequence[object] | None = None) -> NDArray[np.str_]:
    """Return urban, town or rural for urban-rural classification codes of China's National Bureau of Statistics.

    111, 112 are urban; 121, 122, 123 town; 210, 220 rural (《统计上划分城乡的规定》, 2008).

    Parameters
    ----------
    codes
        One a place, as text or number.
    names
        What each place is called in messages; its row, from 0, where not given.

    Raises
    ------
    InputError
        A code that is none of these.

    Examples
    --------
    >>> settings_from_codes(["111", "123", "220"])
    array(['urban', 'town', 'rural'], dtype='<U5')
    """
    of = URBAN_RURAL_CODES
    texts = [str(code).strip().removesuffix(".0") for code in codes]
    unknown = [(row, text) for row, text in enumerate(texts) if text not in of]
    if unknown:
        known = [f"in row {row}" if names is None else f"of {names[row]}" for row, _ in unknown[:10]]
        shown = ", ".join(f"{text!r} {where}" for (_, text), where in zip(unknown, known, strict=False))
        msg = f"{len(unknown)} urban-rural codes are unknown: {shown}; expected one of {', '.join(of)}"
        raise InputError(msg)
    return np.array([of[text] for text in texts], dtype="<U5")


def read_settings(
    said: Sequence[str | None], settings: Sequence[str], bands: Mapping[str, float] | None = None
) -> NDArray[np.str_]:
    """Return the setting that a column says of each row: by its name, or by the band that a number falls into.

    Parameters
    ----------
    said
        A text a row.
    settings
        Names that a setting may have; 城区, 镇区, 乡村 and their like are urban, town and rural unless among them.
    bands
        Setting to the least number of its rows, where the column has numbers.

    Raises
    ------
    InputError
        A text that names no setting, or that is no number at or above the least of the bands.

    Examples
    --------
    >>> read_settings(["乡村", "town"], ("urban", "town", "rural")).tolist()
    ['rural', 'town']
    >>> read_settings(["12", "800"], ("valley", "hills"), {"valley": 0, "hills": 800}).tolist()
    ['valley', 'hills']
    """
    row_of, words = pd.factorize(np.asarray(said, dtype=object))
    texts = [*(str(word).strip() for word in words), ""]  # the last one, -1, of rows that say nothing
    of = _in_bands(texts, bands) if bands else [t if t in settings else SETTING_WORDS.get(t, t) for t in texts]
    wrong = np.array([setting not in settings for setting in of], dtype=np.bool_)[row_of]
    if wrong.any():
        known = f"a number of at least {min(bands.values()):g}" if bands else ", ".join(settings)
        msg = f"{wrong.sum()} rows have another setting, first {texts[row_of[wrong][0]]!r}; expected {known}"
        raise InputError(msg)
    return np.array([*settings, *of], dtype=str)[len(settings) :][row_of]


def _in_bands(texts: Sequence[str], bands: Mapping[str, float]) -> list[str]:
    """Return the band of each number, its least value in it; nothing for what is below all or no number."""
    rising = sorted(bands, key=lambda name: bands[name])
    least = [bands[name] for name in rising]
    found = []
    for text in texts:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        row = bisect_right(least, number) if math.isfinite(number) else 0
        found.append(rising[row - 1] if row else "")
    return found


def _checked(population: ArrayLike, land: ArrayLike | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    people = np.nan_to_num(np.asarray(population, dtype=np.float64), nan=0.0, posinf=np.inf)
    ground = np.ones_like(people) if land is None else np.nan_to_num(np.asarray(land, dtype=np.float64), nan=0.0)
    if people.ndim != 2 or people.shape != ground.shape:  # noqa: PLR2004
        msg = f"population has shape {people.shape} and land {ground.shape}; expected two grids of one shape"
        raise InputError(msg)
    if (people < 0).any() or not np.isfinite(people).all():
        msg = f"population runs from {people.min()} to {people.max()}; expected finite people, 0 or more"
        raise InputError(msg)
    if ((ground < 0) | (ground > 1)).any():
        msg = f"land runs from {ground.min()} to {ground.max()}; expected a share of the cell, 0 to 1"
        raise InputError(msg)
    return people, ground


def _clusters(
    cells: NDArray[np.bool_], people: NDArray[np.float64], *, at_least: float, touching: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Return the number of the cluster of each cell, 0 outside those with enough people."""
    from scipy import ndimage  # noqa: PLC0415 -- slow to import, and only grids of people need it

    labels, count = ndimage.label(cells, touching)
    enough = np.bincount(labels.ravel(), weights=people.ravel(), minlength=count + 1) >= at_least
    enough[0] = False
    return np.where(enough[labels], labels, 0)


def _centres(
    density: NDArray[np.float64], people: NDArray[np.float64], water: NDArray[np.bool_], edition: str
) -> NDArray[np.bool_]:
    labels = _clusters(density >= _DENSE, people, at_least=_CENTRE_PEOPLE, touching=_SIDES)
    return _without_holes(_smooth(labels, water, edition))


def _smooth(labels: NDArray[np.intp], water: NDArray[np.bool_], edition: str) -> NDArray[np.intp]:
    """Return centres grown, until nothing changes, by the cells that most neighbours of one centre surround."""
    from scipy import ndimage  # noqa: PLC0415 -- slow to import, and only grids of people need it

    padded = np.pad(labels, 1)
    dry = np.pad(~water, 1, constant_values=True)
    while True:
        rows, columns = np.nonzero(
            ndimage.binary_dilation(padded > 0, _CORNERS)[1:-1, 1:-1] & (padded[1:-1, 1:-1] == 0)
        )
        if edition == "R2023A":
            may = dry[rows + 1, columns + 1]
            rows, columns = rows[may], columns[may]
        r, c = rows[:, None] + 1 + _AROUND[:, 0], columns[:, None] + 1 + _AROUND[:, 1]
        around = padded[r, c]
        votes = (around[:, :, None] == around[:, None, :]).sum(axis=2) * (around > 0)
        most = votes.max(axis=1, initial=0)
        joins = most >= _MAJORITY if edition == "R2022A" else 2 * most > dry[r, c].sum(axis=1)
        if not joins.any():
            return padded[1:-1, 1:-1]
        winner = around[np.arange(len(around)), votes.argmax(axis=1)]
        padded[rows[joins] + 1, columns[joins] + 1] = winner[joins]


def _without_holes(labels: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return the cells of centres, holes of less than 15 cells inside one of them included."""
    from scipy import ndimage  # noqa: PLC0415 -- slow to import, and only grids of people need it

    filled = labels > 0
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        holes, _ = ndimage.label(np.pad(labels[box] != number, 1, constant_values=True), _SIDES)
        size = np.bincount(holes.ravel())
        small = size < _HOLE_CELLS
        small[[0, holes[0, 0]]] = False
        filled[box] |= small[holes][1:-1, 1:-1]
    return filled
