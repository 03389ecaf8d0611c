"""`WhatIf`: click, drag and see who gains and who loses; everything the mouse does is a method too."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from functools import cached_property, wraps
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from urllib.parse import parse_qs, quote, unquote

import anywidget
import traitlets
from markupsafe import Markup

from accessibility.errors import AccessibilityError, InputError
from accessibility.present.language import MapWords
from accessibility.present.pages import page_template, template_text
from accessibility.present.report.differences import still_html
from accessibility.present.report.mapsketch import Paper
from accessibility.study.answers import Answers, Job, Jobs, desk_texts, told_why
from accessibility.study.mapping import format_trial
from accessibility.study.scenariofile import append_scenario
from accessibility.study.views import View, tried_in, view_of, view_values, views_of
from accessibility.whatif.scenario import Scenario
from accessibility.wording import Wording, message_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.explanation import Explanation
    from accessibility.standards import Standard
    from accessibility.streets.edits import StreetEdit
    from accessibility.study.study import Study
    from accessibility.whatif.trial import Trial

DEFAULT_FILE = "scenarios.toml"
_SWITCHED = "switched="
_NOTHING = {
    "past": "nothing to undo: the trial is as today; expected a step before",
    "future": "nothing to do again: no step was taken back since the last one; expected an undo before",
}
_MOST = 100  # steps that are kept, as the page keeps them
_UNQUOTED = "~()*!.'"  # beside letters, digits, _ and -: as a browser spells an address
F = TypeVar("F", bound="Callable[..., Any]")


def _in_turn(method: F) -> F:
    """Let a step end before the next begins: a kernel with subshells hears the page in threads."""

    @wraps(method)
    def wait_and_do(self: WhatIf, *args: Any, **given: Any) -> Any:
        with self._turn:
            return method(self, *args, **given)

    return cast("F", wait_and_do)


class _Page(anywidget.AnyWidget):
    """The page of a study inside a cell: the scripts of ``accessibility serve``, answered by messages."""

    _desk = "".join(template_text(f"{name}.js") for name in ("desk", "beside", "near"))
    _esm = (
        f"const desk = (root, texts, engine) => {{\n{_desk}return {{ open, show }};\n}};\n{template_text('widget.js')}"
    )
    markup = traitlets.Unicode().tag(sync=True)
    texts = traitlets.Dict().tag(sync=True)
    still = traitlets.Unicode().tag(sync=True)
    steps = traitlets.Dict().tag(sync=True)


class WhatIf:
    """The page of a study in a cell: a map to click on, with the figures beside it.

    It is the page of ``accessibility serve``, answered by the kernel: places are added by a click, sites dragged,
    opened and closed, streets drawn and closed, places explained, two maps put side by side, proposals asked for, and
    what makes no sense is said in one sentence and changes nothing. What the page does the program knows, and the other
    way round: ``scenario``, ``coverage()`` and ``undo()`` are those of both. ``view`` is the widget; showing this
    object shows it, and leaves a picture with the figures for whoever reads the notebook where no kernel runs.

    Parameters
    ----------
    study
        Whose sites and people.
    scenario
        What to begin with; each of its steps can be undone.
    lang
        ``en``, ``zh`` or ``both``.

    Examples
    --------
    A road of 2 km with an outlet at its start, a bank branch at 1.7 km, people at 900 m and at its end:

    >>> import accessibility as acc
    >>> from accessibility.notebook import WhatIf
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> town = acc.Study.of(road, homes, acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at), name="Town")
    >>> what_if = WhatIf(town, acc.Scenario(opened=("B1",)))
    >>> what_if.coverage().share
    1.0
    """

    def __init__(self, study: Study, scenario: Scenario | None = None, *, lang: str = "en") -> None:
        self.study, self._words, self._turn = study, MapWords.of(lang), RLock()
        self._answers, self._jobs = Answers(study, scenario_file=Path(DEFAULT_FILE)), Jobs(self._words.languages[0])
        self._stills: list[Any] = []
        self._trial = study.what_if(scenario)
        self._view = View(base=self._trial.scenario, language=cast("Any", lang))
        self._switched: frozenset[str] = frozenset()
        say = Wording("page", self._words.languages[0])
        self.view = _Page(
            markup=page_template("widget.html").render(
                say=say,
                served=False,
                style=Markup(template_text("desk.css")),  # noqa: S704 -- our own
                language=self._words.html_language,
            ),
            texts=desk_texts(say.language),
            steps={"now": self._told(self._view), "past": self._begun(), "future": []},
        )
        self._at, self._seen = self.view.steps["now"], self._trial.scenario
        self.view.still = f"what-if-still-{self.view.model_id}"
        self.view.on_msg(self._asked)
        self.view.observe(lambda _: self._followed(), "steps")

    def _begun(self) -> list[str]:
        """Return the states before each step of the scenario that the trial has begun with, the first one first."""
        steps = range(self._trial.steps)
        states = [self._told(replace(self._view, base=self._trial.undo().scenario)) for _ in steps]
        for _ in steps:
            self._trial.redo()
        return states[::-1]

    def __repr__(self) -> str:
        """Return the trial in numbers."""
        return f"<WhatIf {self.trial!r}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        shown = {"version_major": 2, "version_minor": 0, "model_id": self.view.model_id}
        return {"application/vnd.jupyter.widget-view+json": shown, "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        """Show the widget, and beside it a picture of it, which a living widget hides and a saved page shows."""
        import IPython.display  # noqa: PLC0415 -- there where a notebook is

        display: Callable[..., Any] = IPython.display.display
        display(self._repr_mimebundle_(), raw=True)
        self._stills.append(display(self._still(), raw=True, display_id=True))

    @property
    def trial(self) -> Trial:
        """The scenario in the making, as the page has it by now."""
        now = self.view.steps["now"]
        if now != self._at:
            search, _, hash_ = now.partition("#")
            view = view_of(json.loads(parse_qs(search[1:])["view"][0]), self._view.language)
            switched = frozenset(
                unquote(site)
                for part in hash_.split("&")
                if part.startswith(_SWITCHED)
                for site in part.removeprefix(_SWITCHED).split(",")
                if site
            )
            if view != self._view:
                self._trial, self._view, self._switched = tried_in(self.study, view), view, frozenset()
            self._switch(self._switched ^ switched)
            self._switched, self._at, self._seen = switched, now, self._trial.scenario
        return self._trial

    def _switch(self, sites: frozenset[str]) -> None:
        there = self._trial.coverage().sites
        for site, counts in zip(there.ids, there.open.tolist(), strict=True):
            if str(site) in sites:
                (self._trial.close if counts else self._trial.open)(site)
        for site in sorted(sites - {str(site) for site in there.ids}):
            self._trial.open(site)  # a candidate that the study makes on its streets

    def _told(self, view: View) -> str:
        """Return a state as the page tells it: the address of its map, from the question mark on."""
        text = json.dumps(view_values(view), separators=(",", ":"), ensure_ascii=False)
        return f"?view={quote(text, safe=_UNQUOTED)}#"

    @property
    def scenario(self) -> Scenario:
        """What is different from today."""
        return replace(self.trial.scenario, name=self.trial.scenario.name or self._words("what_if"))

    @_in_turn
    def coverage(self) -> Coverage:
        """Return who is covered now.

        Returns
        -------
        Coverage
            That of the trial.

        Examples
        --------
        >>> WhatIf(town).coverage().share
        0.75
        """
        return self.trial.coverage()

    @_in_turn
    def add(self, lon: float, lat: float, *, kind: str = "new") -> Self:
        """Add a site.

        Parameters
        ----------
        lon, lat
            Degrees, WGS84.
        kind
            ``new``, ``bank`` or ``outlet``.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            A place where no site can stand.

        Examples
        --------
        >>> WhatIf(town).add(111.0209, 30.7329).coverage().share
        1.0
        """
        self.trial.add(lon, lat, kind=kind)
        return self.refresh()

    @_in_turn
    def switch(self, site: Hashable) -> Self:
        """Close a site that counts, open one that does not.

        Parameters
        ----------
        site
            Id of the site.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> WhatIf(town).switch("O1").scenario.closed
        ('O1',)
        """
        sites = self.trial.coverage().sites
        counts = bool(sites.open[sites.rows([site])[0]])
        (self.trial.close if counts else self.trial.open)(site)
        return self.refresh()

    @_in_turn
    def move(self, site: Hashable, lon: float, lat: float) -> Self:
        """Move a site.

        Parameters
        ----------
        site
            Id of the site.
        lon, lat
            Where it would stand: degrees, WGS84.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            A place where no site can stand.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> WhatIf(town).move("O1", 111.0209, 30.7329).coverage().covered_people
        10.0
        """
        self.trial.move(site, lon, lat)
        return self.refresh()

    @_in_turn
    def edit(self, *edits: StreetEdit) -> Self:
        """Edit streets, in one step: add one, close some, change the pace of an area, open a compound.

        Parameters
        ----------
        *edits
            `NewStreet`, `Closure`, `Pace` or `CompoundOpening`, one after the other.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            An edit that touches no street.

        Examples
        --------
        >>> WhatIf(town).edit(acc.Closure(edges=[0], name="works")).coverage().covered_people
        0.0
        """
        self.trial.follow(Scenario(edits=edits))
        return self.refresh()

    @_in_turn
    def change(
        self, *, speed_m_s: float | None = None, open_compounds: bool | None = None, standard: Standard | None = None
    ) -> Self:
        """Change how people walk or what near enough means, where not None.

        Parameters
        ----------
        speed_m_s
            Walking speed on the flat, 0.3 to 3 m/s.
        open_compounds
            Whether everybody may walk through gated compounds.
        standard
            Another standard.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            A speed that nobody walks.

        Examples
        --------
        >>> WhatIf(town).change(speed_m_s=0.8).coverage().covered_people
        0.0
        """
        self.trial.change(speed_m_s=speed_m_s, open_compounds=open_compounds, standard=standard)
        return self.refresh()

    @_in_turn
    def explain(self, lon: float, lat: float) -> Explanation:
        """Say why a place is covered or not, and draw the way to the nearest site.

        Parameters
        ----------
        lon, lat
            Degrees, WGS84.

        Returns
        -------
        Explanation
            What `Study.explain` says of the scenario.

        Raises
        ------
        InputError
            An invalid place.

        Examples
        --------
        >>> WhatIf(town).explain(111.009, 30.7329).covered
        True
        """
        why = self.study.explain(lon, lat, self.trial.scenario)
        self.view.send({"explained": told_why(why, self._view.language)})
        return why

    @_in_turn
    def undo(self) -> Self:
        """Take back the last step.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            There is none.

        Examples
        --------
        >>> WhatIf(town).switch("O1").undo().scenario.closed
        ()
        """
        return self._step("past", "future")

    @_in_turn
    def redo(self) -> Self:
        """Take the step again that was taken back last.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            There is none.

        Examples
        --------
        >>> WhatIf(town).switch("O1").undo().redo().scenario.closed
        ('O1',)
        """
        return self._step("future", "past")

    @_in_turn
    def save(self, path: str | os.PathLike[str] | None = None) -> Self:
        """Add the scenario to a file of scenarios.

        Parameters
        ----------
        path
            The file; ``scenarios.toml`` if not given.

        Returns
        -------
        WhatIf
            The widget itself.

        Raises
        ------
        InputError
            The file holds another scenario of this name.
        OutputError
            It cannot be written.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     _ = what_if.save(Path(folder) / "scenarios.toml")
        ...     acc.read_scenarios(Path(folder) / "scenarios.toml")[0].opened
        ('B1',)
        """
        append_scenario(self.scenario, Path(path or DEFAULT_FILE))
        return self

    @_in_turn
    def refresh(self) -> Self:
        """Show the trial as it is, after steps taken on the widget's ``trial`` itself.

        Returns
        -------
        WhatIf
            The widget itself.

        Examples
        --------
        >>> shown = WhatIf(town)
        >>> _ = shown.trial.close("O1")
        >>> shown.refresh().undo().scenario.closed
        ()
        """
        scenario, told = self.trial.scenario, self.view.steps
        if scenario != self._seen:
            kept = [
                part for part in told["now"].partition("#")[2].split("&") if part and not part.startswith(_SWITCHED)
            ]
            self._view, self._switched = replace(self._view, base=scenario, added=(), moved=(), edits=()), frozenset()
            self._seen, self._at = scenario, self._told(self._view) + "&".join(kept)
            self.view.steps = {"now": self._at, "past": [*told["past"], told["now"]][-_MOST:], "future": []}
        return self

    def _step(self, back: str, forth: str) -> Self:
        """Show the last of the states on one side, and keep what is shown now on the other."""
        told = self.view.steps
        if not told[back]:
            raise InputError(_NOTHING[back])
        *rest, now = told[back]
        self.view.steps = {**told, "now": now, back: rest, forth: [*told[forth], told["now"]]}
        return self

    @_in_turn
    def _followed(self) -> None:
        """Bring what a saved page shows up to date."""
        for still in self._stills:
            still.update(self._still(), raw=True)

    def _still(self) -> dict[str, str]:
        told = format_trial(self.study, self.trial, self._words, self._paper)
        return {"text/html": still_html(told, self._words, self.view.still), "text/plain": ""}

    @cached_property
    def _paper(self) -> Paper:
        return Paper.of(self.trial.baseline.coverage, self.study.districts, self.study.network)

    def _asked(self, _: object, content: dict[str, Any], __: object) -> None:
        """Answer the page."""
        try:
            told = {"answer": self._answer(*content["path"].split("/"), told=content.get("body"))}
        except AccessibilityError as error:
            told = {"error": message_text(str(error), self._jobs.language)}
        except Exception as error:  # noqa: BLE001 -- the page says so, the kernel goes on
            told = {"error": f"{type(error).__name__}: {error}"}
        self.view.send({"id": content.get("id"), **told})

    def _answer(self, what: str, *rest: str, told: Any) -> Any:
        language = self._view.language
        if what == "jobs":
            if rest[1:]:
                self._jobs.find(rest[0]).cancel()
            return self._jobs.told(rest[0])
        if what == "ask":
            return self._answers.ask(rest[0], told, language)
        if what == "save":
            (name,) = (table["name"] for table in tomllib.loads(told["text"])["scenario"])
            saved = replace(self.trial.scenario, name=self.trial.scenario.name or name)
            append_scenario(saved, DEFAULT_FILE)
            return {"said": Wording("map", self._jobs.language)("did_save", name=repr(saved.name), file=DEFAULT_FILE)}
        view, before = views_of(told, language)
        if what == "map":
            return self._jobs.begin(lambda job: self._answers.follow(view, before, job))
        return {"page": self._answers.page(view, Job())}
