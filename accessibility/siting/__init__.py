"""Where to open next: problems, models, solvers and proofs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accessibility.siting.alternatives import Portfolio, portfolio
    from accessibility.siting.backup import solve_backup
    from accessibility.siting.equity import FloorPrice, floor_price
    from accessibility.siting.frontier import Frontier, coverage_frontier
    from accessibility.siting.lscp import solve_lscp, solve_partial
    from accessibility.siting.max_min import solve_max_min
    from accessibility.siting.mclp import solve_mclp
    from accessibility.siting.p_center import solve_p_center
    from accessibility.siting.p_median import solve_p_median
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem
    from accessibility.siting.relocation import solve_relocation
    from accessibility.siting.rollout import Rollout
    from accessibility.siting.verify import verify_plan

_HOME = {
    "Conditions": "plan",
    "FloorPrice": "equity",
    "Frontier": "frontier",
    "Portfolio": "alternatives",
    "Problem": "problem",
    "Rollout": "rollout",
    "SitingPlan": "plan",
    "coverage_frontier": "frontier",
    "floor_price": "equity",
    "portfolio": "alternatives",
    "solve_backup": "backup",
    "solve_lscp": "lscp",
    "solve_max_min": "max_min",
    "solve_mclp": "mclp",
    "solve_p_center": "p_center",
    "solve_p_median": "p_median",
    "solve_partial": "lscp",
    "solve_relocation": "relocation",
    "verify_plan": "verify",
}

__all__ = [
    "Conditions",
    "FloorPrice",
    "Frontier",
    "Portfolio",
    "Problem",
    "Rollout",
    "SitingPlan",
    "coverage_frontier",
    "floor_price",
    "portfolio",
    "solve_backup",
    "solve_lscp",
    "solve_max_min",
    "solve_mclp",
    "solve_p_center",
    "solve_p_median",
    "solve_partial",
    "solve_relocation",
    "verify_plan",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: the solvers load numba and HiGHS (PEP 562)."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
