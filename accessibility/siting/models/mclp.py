"""Cover most people: the maximal covering location problem, given what is open today."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from accessibility.errors import checked
from accessibility.siting.claims import claim_most
from accessibility.siting.covering import read_covering
from accessibility.siting.covering_course import close_gap
from accessibility.siting.effort import Allowance
from accessibility.siting.goals import MostPeople
from accessibility.siting.limits import Limits, refuse_boundless, refuse_gap
from accessibility.siting.outcome import cover_plan, refuse_unproven, refused_plan

if TYPE_CHECKING:
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem


@checked
def solve_mclp(
    problem: Problem,
    *,
    sites: int | None = None,
    budget: float | None = None,
    time_limit_s: float | None = None,
    gap: float = 0.0,
    conditions: Conditions | None = None,
) -> SitingPlan:
    """Return the sites to open that cover most people, with a bound that no plan can beat.

    The question is reduced exactly, a greedy plan is improved, a Lagrangian certificate bounds what is possible, and
    what they leave open is solved exactly, a core of candidates first. When the time is up the best plan so far comes
    back with the bound so far. The same question gives the same plan, whatever the order of its rows, unless the
    time limit cuts it short.

    Parameters
    ----------
    problem
        People, candidates and what is covered today.
    sites
        Greatest number of sites to open.
    budget
        Greatest total cost; with `sites`, both hold.
    time_limit_s
        Wall seconds, those of compiling apart; without any the search ends by its work, and the same on every machine.
    gap
        Relative gap between plan and bound that is near enough to stop.
    conditions
        Quotas, spacing, exclusive sites, floors by district, sites that must or must not open.

    Returns
    -------
    SitingPlan
        Its objective counts all people covered, those covered today included. A site that would bring in nobody is
        not opened. Where the floors are out of reach: status ``infeasible``, the people short by district, and the
        plan that falls short least.

    Raises
    ------
    InputError
        Neither a number of sites nor a budget, negative ones, conditions about what is not there.
    UnprovenError
        Where no plan that meets the floors was found in time, and none was proven impossible.

    References
    ----------
    R. Church, C. ReVelle: The maximal covering location problem. Papers of the Regional Science Association 32, 1974,
    101-118.

    Examples
    --------
    >>> from accessibility.siting import Problem, solve_mclp
    >>> problem = Problem.from_costs([[100, 900, 2000], [950, 200, 300]], [30, 10, 20], cutoff=900)
    >>> solve_mclp(problem, sites=1)
    <SitingPlan mclp: 1 sites for 1, objective 40, bound 40, gap 0.00 %, optimal>
    """
    allowance = Allowance(limit_s=time_limit_s)
    limits = Limits.of(sites, budget, conditions)
    refuse_boundless(limits)
    refuse_gap(gap)
    plan = cover_within(problem, limits, gap, allowance)
    refuse_unproven(plan)
    return plan


def cover_within(problem: Problem, limits: Limits, gap: float, allowance: Allowance) -> SitingPlan:
    """Return the plan of `solve_mclp` for given limits and an allowance, one that is cut short of floors too."""
    reading = read_covering(problem, limits)
    if reading.terms.contradiction:
        return refused_plan(problem, limits, "mclp", reading.terms.contradiction)
    claim = partial(claim_most, problem, limits)
    course = close_gap(MostPeople(), reading.covering, gap, allowance, claim=claim)
    return cover_plan(problem, limits, reading, course, allowance)
