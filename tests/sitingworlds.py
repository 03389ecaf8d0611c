"""Small siting questions: one done by hand, others drawn at random, and the answers of plain enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from accessibility.siting import Conditions, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = np.inf


def covers(reach: list[list[int]], people: list[float], **fields: Any) -> Problem:
    """Return the problem in which site ``j`` covers the demand points ``reach[j]``."""
    start = np.cumsum([0, *map(len, reach)])
    demand = np.array([i for points in reach for i in sorted(points)], dtype=np.int32)
    pairs = len(demand)
    return Problem(
        people=np.array(people, dtype=float),
        start=start,
        demand=demand,
        cost=np.zeros(pairs),
        within=np.ones(pairs, np.bool_),
        **fields,
    )


def toy() -> Problem:
    """Return the town done by hand: one outlet, three bank branches at 1, two new sites at 3, two districts."""
    return covers(
        [[0], [0, 1], [3], [2, 3], [1, 2, 3], [4, 5]],
        [100, 80, 60, 50, 40, 10],
        ids=["E1", "B1", "B2", "B3", "N1", "N2"],
        site_cost=[0, 1, 1, 1, 3, 3],
        open=[True, False, False, False, False, False],
        kind=["outlet", "bank", "bank", "bank", "new", "new"],
        district=[0, 0, 0, 1, 1, 1],
        districts=("A", "B"),
    )


def distant() -> Problem:
    """Return the town with a minute to whoever a site covers and ten to everybody else."""
    town = toy()
    minutes = np.full((6, 6), 10.0)
    minutes[town.pair_site, town.demand] = 1.0
    made = Problem.from_costs(minutes, town.people, 1, site_cost=town.site_cost, district=["A"] * 3 + ["B"] * 3)
    return replace(made, ids=town.ids, open=town.open, candidate=town.candidate, kind=town.kind)


def scattered(n: int, s: int, *, seed: int, radius: float = 0.12) -> Problem:
    """Return people and candidates strewn over a square, 60 to 140 % of the radius each."""
    random = np.random.default_rng(seed)
    people, sites = random.random((n, 2)), random.random((s, 2))
    near = np.hypot(*(sites[:, None] - people).transpose(2, 0, 1)) <= radius * random.uniform(0.6, 1.4, (s, 1))
    costs = np.where(near, 1.0, np.inf)
    return Problem.from_costs(costs, random.integers(0, 100, n), 1.0)


@st.composite
def problems(draw: st.DrawFn, *, most_points: int = 9, most_sites: int = 7) -> Problem:
    """Draw a town: people whole or not, costs alike or not, some sites open, some no candidates."""
    n, s = draw(st.integers(1, most_points)), draw(st.integers(1, most_sites))
    number = draw(st.sampled_from([st.integers(0, 20), st.sampled_from([0.0, 0.25, 1 / 3, 7.1, 12.6])]))
    price = draw(st.sampled_from([st.just(1), st.integers(0, 4), st.sampled_from([0.1, 0.2, 0.7, 1.0, 1 / 3])]))
    reach = [sorted(draw(st.sets(st.integers(0, n - 1), max_size=n))) for _ in range(s)]
    opened = draw(st.lists(st.sampled_from([False, False, False, True]), min_size=s, max_size=s))
    candidate = draw(st.lists(st.sampled_from([True, True, True, False]), min_size=s, max_size=s))
    return covers(
        reach,
        draw(st.lists(number, min_size=n, max_size=n)),
        ids=draw(st.permutations([f"S{k}" for k in range(s)])),
        site_cost=draw(st.lists(price, min_size=s, max_size=s)),
        open=opened,
        candidate=candidate,
        kind=draw(st.lists(st.sampled_from(["bank", "new"]), min_size=s, max_size=s)),
        bank=draw(st.lists(st.sampled_from(["", "X", "Y"]), min_size=s, max_size=s)),
        district=draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)),
        districts=("A", "B"),
        site_xy=draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=s, max_size=s)),
    )


@st.composite
def conditions(draw: st.DrawFn, problem: Problem, *, floors: bool = True) -> Conditions:
    """Draw conditions that name what is there."""
    ids = problem.ids.tolist()
    could = problem.ids[problem.candidate].tolist()
    some = st.lists(st.sampled_from(could), max_size=1, unique=True) if could else st.just([])
    required = draw(some)
    pairs = [pair for pair in combinations(ids, 2) if draw(st.integers(0, 5)) == 0]
    share = st.sampled_from([0.0, 0.0, 0.3, 0.5, 2 / 3, 1.0])
    return Conditions(
        quotas=draw(st.dictionaries(st.sampled_from(["bank", "new"]), st.integers(0, 3), max_size=2)),
        spacing_m=draw(st.sampled_from([0.0, 0.0, 1.0, 1.5, 2.0])),
        exclusive=tuple(pairs),
        floor=draw(share) if floors else 0.0,
        floors={"A": draw(share)} if floors and draw(st.booleans()) else {},
        required=tuple(required),
        forbidden=tuple(site for site in draw(some) if site not in required),
    )


def plans(problem: Problem, sites: int | None, budget: float | None, asked: Conditions) -> Iterator[tuple[int, ...]]:
    """Return every set of sites that could open together, floors aside: by looking at each of them."""
    could = np.flatnonzero(problem.candidate).tolist()
    for size in range(len(could) + 1):
        for rows in combinations(could, size):
            if _allowed(problem, rows, sites, budget, asked):
                yield rows


def _allowed(
    problem: Problem, rows: tuple[int, ...], sites: int | None, budget: float | None, asked: Conditions
) -> bool:
    names = {problem.ids[row] for row in rows}
    counting = names | {problem.ids[row] for row in np.flatnonzero(problem.open)}
    cost = sum(problem.site_cost[row] for row in rows)
    xy = np.zeros((len(problem.site_cost), 2)) if problem.site_xy is None else problem.site_xy
    apart = min((float(np.hypot(*(xy[a] - xy[b]))) for a, b in combinations(rows, 2)), default=9)
    return bool(
        (sites is None or len(rows) <= sites)
        and (budget is None or cost <= budget + 1e-9)
        and all(site in counting for site in asked.required)
        and not names & set(asked.forbidden)
        and all(
            sum(name in (problem.kind[r], problem.bank[r]) for r in rows) <= most for name, most in asked.quotas.items()
        )
        and not any({a, b} <= counting and {a, b} & names for a, b in asked.exclusive)
        and apart >= asked.spacing_m
    )


def reached(problem: Problem, rows: tuple[int, ...]) -> set[int]:
    """Return the demand points that the open sites and these cover."""
    return {
        int(i)
        for row in (*np.flatnonzero(problem.open), *rows)
        for i in problem.demand[problem.start[row] : problem.start[row + 1]]
    }


def people_at(problem: Problem, points: set[int], district: str | None = None) -> float:
    """Return the people at these points, of one district if one is named."""
    place = None if district is None else problem.districts.index(district)
    return float(sum(problem.people[i] for i in points if place is None or problem.district[i] == place))


def shortage(problem: Problem, rows: tuple[int, ...], asked: Conditions) -> float:
    """Return how many people a plan is short of the floors; whole people where there are no parts of people."""
    there, everyone = reached(problem, rows), set(range(len(problem.people)))
    whole = all(float(number).is_integer() for number in problem.people)
    short = 0.0
    for name in problem.districts:
        share = asked.floors.get(name, asked.floor)
        wanted = share * people_at(problem, everyone, name)
        short += max((ceil(wanted - 1e-9) if whole else wanted) - people_at(problem, there, name), 0.0)
    return short if short > 1e-9 else 0.0
