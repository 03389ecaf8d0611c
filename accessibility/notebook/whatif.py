"""`WhatIf`: click, drag and see who gains and who loses; everything the mouse does is a method too."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, wraps
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import ipywidgets
import numpy as np

from accessibility.errors import AccessibilityError, InputError
from accessibility.notebook.clickmap import HEIGHT, ClickMap, Hands
from accessibility.notebook.drawing import LEAST, TOOLS, Pencil
from accessibility.notebook.readout import (
    STYLE,
    changes_html,
    district_html,
    edit_words,
    headline_html,
    message_html,
    sites_html,
    steps_html,
    still_html,
)
from accessibility.present.map.changes import classify_changes
from accessibility.present.map.outlines import safe_html
from accessibility.present.map.words import MapWords
from accessibility.present.report.mapsketch import Paper, draw_change
from accessibility.study.scenariofile import append_scenario
from accessibility.whatif.comparison import compare_scenarios
from accessibility.whatif.scenario import Scenario

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable

    from accessibility.measures.coverage import Coverage
    from accessibility.measures.explanation import Explanation
    from accessibility.present.map.overlays import PeopleClasses
    from accessibility.streets.edits import StreetEdit
    from accessibility.study.study import Study

DEFAULT_FILE = "scenarios.toml"
_KINDS, _EXPLAIN = ("new", "bank", "outlet"), "explain"
F = TypeVar("F", bound="Callable[..., Any]")


def _in_turn(method: F) -> F:
    """Let a step end before the next begins: a kernel with subshells hears the buttons and the map in threads."""

    @wraps(method)
    def wait_and_do(self: WhatIf, *args: Any, **given: Any) -> Any:
        with self._turn:
            return method(self, *args, **given)

    return cast("F", wait_and_do)


class WhatIf:
    """A map to click on, with the figures beside it.

    A click on the map does what the list above it says: it adds a site, draws a street, a bridge or a closure, changes
    the pace of an area, opens a compound, or explains the place. A click on a site closes or opens it, dragging moves
    it. What makes no sense is said in one sentence and changes nothing. ``view`` is the widget; showing this object
    shows it, and leaves a picture with the figures for whoever reads the notebook where no kernel runs.

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
        self.trial = study.what_if(scenario)
        hands = Hands(ground=self._on_ground, site=self._on_site, drag=self._on_drag, hover=self._on_hover)
        self.map = ClickMap(study, self.trial.baseline.coverage, hands, self._words)
        self.pencil = Pencil()
        self._stills: list[Any] = []
        self._make_tools()
        self.message = ipywidgets.HTML(layout={"min_height": "2.2em"})  # the map below stays where it is
        self.figures, self.steps, self.districts = (ipywidgets.HTML() for _ in range(3))
        self.view = self._laid_out()
        self._begin_drawing()
        self.refresh()

    def _make_tools(self) -> None:
        say = self._words
        options = [(say(f"tool_{tool}"), tool) for tool in (*_KINDS, *TOOLS, _EXPLAIN)]
        self.tool = ipywidgets.Dropdown(options=options, value="new", description=say("a_click"), **_plain("20em"))
        self.factor = ipywidgets.BoundedFloatText(
            value=0.5, min=0.01, max=10, step=0.1, description=say("times_as_fast"), **_plain("10em")
        )
        self.finish_button, self.undo_button, self.redo_button, self.save_button = (
            ipywidgets.Button(description=say(what), icon=icon, layout={"width": "auto"})
            for what, icon in (("finish", "check"), ("undo", "undo"), ("redo", "repeat"), ("save", "save"))
        )
        name = self.trial.scenario.name or say("what_if")
        self.name = ipywidgets.Text(value=name, description=say("scenario_name"), **_plain("16em"))
        self.file = ipywidgets.Text(value=DEFAULT_FILE, description=say("in_file"), **_plain("12em"))
        self.tool.observe(lambda _: self._begin_drawing(), names="value")
        self.finish_button.on_click(lambda _: self._by_hand(self._finish))
        self.undo_button.on_click(lambda _: self._by_hand(self._take_back))
        self.redo_button.on_click(lambda _: self._by_hand(self.redo))
        self.save_button.on_click(lambda _: self._by_hand(self.save))

    def _laid_out(self) -> Any:
        tools = [self.tool, self.factor, self.finish_button, self.undo_button, self.redo_button]
        wraps = {"flex_flow": "row wrap"}
        bar = ipywidgets.HBox([*tools, self.name, self.file, self.save_button], layout=wraps)
        self.map.widget.layout.flex = "3 1 420px"
        panel = ipywidgets.VBox(
            [self.figures, self.steps, self.districts],
            layout={"flex": "2 1 340px", "max_height": f"{HEIGHT + 60}px", "overflow": "auto", "padding": "0 0 0 10px"},
        )
        below = [sites_html(self._words), *(f"<div>{safe_html(source)}</div>" for source in self.study.attribution)]
        style = ipywidgets.HTML(layout={"display": "none"})
        view = ipywidgets.VBox(
            [
                style,
                bar,
                self.message,
                ipywidgets.HBox([self.map.widget, panel], layout=wraps),
                ipywidgets.HTML("".join(below)),
            ]
        )
        view.add_class("what-if")
        self._still_name = f"what-if-still-{view.model_id}"
        style.value = f"{STYLE}<style>.{self._still_name} {{ display: none }}</style>"  # where the widget lives
        return view

    def __repr__(self) -> str:
        """Return the trial in numbers."""
        return f"<WhatIf {self.trial!r}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return {**self.view._repr_mimebundle_(**options), "text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        """Show the widget, and beside it a picture of it, which a living widget hides and a saved page shows."""
        import IPython.display  # noqa: PLC0415 -- there where a notebook is

        display: Callable[..., Any] = IPython.display.display
        display(self._repr_mimebundle_(), raw=True)
        self._stills.append(display(self._still(), raw=True, display_id=True))

    @property
    def scenario(self) -> Scenario:
        """What is different from today, under the name that stands in the widget."""
        return replace(self.trial.scenario, name=self.name.value.strip() or self._words("what_if"))

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
    def add(self, lon: float, lat: float, *, kind: str | None = None) -> Self:
        """Add a site.

        Parameters
        ----------
        lon, lat
            Degrees, WGS84.
        kind
            ``new``, ``bank`` or ``outlet``; the kind chosen in the widget, else ``new``, if not given.

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
        chosen = self.tool.value if self.tool.value in _KINDS else "new"
        self.trial.add(lon, lat, kind=chosen if kind is None else kind)
        return self._done("did_add", self.trial.scenario.added[-1].id, (lon, lat))

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
        return self._done("did_close" if counts else "did_open", site)

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
        return self._done("did_move", site, (lon, lat))

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
        self.pencil.corners.clear()
        return self._did("did_edit", edit=", ".join(edit_words(edit, self._words) for edit in edits)).refresh()

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
        self.map.show_way(why)
        self._say(" ".join(why.told(language) for language in self._words.languages))
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
        self.trial.undo()
        return self._did("did_undo").refresh()

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
        self.trial.redo()
        return self._did("did_redo").refresh()

    @_in_turn
    def save(self, path: str | os.PathLike[str] | None = None) -> Self:
        """Add the scenario to a file of scenarios.

        Parameters
        ----------
        path
            The file; the one named in the widget if not given.

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
        path = Path(path or self.file.value.strip() or DEFAULT_FILE)
        append_scenario(self.scenario, path)
        return self._did("did_save", name=repr(self.scenario.name), file=path)

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
        >>> "O1" in shown.refresh().steps.value
        True
        """
        before, after, scenario = self.trial.baseline.coverage, self.trial.coverage(), self.trial.scenario
        table, say = self.trial.compare(), self._words
        changes = classify_changes(before, after, say)
        cost = float(compare_scenarios(before, [(scenario, after)])["cost"].iloc[0])
        self.figures.value = headline_html(before, after, table, say) + changes_html(changes)
        self.steps.value = steps_html(scenario, after.sites, self.map.labels, cost, say)
        self.districts.value = district_html(table, say)
        self.redo_button.disabled = self.trial.steps_undone == 0
        self._show_drawing()
        self.map.show(changes, after, after.snapped.streets(self.study.network), self._changed())
        self.map.show_way(None)
        for still in self._stills:
            still.update(self._still(), raw=True)
        return self

    def _still(self) -> dict[str, str]:
        before, after = self.trial.baseline.coverage, self.trial.coverage()
        changes: PeopleClasses = classify_changes(before, after, self._words)
        edited = [
            (np.array(line, float), feature["properties"]["style"]["color"])
            for feature in self.map.edits.data["features"]
            for line in _lines(feature["geometry"])
        ]
        texts = [self.figures.value, self.steps.value, sites_html(self._words), self.districts.value]
        picture = draw_change(self._paper, after, changes, edited)
        return {"text/html": still_html(str(picture), texts, self._words, self._still_name), "text/plain": ""}

    @cached_property
    def _paper(self) -> Paper:
        return Paper.of(self.trial.baseline.coverage, self.study.districts, self.study.network)

    def _changed(self) -> set[Hashable]:
        s = self.trial.scenario
        return {*s.opened, *s.closed, *(a.id for a in s.added), *(m.id for m in s.moved)}

    def _done(self, what: str, site: Hashable, place: tuple[float, float] | None = None) -> Self:
        import shapely  # noqa: PLC0415

        districts = self.study.districts
        if place is not None and districts is not None:
            here = districts.index[districts.covers(shapely.Point(place)).to_numpy()]
            if len(here):
                return self._did(f"{what}_in", site=site, district=here[0]).refresh()
        return self._did(what, site=site).refresh()

    def _did(self, what: str, **values: object) -> Self:
        self._say(self._words(what, **values))
        return self

    def _say(self, text: str, *, refused: bool = False) -> None:
        self.message.value = message_html(text, self._words, refused=refused)

    @_in_turn
    def _by_hand(self, step: Callable[[], object]) -> None:
        """Do what the mouse asks; say why not where it makes no sense, and show everything as it was."""
        try:
            step()
        except AccessibilityError as error:
            self._say(str(error), refused=True)
            self.map.show_sites(self.trial.coverage().sites, self._changed())

    @_in_turn
    def _begin_drawing(self) -> None:
        """Forget the drawing that is not finished, and say how the tool draws."""
        self.pencil.corners.clear()
        tool = TOOLS.get(self.tool.value)
        drawn = tool is not None and tool.shape != "place"
        for widget, needed in ((self.factor, self.tool.value == "pace"), (self.finish_button, drawn)):
            widget.layout.display = None if needed else "none"
        self._show_drawing()

    def _show_drawing(self) -> None:
        tool = TOOLS.get(self.tool.value)
        self.undo_button.disabled = self.trial.steps == 0 and not self.pencil.corners
        self.map.drawn.data = self.pencil.features("line" if tool is None else tool.shape)
        self.finish_button.disabled = tool is None or len(self.pencil.corners) < LEAST[tool.shape]

    def _put(self, lon: float, lat: float) -> None:
        """Add a corner to the drawing, or finish it where the last one is clicked again."""
        shape = TOOLS[self.tool.value].shape
        if self.pencil.put(lon, lat, near_m=self.map.near_m()) or shape == "place":
            self._finish()
            return
        self._show_drawing()
        many = len(self.pencil.corners)
        self._say(self._words("draw_on", n=many) if many > 1 else self._words(f"draw_{shape}"))

    def _finish(self) -> None:
        """Make the edit of the drawing; one that is refused can be drawn on."""
        tool, corners = TOOLS[self.tool.value], self.pencil.corners
        if len(corners) < LEAST[tool.shape]:
            raise InputError(self._words("too_few_corners", n=len(corners), least=LEAST[tool.shape]))
        try:
            self.edit(tool.make([*corners], self.factor.value))
        except AccessibilityError:
            if tool.shape == "place":
                corners.clear()
            raise

    def _take_back(self) -> None:
        """Take back the last corner of a drawing, or the last step."""
        if not self.pencil.corners:
            self.undo()
            return
        self.pencil.corners.pop()
        self._show_drawing()

    @_in_turn
    def _on_ground(self, lon: float, lat: float) -> None:
        if self.tool.value in TOOLS:
            self._by_hand(lambda: self._put(lon, lat))
        elif self.tool.value == _EXPLAIN:
            self._by_hand(lambda: self.explain(lon, lat))
        else:
            self._by_hand(lambda: self.add(lon, lat))

    @_in_turn
    def _on_site(self, site: Hashable) -> None:
        if self.tool.value in _KINDS:
            self._by_hand(lambda: self.switch(site))
        else:
            self._on_ground(*self.map.place_of(site))

    def _on_drag(self, site: Hashable, lon: float, lat: float) -> None:
        self._by_hand(lambda: self.move(site, lon, lat))

    @_in_turn
    def _on_hover(self, site: Hashable) -> None:
        sites = self.trial.coverage().sites
        self._say(self.map.title(sites, int(sites.rows([site])[0])))


def _lines(geometry: dict[str, Any]) -> list[Any]:
    """Return the lines of a geometry of GeoJSON."""
    found = geometry["coordinates"]
    return [found] if geometry["type"] == "LineString" else list(found)


def _plain(width: str) -> dict[str, Any]:
    return {"layout": {"width": width}, "style": {"description_width": "initial"}}
