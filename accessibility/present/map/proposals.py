"""A proposal on a map: its sites in opening order, what they add, and how good the plan is, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accessibility.present.charts import FrontierPicture, picture_frontier
from accessibility.present.map.outlines import count
from accessibility.siting.plan import format_objective
from accessibility.wording import cost_text, percent_sign

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from accessibility.present.map.words import MapWords
    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan

    Called = Callable[[object, object], str]
    Lines = list[tuple[str, str]]

_OF_PEOPLE = ("mclp", "backup", "relocation")
_OF_COST = ("lscp", "partial")


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposal:
    """A plan to be drawn.

    Parameters
    ----------
    plan
        Which sites open, in which order.
    frontier
        What each budget buys, with the columns of `accessibility.present.charts.picture_frontier`; None for no
        picture.
    cost_unit
        What costs are counted in, such as 万元; empty where they are only numbers.

    Examples
    --------
    >>> from accessibility.present.map.coverage_map import Proposal
    >>> from accessibility.siting import Problem, solve_mclp
    >>> plan = solve_mclp(Problem.from_costs([[1, 9], [9, 1]], people=[5, 4], cutoff=2), sites=1)
    >>> Proposal(plan=plan).plan.selected
    (0,)
    """

    plan: SitingPlan
    frontier: pd.DataFrame | None = None
    cost_unit: str = ""


def rows_of(sites: Sites, ids: tuple[object, ...]) -> list[int]:
    """Return the rows of those ids that are sites."""
    row_of = {site: row for row, site in enumerate(sites.ids)}
    return [row_of[site] for site in ids if site in row_of]


def open_after(plan: SitingPlan, sites: Sites) -> NDArray[np.bool_]:
    """Return which sites are open when the plan is carried out."""
    is_open = sites.open.copy()
    is_open[rows_of(sites, plan.selected)] = True
    is_open[rows_of(sites, plan.closed)] = False
    return is_open


def proposal_panel(proposal: Proposal, sites: Sites, words: MapWords, called: Called) -> dict[str, Any]:
    """Return what the panel shows of a proposal; `called` says what a site is called, of its id and its name."""
    plan = proposal.plan
    table = plan.table()
    row_of = {site: row for row, site in enumerate(sites.ids)}
    rows = [
        {
            "rank": int(rank),
            "row": row_of.get(ident, -1),
            "kind": str(kind),
            "name": called(ident, name),
            "cost": cost_text(cost, "", "en"),
            "gain": count(gain),
            "share": words.percent_cell(covered, plan.population),
        }
        for rank, ident, kind, name, cost, gain, covered in table[
            ["rank", "id", "kind", "name", "cost", "gain_people", "covered_people"]
        ].itertuples(index=False)
    ]
    closing = [called(sites.ids[r], sites.name[r]) for r in rows_of(sites, plan.closed)]
    return {
        "rows": rows,
        "summary": _summary(plan, words, proposal.cost_unit),
        "proof": proof_lines(plan, words),
        "closes": words.lines("closes", names=", ".join(closing)) if closing else [],
        "frontier": _picture(proposal),
    }


def proof_lines(plan: SitingPlan, words: MapWords) -> Lines:
    """Return how far from the best possible the plan is, one sentence per language, and how the bound was obtained."""
    if plan.status == "infeasible":
        return words.lines("infeasible", message=words.message(plan.message))
    if not plan.selected:
        return words.lines("no_sites_proposed")
    best = plan.status == "optimal"
    about = "people" if plan.model in _OF_PEOPLE else "cost" if plan.model in _OF_COST else "other"
    (objective, unit), (bound, _) = (format_objective(plan.model, value) for value in (plan.objective, plan.bound))
    short, _ = format_objective(plan.model, abs(plan.bound - plan.objective))
    said = words.lines(
        f"{about}_{'best' if best else 'bound'}",
        objective=objective,
        bound=bound,
        short=short,
        gap=_gap(plan.gap, words),
        unit=words.told(unit),
    )
    return said + words.lines(f"by_{plan.bound_by}")


def _summary(plan: SitingPlan, words: MapWords, unit: str) -> Lines:
    if not plan.selected:
        return []
    covered = plan.covered_people
    share = words.percent(covered, plan.population)
    return words.lines(
        "proposal",
        sites=len(plan.selected),
        cost=words.by_language(lambda language: cost_text(plan.cost, unit, language)),
        covered=count(covered),
        percent=share,
    )


def _picture(proposal: Proposal) -> FrontierPicture | None:
    if proposal.frontier is None:
        return None
    plan = proposal.plan
    spent = plan.cost if plan.sites_limit is None else len(plan.selected)
    return picture_frontier(proposal.frontier, here=(spent, plan.covered_people) if plan.selected else None)


def _gap(gap: float, words: MapWords) -> dict[str, str]:
    """Return a gap in percent by HTML language, never as nothing where there is one."""
    text = f"{100 * gap:.2f} %" if gap == 0 or gap >= 5e-5 else "< 0.01 %"  # noqa: PLR2004 -- rounds to 0.01 %
    return words.by_language(lambda language: percent_sign(text, language))
