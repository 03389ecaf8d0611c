"""The frontier as a picture in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from accessibility.errors import InputError
from accessibility.present.charts import Axes, Series, draw_frontier
from accessibility.present.map.outlines import count
from accessibility.wording import percent_text
from accessibility.wording.cards import COVERED, GAINED, QUIET

if TYPE_CHECKING:
    from accessibility.siting import Frontier, SitingPlan

_STYLE = "<style>.frontier text { font: 10.5px sans-serif; fill: currentColor } .frontier { max-width: 720px }</style>"


@dataclass(frozen=True)
class Curve:
    """A picture with its caption.

    Parameters
    ----------
    svg, caption
        The drawing, and what its lines are shares of.

    Examples
    --------
    >>> from accessibility.notebook import Curve
    >>> Curve(svg="<svg></svg>", caption="Share of people covered")._repr_html_().endswith("</figure>")
    True
    """

    svg: str
    caption: str

    def _repr_html_(self) -> str:
        return f'{_STYLE}<figure class="frontier">{self.svg}<figcaption>{self.caption}</figcaption></figure>'


def draw_curve(frontier: Frontier, plan: SitingPlan | None = None) -> Curve:
    """Return people covered by budget: the best plan found, what none exceeds, and the one opening order.

    Parameters
    ----------
    frontier
        From `accessibility.siting.coverage_frontier`.
    plan
        Marked on the curve, where given.

    Returns
    -------
    Curve
        The picture; a notebook shows it.

    Raises
    ------
    InputError
        A frontier of a problem without people, or without any plan.

    Examples
    --------
    >>> from accessibility.notebook import draw_curve
    >>> from accessibility.siting import Problem, coverage_frontier
    >>> problem = Problem.from_costs([[1, 1, 9], [9, 1, 1], [9, 9, 1]], [30, 10, 20], 5, site_cost=[2, 2, 1])
    >>> draw_curve(coverage_frontier(problem, budgets=[0, 1, 2, 3])).caption
    'Share of 60 people covered; all candidates together: 60 (100.0 %).'
    """
    table = frontier.table().dropna(subset=["covered_people"])
    people = frontier.plans[0].population
    if table.empty or not people > 0:
        msg = f"frontier has {len(table)} plans for {people:g} people; expected plans to draw, and people"
        raise InputError(msg)
    lines = (
        ("best plan found", table["covered_people"], COVERED),
        ("proven ceiling", table["bound_people"], QUIET),
        ("in one opening order", table["nested_people"], GAINED),
    )
    series = [Series(name, tuple((values / people).astype(np.float64)), colour) for name, values, colour in lines]
    budget = frontier.by == "budget"
    point = None
    if plan is not None and plan.selected:
        point = (plan.cost if budget else float(len(plan.selected)), plan.covered_people / people, "this plan")
    axes = Axes(title="People covered by budget", across="cost" if budget else "number of sites")
    drawn = draw_frontier(axes, tuple(table["budget"].astype(float)), series, point)
    ceiling = f"{count(frontier.ceiling_people)} ({percent_text(frontier.ceiling_people, people)})"
    return Curve(
        svg=str(drawn), caption=f"Share of {count(people)} people covered; all candidates together: {ceiling}."
    )
