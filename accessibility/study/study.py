"""`Study`: a study area with its inputs loaded, and the questions one asks of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from accessibility.errors import Finding, checked
from accessibility.geo.arrays import Frozen
from accessibility.measures.catchments import Catchments, Ledger, measure_redundancy, trace_catchments
from accessibility.measures.explanation import Explanation, explain_place
from accessibility.measures.routes import trace_routes
from accessibility.measures.service_areas import trace_isochrones
from accessibility.measures.tables import district_table
from accessibility.measures.travel_times import Travel, trace_travel
from accessibility.measures.walkers import GroupCoverage, measure_groups
from accessibility.standards import Rule, Standard, Walker
from accessibility.streets.snapping import Snapped, snap_study
from accessibility.study.candidates import is_made_id, make_candidates, rank_changes, refuse_unfit
from accessibility.study.loading.context import Loading, attribution_of, default_cache
from accessibility.study.loading.gathering import gather_inputs, load_names, load_water
from accessibility.study.loading.values import Columns, StudyTerms, hold_inputs, settle_terms
from accessibility.study.proposing import Question, SitingCase, list_attempts, plan_scenario, propose_sites
from accessibility.study.reaching import AccessTerms, cover_study, reach_sites, serve_people
from accessibility.study.robustness import HeldPlans, doubt_study, hold_plans
from accessibility.study.saving import save_study
from accessibility.study.schema import read_study_file
from accessibility.whatif.live import Ground
from accessibility.whatif.trial import Baseline, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
    from typing import Unpack

    import folium
    import geopandas as gpd
    import pandas as pd
    from numpy.typing import ArrayLike
    from scipy.sparse import csr_array

    from accessibility.demand import Demand
    from accessibility.measures.access import Decay
    from accessibility.measures.coverage import Coverage
    from accessibility.measures.service import Service
    from accessibility.present.map.legends import Proposal
    from accessibility.settlement import Density
    from accessibility.sites import Sites
    from accessibility.siting import Conditions, SitingPlan
    from accessibility.sources.osm.extracts import Extract
    from accessibility.streets.network import Network
    from accessibility.study.reaching import CoverageTerms, Limit
    from accessibility.study.schema import StudyFile
    from accessibility.uncertainty import InputErrors, Uncertainty
    from accessibility.whatif.scenario import Addition, Scenario


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Study(Frozen):
    """A study area with its inputs loaded.

    Parameters
    ----------
    path
        The ``study.toml``.
    settings
        Its checked content.
    network, demand, sites
        Streets; people inside the area; outlets, banks and candidates, the ones that count today open.
    district
        District name of each demand point, keyed by demand id.
    site_district
        District name of each site, keyed by site id; missing for a site outside the area.
    districts
        Polygons indexed by district name (EPSG:4326); None without an area.
    inputs
        File of each input, for the manifest.
    findings
        What the readers set aside, suspect or want known.
    shifted_settings
        Setting of each demand point on 1 km grids that lie half a cell off, where the density of people decides it.
    shapes
        Polygon of each demand point (EPSG:4326), keyed by demand id, where people were read as polygons or hexagons
        that stand at one point each; None otherwise.
    density
        The people per square kilometre that decide the settings; None where the inputs say the settings.
    extract
        The extract of the streets, of which all that the study asks is read at once; None where they come otherwise.

    Examples
    --------
    A road of 2 km with an outlet at its start, a bank branch at 1.7 km, people at 900 m and at its end:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at), name="Town")
    >>> town.name, town.coverage().share
    ('Town', 0.75)
    """

    path: Path
    settings: StudyFile
    network: Network
    demand: Demand
    sites: Sites
    district: pd.Series[Any]
    site_district: pd.Series[Any]
    districts: gpd.GeoDataFrame | None
    inputs: Mapping[str, Path]
    findings: tuple[Finding, ...]
    shifted_settings: tuple[Any, ...] = ()
    shapes: gpd.GeoSeries | None = None
    density: Density | None = None
    extract: Extract | None = None

    @classmethod
    def of(  # noqa: PLR0913 -- a door of the package: keywords as analysts name them
        cls,
        network: Network | str | Path | Mapping[str, Any],
        people_: object,
        outlets: object,
        /,
        *,
        banks: object = None,
        candidates: object = None,
        districts: object = None,
        people: str | None = None,
        district: str = "name",
        totals: str | None = None,
        reconcile: bool = False,
        settings: str | Callable[[Any], Any] | Mapping[str, Any] | None = None,
        limit: str | None = None,
        groups: Sequence[str] | Mapping[str, str] | None = None,
        capacity: str | None = None,
        coordinates: str | None = None,
        split_cells: float | Literal["buildings"] | None = None,
        elevation: str | Path | None = None,
        standard: Standard | None = None,
        walker: Walker | Mapping[str, Any] | None = None,
        siting: Conditions | Mapping[str, Any] | None = None,
        uncertainty: Mapping[str, Any] | None = None,
        name: str = "Study",
        attribution: str | None = None,
        map_approval: str = "",
        basemap: Literal["osm", "tianditu"] | None = None,
    ) -> Study:
        """Return a study of values in memory; they are read as the files of a ``study.toml`` are.

        Any input may also be the path of a file, or a dict as ``[inputs]`` of a ``study.toml`` has it, whose path may
        be a value in turn: ``banks={"path": frame, "columns": {"partner": "agreed"}}``, ``{"osm": "amenity=bank"}``.

        Parameters
        ----------
        network
            Streets, from `Network.from_osm`, `Network.from_networkx` or `Network.from_gdf`. Streets of an extract bring
            its water, names and attribution.
        people_
            `Demand`, a ``GeoDataFrame`` of points or polygons, or a ``DataFrame`` with columns of coordinates under
            their usual names (``lon``, ``lng``, 经度, ...).
        outlets, banks, candidates
            Sites that count today, bank branches (column ``partner`` or ``open``: which count), places where an outlet
            could open: frames like those of people, or `Sites`; those of several kinds may stand in `outlets` alone.
        districts
            A ``GeoDataFrame`` of polygons.
        people, district
            Column of the people (one with a usual name such as ``population`` or 常住人口 if None), and of the
            districts' names (or these are the index).
        totals, reconcile
            Column of the districts' official numbers of people, which are compared with those that are read; whether
            people are multiplied to them.
        settings
            ``degurba``; the column of people, or of districts, that names them; one setting for everybody; a rule,
            called with the people, that returns one a row; or a dict as ``[settlement] from`` has it, whose polygons
            may be a ``GeoDataFrame``. If not given the column ``setting`` where there is one, else ``degurba``. They
            are those of the `standard`: ``urban``, ``town`` and ``rural``, or others it names.
        limit
            Column of the people: what is near enough for each, ``10 min`` or ``3 km``, in place of the rule of their
            setting, which stands where there is nothing. The limits of a `Demand` stand without a word.
        groups
            Columns of people who are told apart, or the name of each group to its column; if None the groups of a
            `Demand`, and columns that an age names (``60+``, 80岁以上).
        capacity
            Column of the sites: how many people each has room for; the usual names (``capacity``, 服务能力, ...) are
            known without a word. It decides who is served, `Coverage.service`, and changes nothing of who is covered.
        coordinates, split_cells
            Of tables without geometry (``WGS84``, ``GCJ-02``, ``BD-09``, ``EPSG:n``); metres of the parts that share
            the people of polygons too wide for a walk, or ``buildings`` of the extract.
        elevation
            A raster of heights, by which slopes are slower.
        standard, walker
            What near enough means and how people walk; the policy standard and 1.0 m/s if not given. The latter also as
            ``[walking]`` has it: ``{"walker": "elderly", "slope": "naismith"}``, ``{"groups": {"60+": 0.8}}``.
        siting
            What opening costs and what every proposal keeps to, as ``[siting]`` has it: ``{"cost": {"bank": 1, "new":
            5}, "spacing_m": 500}``; or `Conditions` alone.
        uncertainty
            How large the errors of the inputs are, as ``[uncertainty]`` has it: ``{"draws": 500, "outlets":
            "surveyed"}``.
        name, attribution, map_approval, basemap
            Of the study; its data attribution; the number under which its map may be published; whose tiles a map loads
            from the internet where it is asked to.

        Returns
        -------
        Study
            The study; its `path` is its name.

        Raises
        ------
        InputError
            A value that is no such table, and whatever `read_study` refuses in files; it warns alike.

        Examples
        --------
        >>> import geopandas as gpd, shapely
        >>> import accessibility as acc
        >>> metres = {"crs": "EPSG:32649"}
        >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], **metres)
        >>> at = shapely.points([(5009e2, 34e5), (502e3, 34e5)])
        >>> homes = gpd.GeoDataFrame({"pop": [30, 10]}, geometry=at, **metres)
        >>> halls = gpd.GeoDataFrame({"name": ["Hall"]}, geometry=shapely.points([(5e5, 34e5)]), **metres)
        >>> study = acc.Study.of(road, homes, halls, people="pop", settings="urban", siting={"spacing_m": 300})
        >>> study.coverage().share
        0.75
        """
        sites = {"outlets": outlets, "banks": banks, "candidates": candidates}
        rule, of = (settings, None) if callable(settings) else (None, settings)
        rows: Any = {"population": people, "district": district, "totals": totals, "limit": limit, "groups": groups}
        said: dict[str, Any] = {"name": name, "attribution": attribution, "map_approval": map_approval}
        said |= {"settings": of, "coordinates": coordinates, "split_cells": split_cells, "reconcile": reconcile}
        said |= {"elevation": elevation, "standard": standard or Standard(), "walker": walker or Walker()}
        held = hold_inputs(network, people_, sites, districts, Columns(**rows, rule=rule, capacity=capacity))
        load = settle_terms(
            held, StudyTerms(**said, basemap=basemap, siting=siting or {}, uncertainty=uncertainty or {})
        )
        return cls(path=Path(name), settings=load.settings, **gather_inputs(load, name, lambda _: None))

    def __repr__(self) -> str:
        """Return the name, people and sites."""
        return f"<Study {self.name!r}: {self.demand!r}, {self.sites!r}, {self.network!r}>"

    def _repr_html_(self) -> str:
        from accessibility.study.mapping import present_study  # noqa: PLC0415 -- drawings only where they are asked for

        return present_study(self, self._today)

    def sketch(self, shown: Coverage | None = None) -> Any:
        """Return a small map of a coverage as SVG: people by coverage, streets, districts and sites.

        Parameters
        ----------
        shown
            A coverage; today's if None.

        Returns
        -------
        markupsafe.Markup
            The drawing, as it stands in a page.

        Examples
        --------
        >>> town.sketch().startswith("<svg")
        True
        """
        from accessibility.study.mapping import draw_sketch  # noqa: PLC0415 -- drawings only where they are asked for

        return draw_sketch(self, self._today if shown is None else shown)

    @property
    def name(self) -> str:
        """Name of the study; the name of its folder where the file gives none."""
        return self.settings.name or self.path.resolve().parent.name

    @property
    def standard(self) -> Standard:
        """What near enough means here."""
        return self.settings.standard.standard

    @property
    def walker(self) -> Walker:
        """How people walk here."""
        return self.settings.walking.the_walker

    @property
    def group_walkers(self) -> Mapping[str, Walker]:
        """How groups walk that do not walk as everybody does, as `coverage` takes them for ``groups``."""
        return self.settings.walking.group_walkers

    @cached_property
    def snapped(self) -> Snapped:
        """Where people and sites stand on the network."""
        return snap_study(self.network, self.demand, self.sites)

    @overload
    def coverage(
        self, scenario: Scenario | SitingPlan | None = None, *, groups: None = None, **terms: Unpack[CoverageTerms]
    ) -> Coverage: ...

    @overload
    def coverage(
        self,
        scenario: Scenario | SitingPlan | None = None,
        *,
        groups: Mapping[str, Walker | float | str],
        **terms: Unpack[CoverageTerms],
    ) -> GroupCoverage: ...

    def coverage(  # noqa: PLR0913 -- a door of the package: keywords as analysts name them
        self,
        scenario: Scenario | SitingPlan | None = None,
        *,
        walker: Walker | None = None,
        standard: Standard | None = None,
        urban: Rule | str | float | None = None,
        town: Rule | str | float | None = None,
        rural: Rule | str | float | None = None,
        limit: Limit | None = None,
        groups: Mapping[str, Walker | float | str] | None = None,
    ) -> Coverage | GroupCoverage:
        """Return who is covered today, or in a scenario; with other walkers, rules or limits if given.

        Parameters
        ----------
        scenario
            What would be different, or a plan of `Study.site`; today if None.
        walker, standard
            In place of the study's.
        urban, town, rural
            Rules in place of the standard's: ``10 min``, ``3 km``, minutes as a number, or a `Rule`.
        limit
            One rule for everybody; rules of settings by name, where a study names its own (``{"core": "5 min"}``); or
            what is near enough for each demand point: a series keyed by demand id (a column of a frame), or one value
            a point, minutes or texts. Where a value is missing the rule of the setting stands.
        groups
            Name of a group of people to its walker, its speed in metres a second or ``elderly``: each walks in its own
            way, and together they are all people. Those that the study gives are `group_walkers`.

        Returns
        -------
        Coverage
            Who is covered, and how far everybody is; with `groups` a `GroupCoverage`, whose ``by(..., group=...)``
            counts everybody or a group.

        Raises
        ------
        InputError
            A scenario that does not fit the study; a limit that is none; groups that there are not or that overlap, a
            speed that nobody walks.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.coverage(acc.Scenario(opened=("B1",))).share
        1.0
        >>> town.coverage(walker=acc.Walker(speed_m_s=0.8)).share
        0.0
        >>> town.coverage(town.site(budget=1)).share
        1.0
        >>> town.coverage(urban="40 min").share, town.coverage(limit={"urban": "40 min"}).share
        (1.0, 1.0)
        >>> import pandas as pd
        >>> town.coverage(limit=pd.Series({"near": "1 km", "far": "1 km"})).covered.tolist()
        [True, False]
        >>> from dataclasses import replace
        >>> aged = replace(town, demand=replace(town.demand, groups={"60+": [10, 5]}))
        >>> aged.coverage(urban="15 min", groups={"60+": 0.8})
        <GroupCoverage 20 of 40 people covered, 60+ at 0.8 m/s>
        """
        terms: Any = {"standard": standard, "urban": urban, "town": town, "rural": rural, "limit": limit}
        if groups is not None:
            return measure_groups(lambda one: self.coverage(scenario, **(terms | {"walker": one})), groups, walker)
        return cover_study(self, self._ground, scenario, terms | {"walker": walker}, self._made).of_study(self)

    def what_if(self, scenario: Scenario | None = None) -> Trial:
        """Return a trial: open, close, add and move sites and see at once who gains and who loses.

        Parameters
        ----------
        scenario
            What it begins with, in steps of which each can be undone; today if None.

        Returns
        -------
        Trial
            A trial of its own; the study stays as it is.

        Raises
        ------
        InputError
            A scenario that does not fit the study.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.what_if().open("B1").close("O1").coverage().share
        1.0
        """
        baseline = Baseline(
            coverage=self._today,
            ground=self._ground,
            district=self.district,
            cost=self.settings.siting.cost.model_dump(),
            refuse_place=self.refuse_place,
            made=self._made,
        )
        trial = Trial(baseline, name="" if scenario is None else scenario.name)
        return trial if scenario is None else trial.follow(scenario)

    def rank(
        self,
        *,
        close: Iterable[Hashable] | Literal["all"] | None = None,
        open: Iterable[Hashable] | Literal["candidates"] | None = None,  # noqa: A002 -- as a trial says it
        pairs: bool = False,
        workers: int = 1,
        progress: bool = False,
    ) -> pd.DataFrame:
        """Return what every single closing and opening would bring, best first.

        Parameters
        ----------
        close
            Ids of sites that count today, ``all`` of them, or none.
        open
            Ids of sites that do not, or all ``candidates``: banks and new sites that may open, and those made on
            streets where the study names none.
        pairs
            Whether each closing is also tried with each opening: ``swap``, where ``site`` opens and ``instead_of``
            closes.
        workers
            Threads that share the changes; the table is the same.
        progress
            Whether a bar on standard error tells how far it is.

        Returns
        -------
        pandas.DataFrame
            One row per change, each tried alone against today: ``action`` (``open``, ``close`` or ``swap``), ``site``,
            ``instead_of`` (with `pairs`), ``name``, ``kind``, ``gained``, ``lost`` and ``change`` (people), ``covered``
            (people) and ``covered_share`` (0 to 1) after it, ``cost`` of opening; ``served``, ``served_change`` where
            sites have a capacity. They are the figures of `coverage` of the same scenario.

        Raises
        ------
        InputError
            Neither closings nor openings, or a site that is closed, or open, already.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> town.rank(close="all", open=["B1"])[["action", "site", "change"]].values.tolist()
        [['open', 'B1', 10.0], ['close', 'O1', -30.0]]
        >>> town.rank(close=["O1"], open=["B1"], pairs=True)[["action", "site", "change"]].values.tolist()[0]
        ['open', 'B1', 10.0]
        """
        new = open if open is None or isinstance(open, str) else [*open]
        made = self.made_candidates if isinstance(new, str) else self._made_among(new or ())
        changes = list_attempts(self.sites, made, close, new, pairs=pairs)
        table = rank_changes(self.what_if, changes, workers=workers, progress=progress)
        return table if pairs else table.drop(columns="instead_of")

    def site(  # noqa: PLR0913 -- a door of the package: keywords as analysts name them
        self,
        *,
        sites: int | None = None,
        budget: float | None = None,
        reach: float | None = None,
        model: Literal["mclp", "lscp", "p-median", "p-center", "max-min", "backup", "relocation"] = "mclp",
        floor: float = 0.0,
        close: int = 0,
        conditions: Conditions | None = None,
        gap: float = 0.0,
        time_limit_s: float | None = None,
        scenario: Scenario | None = None,
    ) -> SitingPlan:
        """Return where to open next, with the proof of how good that is.

        Parameters
        ----------
        sites, budget
            Cover most people with at most so many sites, or at most such a cost.
        reach
            Cover this share of all people at least cost, 0 to 1.
        model
            Another objective: ``lscp`` (cover all who can be), ``p-median`` (least walking in all), ``p-center`` (least
            longest walk), ``max-min`` (the worst district), ``backup`` (twice), ``relocation`` (with `close`).
        floor
            Share of its people that every district must have covered, 0 to 1.
        close
            How many open sites may close (relocation).
        conditions
            Quotas, spacing, required and forbidden sites and the like; those of the study if None.
        gap
            Relative gap at which the search may stop.
        time_limit_s
            Greatest wall seconds of the search; if None its work alone is a limit, the same on every machine.
        scenario
            What is carried out before the plan, or other rules or another speed by which it is judged; the plan's
            scenario is both. Candidates that the study makes on its streets are those of today.

        Returns
        -------
        SitingPlan
            The sites to open, in order.

        Raises
        ------
        InputError
            An invalid question, a scenario that does not fit the study.
        InfeasibleError
            No plan meets the conditions.

        Examples
        --------
        >>> plan = town.site(sites=1)
        >>> plan.selected, plan.objective, plan.status
        (('B1',), 40.0, 'optimal')
        >>> town.site(sites=1, scenario=acc.Scenario(settings=acc.Settings(speed_m_s=0.8))).objective
        10.0
        """
        terms = {"model": model, "sites": sites, "budget": budget, "reach": reach, "floor": floor, "close": close}
        question = Question(**terms, conditions=conditions, time_limit_s=time_limit_s, gap=gap)  # type: ignore[arg-type]
        return self.siting_case(question, scenario).plan

    def siting_case(self, question: Question, scenario: Scenario | None = None) -> SitingCase:
        """Return a proposal with what it was made from, so that it can be verified and drawn.

        Parameters
        ----------
        question
            What is asked.
        scenario
            What is carried out before; nothing if None.

        Returns
        -------
        SitingCase
            The problem, the plan and its context.

        Raises
        ------
        InputError
            An invalid question.
        InfeasibleError
            No plan meets the conditions.

        Examples
        --------
        >>> from accessibility.study.proposing import Question
        >>> town.siting_case(Question(sites=1)).problem
        <Problem 40 people at 2 points, 2 candidates, 1 open, 4 pairs; 30 covered today>
        """
        if question.conditions is None:
            question = replace(question, conditions=self.settings.siting.conditions)
        begun = self._today if scenario is None else self.what_if(scenario)
        case = propose_sites(begun, self.network, self.district, self.made_candidates, question)
        return replace(case, plan=replace(case.plan, study=self))

    def uncertainty(
        self,
        draws: int | None = None,
        seed: int | None = None,
        *,
        errors: InputErrors | None = None,
        tell: Callable[[int, int], None] | None = None,
        keep: Path | None = None,
    ) -> Uncertainty:
        """Return how sure the headline is: the inputs drawn again and again with their errors.

        Parameters
        ----------
        draws, seed
            How many, and the seed of their random numbers; those of the study's ``[uncertainty]`` if None. Nothing else
            decides what is found: not the threads, nor what was drawn before.
        errors
            How large the errors of the inputs are, in place of the study's.
        tell
            Called with how many draws are made and how many there are.
        keep
            A folder where draws are kept until all are made, so that a run that was cut short goes on from there.

        Returns
        -------
        Uncertainty
            The share with its interval, the part of each source, every place's probability, and what would narrow it.

        Raises
        ------
        InputError
            Fewer than two draws, a seed that is none, a column of coordinates' origins that is not there.

        Examples
        --------
        >>> sure = town.uncertainty(draws=20)
        >>> sure.share, sure.interval.low <= 0.75 <= sure.interval.high
        (0.75, True)
        """
        trying = self.settings.uncertainty.trying(draws, seed, tell=tell, keep=keep)
        return doubt_study(self, self._today, trying, errors)

    def robust(  # noqa: PLR0913 -- a door of the package: keywords as analysts name them
        self,
        *,
        sites: int | None = None,
        budget: float | None = None,
        aim: Literal["mean", "worst"] = "mean",
        conditions: Conditions | None = None,
        draws: int | None = None,
        seed: int | None = None,
        errors: InputErrors | None = None,
    ) -> HeldPlans:
        """Return whether the best plan holds by other inputs, and a plan that is best over all draws of them.

        Parameters
        ----------
        sites, budget
            Cover most people with at most so many sites, or at most such a cost.
        aim
            What the robust plan is best in: its share covered on average over the draws (``mean``), or on average over
            the tenth of the draws in which it covers least (``worst``).
        conditions
            Quotas, spacing, required and forbidden sites and the like; those of the study if None. No floors.
        draws, seed, errors
            As in `uncertainty`; the draws are the same.

        Returns
        -------
        HeldPlans
            Both plans with their regret and their gain, the sites that nearly every draw wants, and the bound of the
            robust plan over these draws.

        Raises
        ------
        InputError
            A question that is not asked of draws: no limit, floors; or as `uncertainty`.
        InfeasibleError
            No plan keeps to the conditions.

        Examples
        --------
        >>> held = town.robust(sites=1, draws=20)
        >>> held.robust.selected, held.must_have, held.gains["robust"].is_noise
        (('B1',), ('B1',), False)
        """
        case = self.siting_case(Question(sites=sites, budget=budget, conditions=conditions))
        trying = self.settings.uncertainty.trying(draws, seed)
        return hold_plans(self, case.question, case.plan, trying, aim=aim, errors=errors)

    def plan_scenario(self, selected: Iterable[object], closed: Iterable[object] = ()) -> Scenario:
        """Return the sites of a plan as a scenario of this study.

        Parameters
        ----------
        selected
            Ids of the sites that open, in their order.
        closed
            Ids of the sites that close.

        Returns
        -------
        Scenario
            What the plan changes.

        Examples
        --------
        >>> town.plan_scenario(town.site(sites=1).selected).opened
        ('B1',)
        """
        opened = [*selected]
        return plan_scenario(self.sites, self._made_among(opened), opened, closed)

    def _made_among(self, ids: Iterable[object]) -> Sites | None:
        """Return the candidates made on streets where some id is no site of the study: making them takes time."""
        known = {str(site) for site in self.sites.ids}
        return None if all(str(site) in known for site in ids) else self.made_candidates

    @cached_property
    def made_candidates(self) -> Sites | None:
        """Candidates made on streets where people are uncovered; None where the study wants none, or names its own."""
        return make_candidates(self, self._today)

    def _made(self, site: Hashable) -> Addition | None:
        """Return the candidate made on streets under an id; None where a site has it, or none does."""
        made = self._made_among([site]) if is_made_id(site) else None
        return None if made is None or site not in made.ids else plan_scenario(self.sites, made, [site]).added[0]

    def explain(self, lon: float, lat: float, scenario: Scenario | None = None) -> Explanation:
        """Return why a place is covered or not: the rule, the nearest site, the way there, and what would mend it.

        Parameters
        ----------
        lon, lat
            Degrees, WGS84.
        scenario
            What would be different; today if None.

        Returns
        -------
        Explanation
            The answer in figures; as text one paragraph.

        Raises
        ------
        InputError
            A place that is not on Earth.

        Examples
        --------
        >>> town.explain(111.02089, 30.73289).text.split(". ")[1]
        'The nearest is O1, 33.3 minutes away: 18.3 minutes too far'
        """
        coverage = self._today if scenario is None else self.coverage(scenario)
        return explain_place(coverage, coverage.snapped.streets(self.network), lon, lat)

    def catchments(self, coverage: Coverage | None = None) -> Catchments:
        """Return whom every site would cover, open or not.

        Parameters
        ----------
        coverage
            By whose rules and sites; today's if None.

        Returns
        -------
        Catchments
            In the rows of its sites.

        Examples
        --------
        >>> town.catchments()
        <Catchments 2 sites, 3 pairs>
        """
        now = self._today if coverage is None else coverage
        streets = now.snapped.streets(self.network)
        return trace_catchments(streets, now.demand, now.sites, now.standard, now.walker, now.snapped)

    def access(
        self,
        measure: Literal["opportunities", "gravity", "2sfca", "e2sfca", "m2sfca", "balancing"],
        *,
        supply: str | pd.Series[Any] | ArrayLike | None = None,
        decay: Decay | None = None,
        minutes: float | None = None,
        coverage: Coverage | None = None,
    ) -> pd.Series[Any]:
        """Return what each demand point reaches of what the sites that count have to offer.

        Parameters
        ----------
        measure
            ``opportunities`` (what lies within the limit), ``gravity`` (the farther the less), ``2sfca``, ``e2sfca``,
            ``m2sfca`` (supply per person, by floating catchments) or ``balancing`` (minutes to as much supply as there
            are people); the functions of `accessibility.measures.access`.
        supply
            What each site has: a column of the sites' table (``"counters"``), a series keyed by site id, or one number
            a site; 1 if not given.
        decay
            What a place counts at a number of minutes, of `accessibility.measures.access`; zones of 5, 10 and 15
            minutes for ``e2sfca`` and ``m2sfca`` if not given.
        minutes
            The longest walk; if not given 15 (``opportunities``, ``2sfca``), the reach of the decay, or 60.
        coverage
            Whose sites and walker; today's if None.

        Returns
        -------
        pandas.Series
            Keyed by demand id; 0 where nothing is reached (``balancing``: NaN).

        Raises
        ------
        InputError
            A supply that is not one number a site that counts, or a decay that does not fit the measure.

        Examples
        --------
        >>> town.access("2sfca", supply=[3, 0], minutes=20).to_dict()
        {'near': 0.1, 'far': 0.0}
        """
        terms = AccessTerms(measure=measure, supply=supply, decay=decay, minutes=minutes)
        now = self._today if coverage is None else coverage
        return reach_sites(now, now.snapped.streets(self.network), terms)

    def service(
        self, capacity: str | pd.Series[Any] | ArrayLike | None = None, coverage: Coverage | GroupCoverage | None = None
    ) -> Service:
        """Return who is covered and finds room at the site that covers them.

        People go to the nearest site that counts, and nowhere else; those who use least of their limit come first.

        Parameters
        ----------
        capacity
            People that each site has room for: a column of the sites' table, a series keyed by site id, or one number
            a site; those that the study says if None, as `Coverage.service` tells them.
        coverage
            Whose sites and rules; today's if None. Of groups that walk in their own ways all share the room.

        Returns
        -------
        Service
            Served, covered and all people; ``.by(study.district)``, ``.table()`` by site.

        Raises
        ------
        InputError
            A capacity that is not one number, 0 or more, for each site that counts; none, where the study says none.

        Examples
        --------
        >>> town.service([20, 0])
        <Service 20 served of 30 covered, 40 people>
        """
        return serve_people(self._today if coverage is None else coverage, capacity)

    def ledger(self, coverage: Coverage | None = None) -> Ledger:
        """Return the redundancy ledger: who depends on one site alone, and which could close.

        Parameters
        ----------
        coverage
            Whose sites; today's if None.

        Returns
        -------
        Ledger
            The figures of every site.

        Examples
        --------
        >>> town.ledger().alone.tolist()
        [30.0, 0.0]
        """
        now = self._today if coverage is None else coverage
        return measure_redundancy(self.catchments(now), self.demand, now.sites)

    def travel_times(
        self,
        k: int | None = None,
        *,
        limit: Rule | str | float | None = None,
        by: str | None = None,
        sites: Literal["open", "all"] = "open",
        measure: Literal["walk", "network"] | None = None,
        as_matrix: bool = False,
    ) -> pd.DataFrame | csr_array[Any, tuple[int, int]]:
        """Return the way from every demand point to each site within a limit, or to the nearest few.

        The ways are those of `coverage`, to the millisecond: from home to the site, both access legs in.

        Parameters
        ----------
        k
            How many sites for each demand point, the nearest first; all within the limit if None.
        limit
            ``15 min``, ``3 km``, minutes as a number, or a `Rule` along streets; None for the `k` nearest of all.
        by
            ``kind``, ``bank`` or another column of the sites' table: the `k` nearest of each of its values.
        sites
            ``open`` for those that count today, ``all`` for every site of the study.
        measure
            What is near, and what a matrix holds: ``walk`` (seconds) or ``network`` (metres); that of the limit if
            None, else ``walk``.
        as_matrix
            Whether a sparse matrix is returned.

        Returns
        -------
        pandas.DataFrame or scipy.sparse.csr_array
            One row per pair: ``cell``, ``site``, ``kind``, ``walk_s`` and ``metres``, each the least there is; a cell
            after the other, the nearest site first. Or a matrix as `Problem.from_costs` takes it: a row per site of
            the study, a column per demand point, pairs that are not in the table absent.

        Raises
        ------
        InputError
            Neither a limit nor `k`, a limit in a straight line, another word than those named.

        Examples
        --------
        >>> town.travel_times(1)[["cell", "site", "walk_s"]].to_dict("records")[-1]
        {'cell': 'far', 'site': 'O1', 'walk_s': 2000.0}
        >>> town.travel_times(limit="1 km", sites="all")[["cell", "site", "metres"]].values.tolist()
        [['near', 'B1', 800.0], ['near', 'O1', 900.0], ['far', 'B1', 300.0]]
        """
        travel = Travel.of(limit, k, by, sites, measure)
        ways = trace_travel(self._today, self.network, travel)
        return ways.matrix(self._today, travel.measure) if as_matrix else ways.table(self._today)

    def nearest(
        self,
        by: str = "kind",
        *,
        limit: Rule | str | float | None = None,
        sites: Literal["open", "all"] = "open",
        measure: Literal["walk", "network"] | None = None,
    ) -> pd.DataFrame:
        """Return the nearest site of each kind for every demand point, side by side.

        Parameters
        ----------
        by
            ``kind``, ``bank`` or another column of the sites' table.
        limit, sites, measure
            As in `Study.travel_times`.

        Returns
        -------
        pandas.DataFrame
            One row per demand point, indexed by ``cell``; for each kind ``<kind>_site``, ``<kind>_walk_s`` and
            ``<kind>_metres``, missing where no site of it is within the limit.

        Raises
        ------
        InputError
            A column that the sites do not have.

        Examples
        --------
        >>> town.nearest(sites="all")[["outlet_walk_s", "bank_walk_s"]].loc["far"].tolist()
        [2000.0, 300.0]
        """
        travel = Travel.of(limit, 1, by, sites, measure)
        return trace_travel(self._today, self.network, travel).wide(self._today, by)

    def routes(
        self, pairs: pd.DataFrame | None = None, *, measure: Literal["walk", "network"] = "walk"
    ) -> gpd.GeoDataFrame:
        """Return the way of each pair of a demand point and a site along the streets, as a line.

        Parameters
        ----------
        pairs
            A table with the columns ``cell`` and ``site``, such as rows of `Study.travel_times`; every demand point
            and its nearest site that counts if None.
        measure
            ``walk`` for the quickest way, ``network`` for the shortest.

        Returns
        -------
        geopandas.GeoDataFrame
            One row per pair, in their order: ``cell``, ``site``, ``walk_s`` and ``metres`` of this way, both access
            legs in, ``ascent_m`` and ``descent_m`` from home to site, and the line (EPSG:4326). Without a way all but
            the cell is missing.

        Raises
        ------
        InputError
            A table without these columns, a demand point that is not there.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> way = town.routes().iloc[0]
        >>> way["cell"], way["site"], round(way["metres"]), way.geometry.geom_type
        ('near', 'O1', 900, 'LineString')
        """
        return trace_routes(self._today, self.network, pairs, measure)

    def isochrones(
        self, limits: Sequence[Rule | str | float] | Rule | str | float, *, each: bool = False
    ) -> gpd.GeoDataFrame:
        """Return the areas from which the sites that count are within each limit.

        They are those of `accessibility.measures.service_areas.trace_service_areas`: the streets that are near enough,
        and 30 m to each side.

        Parameters
        ----------
        limits
            Minutes, texts (``10 min``, ``1 km``) or rules, also of a radius; several, or one.
        each
            Whether every site has areas of its own; else they are joined.

        Returns
        -------
        geopandas.GeoDataFrame
            One row per limit, or per site and limit: ``site`` (its id; None of all together), ``limit`` (minutes where
            ``measure`` is ``walk``, else kilometres), ``measure``, ``people`` (who live within the limit, wherever
            they are drawn) and geometry (EPSG:4326), shorter before longer.

        Raises
        ------
        InputError
            No limit, one given twice, or a text that is none.

        Examples
        --------
        >>> town.isochrones([5, 15, "1 km"])[["limit", "measure", "people"]].values.tolist()
        [[5.0, 'walk', 0.0], [15.0, 'walk', 30.0], [1.0, 'network', 30.0]]
        """
        return trace_isochrones(self._today, self.network, limits, each=each)

    def refuse_place(self, subject: str, lon: float, lat: float) -> None:
        """Raise an error where no site can stand: outside the area, or in water.

        Parameters
        ----------
        subject
            What is placed, for the message.
        lon, lat
            Degrees, WGS84.

        Raises
        ------
        InputError
            A place outside the area, or in water.

        Examples
        --------
        A study without an area or water refuses no place:

        >>> town.refuse_place("added site 'N1'", 111.0, 30.7) is None
        True
        """
        refuse_unfit(self, f"{subject} at {lon:.6f}, {lat:.6f}", lon, lat)

    @cached_property
    def water(self) -> gpd.GeoDataFrame:
        """Lakes, reservoirs and wide rivers as polygons (EPSG:4326); without rows where no extract was read."""
        return load_water(self.inputs, self.network, self.extract)

    @cached_property
    def names(self) -> gpd.GeoDataFrame:
        """Names of settlements and streets (EPSG:4326); without rows where the network is no extract."""
        return load_names(self.inputs, self.extract)

    @cached_property
    def _ground(self) -> Ground:
        return Ground(network=self.network, demand=self.demand, snapped=self.snapped.demand)

    @cached_property
    def _today(self) -> Coverage:
        return self.coverage()

    def table(self, coverage: Coverage | None = None) -> pd.DataFrame:
        """Return one row per district and a total, with the columns of ``districts.csv``.

        Parameters
        ----------
        coverage
            Whose figures; today's if None.

        Returns
        -------
        pandas.DataFrame
            The table.

        Examples
        --------
        >>> town.table()[["district", "covered", "uncovered"]].to_dict("records")[-1]
        {'district': 'total', 'covered': 30.0, 'uncovered': 10.0}
        """
        coverage = self.coverage() if coverage is None else coverage
        return district_table(coverage, self.district, self.site_district, names=self.district_names)

    @property
    def district_names(self) -> list[str]:
        """Names of all districts, in the order of the area's file."""
        return list(self.district.dropna().unique()) if self.districts is None else list(self.districts.index)

    def map(
        self,
        shown: Coverage | Trial | None = None,
        *,
        plan: SitingPlan | Proposal | None = None,
        date: str = "",
        lang: str = "en",
        basemap: bool = False,
    ) -> folium.Map:
        """Return the map of a coverage, of a trial beside today, or of today; sites can be switched in it.

        Parameters
        ----------
        shown
            A coverage; or a trial, whose map shows who gains and who loses compared with today.
        plan
            A proposal; `accessibility.present.map.coverage_map.Proposal` brings the picture of the frontier, too.
        date
            Of when the map is.
        lang
            ``en``, ``zh`` or ``both``.
        basemap
            Whether OpenStreetMap tiles are loaded from the internet.

        Returns
        -------
        folium.Map
            A map that opens without the internet; ``.save(path)`` writes it.

        Raises
        ------
        InputError
            Another language, or a coverage of another study.

        Examples
        --------
        >>> page = town.map(town.what_if().open("B1")).get_root().render()
        >>> "Town" in page
        True
        """
        from accessibility.study.mapping import MapOptions, draw_study  # noqa: PLC0415 -- folium only where it is asked for

        options = MapOptions(date=date, language=lang, basemap=basemap)
        return draw_study(self, self._today if shown is None else shown, plan, options)

    def save(self, folder: str | Path) -> Path:
        """Write the study as a ``study.toml`` and its files, from which `read_study` and the commands get the same.

        Whatever a figure rests on is written as it is here, with every value: people with their settings, groups and
        polygons, districts, sites, streets with their slopes, flags and edits, water, rules, walker, conditions of
        siting and errors of the inputs, and what readers set aside or suspected in the sources, by their names.

        Parameters
        ----------
        folder
            Made where it is missing; files of a study that was saved there are written over.

        Returns
        -------
        pathlib.Path
            The ``study.toml``.

        Raises
        ------
        InputError
            A candidate that counts today, which no file says.
        OutputError
            A file of the same name that no study was saved as, or a folder that cannot be written.

        Examples
        --------
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     again = acc.read_study(town.save(folder))
        >>> again.name, again.coverage().share
        ('Town', 0.75)
        """
        return save_study(self, folder)

    def manifest(self, coverage: Coverage | None = None) -> dict[str, Any]:
        """Return what a figure rests on, as ``manifest.json`` of a run says it: inputs, settings, totals, versions.

        Parameters
        ----------
        coverage
            Whose totals; today's if None.

        Returns
        -------
        dict
            Values that JSON can hold. Inputs are told by file and SHA-256; streets, people and sites of a study in
            memory by the SHA-256 of their arrays.

        Raises
        ------
        InputError
            An input that is no longer there.

        Examples
        --------
        >>> town.manifest()["totals"]["covered"], sorted(town.manifest()["values"])
        (30.0, ['demand', 'network', 'sites'])
        """
        from accessibility.study.mapping import record_study  # noqa: PLC0415 -- only where it is asked for

        return record_study(self, self._today if coverage is None else coverage)

    def snap_sites(self, sites: Sites) -> Snapped:
        """Return where the people and any sites stand on the network.

        Parameters
        ----------
        sites
            Sites in any coordinate system.

        Returns
        -------
        Snapped
            Positions of the people and of these sites.

        Examples
        --------
        >>> town.snap_sites(town.sites).sites.fraction.round(6).tolist()
        [0.0, 0.85]
        """
        return Snapped(demand=self.snapped.demand, sites=self._ground.snap_sites(sites.to_crs(self.network.crs).xy))

    @property
    def attribution(self) -> tuple[str, ...]:
        """Data attribution, for maps: as the study says, or OpenStreetMap where an extract is read."""
        return attribution_of(self.settings, self.inputs.values())


@checked
def read_study(path: str | Path, *, progress: Callable[[str], None] | None = None, cache: Path | None = None) -> Study:
    """Return the study that a ``study.toml`` names, its inputs loaded and checked.

    Parameters
    ----------
    path
        The ``study.toml``; paths in it are relative to it.
    progress
        Called with the name of each step as it begins.
    cache
        Folder for parsed networks; the user's cache folder where not given.

    Returns
    -------
    Study
        The study.

    Raises
    ------
    InputError
        An input that does not meet its contract; the message names the file and the place.

    Warns
    -----
    AccessibilityWarning
        What looks suspicious in the inputs, as ``accessibility check`` prints it.

    Examples
    --------
    The sample county, in a clone of the project:

    >>> from pathlib import Path
    >>> import accessibility as acc
    >>> study = acc.read_study(Path(acc.__file__).parents[1] / "data" / "sample" / "study.toml")
    >>> study.name, float(study.demand.population.sum().round())
    ('Sample county', 149923.0)
    """
    path = Path(path)
    settings = read_study_file(path)
    load = Loading(settings=settings, folder=path.resolve().parent, cache=cache or default_cache())
    return Study(path=path, settings=settings, **gather_inputs(load, path.name, progress or (lambda _: None)))
