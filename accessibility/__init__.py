"""Who lives within a 15-minute walk or 5 km of a service outlet, and where the next outlet should open.

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
    from accessibility.measures.catchments import Catchments, trace_catchments
    from accessibility.measures.coverage import Coverage, measure_coverage
    from accessibility.measures.inequalities import inequality
    from accessibility.sites import Sites
    from accessibility.standards import Rule, Standard, Walker
    from accessibility.streets.edits import Closure, CompoundOpening, NewStreet, Pace
    from accessibility.streets.network import Network
    from accessibility.study.county import sample
    from accessibility.study.scenariofile import read_scenarios, write_scenarios
    from accessibility.study.study import Study, read_study
    from accessibility.whatif.comparison import compare_coverages, compare_scenarios
    from accessibility.whatif.scenario import Addition, Move, Scenario, Settings
    from accessibility.whatif.trial import Trial
    from accessibility.wording.citation import cite

__version__ = "0.1.0"

_HOME = {
    "AccessibilityError": "errors",
    "AccessibilityWarning": "errors",
    "Addition": "whatif.scenario",
    "Catchments": "measures.catchments",
    "Closure": "streets.edits",
    "CompoundOpening": "streets.edits",
    "Coverage": "measures.coverage",
    "Demand": "demand",
    "InfeasibleError": "errors",
    "InputError": "errors",
    "Move": "whatif.scenario",
    "Network": "streets.network",
    "NewStreet": "streets.edits",
    "OutputError": "errors",
    "Pace": "streets.edits",
    "Rule": "standards",
    "Scenario": "whatif.scenario",
    "Settings": "whatif.scenario",
    "Sites": "sites",
    "Standard": "standards",
    "Study": "study.study",
    "Trial": "whatif.trial",
    "UnknownSiteError": "errors",
    "UnprovenError": "errors",
    "Walker": "standards",
    "cite": "wording.citation",
    "compare_coverages": "whatif.comparison",
    "compare_scenarios": "whatif.comparison",
    "inequality": "measures.inequalities",
    "measure_coverage": "measures.coverage",
    "read_network": "sources.osm.extracts",
    "read_scenarios": "study.scenariofile",
    "read_study": "study.study",
    "sample": "study.county",
    "trace_catchments": "measures.catchments",
    "write_scenarios": "study.scenariofile",
}

__all__ = [  # noqa: RUF022 -- types, then functions, then errors
    "Addition",
    "Catchments",
    "Closure",
    "CompoundOpening",
    "Coverage",
    "Demand",
    "Move",
    "Network",
    "NewStreet",
    "Pace",
    "Rule",
    "Scenario",
    "Settings",
    "Sites",
    "Standard",
    "Study",
    "Trial",
    "Walker",
    "cite",
    "compare_coverages",
    "compare_scenarios",
    "inequality",
    "measure_coverage",
    "read_scenarios",
    "read_study",
    "sample",
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
