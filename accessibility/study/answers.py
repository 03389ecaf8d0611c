"""What a page asks about a study, on the page of the server and in a notebook alike, and the work that takes long."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import numpy as np

from accessibility.errors import InputError, visible
from accessibility.present.language import MapWords
from accessibility.present.map.coverage_map import Followed, Proposal, draw_sheet
from accessibility.siting.effort import heeding
from accessibility.sources.files import passing_folder
from accessibility.study.mapping import MapOptions, lay_out_study, trace_people
from accessibility.study.scenariofile import read_scenarios, scenario_values
from accessibility.study.views import Gauge, Nearby, View, click_of, narrowed_of, place_of, view_of
from accessibility.whatif.scenario import Scenario, Settings
from accessibility.wording import Wording, day_text, message_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.explanation import Explanation
    from accessibility.present.language import Choice
    from accessibility.present.map.sheets import MapSheet
    from accessibility.siting.plan import SitingPlan
    from accessibility.study.study import Study
    from accessibility.study.views import Narrowed
    from accessibility.uncertainty import Uncertainty
    from accessibility.whatif.trial import Trial
    from accessibility.wording import Language

_MOST_ENDED = 200  # pieces of work that are still known; one that goes on always is
_KEPT_PAGES, _KEPT_STEPS = 12, 3  # a page is a text, a step holds a coverage of everybody
_WAIT_S = 0.15  # at most, so that what goes on says how far it is
_DID, _HOW = ("working", "slow", "failed", "cancelled"), ("click_map", "move_how", "explain_how")
_TEXTS = (*_DID, *_HOW, "speed", "floor", "measured_how", "near_wrong", "as_shown", "as_today")


T = TypeVar("T")


class CancelledError(Exception):
    """Somebody who waited for a piece of work waits no longer."""


@dataclass
class Job:
    """How far a piece of work is, for a page that asks again and again, and may ask no longer."""

    steps: int = 1
    done: int = 0
    text: str = ""
    state: Literal["working", "done", "failed", "cancelled"] = "working"
    result: Any = None
    wanted: bool = True
    part_of: tuple[int, int] | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    ending: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self.steps = max(steps, 1)

    def step(self, text: str) -> None:
        """Say which step begins; none does where the work is not wanted any more."""
        self.heed()
        self.done, self.text, self.part_of = self.done + 1, text, None

    def cancel(self) -> None:
        """End the work: for whoever waits at once, by itself as soon as it asks."""
        self.wanted = False
        self.end("cancelled")

    def end(self, state: Literal["done", "failed", "cancelled"], result: Any = None) -> None:
        """Say how it ended, unless it has already."""
        with self.ending:
            if self.state == "working":
                self.result, self.state = result, state
        self.ended.set()

    def heed(self) -> None:
        """End a search where the work is not wanted any more."""
        if not self.wanted:
            raise CancelledError

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun; it ends where the work is not wanted any more."""
        self.heed()
        self.part_of = (done, whole)


@dataclass
class Jobs:
    """Pieces of work that pages have begun, by name."""

    language: Language = "en"  # of what is said
    _known: dict[str, Job] = field(default_factory=dict)

    def begin(self, work: Callable[[Job], Any]) -> dict[str, Any]:
        """Begin a piece of work in a thread; return its name, and how far it is soon: its result, where it is quick."""
        ident = secrets.token_urlsafe(9)
        ended = [known for known, job in list(self._known.items()) if job.state != "working"]
        for known in ended[:-_MOST_ENDED]:
            self._known.pop(known, None)
        self._known[ident] = in_background(work)
        return {"job": ident, **self.told(ident)}

    def find(self, ident: str) -> Job:
        """Return a piece of work.

        Raises
        ------
        InputError
            None of that name.
        """
        if ident not in self._known:
            msg = f"no work {ident!r}; expected one that goes on"
            raise InputError(msg)
        return self._known[ident]

    def told(self, ident: str) -> dict[str, Any]:
        """Return how far a piece of work is, and its result where it has one: at once where it has ended, else soon."""
        job = self.find(ident)
        job.ended.wait(_WAIT_S)
        told: dict[str, Any] = {"state": job.state, "done": job.done, "steps": job.steps, "text": self._step(job.text)}
        if job.part_of is not None:
            told["done"], told["steps"] = done, whole = job.part_of
            told["text"] += f" {done:,}/{whole:,}"
        if job.state == "done":
            told["result"] = job.result if not isinstance(job.result, Path) else job.result.name
            if isinstance(job.result, dict):
                job.result = None  # it is large, and told once
        elif job.state == "failed":
            told["error"] = visible(message_text(job.result, self.language))
        return told

    def _step(self, text: str) -> str:
        """Return a step in the language of the page; one that no wording knows as it is."""
        try:
            return Wording("page", self.language)(f"step {text}")
        except KeyError:
            return message_text(text, self.language)


def desk_texts(language: Language) -> dict[str, str]:
    """Return what the script of the bar says."""
    say = Wording("page", language)
    return {key: say(key) for key in _TEXTS}


@dataclass(eq=False)
class Answers:
    """What answers the page of a study; nothing of whoever asks is kept here."""

    study: Study  # what is asked about
    keep: Path | None = None  # a folder where draws are kept until all are made; None for none.
    basemap: bool = False  # whether maps load the tiles that the study names from the internet
    scenario_file: Path | None = None  # scenarios of the study, which a page offers where the file is there
    _sure: list[Uncertainty] = field(default_factory=list)
    _tried: OrderedDict[View, Uncertainty] = field(default_factory=OrderedDict)
    _plans: OrderedDict[View, SitingPlan] = field(default_factory=OrderedDict)
    _pages: OrderedDict[View, str] = field(default_factory=OrderedDict)
    _followed: OrderedDict[View, Followed] = field(default_factory=OrderedDict)
    _gauge: Gauge = field(init=False)
    _nearby: Nearby = field(init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Make ready what a drag and a click ask."""
        self._gauge, self._nearby = Gauge(self.study), Nearby(self.study.network)

    def ask(self, what: str, told: Any, language: Choice) -> dict[str, Any]:
        """Return the answer to a question that takes no time.

        Parameters
        ----------
        what
            ``figure``: how many people are counted, and how many of them the sites of a view cover; ``street``: the
            street next to a click; ``explain``: why a place is covered or not; ``compare``: what differs between a
            view, and the one it is ``against``; ``near``: what near enough means in the study, and the speed;
            ``scenarios``: those of a file whose ``text`` is given, else those of the study.
        told
            The view, and what else the question is about.
        language
            Of what is said.

        Raises
        ------
        InputError
            A question that no page asks, or that makes no sense.
        """
        view = view_of(told, language)
        if what == "figure":
            return self._gauge.read(view, narrowed_of(told))
        if what == "street":
            return self._nearby.find(click_of(told), view.edits)
        if what == "compare":
            against = told.get("against")
            sides = (view_of(against, language), narrowed_of(against)), (view, narrowed_of(told))
            waiting = [self._waiting(*side) for side in sides]
            return self._gauge.compare(*sides, MapWords.of(language), waiting)
        if what == "explain":
            lon, lat = place_of(told)
            scenario = self._gauge.scenario(view, narrowed_of(told).open)
            return told_why(self.study.explain(lon, lat, scenario), language)
        if what == "near":
            return told_near(self.study, MapWords.of(language))
        if what == "scenarios":
            return {"scenarios": [scenario_values(one) for one in self._scenarios(told.get("text"))]}
        msg = f"the page asks for {what!r}; expected 'figure', 'street', 'explain', 'compare', 'near' or 'scenarios'"
        raise InputError(msg)

    def _waiting(self, view: View, narrowed: Narrowed) -> int:
        """Return how many sites a view proposes none of which counts: its figures are those without the proposal."""
        plan = self._plans.get(_asked_in(view))
        proposed = set() if plan is None else set(map(str, plan.selected))
        return 0 if proposed & narrowed.open else len(proposed)

    def _scenarios(self, text: Any) -> tuple[Scenario, ...]:
        """Return the scenarios of a text, as of a file; those of the study where there is none."""
        if text is None:
            file = self.scenario_file
            return () if file is None or not file.is_file() else read_scenarios(file)
        with passing_folder() as folder:
            file = folder / "scenarios.toml"
            file.write_bytes(str(text).encode("utf-8", "replace"))
            return read_scenarios(file)

    def page(self, view: View, progress: Job) -> str:
        """Return the map of a view as a page; the same view is drawn once."""

        def draw() -> str:
            shown = self._follows(view, progress).ready()
            return str(draw_sheet(shown.sheet).get_root().render())

        return self._kept(self._pages, _KEPT_PAGES, view, draw)

    def follow(self, view: View, before: View | None, progress: Job) -> dict[str, Any] | bool:
        """Return what the map of a view has otherwise than that of a view before: all a page that shows that one needs.

        True where the page has to be drawn whole, as where there is none before: then it is drawn. So it is where the
        one before took long and is not known any more.
        """
        if before is not None and self._is_at_hand(before):
            found = self._follows(view, progress).since(self._follows(before, progress))
            if found is not None:
                return found
        return bool(self.page(view, progress))

    def _is_at_hand(self, view: View) -> bool:
        """Whether all is known of a view that takes long to be worked out: its proposal, and how sure it is."""
        planned = view.question is None or _asked_in(view) in self._plans
        return planned and (not view.sure or (_tried_in(view) in self._tried if view.tries else bool(self._sure)))

    def _follows(self, view: View, progress: Job) -> Followed:
        return self._kept(self._followed, _KEPT_STEPS, view, lambda: Followed(sheet=self._laid_out(view, progress)))

    def _kept(self, made: OrderedDict[View, T], most: int, view: View, make: Callable[[], T]) -> T:
        """Return what was made for a view, made once and kept for a while."""
        with self._lock:
            known = made.get(view)
        if known is None:
            known = make()
            with self._lock:
                made[view] = known
                while len(made) > most:
                    made.popitem(last=False)
        return known

    @cached_property
    def _today(self) -> MapSheet:
        """What the map of today shows: what lies below the people, and whom each site covers, is worked out once."""
        today = self.study.coverage()
        trace_people(self.study.network, today)  # the first step is as quick as the next
        return lay_out_study(self.study, today, None, self._options(View()))

    def _laid_out(self, view: View, progress: Job) -> MapSheet:
        """Return what the map of a view shows."""
        plan = None
        if view.question is not None:
            progress.step("Proposal")
            found = self._kept(self._plans, _KEPT_PAGES, _asked_in(view), lambda: self._proposed(view))
            plan = Proposal(plan=found, cost_unit=self.study.settings.siting.cost_unit)
        options = self._options(view)
        if view.sure:
            today = self._drawn_often(progress)
            options = replace(options, sure=today)
            if view.tries:
                progress.step("Drawing the inputs with their errors")
                told = self._kept(self._tried, _KEPT_STEPS, _tried_in(view), lambda: self._under(view, today, progress))
                options = replace(options, sure=told, gain=told.over(today))
        progress.step("Map")

        def lay_out(shown: Coverage | Trial) -> MapSheet:
            return lay_out_study(self.study, shown, plan, options, self._today)

        return self._gauge.shown(view, lay_out)

    def _options(self, view: View) -> MapOptions:
        return MapOptions(date=day_text(), language=view.language, basemap=self.basemap)

    def _proposed(self, view: View) -> SitingPlan:
        then = self._gauge.scenario(view) if view.tries else None
        return self.study.site(budget=view.budget, sites=view.sites, floor=view.floor, scenario=then)

    def _under(self, view: View, today: Uncertainty, progress: Job) -> Uncertainty:
        """Return how sure the headline of what is tried is; what is kept of it tells nobody any more."""
        told = replace(today, trying=replace(today.trying, tell=progress.part)).under(self._gauge.scenario(view))
        return replace(told, trying=replace(told.trying, tell=None))

    def _drawn_often(self, progress: Job) -> Uncertainty:
        """Return how sure today's headline is, drawn once; what is kept of it tells nobody any more."""
        if not self._sure:
            progress.step("Drawing the inputs with their errors")
            sure = self.study.uncertainty(keep=self.keep, tell=progress.part)
            self._sure.append(replace(sure, trying=replace(sure.trying, tell=None)))
        return self._sure[0]


def _asked_in(view: View) -> View:
    """Return a view without all that makes no other proposal."""
    return replace(view, sure=False, language="en")


def _tried_in(view: View) -> View:
    """Return a view without all but what it tries."""
    return replace(_asked_in(view), budget=None, sites=None, floor=0.0)


def told_near(study: Study, words: MapWords) -> dict[str, Any]:
    """Return what near enough means in a study as a scenario says it, and what its settings are called."""
    walker = study.walker
    settings = Settings(speed_m_s=walker.speed_m_s, open_compounds=walker.open_compounds, standard=study.standard)
    called = {name: words.setting(name) for name in study.standard.settings}
    return {**scenario_values(Scenario(settings=settings)), "called": called}


def told_why(why: Explanation, language: Choice) -> dict[str, Any]:
    """Return an explanation as a page shows it: a sentence, the place, and the way as latitudes and longitudes."""
    way = [] if why.route is None else np.round(why.route.coords, 6)[:, ::-1].tolist()
    said = [why.told(one) for one in MapWords.of(language).languages]
    return {"said": said, "place": [why.lat, why.lon], "way": way}


def in_background(work: Callable[[Job], Any]) -> Job:
    """Begin a piece of work in a thread and return how far it is; an error of the inputs is its result."""
    job = Job()

    def run() -> None:
        try:
            with heeding(job.heed):
                job.end("done", work(job))
        except CancelledError:
            job.end("cancelled")
        except (InputError, OSError) as error:
            job.end("failed", str(error))
        except Exception as error:  # noqa: BLE001 -- the page says so, the server goes on
            job.end("failed", f"{type(error).__name__}: {error}")

    threading.Thread(target=run, daemon=True).start()
    return job
