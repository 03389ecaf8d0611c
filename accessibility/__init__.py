"""Who lives within a 15-minute walk or 5 km of a service outlet, and where the next counter should open.

A **standard**, a walking **network**, **people** and **sites** become **catchments** once;
coverage, siting and what-if are then cheap questions about the same catchments::

     files --sources--> Network -+
                        Demand   +- nearest -> Coverage --> maps, report
                        Sites    |
     study.toml ------> Standard-+
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accessibility.coverage import Coverage, measure_coverage
    from accessibility.demand import Demand
    from accessibility.errors import (
        AccessibilityError,
        InfeasibleError,
        InputError,
        OutputError,
        UnknownSiteError,
        UnprovenError,
    )
    from accessibility.network import Network
    from accessibility.sites import Sites
    from accessibility.standards import Rule, Standard, Walker
    from accessibility.study import Study, read_study

__version__ = "0.1.0"

_HOME = {
    "AccessibilityError": "errors",
    "Coverage": "coverage",
    "Demand": "demand",
    "InfeasibleError": "errors",
    "InputError": "errors",
    "Network": "network",
    "OutputError": "errors",
    "Rule": "standards",
    "Sites": "sites",
    "Standard": "standards",
    "Study": "study",
    "UnknownSiteError": "errors",
    "UnprovenError": "errors",
    "Walker": "standards",
    "measure_coverage": "coverage",
    "read_study": "study",
}

__all__ = [  # noqa: RUF022 -- types, then functions, then errors
    "Coverage",
    "Demand",
    "Network",
    "Rule",
    "Sites",
    "Standard",
    "Study",
    "Walker",
    "measure_coverage",
    "read_study",
    "AccessibilityError",
    "InfeasibleError",
    "InputError",
    "OutputError",
    "UnknownSiteError",
    "UnprovenError",
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
