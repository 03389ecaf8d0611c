"""Siting questions small enough to try every plan, and the plain reading of every limit and condition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from scipy import sparse

from accessibility.siting.limits import Limits, read_terms
from accessibility.siting.medians import read_median
from accessibility.siting.plan import Conditions
from accessibility.siting.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from accessibility.siting.medians import Median, Room

KINDS = ("bank", "new")
BANKS = ("Red", "Blue", "")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A problem and what is asked of it."""

    problem: Problem
    sites: int | None
    budget: float | None
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def asked(self) -> dict[str, Any]:
        """Keyword arguments of a solver."""
        return {"sites": self.sites, "budget": self.budget, "conditions": self.conditions}

    def plans(self) -> Iterator[tuple[int, ...]]:
        """Yield every set of candidates that keeps to the limits and conditions, by its rows."""
        candidates = np.flatnonzero(self.problem.candidate).tolist()
        sizes = range(len(candidates) + 1)
        for rows in chain.from_iterable(combinations(candidates, size) for size in sizes):
            if self.allows(rows, self.problem.open):
                yield rows

    def allows(self, rows: tuple[int, ...], stays: NDArray[np.bool_], saved: float = 0.0) -> bool:
        """Return whether a set of candidates may open beside the sites that stay."""
        problem, asked = self.problem, self.conditions
        ids = {problem.ids[row] for row in rows}
        counts = ids | set(problem.ids[stays])
        cost = sum(problem.site_cost[row] for row in rows) - saved
        named = {name: sum(name in (problem.kind[row], problem.bank[row]) for row in rows) for name in asked.quotas}
        apart = [np.hypot(*(problem.site_xy[a] - problem.site_xy[b])) for a, b in combinations(rows, 2)]  # type: ignore[index]
        return (
            (self.sites is None or len(rows) <= self.sites)
            and (self.budget is None or cost <= self.budget + 1e-9)
            and set(asked.required) <= counts
            and not set(asked.forbidden) & ids
            and all(used <= asked.quotas[name] for name, used in named.items())
            and not any({a, b} <= counts and {a, b} & ids for a, b in asked.exclusive)
            and all(metres >= asked.spacing_m for metres in apart)
        )


def cost_matrix(draw: Any, s: int, n: int, missing: bool) -> sparse.coo_array:  # noqa: FBT001
    """Draw a sparse matrix of costs 0 to 12, some pairs missing."""
    cells = st.one_of(st.integers(0, 12), st.none()) if missing else st.integers(0, 12)
    costs = draw(st.lists(st.lists(cells, min_size=n, max_size=n), min_size=s, max_size=s))
    pairs = [(i, j, c) for i, row in enumerate(costs) for j, c in enumerate(row) if c is not None]
    i, j, c = zip(*pairs, strict=True) if pairs else ((), (), ())
    return sparse.coo_array((np.array(c, float), (np.array(i, int), np.array(j, int))), shape=(s, n))


@st.composite
def problems(draw: Any, missing: bool = True, most_sites: int = 6) -> Problem:  # noqa: FBT001, FBT002
    """Draw a problem of a few points and sites."""
    s, n = draw(st.integers(0, most_sites)), draw(st.integers(1, 6))
    matrix = cost_matrix(draw, s, n, missing)
    made = Problem.from_costs(
        matrix,
        draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)),
        cutoff=draw(st.integers(0, 12)),
        site_cost=draw(st.lists(st.sampled_from([0, 0.1, 0.5, 1, 2, 3]), min_size=s, max_size=s)),
        district=draw(st.lists(st.sampled_from(["A", "B", None]), min_size=n, max_size=n)),
    )

    def pick(names: tuple[str, ...]) -> NDArray[np.object_]:
        return np.array(draw(st.lists(st.sampled_from(names), min_size=s, max_size=s)), dtype=object)

    status = pick(("open", "could", "could", "could", "never"))
    xy = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=s, max_size=s))
    fields = {name: getattr(made, name) for name in ("people", "start", "demand", "cost", "within", "site_cost")}
    return Problem(
        **fields,
        district=made.district,
        districts=made.districts,
        open=status == "open",
        candidate=status == "could",
        kind=pick(KINDS),
        bank=pick(BANKS),
        ids=np.array([f"s{k}" for k in range(s)], dtype=object),
        site_xy=np.array(xy, float).reshape(s, 2),
    )


@st.composite
def questions(draw: Any, missing: bool = True, most_sites: int = 6) -> Question:  # noqa: FBT001, FBT002
    """Draw a problem with limits and, now and then, conditions."""
    problem = draw(problems(missing=missing, most_sites=most_sites))
    limit = draw(st.sampled_from(["sites", "budget", "both"]))
    sites = draw(st.integers(0, 4)) if limit != "budget" else None
    budget = draw(st.sampled_from([0, 0.3, 1, 2, 3.5, 6])) if limit != "sites" else None
    return Question(problem=problem, sites=sites, budget=budget, conditions=draw(conditions(problem)))


@st.composite
def conditions(draw: Any, problem: Problem) -> Conditions:
    """Draw conditions that name sites of a problem."""
    could = problem.ids[problem.candidate].tolist()
    ids = problem.ids.tolist()
    one = st.lists(st.sampled_from(could), max_size=1) if could else st.just([])
    two = st.lists(st.sampled_from(ids), min_size=2, max_size=2, unique=True) if len(ids) > 1 else st.nothing()
    required = draw(one)
    forbidden = [site for site in draw(one) if site not in required]
    names = [*KINDS, *(name for name in BANKS[:2] if (problem.bank == name).any())]
    return Conditions(
        quotas=draw(st.dictionaries(st.sampled_from(names), st.integers(0, 2), max_size=2)),
        spacing_m=draw(st.sampled_from([0.0, 0.0, 3.0])),
        exclusive=tuple(map(tuple, draw(st.lists(two, max_size=2) if len(ids) > 1 else st.just([])))),
        required=tuple(required),
        forbidden=tuple(forbidden),
    )


def ring_costs(n: int) -> NDArray[np.float64]:
    """Return the steps between any two of `n` places on a ring."""
    apart = np.abs(np.arange(n) - np.arange(n)[:, None])
    steps: NDArray[np.float64] = np.minimum(apart, n - apart).astype(float)
    return steps


def median_of(question: Question) -> Median:
    """Return what is left to choose of a question."""
    limits = Limits.of(question.sites, question.budget, question.conditions)
    return read_median(question.problem, limits, read_terms(question.problem, limits))


@st.composite
def medians(draw: Any) -> Median:
    """Draw what is left to choose of a problem in which everybody is within reach of some candidate."""
    s, n = draw(st.integers(2, 6)), draw(st.integers(1, 6))
    pairs = draw(st.lists(st.lists(st.integers(0, 15), min_size=n, max_size=n), min_size=s, max_size=s))
    costs = np.array(pairs, float)
    # 13 and more is out of reach, but not of everybody.
    costs[(costs > 12) & (costs > costs.min(axis=0))] = np.inf
    made = Problem.from_costs(
        costs,
        draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)),
        cutoff=1,
        site_cost=draw(st.lists(st.sampled_from([0, 0.5, 1, 2]), min_size=s, max_size=s)),
    )
    opened = np.arange(s) < draw(st.sampled_from([0, 0, 1]))
    kind = np.array(draw(st.lists(st.sampled_from(KINDS), min_size=s, max_size=s)), dtype=object)
    xy = np.array(draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=s, max_size=s)), float)
    problem = replace(made, open=opened, candidate=~opened, kind=kind, site_xy=xy)
    sites, budget = draw(st.sampled_from([(1, None), (2, None), (3, 3.0), (None, 1.0), (None, 2.5)]))
    asked = Conditions(
        quotas={"new": draw(st.integers(1, 2))} if draw(st.booleans()) else {},
        spacing_m=draw(st.sampled_from([0.0, 0.0, 3.0])),
        exclusive=draw(st.sampled_from([(), ((s - 2, s - 1),)])),
    )
    return median_of(Question(problem=problem, sites=sites, budget=budget, conditions=asked))


def choices(median: Median) -> Iterator[tuple[NDArray[np.bool_], float]]:
    """Yield every set of sites that there is room for, and its value; infinite where it leaves a row unserved."""
    room, m = median.room, len(median.columns)
    start, site, worth = median.values.by_row
    members = [np.flatnonzero(np.isin(np.arange(len(room.left)), _packs(room, j))) for j in range(m)]
    for bits in range(2**m):
        inside = np.array([bits >> k & 1 for k in range(m)], bool)
        packed = np.zeros(len(room.left))
        for j in np.flatnonzero(inside):
            packed[members[j]] += 1
        if inside.sum() > room.left[0] or room.cost[inside].sum() > room.left[1] or (packed > room.left)[2:].any():
            continue
        total = 0.0
        for i, base in enumerate(median.values.base):
            pairs = range(start[i], start[i + 1])
            total += min([base, *(worth[k] for k in pairs if inside[site[k]])])
        yield inside, total


def _packs(room: Room, site: int) -> NDArray[np.int32]:
    return room.pack[room.pack_start[site] : room.pack_start[site + 1]]
