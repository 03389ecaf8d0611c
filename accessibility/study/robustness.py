"""What a study says of errors of its inputs, and plans that hold: a question asked of every draw of the inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from accessibility.demand import Demand
from accessibility.errors import InfeasibleError, InputError
from accessibility.geo.arrays import Frozen, finite_rows
from accessibility.measures.catchments import trace_catchments
from accessibility.sites import INPUT_OF, KIND_OF
from accessibility.siting.limits import Limits
from accessibility.siting.problem import Problem
from accessibility.streets.search.compiling import run_in_threads
from accessibility.streets.snapping import Snapped
from accessibility.study.proposing import plan_scenario
from accessibility.uncertainty.bars import Difference, Uncertainty
from accessibility.uncertainty.draws import Chance, Draw
from accessibility.uncertainty.scene import Case, Scene, TwoCounts
from accessibility.uncertainty.sources import FARTHEST_M, WAYS, InputErrors, position_errors, way_of
from accessibility.wording import percent_text
from accessibility.wording.cards import draw_card

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan
    from accessibility.siting.robust import Aim, RobustPlan, Sample
    from accessibility.study.proposing import Question
    from accessibility.study.protocol import Studied
    from accessibility.study.schema import StudyFile
    from accessibility.uncertainty.trying import Tries, Trying
    from accessibility.whatif.scenario import Scenario


_CONVERTED = ("GCJ-02", "BD-09")
PRECISION = ("precision", "精度")
"""The column that says it where a study names none, as `accessibility geocode-list` writes it."""


def doubt_study(study: Studied, now: Coverage, trying: Trying, errors: InputErrors | None = None) -> Uncertainty:
    """Return how sure the headline of a study is; see `accessibility.Study.uncertainty`."""
    errors = study.settings.uncertainty.errors if errors is None else errors
    scene, case, then = _scene(study, now, errors)
    return Uncertainty(tries=trying.run(scene, case, errors), trying=trying, scene_of=then)


def _scene(
    study: Studied, now: Coverage, errors: InputErrors
) -> tuple[Scene, Case, Callable[[Scenario | SitingPlan], Case]]:
    """Return what errors are drawn of, today's case, and what makes the case of a scenario."""
    known = coordinate_ways(study, now, errors)
    scene = Scene(now=now, network=study.network, errors=errors, density=study.density, counts=official_counts(study))

    def then(other: Scenario | SitingPlan) -> Case:
        coverage = study.coverage(other)
        return Case(coverage=coverage, position_m=as_known(now.sites, known, coverage.sites))

    return scene, Case(coverage=now, position_m=known), then


def coordinate_ways(study: Studied, now: Coverage, errors: InputErrors) -> NDArray[np.float64]:
    """Return ``(s,)`` metres within which half of the true places of each site lie, by how its coordinate came about.

    A study says it for each of its tables, in words or metres or by a column; otherwise their column of `PRECISION`
    does, if every cell is understood, what OpenStreetMap drew is mapped, what came in a Chinese system is converted,
    and of other tables nobody knows: they are taken as geocoded.

    Raises
    ------
    InputError
        A column that is not there, or that says another word.
    """
    sites = study.sites
    ways = np.full(len(sites), "unknown", dtype=object)
    for kind, role in INPUT_OF.items():
        here = np.flatnonzero(sites.kind == kind)
        given = told_coordinates(study.settings, role, sites)
        if isinstance(given, float | int):
            ways[here] = float(given)
        elif given in WAYS:
            ways[here] = given
        elif given is not None:
            ways[here] = _told(sites, here, given)
    return position_errors(ways, _rural(now), errors)


def told_coordinates(settings: StudyFile, role: str, sites: Sites) -> str | float | None:
    """Return how the coordinates of a table of sites came about: a word, metres or a column; None if unknown."""
    given: str | float | None = getattr(settings.uncertainty, role)
    table = getattr(settings.inputs, role)
    if given is None and table is not None:
        words = "mapped" if table.osm is not None else "converted" if table.coordinates in _CONVERTED else None
        given = _precise(sites, np.flatnonzero(sites.kind == KIND_OF[role])) or words
    return given


def _precise(sites: Sites, rows: NDArray[np.intp]) -> str | None:
    """Return the column of precision, where there is one, every cell of it is understood, and not all are blank."""
    there = [column for column in PRECISION if column in sites.columns]
    ways = _understood(sites.columns[there[0]][rows]).tolist() if there else []
    return there[0] if None not in ways and set(ways) - {"unknown"} else None


def _told(sites: Sites, rows: NDArray[np.intp], column: str) -> NDArray[np.object_]:
    """Return what a column of the sites says of each coordinate."""
    if column not in sites.columns:
        expected = f"one of {', '.join(WAYS)}, metres, or a column of theirs"
        msg = f"uncertainty says {column!r} of the coordinates of sites, which have no such column; expected {expected}"
        raise InputError(msg)
    ways = _understood(sites.columns[column][rows])
    strange = np.flatnonzero(ways == None)  # noqa: E711 -- of each element
    if len(strange):
        word = str(sites.columns[column][rows][strange[0]]).strip()
        msg = f"column {column!r} of the sites says {word!r} of a coordinate; expected one of {', '.join(WAYS)}, metres"
        raise InputError(msg)
    return ways


def _understood(cells: NDArray[Any]) -> NDArray[np.object_]:
    """Return the ways of cells; more than any distance is as far as a place may be off, None is no such word."""
    ways = [way_of(cell) for cell in cells.tolist()]
    return np.array([FARTHEST_M if way == np.inf else way for way in ways], dtype=object)


def _rural(now: Coverage) -> NDArray[np.bool_]:
    """Return ``(s,)`` whether the people nearest to each site are rural."""
    demand, sites = now.demand, now.sites
    placed = np.flatnonzero(finite_rows(demand.xy))
    if not len(placed) or not len(sites):
        return np.zeros(len(sites), np.bool_)
    nearest = cKDTree(demand.xy[placed]).query(sites.to_crs(demand.crs).xy)[1]
    rural: NDArray[np.bool_] = demand.setting[placed][nearest] == "rural"
    return rural


def as_known(sites: Sites, known: NDArray[np.float64], there: Sites) -> NDArray[np.float64]:
    """Return the errors of position of other sites: of the same places the same, of places that were chosen none."""
    found = np.zeros(len(there))
    several = min(len(sites), len(there))
    same = (sites.ids[:several] == there.ids[:several]) & (sites.xy[:several] == there.xy[:several]).all(axis=1)
    found[:several] = np.where(same, known[:several], 0.0)
    return found


def official_counts(study: Studied) -> TwoCounts | None:
    """Return the people of each district as counted and as its official total has them; None without such totals.

    Nothing is doubted where the study scales its people to the totals.
    """
    table, districts = study.settings.inputs.population, study.districts
    if districts is None or "population" not in districts.columns or table.reconcile or table.totals or table.buildings:
        return None
    official = pd.to_numeric(districts["population"], errors="coerce").to_numpy(dtype=np.float64)
    names = pd.Index(districts.index.astype(str))
    row = names.get_indexer(pd.Index(study.district.reindex(study.demand.ids).astype(str))).astype(np.intp)
    here = row >= 0
    counted = np.bincount(row[here], weights=study.demand.population[here], minlength=len(names))
    usable = (official > 0) & (counted > 0)
    if not usable.any():
        return None
    ratio = np.append(np.where(usable, official / np.where(counted > 0, counted, 1.0), 1.0), 1.0)
    return TwoCounts.of(study.demand.population, ratio[row], np.where(np.append(usable, False)[row], row, -1))


MUST_HAVE = 0.9
"""Share of the draws in whose best plan a site stands that every plan should have."""
_POINTS = 100.0


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldPlans(Frozen):
    """A plan held against draws of the inputs, and one that is best over them.

    Examples
    --------
    A town whose bank branch would bring the fourth of all people who have no outlet:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> halls = acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at)
    >>> town = acc.Study.of(road, homes, halls, name="Town", settings="urban")
    >>> held = town.robust(sites=1, draws=20)
    >>> held.must_have, held.robust.selected, held.gains["robust"].better > 0.95
    (('B1',), ('B1',), True)
    """

    plan: SitingPlan  # the best plan by the inputs as they are
    # the plan that is best over the draws: on average, or in the worst tenth of them; its bound is of these draws
    robust: RobustPlan
    best: tuple[SitingPlan, ...]  # the best plan of each draw
    sample: Sample  # the draws as questions of siting
    tries: tuple[Tries, Tries, Tries]  # what the draws found of today, of the plan and of the robust one
    seed: int  # of the random numbers

    def __repr__(self) -> str:
        """Return aim, sites, regret and draws."""
        sites = f"{len(self.robust.selected)} sites, {len(self.must_have)} must-have"
        regret = f"regret {self.regret[1].mean():.2f} points on average"
        return f"<HeldPlans {self.robust.aim}: {sites}, {regret}, {self.draws} draws, seed {self.seed}>"

    def _repr_html_(self) -> str:
        robust = self.robust
        proof = f"{robust.status}: {percent_text(robust.objective)}, no plan above {percent_text(robust.bound)}"
        facts = [
            ("best over the draws", "on average" if robust.aim == "mean" else "in the worst tenth"),
            ("opens", ", ".join(map(str, robust.selected)) or "no site"),
            ("proof over these draws", f"{proof} ({robust.bound_by})"),
            ("in the best plan of 9 draws of 10", ", ".join(map(str, self.must_have)) or "no site"),
            ("draws, seed", f"{self.draws:,}, {self.seed}"),
        ]
        instead = self.gains["instead"]
        note = f"the robust plan instead of the best by the inputs: {instead.points:+.2f} points, 95 % from "
        note += f"{instead.interval.low:+.2f} to {instead.interval.high:+.2f}{', noise' if instead.is_noise else ''}"
        return draw_card("Plans held against draws of the inputs", facts, table=self.table(), note=note)

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return self.sample.draws

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """``(3, draws)`` share covered by the plan, by the robust one, and by the best plan that is known of a draw."""
        held = np.array([self.sample.shares(self.plan.selected), self.robust.shares])
        own = [
            problem.population and plan.covered_people / problem.population
            for problem, plan in zip(self.sample.problems, self.best, strict=True)
        ]
        return np.vstack([held, np.maximum(own, held.max(axis=0))])

    @property
    def proven(self) -> int:
        """In how many draws the best plan is proven to be the best."""
        return sum(plan.status == "optimal" for plan in self.best)

    @property
    def regret(self) -> NDArray[np.float64]:
        """``(2, draws)`` percentage points that the plan, and the robust one, fall short of the best of each draw."""
        found: NDArray[np.float64] = _POINTS * (self.shares[2] - self.shares[:2])
        return found

    @cached_property
    def probability(self) -> dict[object, float]:
        """Site to the share of the draws in whose best plan it stands, those in most first."""
        sites = [site for plan in self.best for site in plan.selected]
        count = {site: sites.count(site) / len(self.best) for site in dict.fromkeys(sites)}
        return dict(sorted(count.items(), key=lambda item: (-item[1], str(item[0]))))

    @property
    def must_have(self) -> tuple[object, ...]:
        """Sites in the best plan of nine draws of ten or more."""
        return tuple(site for site, share in self.probability.items() if share >= MUST_HAVE)

    @cached_property
    def gains(self) -> dict[str, Difference]:
        """What both plans bring over today, and the robust one over the other (``instead``), by the same draws."""
        today, plan, robust = self.tries
        return {
            "by_inputs": Difference(now=today, then=plan),
            "robust": Difference(now=today, then=robust),
            "instead": Difference(now=plan, then=robust),
        }

    def table(self) -> pd.DataFrame:
        """Return one row per plan: its shares over the draws, and its regret.

        Returns
        -------
        pandas.DataFrame
            ``plan`` (``by_inputs``, ``robust``), ``sites``, ``cost``, ``mean_share`` and ``worst_share`` (covered on
            average, and in the worst tenth of the draws) with their Monte-Carlo errors ``mean_error_points`` and
            ``worst_error_points``, ``mean_regret_points`` and ``most_regret_points`` (short of the best of each draw,
            on average with its error ``regret_error_points``, and at most).

        Examples
        --------
        >>> held.table()[["plan", "most_regret_points"]].to_dict("records")[0]
        {'plan': 'by_inputs', 'most_regret_points': 0.0}
        """
        worth, error = self.sample.worth, self.sample.error
        held: tuple[tuple[str, SitingPlan | RobustPlan], ...] = (("by_inputs", self.plan), ("robust", self.robust))
        rows = [
            {
                "plan": name,
                "sites": len(plan.selected),
                "cost": plan.cost,
                "mean_share": worth(shares, "mean"),
                "mean_error_points": _POINTS * error(shares, "mean"),
                "worst_share": worth(shares, "worst"),
                "worst_error_points": _POINTS * error(shares, "worst"),
                "mean_regret_points": float(regret.mean()),
                "regret_error_points": error(regret, "mean"),
                "most_regret_points": float(regret.max()),
            }
            for (name, plan), shares, regret in zip(held, self.shares[:2], self.regret, strict=True)
        ]
        return pd.DataFrame(rows)

    def differences(self) -> pd.DataFrame:
        """Return one row per difference of `gains`, each with an interval of its own.

        Returns
        -------
        pandas.DataFrame
            ``plan`` (``by_inputs`` and ``robust`` over today, ``instead``: the robust one over the other),
            ``gain_points`` by the inputs as they are, ``gain_low`` and ``gain_high`` (where the gain truly lies, 95
            times of 100) with the Monte-Carlo error ``gain_error`` of either end, ``better`` (share of the draws in
            which more are covered; where as many, half of them) with its error ``better_error``, and ``noise``
            (whether no difference at all lies in the interval).

        Examples
        --------
        >>> held.differences()[["plan", "gain_points", "noise"]].to_dict("records")[-1]
        {'plan': 'instead', 'gain_points': 0.0, 'noise': True}
        """
        return pd.DataFrame([{"plan": name, **gain.record()} for name, gain in self.gains.items()])

    def sites(self) -> pd.DataFrame:
        """Return one row per site that stands in some plan, those in the best plan of most draws first.

        Returns
        -------
        pandas.DataFrame
            ``id``, ``name``, ``probability`` (share of the draws in whose best plan the site stands), ``must_have``
            (nine of ten or more), ``by_inputs`` and ``robust`` (whether it stands in that plan).

        Examples
        --------
        >>> held.sites()[["id", "probability", "must_have", "robust"]].to_dict("records")
        [{'id': 'B1', 'probability': 1.0, 'must_have': True, 'robust': True}]
        """
        named = [*dict.fromkeys([*self.probability, *self.robust.selected, *self.plan.selected])]
        there = self.sample.problems[0].sites_at(self.sample.problems[0].rows(named))
        chance = np.array([self.probability.get(site, 0.0) for site in named])
        return pd.DataFrame(
            {
                "id": [str(site) for site in named],
                "name": [""] * len(named) if there is None else there.name.tolist(),
                "probability": chance,
                "must_have": chance >= MUST_HAVE,
                "by_inputs": [site in self.plan.selected for site in named],
                "robust": [site in self.robust.selected for site in named],
            }
        )


def refuse_unheld_question(question: Question) -> None:
    """Refuse a question that is not asked of draws.

    Raises
    ------
    InputError
        Another model than ``mclp``, a share to reach, floors.
    """
    from accessibility.siting.robust import refuse_unheld  # noqa: PLC0415 -- solvers only where plans are

    if question.model != "mclp" or question.reach is not None:
        asked = f"model {question.model!r}" if question.reach is None else f"a share of {question.reach:g} to reach"
        msg = f"plans are held for {asked}; expected model 'mclp' within a budget or a number of sites"
        raise InputError(msg)
    refuse_unheld(Limits.of(question.sites, question.budget, question.limits))


def hold_plans(
    study: Studied,
    question: Question,
    plan: SitingPlan,
    trying: Trying,
    *,
    aim: Aim = "mean",
    errors: InputErrors | None = None,
) -> HeldPlans:
    """Return how the best plan holds against draws of the inputs, and a plan that is best over them.

    Each draw is a problem of its own: other places of sites, other ways, people, homes, settings and pace, those of
    `doubt_study` with the same seed. The robust plan is the answer to all of them at once, so that its bound holds for
    these draws, no more.

    Parameters
    ----------
    study
        The study.
    question
        What is asked, the study's conditions in it: most people covered (``mclp``) within a budget or a number of
        sites; no floors.
    plan
        The answer by the inputs as they are.
    trying
        How many draws, and the seed of their random numbers.
    aim
        What the robust plan is best in: ``mean`` or ``worst``, see `solve_robust`.
    errors
        How large the errors of the inputs are; those of the study if None.

    Raises
    ------
    InputError
        A question that is not asked of draws.
    InfeasibleError
        No plan keeps to the conditions.
    """
    from accessibility.siting.robust import Sample, solve_robust  # noqa: PLC0415 -- as above

    refuse_unheld_question(question)
    if plan.status == "infeasible":
        raise InfeasibleError(plan.message)
    now = study.coverage()
    errors = study.settings.uncertainty.errors if errors is None else errors
    scene, today, then = _scene(study, now, errors)
    everywhere, candidates = _with_candidates(study, today)
    active = scene.sources(everywhere, errors)
    draws = [Draw(scene=scene, errors=errors, chance=Chance(trying.seed, number)) for number in range(trying.draws)]
    ask = partial(_draw_problem, everywhere, candidates, active)
    first = ask(draws[0])  # and what all draws share
    rest = run_in_threads([partial(ask, draw) for draw in draws[1:]])
    sample = Sample(problems=(first, *rest))
    limits = {"sites": question.sites, "budget": question.budget, "conditions": question.conditions}
    robust = solve_robust(sample.problems, aim=aim, time_limit_s=question.time_limit_s, **limits)  # type: ignore[arg-type]
    best = tuple(question.solve(problem) for problem in sample.problems)
    cases: dict[tuple[object, ...], Case] = {(): today}
    for selected in (plan.selected, robust.selected):
        if selected not in cases:
            cases[selected] = then(plan_scenario(study.sites, study.made_candidates, selected))
    tries = {selected: trying.run(scene, case, errors, alone=False) for selected, case in cases.items()}
    told = (tries[()], tries[plan.selected], tries[robust.selected])
    return HeldPlans(plan=plan, robust=robust, best=best, sample=sample, tries=told, seed=trying.seed)


def _with_candidates(study: Studied, today: Case) -> tuple[Case, Sites]:
    """Return a case in which every site counts that is open or may open, and these as they are today.

    The case has the study's rows, those of made candidates last: a site errs as it does in every other case.
    """
    now, made = today.coverage, study.made_candidates
    sites = now.sites if made is None or not len(made) else now.sites + made
    counting = replace(sites, open=sites.open | sites.may_open)
    snapped = Snapped(demand=now.snapped.demand, sites=study.snap_sites(sites).sites)
    case = Case(
        coverage=replace(now, sites=counting, snapped=snapped),
        position_m=as_known(now.sites, today.position_m, sites),
    )
    return case, sites.take(np.flatnonzero(counting.open))


def _draw_problem(everywhere: Case, candidates: Sites, active: tuple[str, ...], draw: Draw) -> Problem:
    """Return the question of siting by the inputs of one draw; each equal part of a cell's people at its own home."""
    from accessibility.siting.robust import merge_points  # noqa: PLC0415 -- as above

    now, network = draw.scene.now, draw.scene.network
    parts, rows = draw.people(active), np.flatnonzero(everywhere.coverage.sites.open)
    people = now.demand.population * draw.people_factor(active)
    demand = Demand(
        ids=np.arange(len(parts) * len(people)).astype(object),
        xy=np.tile(now.demand.xy, (len(parts), 1)),
        population=np.tile(people / len(parts), len(parts)),
        setting=np.tile(draw.settings(active), len(parts)),
        crs=now.demand.crs,
    )
    if "paths" in active:
        network = network.without(draw.gone)
    moved = replace(candidates, xy=draw.sites_xy(everywhere, active)[rows], crs=network.crs)
    stand = Snapped(demand=sum(parts[1:], parts[0]), sites=draw.sites(everywhere, active).take(rows))
    near = trace_catchments(network, demand, moved, now.standard, draw.walker(everywhere, active), stand)
    return merge_points(Problem.from_catchments(near, demand, candidates))
