"""`WhatIf`: click, drag and see who gains and who loses; everything the mouse does is a method too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import ipywidgets

from accessibility.errors import AccessibilityError
from accessibility.notebook.clickmap import HEIGHT, ClickMap, Hands, site_title
from accessibility.notebook.readout import (
    STYLE,
    changes_html,
    district_html,
    headline_html,
    message_html,
    sites_html,
    steps_html,
)
from accessibility.present.map.changes import classify_changes
from accessibility.present.map.outlines import safe_html
from accessibility.study.scenariofile import append_scenario
from accessibility.whatif.comparison import compare_scenarios

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study
    from accessibility.whatif.scenario import Scenario

DEFAULT_NAME, DEFAULT_FILE = "What if", "scenarios.toml"
_KINDS = (("new site", "new"), ("bank branch", "bank"), ("outlet", "outlet"))


class WhatIf:
    """A map to click on, with the figures beside it.

    A click on the map adds a site, one on a site closes or opens it, dragging moves it. What makes no sense is said
    in one sentence and changes nothing. ``view`` is the widget; showing this object shows it.

    Parameters
    ----------
    study
        Whose sites and people.
    scenario
        What to begin with; each of its steps can be undone.

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

    def __init__(self, study: Study, scenario: Scenario | None = None) -> None:
        self.study = study
        self.trial = study.what_if(scenario)
        hands = Hands(ground=self._on_ground, site=self._on_site, drag=self._on_drag, hover=self._on_hover)
        self.map = ClickMap(study, self.trial.baseline.coverage, hands)
        self.kind = ipywidgets.Dropdown(options=_KINDS, value="new", description="A click adds a", **_plain("17em"))
        self.undo_button = ipywidgets.Button(description="Undo", icon="undo", layout={"width": "6em"})
        name = self.trial.scenario.name or DEFAULT_NAME
        self.name = ipywidgets.Text(value=name, description="Scenario", **_plain("18em"))
        self.file = ipywidgets.Text(value=DEFAULT_FILE, description="in", **_plain("12em"))
        self.save_button = ipywidgets.Button(description="Save", icon="save", layout={"width": "6em"})
        self.message = ipywidgets.HTML(layout={"min_height": "2.2em"})  # the map below stays where it is
        self.figures, self.steps, self.districts = (ipywidgets.HTML() for _ in range(3))
        self.undo_button.on_click(lambda _: self._by_hand(self.undo))
        self.save_button.on_click(lambda _: self._by_hand(self.save))
        self.view = self._laid_out()
        self.refresh()

    def _laid_out(self) -> Any:
        tools = [self.kind, self.undo_button, self.name, self.file, self.save_button]
        bar = ipywidgets.HBox(tools, layout={"flex_flow": "row wrap"})
        self.map.widget.layout.flex = "3 1 420px"
        panel = ipywidgets.VBox(
            [self.figures, self.steps, self.districts],
            layout={"flex": "2 1 340px", "max_height": f"{HEIGHT + 60}px", "overflow": "auto", "padding": "0 0 0 10px"},
        )
        below = [sites_html(), *(f"<div>{safe_html(source)}</div>" for source in self.study.attribution)]
        view = ipywidgets.VBox(
            [
                ipywidgets.HTML(STYLE, layout={"display": "none"}),
                bar,
                self.message,
                ipywidgets.HBox([self.map.widget, panel], layout={"flex_flow": "row wrap"}),
                ipywidgets.HTML("".join(below)),
            ]
        )
        view.add_class("what-if")
        return view

    def __repr__(self) -> str:
        """Return the trial in numbers."""
        return f"<WhatIf {self.trial!r}>"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        return self.view._repr_mimebundle_(**options)

    @property
    def scenario(self) -> Scenario:
        """What is different from today, under the name that stands in the widget."""
        return replace(self.trial.scenario, name=self.name.value.strip() or DEFAULT_NAME)

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

    def add(self, lon: float, lat: float, *, kind: str | None = None) -> Self:
        """Add a site.

        Parameters
        ----------
        lon, lat
            Degrees, WGS84.
        kind
            ``new``, ``bank`` or ``outlet``; the kind chosen in the widget if not given.

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
        self.trial.add(lon, lat, kind=self.kind.value if kind is None else kind)
        return self._done(f"Added {self.trial.scenario.added[-1].id}{self._in_district(lon, lat)}.")

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
        return self._done(f"{'Closed' if counts else 'Opened'} {site}.")

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
        return self._done(f"Moved {site}{self._in_district(lon, lat)}.")

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
        return self._done("Took back the last step.")

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
        self._say(f"Saved {self.scenario.name!r} in {path}.")
        return self

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
        table = self.trial.compare()
        changes = classify_changes(before, after)
        cost = float(compare_scenarios(before, [(scenario, after)])["cost"].iloc[0])
        self.figures.value = headline_html(before, after, table) + changes_html(changes)
        self.steps.value = steps_html(scenario, after.sites, cost)
        self.districts.value = district_html(table)
        self.undo_button.disabled = self.trial.steps == 0
        self.map.show(before, after, self._changed())
        return self

    def _changed(self) -> set[Hashable]:
        s = self.trial.scenario
        return {*s.opened, *s.closed, *(a.id for a in s.added), *(m.id for m in s.moved)}

    def _in_district(self, lon: float, lat: float) -> str:
        import shapely  # noqa: PLC0415

        if self.study.districts is None:
            return ""
        here = self.study.districts.index[self.study.districts.covers(shapely.Point(lon, lat)).to_numpy()]
        return f" in {here[0]}" if len(here) else ""

    def _done(self, text: str) -> Self:
        self._say(text)
        return self.refresh()

    def _say(self, text: str, *, refused: bool = False) -> None:
        self.message.value = message_html(text, refused=refused)

    def _by_hand(self, step: Callable[[], object]) -> None:
        """Do what the mouse asks; say why not where it makes no sense, and show everything as it was."""
        try:
            step()
        except AccessibilityError as error:
            self._say(str(error), refused=True)
            self.map.show_sites(self.trial.coverage().sites, self._changed())

    def _on_ground(self, lon: float, lat: float) -> None:
        self._by_hand(lambda: self.add(lon, lat))

    def _on_site(self, site: Hashable) -> None:
        self._by_hand(lambda: self.switch(site))

    def _on_drag(self, site: Hashable, lon: float, lat: float) -> None:
        self._by_hand(lambda: self.move(site, lon, lat))

    def _on_hover(self, site: Hashable) -> None:
        sites = self.trial.coverage().sites
        self._say(site_title(sites, int(sites.rows([site])[0])))


def _plain(width: str) -> dict[str, Any]:
    return {"layout": {"width": width}, "style": {"description_width": "initial"}}
