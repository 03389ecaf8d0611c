"""The facts of small studies, and facts whose every text tries to break what shows it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mapworlds import NAMES

from accessibility.cli.report_facts import Measured, find_facts, find_pictures, measure_study
from accessibility.siting.plan import SitingPlan

if TYPE_CHECKING:
    from accessibility import Study
    from accessibility.present.report.facts import Facts
    from accessibility.present.report.illustrations import Pictures

DATE = "2026-11-24"
# Columns whose texts are codes of our own, never anybody's words.
CODES = {"setting", "what", "case", "class", "kind", "outlet_kind", "action", "code", "role", "parameter"}


class Page(HTMLParser):
    """The tables of a page by the name of their class, as rows of texts, and the text of the whole."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[list[str]]]] = {}
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self._name, self._in_cell = "", False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action", "data")]
        if tag == "div" and "table" in (given.get("class") or "").split():
            self._name = re.findall(r"t-(\w+)", given["class"] or "")[0]
        if tag == "table":
            self.tables.setdefault(self._name, []).append([])
        elif tag == "tr":
            self.tables[self._name][-1].append([])
        elif tag in ("td", "th"):
            self.tables[self._name][-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell &= tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.tables[self._name][-1][-1][-1] += data


def plan_of(study: Study, selected: list[str], gain: list[float], /, **changes: Any) -> SitingPlan:
    """Return a plan for the most people covered that opens sites of the study, with the gains it claims."""
    now = study.coverage()
    rows = study.sites.rows(selected)
    sites = study.sites
    chosen = type(sites)(
        ids=sites.ids[rows], xy=sites.xy[rows], name=sites.name[rows], kind=sites.kind[rows], cost=sites.cost[rows],
        open=np.ones(len(rows), np.bool_), crs=sites.crs,
    )  # fmt: skip
    objective = now.covered_people + sum(gain)
    told: dict[str, Any] = {
        "model": "mclp",
        "selected": tuple(selected),
        "gain": tuple(gain),
        "objective": objective,
        "bound": objective,
        "status": "optimal",
        "seconds": 0.1,
        "bound_by": "certificate",
        "budget": float(chosen.cost.sum()),
        "sites": chosen,
        "population": now.population,
        "covered_before": now.covered_people,
        "costs": tuple(chosen.cost.tolist()),
    }
    return SitingPlan(**{**told, **changes})


def sample_plan(study: Study) -> SitingPlan:
    """Return a plan of two bank branches of the sample, its gains counted from who lies in their catchments."""
    now = study.coverage()
    catchments, people = study.catchments(now), now.demand.population
    covered, gains = now.covered.copy(), []
    for row in study.sites.rows(["B017", "B006"]):
        here = catchments.of(row)
        gains.append(float(people[here][~covered[here]].sum()))
        covered[here] = True
    return plan_of(study, ["B017", "B006"], gains, status="feasible", bound=now.covered_people + sum(gains) + 500.0)


def measure_sample(study: Study) -> Measured:
    """Return the sample county measured, with a plan and what three budgets buy."""
    plan = sample_plan(study)
    before = plan.covered_before
    frontier = pd.DataFrame(
        {
            "budget": [2, 0, 1],
            "covered_people": [plan.objective, before, before + plan.gain[0]],
            "bound_people": [plan.bound, before, before + plan.gain[0] + 100],
        }
    )
    return measure_study(study, plan=plan, frontier=frontier)


def told(measured: Measured) -> tuple[Facts, Pictures]:
    """Return facts and pictures of the day of these tests."""
    return find_facts(measured, date=DATE), find_pictures(measured)


def spoilt(facts: Facts) -> Facts:
    """Return facts in which every text that comes from data is a hostile name, each name somewhere."""
    names = cycle(NAMES)
    assert facts.proposal is not None
    assert facts.whole is not None
    clusters = replace(facts.whole.clusters, table=_spoil(facts.whole.clusters.table, names))
    return replace(
        facts,
        **_spoilt_tables(facts, names),
        study=" ".join(NAMES),
        sources=NAMES,
        whole=replace(facts.whole, **_spoilt_tables(facts.whole, names), clusters=clusters),
        proposal=replace(facts.proposal, table=_spoil(facts.proposal.table, names)),
    )


def _spoilt_tables(told: Any, names: Any) -> dict[str, Any]:
    tables = {field.name: getattr(told, field.name) for field in fields(told)}
    return {name: _spoil(frame, names) for name, frame in tables.items() if isinstance(frame, pd.DataFrame)}


def _spoil(frame: pd.DataFrame, names: Any) -> pd.DataFrame:
    spoilt_frame = frame.copy()
    for column in frame.columns:
        texts = frame[column].map(lambda value: isinstance(value, str))
        if column not in CODES and texts.any():
            spoilt_frame[column] = [
                next(names) if is_text else value for is_text, value in zip(texts, frame[column], strict=True)
            ]
    return spoilt_frame
