"""Who lives within a 15-minute walk or 5 km of a service outlet, and where the next counter should open.

A **standard**, a walking **network**, **people** and **sites** become **catchments** once;
coverage, siting and what-if are then cheap questions about the same catchments::

     files --sources--> Network -+- nearest ----> Coverage ---+-> maps, report
                        Demand   |                            |
                        Sites    +- catchments -> SitingPlan -+
     study.toml ------> Standard-+                            |
                                 +- open, close -> Trial -----+
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accessibility.catchments import Catchments, trace_catchments
    from accessibility.comparison import compare_coverages, compare_scenarios
    from accessibility.coverage import Coverage, measure_coverage
    from accessibility.demand import Demand
    from accessibility.errors import (
        AccessibilityError,
        AccessibilityWarning,
        InfeasibleError,
        InputError,
        OutputError,
        UnknownSiteError,
        UnprovenError,
    )
    from accessibility.network import Network
    from accessibility.scenario import Addition, Move, Scenario, Settings
    from accessibility.scenariofile import read_scenarios, write_scenarios
    from accessibility.sites import Sites
    from accessibility.standards import Rule, Standard, Walker
    from accessibility.study import Study, read_study
    from accessibility.trial import Trial

__version__ = "0.1.0"

_HOME = {
    "AccessibilityError": "errors",
    "AccessibilityWarning": "errors",
    "Addition": "scenario",
    "Catchments": "catchments",
    "Coverage": "coverage",
    "Demand": "demand",
    "InfeasibleError": "errors",
    "InputError": "errors",
    "Move": "scenario",
    "Network": "network",
    "OutputError": "errors",
    "Rule": "standards",
    "Scenario": "scenario",
    "Settings": "scenario",
    "Sites": "sites",
    "Standard": "standards",
    "Study": "study",
    "Trial": "trial",
    "UnknownSiteError": "errors",
    "UnprovenError": "errors",
    "Walker": "standards",
    "compare_coverages": "comparison",
    "compare_scenarios": "comparison",
    "measure_coverage": "coverage",
    "read_network": "sources.osm",
    "read_scenarios": "scenariofile",
    "read_study": "study",
    "trace_catchments": "catchments",
    "write_scenarios": "scenariofile",
}

__all__ = [  # noqa: RUF022 -- types, then functions, then errors
    "Addition",
    "Catchments",
    "Coverage",
    "Demand",
    "Move",
    "Network",
    "Rule",
    "Scenario",
    "Settings",
    "Sites",
    "Standard",
    "Study",
    "Trial",
    "Walker",
    "compare_coverages",
    "compare_scenarios",
    "measure_coverage",
    "read_scenarios",
    "read_study",
    "trace_catchments",
    "write_scenarios",
    "AccessibilityError",
    "InfeasibleError",
    "InputError",
    "OutputError",
    "UnknownSiteError",
    "UnprovenError",
    "AccessibilityWarning",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: importing the package costs nothing (PEP 562)."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
