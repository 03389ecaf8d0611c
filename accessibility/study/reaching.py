"""What people can reach of what sites offer, asked of a study: supply, decay and limit settled, pairs traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.measures import access
from accessibility.measures.catchments import trace_catchments
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.service import measure_service
from accessibility.measures.walkers import GroupCoverage, serve_groups
from accessibility.siting import SitingPlan
from accessibility.standards import Rule, Standard
from accessibility.streets.snapping import Snapped
from accessibility.study.proposing import add_made
from accessibility.whatif.scenario import place_scenario
from accessibility.whatif.trial import snap_scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import ArrayLike, NDArray

    from accessibility.demand import Demand
    from accessibility.measures.access import Decay
    from accessibility.measures.coverage import Coverage
    from accessibility.measures.service import Service
    from accessibility.sites import Sites
    from accessibility.standards import Walker
    from accessibility.streets.network import Network
    from accessibility.study.protocol import Studied
    from accessibility.whatif.live import Ground
    from accessibility.whatif.scenario import Addition, Scenario

    Limit = Rule | str | float | Mapping[str, Rule | str | float] | pd.Series[Any] | ArrayLike
Measure = Literal["opportunities", "gravity", "2sfca", "e2sfca", "m2sfca", "balancing"]
_MINUTES = {"opportunities": 15.0, "2sfca": 15.0}
_FAR = 60.0  # minutes, where neither measure nor decay has an end
_ZONED = ("e2sfca", "m2sfca")


class CoverageTerms(TypedDict, total=False):
    """By what other terms a coverage is asked for; see `Study.coverage`."""

    walker: Walker | None
    standard: Standard | None
    urban: Rule | str | float | None
    town: Rule | str | float | None
    rural: Rule | str | float | None
    limit: Limit | None


def settle_limits(demand: Demand, standard: Standard, limit: Limit | None) -> tuple[Demand, Standard]:
    """Return people and rules by a limit: of all, of some settings, or of each demand point.

    Raises
    ------
    InputError
        A text that is no time and no length, a setting or a demand point there is not.
    """
    if limit is None:
        return demand, standard
    if isinstance(limit, Mapping):
        return demand, standard.changed(limit)
    if isinstance(limit, Rule | str | int | float):
        return demand.limited(None), Standard(rules=dict.fromkeys(standard.settings, limit))
    return demand.limited(limit), standard


def cover_study(
    study: Studied,
    ground: Ground,
    scenario: Scenario | SitingPlan | None,
    terms: CoverageTerms,
    made: Callable[[Hashable], Addition | None],
) -> Coverage:
    """Return who is covered in a study today or in a scenario; see `Study.coverage`."""
    walker, standard = terms.get("walker") or study.walker, terms.get("standard") or study.standard
    sites, snapped = study.sites, study.snapped
    other: Scenario | None = scenario.scenario() if isinstance(scenario, SitingPlan) else scenario
    if other is not None:
        other = add_made(other, made)
        walker, standard = other.settings.walker(walker), other.settings.of(standard)
        sites = place_scenario(other, study.sites, study.refuse_place)
    if other is not None and other.edits:
        snapped = snap_scenario(ground, other, sites, snapped.sites)
    elif sites.xy is not study.sites.xy:
        xy = sites.to_crs(study.network.crs).xy
        snapped = Snapped(demand=snapped.demand, sites=ground.snap_sites(xy))
    rules = standard.changed(urban=terms.get("urban"), town=terms.get("town"), rural=terms.get("rural"))
    demand, rules = settle_limits(study.demand, rules, terms.get("limit"))
    return measure_coverage(snapped.streets(study.network), demand, sites, rules, walker, snapped)


@dataclass(frozen=True, kw_only=True)
class AccessTerms:
    """What is asked of a study."""

    measure: Measure
    # what each site has: a column of the sites, a series keyed by site id, or (s,) numbers; 1 where it is None
    supply: str | pd.Series[Any] | ArrayLike | None
    decay: Decay | None  # what a place counts at a number of minutes
    minutes: float | None  # the longest walk

    @property
    def zones(self) -> Decay | None:
        """The decay, or the zones that a measure has where none is given.

        Raises
        ------
        InputError
            A decay that is wanted and not there, or there and not wanted.
        """
        if self.measure == "gravity" and self.decay is None:
            msg = (
                'access "gravity" has no decay; expected one such as Exponential(0.1) of accessibility.measures.access'
            )
            raise InputError(msg)
        if self.decay is not None and self.measure not in ("gravity", *_ZONED):
            msg = f"access {self.measure!r} takes no decay; expected a limit, minutes=..."
            raise InputError(msg)
        return access.SLOW_ZONES if self.decay is None and self.measure in _ZONED else self.decay

    @property
    def limit(self) -> float:
        """Minutes of the longest walk."""
        if self.minutes is not None:
            return self.minutes
        reach = getattr(self.zones, "reach", np.inf)  # of a plain function, too
        return _MINUTES.get(self.measure, reach if np.isfinite(reach) else _FAR)


def reach_sites(coverage: Coverage, network: Network, terms: AccessTerms) -> pd.Series[Any]:
    """Return a measure of what each demand point reaches of the sites that count, keyed by demand id.

    Raises
    ------
    InputError
        A supply that is not one number a site, or a decay that does not fit the measure.
    """
    decay, limit = terms.zones, terms.limit
    demand, sites, walker = coverage.demand.limited(None), coverage.sites, coverage.walker
    anywhere = Standard(rules=dict.fromkeys(demand.settings, Rule.walk(limit)))
    offered = supply_of(sites, terms.supply)
    found = trace_catchments(network, demand, sites, anywhere, walker, coverage.snapped)
    travel = access.TravelCosts.from_catchments(found, cells=len(demand), per=60.0)
    people = demand.population
    if terms.measure == "opportunities":
        values = access.cumulative_opportunities(travel, offered, limit)
    elif terms.measure == "2sfca":
        values = access.two_step(travel, people, offered, limit)
    elif terms.measure == "balancing":
        values = access.balancing_cost(travel, people, offered)
    elif terms.measure == "gravity":
        values = access.gravity(travel, offered, decay)  # type: ignore[arg-type]  # zones refuses a missing one
    else:
        by_zones = access.enhanced_two_step if terms.measure == "e2sfca" else access.modified_two_step
        values = by_zones(travel, people, offered, decay)  # type: ignore[arg-type]
    return pd.Series(values, index=demand.ids, name=terms.measure)


def serve_people(coverage: Coverage | GroupCoverage, capacity: str | pd.Series[Any] | ArrayLike | None) -> Service:
    """Return who is covered and finds room, by a capacity or by that of the study; see `Study.service`."""
    if capacity is not None:
        room = supply_of(coverage.sites, capacity, "capacity")
        return serve_groups(coverage, room) if isinstance(coverage, GroupCoverage) else measure_service(coverage, room)
    if coverage.service is None:
        msg = "the sites of the study have no capacity; expected a column of theirs, a series or numbers"
        raise InputError(msg)
    return coverage.service


def supply_of(
    sites: Sites, given: str | pd.Series[Any] | ArrayLike | None, where: str = "supply"
) -> NDArray[np.float64]:
    """Return what each site offers; 0 where it does not count today."""
    if given is None:
        values: Any = np.ones(len(sites))
    elif isinstance(given, str):
        where = f"{where} {given!r}"
        known = {**({"capacity": sites.capacity} if sites.has_capacity else {}), **sites.columns}
        if given not in known:
            msg = f"sites have no column {given!r}; they have {', '.join(known) or 'none beside their fields'}"
            raise InputError(msg)
        values = known[given]
    elif isinstance(given, pd.Series):
        if not given.index.is_unique:
            msg = f"{where} names {given.index[given.index.duplicated()][0]!r} more than once; expected each site once"
            raise InputError(msg)
        values = given.reindex(pd.Index(sites.ids)).to_numpy()
    else:
        values = np.asarray(given)
        if values.shape != (len(sites),):
            msg = f"{where} has shape {values.shape}; expected one number for each of {len(sites)} sites"
            raise InputError(msg)
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = sites.open & ~(np.isfinite(numbers) & (numbers >= 0))
    if bad.any():
        first = int(bad.argmax())
        msg = (
            f"{where} of {int(bad.sum())} sites that count is no number, 0 or more: first {sites.ids[first]!r} with "
            f"{values[first]}; expected one for each"
        )
        raise InputError(msg)
    return np.where(sites.open, numbers, 0.0)
