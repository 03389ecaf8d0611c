"""What a plan's bound claims, as programs in whole numbers: no solver has a part in them, and nothing is reduced.

People count where they are not covered: what is lost. So every row asks for something, and prices of rows prove a loss.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from accessibility.siting.certificate import coverable, covered_twice, floor_people, people_wanted
from accessibility.siting.counts import TWICE, Counts, read_counts, read_moves
from accessibility.siting.limits import district_people, improvable, limits_of, read_terms
from accessibility.siting.numbers import read_units
from accessibility.siting.plan import SitingPlan
from accessibility.siting.tree import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from accessibility.siting.limits import Limits, Terms
    from accessibility.siting.problem import Problem

_MOST_PAIRS = 20_000  # of a p-median, each of them a column


def claims_of(problem: Problem, plan: SitingPlan) -> tuple[Claim, ...]:
    """Return what has to hold for the bound of a plan, or for there being no plan; empty where nothing says it.

    Parameters
    ----------
    problem, plan
        A plan and what it answers; of the plan its question, bound and status are read, and of backup coverage, whose
        people covered come first, how many these are.
    """
    terms = read_terms(problem, limits_of(plan))
    if plan.model == "relocation":
        return _relocated(problem, plan)
    if terms.contradiction:
        return ()
    if plan.status == "infeasible":
        return _none_answers(problem, plan, terms)
    return _CLAIMS[plan.model](problem, plan, terms)


def claim_most(problem: Problem, limits: Limits) -> Claim:
    """Return the claim that no plan within the limits covers anybody, for want of a plan: it is there to be cut.

    What it says is lost at the least is everybody, in whole units of people.
    """
    plan = SitingPlan(
        model="mclp",
        selected=(),
        gain=(),
        objective=0.0,
        bound=0.0,
        status="feasible",
        seconds=0.0,
        sites_limit=limits.sites,
        budget=limits.budget,
        conditions=limits.conditions,
    )
    return _most_people(problem, plan, read_terms(problem, limits))[0]


class _Program:
    """A claim as it is put together: blocks of columns, and rows over them."""

    def __init__(self, counts: Counts) -> None:
        """Begin with a column for each site, and for each row of people that nothing covers yet."""
        self.counts = counts
        self.bare = np.flatnonzero(counts.before == 0)
        m, a = len(counts.columns), len(self.bare)
        self.m, self.widths = m, [m, a]
        self.upper = [np.ones(m + a)]
        self.rows: list[list[Any]] = []
        self.least: list[NDArray[np.float64]] = []
        self.add(np.ones(a), counts.matrix[self.bare], sparse.eye_array(a))
        self.small = a

    def columns(self, upper: NDArray[np.float64]) -> None:
        """Add a block of columns."""
        self.widths.append(len(upper))
        self.upper.append(upper)

    def add(self, least: NDArray[np.float64], *blocks: Any) -> None:
        """Add rows; blocks that are left out, and None, are empty."""
        self.rows.append(list(blocks))
        self.least.append(np.asarray(least, dtype=np.float64))

    def limit(self) -> None:
        """Add the limits on sites."""
        room = self.counts.room
        self.add(-room.left[room.finite], -room.rows[room.finite])

    def floors(self, short: NDArray[np.float64] | None = None) -> None:
        """Add the floors; with columns for what each is short of, these come next."""
        people, wanted = self.counts.needs
        lacking = wanted - np.asarray(people.sum(axis=1)).ravel()
        beside = [] if short is None else [sparse.diags_array(short)]
        self.add(lacking, None, -people[:, self.bare], *beside)

    def claim(self, loss: NDArray[np.float64], wanted: float, *, whole: bool = True) -> Claim:
        """Return the claim that nothing loses less than `wanted`."""
        lines = []
        for blocks, least in zip(self.rows, self.least, strict=True):
            filled = [*blocks, *([None] * (len(self.widths) - len(blocks)))]
            shapes = zip(filled, self.widths, strict=True)
            lines.append(
                sparse.hstack(
                    [sparse.csr_array((len(least), wide)) if b is None else sparse.csr_array(b) for b, wide in shapes]
                )
            )
        wide, two = sum(self.widths), self.widths[0] + self.widths[1]
        return Claim(
            loss=loss,
            rows=sparse.csr_array(sparse.vstack(lines, format="csr")),
            least=np.concatenate(self.least),
            upper=np.concatenate(self.upper),
            sites=self.counts.columns,
            splits=np.arange(wide) < two,
            small=self.small,
            whole=whole,
            wanted=wanted,
        )


def _read(problem: Problem, plan: SitingPlan, terms: Terms) -> _Program:
    """Return the program of who is covered by which sites, with the limits on these."""
    anyway = problem.open.copy()
    anyway[terms.required] = True
    limits = limits_of(plan)
    program = _Program(read_counts(problem, limits, terms, np.flatnonzero(terms.allowed), anyway))
    program.limit()
    return program


def _floored(problem: Problem, plan: SitingPlan, terms: Terms) -> Terms:
    """Return the terms with the people that have to be covered, in whole numbers where people are."""
    return replace(terms, floor_people=floor_people(problem, plan))


def _most_people(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    program = _read(problem, plan, _floored(problem, plan, terms))
    program.floors()
    weight, m = program.counts.weight, program.m
    loss = np.concatenate([np.zeros(m), weight[program.bare]])
    return (program.claim(loss, float(weight.sum()) - plan.bound / problem.people_units.unit),)


def _least_cost(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    cost = problem.cost_units
    if plan.model == "lscp":
        # Everybody counts who can be covered at all, however many they are, and so no floor asks for more.
        wanted = coverable(problem, plan.conditions) & (problem.people > 0)
        problem = replace(problem, people=wanted.astype(np.float64))
        program = _read(problem, plan, replace(terms, floor_people={}))
        program.upper[0][program.m :] = 0.0
    else:
        program = _read(problem, plan, _floored(problem, plan, terms))
        program.floors()
        weight = program.counts.weight
        least = problem.people_units.least(people_wanted(problem, plan)) - weight.sum()
        program.add(np.array([least]), None, -sparse.csr_array(weight[program.bare][None]))
    loss = np.concatenate([program.counts.room.cost, np.zeros(len(program.bare))])
    return (program.claim(loss, plan.bound / cost.unit - cost.sum(terms.required)),)


def _most_backup(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    """Return the claim of a weighted sum, or those of people covered, and of people covered twice beside as many."""
    floored, units = _floored(problem, plan, terms), problem.people_units
    whole = float(units.whole.sum())
    if plan.weight is not None:
        worth = read_units(np.array([plan.weight, 1.0 - plan.weight]), "weights")
        one, two = worth.whole.tolist()
        program = _twice(problem, plan, floored)
        loss = _loss_twice(program, (one, two))
        return (program.claim(loss, whole * (one + two) - plan.bound / (units.unit * worth.unit)),)
    if plan.status != "optimal":
        return ()
    counts = problem.open.copy()
    counts[problem.rows(plan.selected)] = True
    once, twice = units.sum(problem.covered_by(counts)), units.sum(covered_twice(problem, counts))
    first = replace(_most_people(problem, plan, terms)[0], wanted=whole - once)
    program = _twice(problem, plan, floored)
    weight = program.counts.weight
    program.add(np.array([once - weight.sum()]), None, -sparse.csr_array(weight[program.bare][None]))
    return first, program.claim(_loss_twice(program, (0.0, 1.0)), whole - twice)


def _twice(problem: Problem, plan: SitingPlan, terms: Terms) -> _Program:
    """Return the program with a column more for each row that is not covered twice yet."""
    program = _read(problem, plan, terms)
    counts = program.counts
    again = np.flatnonzero(counts.before < TWICE)
    place = np.full(len(counts.before), -1, np.intp)
    place[program.bare] = np.arange(len(program.bare))
    of = np.flatnonzero(place[again] >= 0)
    shape = (len(again), len(program.bare))
    once = sparse.csr_array((np.ones(len(of)), (of, place[again][of])), shape=shape)
    program.columns(np.ones(len(again)))
    program.add(
        TWICE - counts.before[again].astype(np.float64), counts.matrix[again], once, sparse.eye_array(len(again))
    )
    program.floors()
    return program


def _loss_twice(program: _Program, worth: tuple[float, float]) -> NDArray[np.float64]:
    weight, before = program.counts.weight, program.counts.before
    return np.concatenate([np.zeros(program.m), worth[0] * weight[program.bare], worth[1] * weight[before < TWICE]])


def _fairest(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    """Return the claim about the share that the district covered least is short of."""
    people = district_people(problem)
    names = improvable(problem, limits_of(plan))
    asked = {name: people[name] for name in names}
    program = _read(problem, plan, replace(terms, floor_people=asked))
    program.columns(np.ones(1))
    inside, wanted = program.counts.needs
    lacking = wanted - np.asarray(inside.sum(axis=1)).ravel()
    program.add(lacking, None, -inside[:, program.bare], sparse.csr_array(wanted[:, None]))
    loss = np.append(np.zeros(program.m + len(program.bare)), 1.0)
    return (program.claim(loss, 1.0 - plan.bound, whole=False),)


def _nearer(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    """Return the claim that no plan serves everybody nearer than its bound: some point at the least stays alone."""
    alike = replace(problem, people=np.ones(len(problem.people)), within=problem.cost < plan.bound)
    program = _read(alike, plan, replace(terms, floor_people={}))
    return (program.claim(np.concatenate([np.zeros(program.m), np.ones(len(program.bare))]), 1.0),)


def _nearest(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    """Return the claim of a p-median: a column for each pair that is nearer than what counts anyway."""
    kept = problem.open.copy()
    kept[terms.required] = True
    base, n = problem.nearest_cost(kept), len(problem.people)
    pairs = np.flatnonzero(terms.allowed[problem.pair_site] & (problem.cost < base[problem.demand]))
    if len(pairs) > _MOST_PAIRS:
        return ()
    nobody = replace(problem, people=np.zeros(n), within=np.zeros(len(problem.within), np.bool_))
    program = _read(nobody, plan, replace(terms, floor_people={}))
    place = np.full(len(problem.open), -1, np.intp)
    place[program.counts.columns] = np.arange(program.m)
    anyway = np.flatnonzero(np.isfinite(base))
    k, b = len(pairs), len(anyway)
    program.columns(np.ones(k))
    program.columns(np.ones(b))
    served = sparse.csr_array((np.ones(k), (problem.demand[pairs], np.arange(k))), shape=(n, k))
    stays = sparse.csr_array((np.ones(b), (anyway, np.arange(b))), shape=(n, b))
    program.add(np.ones(n), None, None, served, stays)
    opens = sparse.csr_array((np.ones(k), (np.arange(k), place[problem.pair_site[pairs]])), shape=(k, program.m))
    program.add(np.zeros(k), opens, None, -sparse.eye_array(k))
    loss = np.zeros(program.m + k + b)
    loss[program.m : program.m + k] = (problem.people[problem.demand] * problem.cost)[pairs]
    loss[program.m + k :] = problem.people[anyway] * base[anyway]
    return (program.claim(loss, plan.bound, whole=False),)


def _relocated(problem: Problem, plan: SitingPlan) -> tuple[Claim, ...]:
    """Return the claim about what is not covered once sites have opened and closed; or about the floors, if short."""
    moves, terms = read_moves(problem, limits_of(plan), int(plan.closures_limit or 0))
    if terms.contradiction:
        return ()
    counts, old = moves.counts, moves.old
    bare = np.flatnonzero(counts.before == 0)
    sites = sparse.csr_array(counts.matrix[bare] @ sparse.diags_array(np.where(old, -1.0, 1.0)))
    program = _Program(counts)
    # A site that is open covers what it covers until it changes.
    program.rows[0][0] = sites
    program.least[0] = 1.0 - np.asarray(counts.matrix[bare] @ old.astype(np.float64)).ravel()
    finite = np.flatnonzero(np.isfinite(moves.most))
    program.add(-moves.most[finite], -moves.limits[finite])
    if plan.status == "infeasible":
        wanted = counts.needs[1]
        program.columns(np.ones(len(wanted)))
        program.floors(wanted)
        return (program.claim(np.concatenate([np.zeros(program.m + len(bare)), wanted]), 1.0),)
    program.floors()
    loss = np.concatenate([np.zeros(program.m), counts.weight[bare]])
    return (program.claim(loss, float(counts.weight.sum()) - plan.bound / problem.people_units.unit),)


def _none_answers(problem: Problem, plan: SitingPlan, terms: Terms) -> tuple[Claim, ...]:
    """Return the claim that every plan is short of what is asked for by a unit of people at the least."""
    if plan.model in ("p-median", "p-center"):
        return _nearer(problem, replace(plan, bound=np.inf), terms)
    program = _read(problem, plan, _floored(problem, plan, terms))
    _, wanted = program.counts.needs
    program.columns(np.ones(len(wanted)))
    program.floors(wanted)
    short = wanted
    if plan.model in ("lscp", "partial"):
        units, weight = problem.people_units, program.counts.weight
        everybody = coverable(problem, plan.conditions)
        most = units.sum(everybody) if plan.model == "lscp" else units.least(people_wanted(problem, plan))
        program.columns(np.ones(1))
        people = -sparse.csr_array(weight[program.bare][None])
        program.add(np.array([most - weight.sum()]), None, people, None, sparse.csr_array([[float(most)]]))
        short = np.append(short, float(most))
    loss = np.concatenate([np.zeros(program.m + len(program.bare)), short])
    return (program.claim(loss, 1.0),)


_CLAIMS: Mapping[str, Callable[[Problem, SitingPlan, Terms], tuple[Claim, ...]]] = {
    "mclp": _most_people,
    "lscp": _least_cost,
    "partial": _least_cost,
    "backup": _most_backup,
    "max-min": _fairest,
    "p-center": _nearer,
    "p-median": _nearest,
}
