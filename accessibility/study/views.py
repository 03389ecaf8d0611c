"""What a page asks for: a view of a study, its figure while a site is dragged in it, and the street next to a click."""

from __future__ import annotations

import operator
import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import shapely

from accessibility.errors import InputError, spell_number
from accessibility.geo.projection import WGS84, transform
from accessibility.sites import KINDS
from accessibility.streets.edits import NewStreet, edit_of, edit_table
from accessibility.study.mapping import format_beside
from accessibility.study.proposing import Question
from accessibility.study.scenariofile import read_scenario_values, scenario_values
from accessibility.whatif.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.present.language import Choice, MapWords
    from accessibility.streets.edits import StreetEdit
    from accessibility.streets.network import Network
    from accessibility.study.study import Study
    from accessibility.whatif.trial import Trial


T = TypeVar("T")
TODAY = Scenario()
_MOST_PLACES = 50
Step = tuple[str, tuple[Any, ...]]
Place = tuple[float, float] | tuple[float, float, str]


@dataclass(frozen=True, kw_only=True)
class View:
    """What a map shows: own places, moved sites, other streets, a proposal. All of it stands in the map's address."""

    base: Scenario = TODAY  # what is different from today before anything else of the view
    # longitude and latitude of each place of one's own, and its kind where that is not `new`
    added: tuple[Place, ...] = ()
    # id, as text, longitude and latitude of each site of the study that is moved
    moved: tuple[tuple[str, float, float], ...] = ()
    edits: tuple[StreetEdit, ...] = ()  # streets that are drawn or closed, in this order
    # budget, sites: the limit of a proposal; at most one of the two
    budget: float | None = None
    sites: int | None = None
    floor: float = 0.0  # the least share of its people that a proposal covers in every district, 0 to 1
    sure: bool = False  # whether the map says how sure it is: the bar of its headline, and a layer
    language: Choice = "en"  # of the map: `en`, `zh` or `both`.

    def __post_init__(self) -> None:
        """Refuse what no page asks for."""
        tried = len(self.added) + len(self.moved) + len(self.edits)
        if tried > _MOST_PLACES:
            msg = f"{tried} places added or moved and streets drawn or closed; expected {_MOST_PLACES} at most"
            raise InputError(msg)
        if self.budget is not None and self.sites is not None:
            msg = "budget and sites are both given; expected one limit"
            raise InputError(msg)
        if not 0 <= self.floor <= 1:
            msg = f"floor is {spell_number(self.floor)}; expected 0 to 1"
            raise InputError(msg)

    @property
    def tries(self) -> bool:
        """Whether anything is other than today."""
        return bool(self.added or self.moved or self.edits or replace(self.base, name="") != TODAY)

    @property
    def own(self) -> tuple[str, ...]:
        """The ids of the places of one's own: X1, X2 and so on, without those that the base has."""
        taken = {str(added.id) for added in self.base.added}
        free = (name for k in count(1) if (name := f"X{k}") not in taken)
        return tuple(islice(free, len(self.added)))

    @property
    def question(self) -> Question | None:
        """The question for a proposal, where there is a limit."""
        if self.budget is None and self.sites is None:
            return None
        return Question(budget=self.budget, sites=self.sites, floor=self.floor)


@dataclass(frozen=True, kw_only=True)
class Narrowed:
    """Which sites and which people a figure is about."""

    open: frozenset[str]  # ids, as text, of the sites that count
    # those whose people are counted, None among them for people in none; everybody if None
    districts: frozenset[str | None] | None = None
    group: str | None = None  # the group of people who are counted; everybody if None


@dataclass(eq=False)
class Gauge:
    """What sites of a study cover, asked again and again with small differences.

    One trial stands ready and takes back and does again only what differs from the question before, whoever asked it:
    to begin one costs what measuring the study costs.
    """

    study: Study  # whose sites and people
    _taken: list[tuple[Step, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def _trial(self) -> Trial:
        return self.study.what_if()

    @cached_property
    def _districts(self) -> tuple[NDArray[np.intp], dict[str, int]]:
        """Number of the district of each demand point, -1 in none, and the numbers by name."""
        found = self.study.district.reindex(pd.Index(self._trial.baseline.coverage.demand.ids))
        codes, names = pd.factorize(found.to_numpy(dtype=object))
        return codes, {str(name): k for k, name in enumerate(names)}

    def read(self, view: View, narrowed: Narrowed) -> dict[str, float]:
        """Return how many people are counted, and how many of them are covered.

        Raises
        ------
        InputError
            A place where no site can stand, a site or a group that is not there.
        """
        now = self.coverage(view, narrowed.open)
        people = now.demand.people_of(narrowed.group)
        if narrowed.districts is not None:
            codes, numbers = self._districts
            asked = [-1 if name is None else numbers.get(name, -2) for name in narrowed.districts]
            people = people * np.isin(codes, asked)
        return {"people": float(people.sum()), "covered": float(people[now.covered].sum())}

    def compare(
        self, one: tuple[View, Narrowed], other: tuple[View, Narrowed], words: MapWords, waiting: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Return what differs between two views, whoever of the people is counted in them; see `format_beside`."""
        first, second = (
            (self.scenario(view, narrowed.open), self.coverage(view, narrowed.open)) for view, narrowed in (one, other)
        )
        return format_beside(self.study, first, second, words, waiting)

    def coverage(self, view: View, counting: frozenset[str]) -> Coverage:
        """Return the coverage of a view in which some sites, by id as text, count and no others."""
        with self._lock:
            return self._brought(view, counting).coverage()

    def scenario(self, view: View, counting: frozenset[str] | None = None) -> Scenario:
        """Return what is different from today in a view in which some sites, by id as text, count and no others.

        Those that the view says where none are given.
        """
        with self._lock:
            return self._brought(view, counting).scenario

    def shown(self, view: View, tell: Callable[[Coverage | Trial], T]) -> T:
        """Return what is told of a view, while nobody else asks: of a trial where it tries anything, else of today."""
        with self._lock:
            return tell(self._brought(view, None) if view.tries else self._trial.baseline.coverage)

    def _brought(self, view: View, counting: frozenset[str] | None) -> Trial:
        """Return the trial after the steps that a question is about."""
        wanted, same = self._steps(view, counting), 0
        while same < min(len(wanted), len(self._taken)) and wanted[same] == self._taken[same][0]:
            same += 1
        if same < len(self._taken):
            while self._trial.steps > self._taken[same][1]:
                self._trial.undo()
            del self._taken[same:]
        for name, given in wanted[same:]:
            begun = self._trial.steps
            _take(self._trial, name, given)
            self._taken.append(((name, given), begun))
        return self._trial

    def _steps(self, view: View, counting: frozenset[str] | None) -> list[Step]:
        sites, own, base = self.study.sites, view.own, named_as_in(self.study, view.base)
        known = {str(ident): (ident, bool(counts)) for ident, counts in zip(sites.ids, sites.open, strict=True)}
        known |= {str(added.id): (added.id, True) for added in base.added}
        known |= {str(ident): (ident, ident in base.opened) for ident in (*base.opened, *base.closed)}
        steps: list[Step] = [] if base == TODAY else [("follow", (base,))]
        if counting is None:  # those that the view says
            counting = frozenset([*own, *(name for name, (_, counts) in known.items() if counts)])
        for name, (ident, counts) in known.items():
            if counts != (name in counting):
                steps.append(("close" if counts else "open", (ident,)))
        steps += [("open", (name,)) for name in sorted(counting - known.keys() - set(own))]
        steps += [("follow", (Scenario(edits=view.edits),))] if view.edits else []
        steps += [("add", (*at, name)) for name, at in zip(own, view.added, strict=True) if name in counting]
        return [*steps, *(("move", (known[name][0] if name in known else name, *at)) for name, *at in view.moved)]


def _take(trial: Trial, name: str, given: tuple[Any, ...]) -> None:
    if name == "add":
        *at, ident = given
        lon, lat, kind = (*at, "new")[:3]
        trial.add(lon, lat, id=ident, kind=kind)
    else:
        getattr(trial, name)(*given)


def named_as_in(study: Study, scenario: Scenario) -> Scenario:
    """Return a scenario whose ids are texts with those of the study."""
    known = {str(ident): ident for ident in study.sites.ids}
    return replace(
        scenario,
        opened=tuple(known.get(str(ident), ident) for ident in scenario.opened),
        closed=tuple(known.get(str(ident), ident) for ident in scenario.closed),
        moved=tuple(replace(move, id=known.get(str(move.id), move.id)) for move in scenario.moved),
    )


def tried_in(study: Study, view: View) -> Trial:
    """Return a trial in which streets are drawn and closed, places added and sites moved as a view says."""
    trial = study.what_if(named_as_in(study, view.base)).follow(Scenario(edits=view.edits))
    known = {str(ident): ident for ident in study.sites.ids}
    for ident, at in zip(view.own, view.added, strict=True):
        _take(trial, "add", (*at, ident))
    for ident, lon, lat in view.moved:
        _take(trial, "move", (known.get(ident, ident), lon, lat))
    return trial


def view_of(told: Any, language: Choice) -> View:
    """Return what a page asks for.

    Raises
    ------
    InputError
        Anything else than places, a limit and a language.
    """
    try:
        moved = tuple((str(ident), float(lon), float(lat)) for ident, (lon, lat) in told.get("moved", {}).items())
        budget, sites = told.get("budget"), told.get("sites")
        return View(
            base=read_scenario_values({"name": "", **told.get("base", {})}),
            added=tuple(map(_added, told.get("added", ()))),
            moved=moved,
            edits=tuple(edit_of(dict(table)) for table in told.get("edits", ())),
            budget=None if budget is None else float(budget),
            sites=None if sites is None else operator.index(sites),
            floor=float(told.get("floor", 0.0)),
            sure=_switched(told.get("sure", False)),
            language=language,
        )
    except InputError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        msg = f"the page asks for {told!r}; expected places, a budget or a number of sites"
        raise InputError(msg) from error


def views_of(told: Any, language: Choice) -> tuple[View, View | None]:
    """Return what a page asks for, and what it shows by now, where that can become the other.

    Raises
    ------
    InputError
        As `view_of`.
    """
    before = told.get("before") if isinstance(told, dict) else None
    return view_of(told, language), None if before is None else view_of(before, language)


def view_values(view: View) -> dict[str, Any]:
    """Return a view as a page asks for it.

    Examples
    --------
    >>> view_values(View(added=((111.0, 30.7),), sites=3))
    {'base': {'name': ''}, 'added': [[111.0, 30.7]], 'moved': {}, 'edits': [], 'sites': 3, 'sure': False}
    """
    limits = {name: limit for name in ("budget", "sites") if (limit := getattr(view, name)) is not None}
    places = {
        "base": scenario_values(view.base),
        "added": [list(place) for place in view.added],
        "moved": {name: list(place) for name, *place in view.moved},
        "edits": [edit_table(edit) for edit in view.edits],
    }
    return {**places, **limits, **({"floor": view.floor} if view.floor else {}), "sure": view.sure}


def narrowed_of(told: Any) -> Narrowed:
    """Return which sites and which people a page asks about.

    Raises
    ------
    InputError
        Anything else than lists of names.
    """
    try:
        districts, group = told.get("districts"), told.get("group")
        return Narrowed(
            open=frozenset(map(str, told["open"])),
            districts=None if districts is None else frozenset(None if d is None else str(d) for d in districts),
            group=None if group is None else str(group),
        )
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"the page asks about {told!r}; expected sites, districts and a group"
        raise InputError(msg) from error


def click_of(told: Any) -> Click:
    """Return where a page is clicked.

    Raises
    ------
    InputError
        Anything else than a place and metres.
    """
    try:
        lon, lat = told["at"]
        return Click(lon=float(lon), lat=float(lat), near_m=float(told["near_m"]), closes=_switched(told["closes"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        msg = f"the page is clicked at {told!r}; expected a place, metres, and whether a street closes"
        raise InputError(msg) from error


def place_of(told: Any) -> tuple[float, float]:
    """Return the place that a page asks about, in degrees.

    Raises
    ------
    InputError
        Anything else than a longitude and a latitude.
    """
    try:
        lon, lat = told["at"]
        return float(lon), float(lat)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        msg = f"the page asks about {told!r}; expected a place"
        raise InputError(msg) from error


def _added(told: Any) -> Place:
    lon, lat, *more = told
    (kind,) = more or ("new",)
    if kind not in KINDS:
        raise ValueError
    return (float(lon), float(lat)) if kind == "new" else (float(lon), float(lat), kind)


def _switched(told: Any) -> bool:
    if not isinstance(told, bool):
        raise TypeError
    return told


_DIGITS = 6  # of a degree: a decimetre


@dataclass(frozen=True, kw_only=True)
class Click:
    """Where somebody clicks."""

    # lon, lat: degrees, WGS84
    lon: float
    lat: float
    near_m: float  # how far a street may be, in metres
    closes: bool  # whether the street is to close: then bridges and tunnels are meant, too, and streets of today alone


@dataclass(frozen=True, eq=False)
class Nearby:
    """The streets of a network in space, to be clicked on."""

    network: Network  # the streets of today

    @cached_property
    def _lines(self) -> NDArray[np.object_]:
        return self.network.lines()

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self._lines)

    def find(self, click: Click, edits: Sequence[StreetEdit] = ()) -> dict[str, Any]:
        """Return the place on a street that is nearest to a click, its row and its line; nothing where none is near.

        Parameters
        ----------
        click
            Where.
        edits
            What is drawn already: a line may begin on a street that is new.

        Returns
        -------
        dict
            ``at`` (degrees, WGS84), ``row`` of the network (-1 of a new street) and ``line``; empty where none is near.
        """
        network = self.network
        here = shapely.Point(transform(np.array([[click.lon, click.lat]]), WGS84, network.crs)[0])
        rows = self._tree.query(here, predicate="dwithin", distance=np.nan_to_num(click.near_m))
        if not click.closes:
            rows = rows[~(network.off_ground | network.across | network.closed)[rows]]
        lines = [*self._lines[rows]]
        if not click.closes:
            new = [shapely.get_coordinates(edit.line) for edit in edits if isinstance(edit, NewStreet)]
            drawn = [shapely.LineString(transform(xy, WGS84, network.crs)) for xy in new]
            lines += [line for line in drawn if line.distance(here) <= click.near_m]
        if not lines:
            return {}
        best = int(np.argmin(shapely.distance(lines, here)))
        at = shapely.line_interpolate_point(lines[best], shapely.line_locate_point(lines[best], here))
        (place,) = self._degrees(at)
        return {"at": place, "row": int(rows[best]) if best < len(rows) else -1, "line": self._degrees(lines[best])}

    def _degrees(self, shape: Any) -> list[list[float]]:
        found: list[list[float]] = (
            transform(shapely.get_coordinates(shape), self.network.crs, WGS84).round(_DIGITS).tolist()
        )
        return found
