"""Where to open next: problems, models, solvers and proofs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accessibility.siting.alternatives import Portfolio, portfolio
    from accessibility.siting.frontier import FloorPrice, Frontier, coverage_frontier, floor_price
    from accessibility.siting.models.backup import solve_backup
    from accessibility.siting.models.lscp import solve_lscp, solve_partial
    from accessibility.siting.models.max_min import solve_max_min
    from accessibility.siting.models.mclp import solve_mclp
    from accessibility.siting.models.p_center import solve_p_center
    from accessibility.siting.models.p_median import solve_p_median
    from accessibility.siting.models.relocation import solve_relocation
    from accessibility.siting.plan import Conditions, SitingPlan
    from accessibility.siting.problem import Problem
    from accessibility.siting.robust import RobustPlan, solve_robust, verify_robust
    from accessibility.siting.rollout import Rollout
    from accessibility.siting.verify import verify_plan

_NAMES = {  # of each module
    "alternatives": ("Portfolio", "portfolio"),
    "frontier": ("FloorPrice", "Frontier", "coverage_frontier", "floor_price"),
    "models.backup": ("solve_backup",),
    "models.lscp": ("solve_lscp", "solve_partial"),
    "models.max_min": ("solve_max_min",),
    "models.mclp": ("solve_mclp",),
    "models.p_center": ("solve_p_center",),
    "models.p_median": ("solve_p_median",),
    "models.relocation": ("solve_relocation",),
    "plan": ("Conditions", "SitingPlan"),
    "problem": ("Problem",),
    "robust": ("RobustPlan", "solve_robust", "verify_robust"),
    "rollout": ("Rollout",),
    "verify": ("verify_plan",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

__all__ = ["Conditions", "FloorPrice", "Frontier", "Portfolio", "Problem", "RobustPlan", "Rollout", "SitingPlan"]
__all__ += ["coverage_frontier", "floor_price", "portfolio", "solve_backup", "solve_lscp", "solve_max_min"]
__all__ += ["solve_mclp", "solve_p_center", "solve_p_median", "solve_partial", "solve_relocation", "solve_robust"]
__all__ += ["verify_plan", "verify_robust"]


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
