"""Sites that a reader switches on and off in a map, and what the page needs so that every figure follows exactly.

People within reach of the same sites, of one district and setting, are always covered or not together: a class. The
page counts, for every class, the open sites it is within reach of, and adds up the people of the classes that are not
at zero. People are whole numbers of a small unit there, so that sums have no rounding and no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.present.pages import packed, steps, varints
from accessibility.streets.search.packing import hilbert_rank

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from accessibility.demand import Demand
    from accessibility.measures.catchments import Catchments
    from accessibility.measures.coverage import Coverage
    from accessibility.whatif.scenario import Addition

MAX_BYTES = 2_000_000
_WHOLE_BITS = 52  # all people together stay below 2^52 units, whose sums are exact in floating point
_FINEST = 45
_KEPT = 0.9  # of what the budget seems to allow, at each attempt


@dataclass(frozen=True, kw_only=True, eq=False)
class Switches:
    """What makes the sites of a map switchable.

    Parameters
    ----------
    catchments
        Whom each site of the coverage would cover.
    district
        District of each demand point, keyed by demand id.
    names
        All districts, in the order of the table; those that people live in where not given.
    today
        ``(s,)`` which sites count today, for the scenario that a reader copies; those open on the map where not given.
    added
        Sites of the map that do not exist today.
    fixed
        What else differs from today, as lines of TOML that stand in every scenario copied from the map.

    Examples
    --------
    A road of 1 km with an outlet at its start and one in its middle, people at 100 m and at its end:

    >>> import pandas as pd
    >>> import accessibility as acc
    >>> from accessibility.present.map.coverage_map import Switches
    >>> road = acc.Network(node_xy=[(0, 0), (1000, 0)], edges=[(0, 1)], length_m=[1000], crs="EPSG:32649")
    >>> people = acc.Demand(ids=["near", "far"], xy=[(100, 0), (1000, 0)], population=[30, 10], crs="EPSG:32649")
    >>> sites = acc.Sites(ids=["O1", "O2"], xy=[(0, 0), (500, 0)], crs="EPSG:32649")
    >>> reached = acc.trace_catchments(road, people, sites)
    >>> switches = Switches(catchments=reached, district=pd.Series({"near": "Town", "far": "Town"}))
    >>> switches.covered_by([False, True], points=2).tolist()
    [True, True]
    """

    catchments: Catchments
    district: pd.Series[Any]
    names: Sequence[Any] = ()
    today: NDArray[np.bool_] | None = None
    added: Sequence[Addition] = ()
    fixed: str = ""

    def covered_by(self, sites: NDArray[np.bool_], points: int) -> NDArray[np.bool_]:
        """Return which demand points are within the standard of some of the sites.

        Parameters
        ----------
        sites
            ``(s,)`` boolean: the sites that count.
        points
            How many demand points there are.

        Returns
        -------
        numpy.ndarray
            ``(points,)`` boolean.

        Examples
        --------
        >>> switches.covered_by([True, False], points=2).tolist()
        [True, False]
        """
        pairs = np.repeat(sites, np.diff(self.catchments.start))
        found = np.zeros(points, np.bool_)
        found[self.catchments.demand[pairs]] = True
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class SwitchLayer:
    """The switchable sites of a map as its page holds them."""

    data: dict[str, Any] | None  # what the page unpacks; None where the layer is off.
    class_of: NDArray[np.int64]  # (n,) class of each demand point
    left_out: int  # how many candidate sites cannot be switched, to keep the page small
    most: float  # the most uncovered people that one of them would cover
    size: int  # bytes of the text
    known: _Known  # what another layer of the same people goes on from


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ground:
    """The people of a layer: in which district and setting each point is, and the unit of everybody and each group."""

    demand: Demand
    given: Switches
    names: list[str]
    place: NDArray[np.int64]
    bits: list[int]

    @classmethod
    def of(cls, switches: Switches, demand: Demand) -> _Ground:
        names, district = _districts(switches, demand)
        of = demand.setting_rows
        setting = np.select([*of.values()], [*range(len(of))])
        bits = [unit_bits(people) for people in (demand.population, *demand.groups.values())]
        return cls(demand=demand, given=switches, names=names, place=district * len(of) + setting, bits=bits)

    def holds(self, switches: Switches, demand: Demand) -> bool:
        """Return whether these are the people and districts of other switches."""
        same = self.demand is demand and self.given.district is switches.district
        return same and list(self.given.names) == list(switches.names)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Classes:
    """People who are always covered together: class of each point, and classes within reach of each switchable site."""

    of: NDArray[np.int64]
    count: int
    pairs: list[NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Known:
    """What a layer was made of."""

    ground: _Ground
    cell: NDArray[np.int64]
    rows: NDArray[np.intp]
    classes: _Classes
    catchments: Catchments

    def classed(self, catchments: Catchments, rows: NDArray[np.intp], cell: NDArray[np.int64]) -> _Classes | None:
        """Return the classes for other catchments, of which most are the same; None where it is better to begin anew.

        What another site parts off comes last, and all else keeps its class: a page that follows is told of few.
        """
        pairs, was = dict(zip(self.rows.tolist(), self.classes.pairs, strict=True)), self.catchments
        stay = {
            row for row in rows.tolist() if row in pairs and np.array_equal(_within(catchments, row), _within(was, row))
        }
        if 2 * len(stay) < len(rows) or not np.array_equal(cell, self.cell):
            return None
        count = self.classes.count
        of, root = self.classes.of.copy(), np.arange(count)
        size = np.bincount(of, minlength=len(root))
        for row in rows.tolist():
            if row in stay:
                continue
            here = _within(catchments, row)
            found, inside, reached = np.unique(of[here], return_inverse=True, return_counts=True)
            parted = reached < size[found]
            fresh = np.where(parted, len(root) + np.cumsum(parted) - 1, found)
            of[here] = fresh[inside]
            size[found] -= np.where(parted, reached, 0)
            size, root = np.append(size, reached[parted]), np.append(root, root[found[parted]])

        is_parted = np.zeros(count, np.bool_)
        is_parted[root[count:]] = True

        def within(row: int) -> NDArray[np.int64]:
            if row not in stay:
                return np.unique(of[_within(catchments, row)])
            same: NDArray[np.int64] = pairs[row]
            if not is_parted[same].any():
                return same
            return np.concatenate([same, count + np.flatnonzero(np.isin(root[count:], same))])

        return _Classes(of=of, count=len(root), pairs=[within(row) for row in rows.tolist()])


def embed_switches(
    switches: Switches,
    coverage: Coverage,
    before: NDArray[np.bool_],
    *,
    keep: Iterable[int] = (),
    budget: int = MAX_BYTES,
    like: SwitchLayer | None = None,
) -> SwitchLayer:
    """Return the sites of a coverage, switchable, in at most `budget` bytes of text.

    Open sites come first, then candidates in the order of the uncovered people they would cover; what does not fit is
    left out and counted. Where the open sites alone do not fit, the layer is off.

    Parameters
    ----------
    switches
        Catchments and districts.
    coverage
        The coverage that the map shows; its open sites are those of the catchments that count.
    before
        ``(n,)`` who is covered today: gained and lost are against it.
    keep
        Rows of sites that stay in whatever the candidates: those of a proposal.
    budget
        Bytes.
    like
        Another layer: where it is of the same people, their classes keep the numbers that they have there.

    Raises
    ------
    InputError
        Catchments of other sites, people, rules or walkers than those of the coverage.
    """
    _check(switches, coverage)
    known = None if like is None or not like.known.ground.holds(switches, coverage.demand) else like.known
    ground = _Ground.of(switches, coverage.demand) if known is None else known.ground
    cell = ground.place * 2 + before
    needed = coverage.sites.open.copy()
    needed[list(keep)] = True
    others = np.flatnonzero(~needed)
    worth, kept = np.zeros(0), len(others)  # what each is worth is asked where not all of them fit
    while True:
        rows = np.sort(np.concatenate([np.flatnonzero(needed), others[:kept]]))
        classes = None if known is None else known.classed(switches.catchments, rows, cell)
        if classes is None:
            classes = _merge(switches.catchments, rows, cell, hilbert_rank(_placed(coverage)))
        data = _data(classes, rows, cell, ground)
        size = len(data["packed"])
        if size <= budget or not kept:
            break
        if not worth.size:
            worth = _worth(switches.catchments, coverage)
            others = others[np.lexsort((others, -worth[others]))]
        kept = min(kept - 1, int(kept * _KEPT * budget / size))
    left = others[kept:]
    return SwitchLayer(
        data=data if size <= budget else None,
        class_of=classes.of,
        left_out=len(left),
        most=float(worth[left].max(initial=0.0)),
        size=size,
        known=_Known(ground=ground, cell=cell, rows=rows, classes=classes, catchments=switches.catchments),
    )


def unit_bits(population: NDArray[np.float64]) -> int:
    """Return how often a person is halved to give the unit in which people are whole numbers.

    The unit is as large as it can be with everybody a whole number of it; where there is no such, as small as it can be
    with all people together below 2^52, where sums are exact.

    Examples
    --------
    >>> unit_bits(np.array([3.0, 4.0])), unit_bits(np.array([0.5, 0.25])), unit_bits(np.array([0.1, 1e6]))
    (0, 2, 32)
    """
    whole = max(float(population.sum()), 1.0)
    most = min(_FINEST, int(_WHOLE_BITS - np.ceil(np.log2(whole))))
    for bits in range(max(most, 0)):
        scaled = population * 2.0**bits
        if np.array_equal(scaled, np.rint(scaled)):
            return bits
    return max(most, 0)


def _check(switches: Switches, coverage: Coverage) -> None:
    if len(switches.catchments) != len(coverage.sites):
        msg = f"catchments of {len(switches.catchments)} sites, a map of {len(coverage.sites)}; expected the same sites"
        raise InputError(msg)
    wrong = switches.covered_by(coverage.sites.open, len(coverage.demand)) != coverage.covered
    if wrong.any():
        msg = (
            f"catchments and coverage differ on {int(wrong.sum())} of {len(wrong)} demand points;"
            " expected catchments of the same sites, standard and walker"
        )
        raise InputError(msg)


def _districts(switches: Switches, demand: Demand) -> tuple[list[str], NDArray[np.int64]]:
    """Return the names of the districts, and which each demand point is in: the number of names where in none."""
    found = switches.district.reindex(pd.Index(demand.ids))
    listed = pd.Index([*dict.fromkeys([*switches.names, *found.dropna().unique()])], dtype=object)
    codes = listed.get_indexer(pd.Index(found.to_numpy(dtype=object), dtype=object))
    return [str(name) for name in listed], np.where(codes < 0, len(listed), codes).astype(np.int64)


def _worth(catchments: Catchments, coverage: Coverage) -> NDArray[np.float64]:
    """Return the uncovered people within reach of each site."""
    people = np.where(coverage.covered, 0.0, coverage.demand.population)
    site = np.repeat(np.arange(len(catchments)), np.diff(catchments.start))
    worth = np.bincount(site, weights=people[catchments.demand], minlength=len(catchments))
    return worth.astype(np.float64)  # of no pair at all, whole numbers


def _within(catchments: Catchments, site: int) -> NDArray[np.int32]:
    """Return whom a site would cover, as `Catchments.of` does without a look at its argument: hundreds are asked."""
    return catchments.demand[catchments.start[site] : catchments.start[site + 1]]


def _placed(coverage: Coverage) -> NDArray[np.float64]:
    """Return the places of the people; those without one stand where the first of the others does."""
    xy = coverage.demand.xy
    found = finite_rows(xy)
    return np.where(found[:, None], xy, xy[found][0] if found.any() else 0.0)


def _merge(catchments: Catchments, rows: NDArray[np.intp], cell: NDArray[np.int64], rank: NDArray[Any]) -> _Classes:
    """Return people merged by who reaches them and by cell, numbered along the curve so that neighbours are alike."""
    _, of = np.unique(cell, return_inverse=True)
    of = of.astype(np.int64)
    fresh = int(of.max(initial=-1)) + 1
    for site in rows:  # each site parts the classes into those within its reach and the others
        here = _within(catchments, site)
        parted, inside = np.unique(of[here], return_inverse=True)
        of[here] = fresh + inside
        fresh += len(parted)
    order = np.argsort(rank)
    _, first, back = np.unique(of[order], return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    of[order] = number[back]
    return _Classes(of=of, count=len(first), pairs=[np.unique(of[_within(catchments, site)]) for site in rows])


def _data(classes: _Classes, rows: NDArray[np.intp], cell: NDArray[np.int64], ground: _Ground) -> dict[str, Any]:
    """Return what the page unpacks.

    One after another: people of each class in units, as varints; their cells, as steps; pairs of each site; classes of
    each site, less one than the step from the one before; those of each group in each class, in units of its own.
    """
    demand, bits = ground.demand, ground.bits
    counted = (demand.population, *demand.groups.values())
    everybody, *groups = (_units(classes, people, of) for people, of in zip(counted, bits, strict=True))
    cells = np.zeros(classes.count, np.int64)
    cells[classes.of] = cell
    gaps = [np.diff(pairs, prepend=-1) - 1 for pairs in classes.pairs]
    return {
        "bits": bits[0],
        "groups": [{"name": name, "bits": of} for name, of in zip(demand.groups, bits[1:], strict=True)],
        "classes": classes.count,
        "rows": rows.tolist(),
        "districts": ground.names,
        "packed": packed(
            everybody,
            steps(cells),
            varints(np.array([len(pairs) for pairs in gaps])),
            varints(np.concatenate([*gaps, np.empty(0, np.int64)])),
            *groups,
        ),
    }


def _units(classes: _Classes, people: NDArray[np.float64], bits: int) -> bytes:
    """Return people of each class in units, as varints."""
    units = np.zeros(classes.count, np.int64)
    np.add.at(units, classes.of, np.rint(people * 2.0**bits).astype(np.int64))
    return varints(units)
