"""What scenarios change: the tables that `compare` writes, the manifest, and a picture with figures and steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations
from math import isnan
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from accessibility.errors import InputError
from accessibility.measures.tables import TOTAL
from accessibility.present.language import count
from accessibility.present.layers.files import write_csv
from accessibility.present.manifest import record_path, record_run
from accessibility.present.map.legends import headline_lines, served_said
from accessibility.present.pages import data_address, page_template, printable, template_text, write_html
from accessibility.present.report.page import POLICY
from accessibility.present.report.uncertainty import BAR_COLUMNS
from accessibility.present.symbols import INKS, format_site, site_svg
from accessibility.sites import KINDS
from accessibility.sources.cache import sha256_file
from accessibility.streets.edits import edit_table, edit_text
from accessibility.uncertainty.bars import GAIN_COLUMNS
from accessibility.whatif.comparison import (
    ALL,
    COMPARED_SERVICE,
    DistrictCells,
    compare_coverages,
    compare_scenarios,
    has_service,
)
from accessibility.whatif.scenario import Scenario
from accessibility.wording import cost_text
from accessibility.wording.cards import safe_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from accessibility.measures.coverage import Coverage
    from accessibility.present.manifest import Run
    from accessibility.present.report.uncertainty import SureFacts
    from accessibility.uncertainty import Difference, Uncertainty

    Pairs = Sequence[tuple[Scenario, Coverage]]
    import os
    from collections.abc import Hashable, Sequence

    from accessibility.present.language import MapWords
    from accessibility.present.map.legends import MapCaption
    from accessibility.present.map.overlays import PeopleClasses
    from accessibility.present.symbols import SiteLabel
    from accessibility.sites import Sites
    from accessibility.streets.edits import StreetEdit

COMPARE_COLUMNS = (
    *("scenario", "open_sites", "population", "covered", "covered_share", "change", "gained", "lost"),
    *("unreached", "cost", "per_person"),
)
DIFFERENCE_COLUMNS = (
    *("scenario", "district", "setting", "group", "population", "covered_before", "covered_after", "gained", "lost"),
    *("share_before", "share_after", "better_off", "minutes_saved", "worse_off", "minutes_added"),
)
PAIR_COLUMNS = ("scenario", "instead_of", *GAIN_COLUMNS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Doubts:
    """How sure the figures of a comparison are, all by the same draws of the inputs."""

    today: SureFacts  # what is told of today's headline
    scenarios: Sequence[Uncertainty]  # how sure the headline of each scenario is
    gains: Sequence[Difference]  # what each scenario brings


def scenario_table(baseline: Coverage, pairs: Pairs, doubts: Doubts | None = None) -> pd.DataFrame:
    """Return the rows of ``compare.csv``: one row per scenario, with `COMPARE_COLUMNS`.

    Where sites have a capacity, `COMPARED_SERVICE` come after them.

    Parameters
    ----------
    baseline
        Today's coverage.
    pairs
        Each scenario with its coverage.
    doubts
        How sure the figures are: also `BAR_COLUMNS` and `GAIN_COLUMNS`; None where nobody asked.

    Raises
    ------
    InputError
        A scenario without a name, or named as another.
    """
    _check_names(pairs)
    served = COMPARED_SERVICE if has_service(baseline, *(after for _, after in pairs)) else ()
    table = pd.DataFrame(compare_scenarios(baseline, pairs), columns=[*COMPARE_COLUMNS, *served])
    if doubts is None:
        return table
    ends = [(one.interval.low, one.interval.high) for one in doubts.scenarios]
    bars = pd.DataFrame(ends, columns=list(BAR_COLUMNS))
    gains = pd.DataFrame([gain.record() for gain in doubts.gains], columns=list(GAIN_COLUMNS))
    return pd.concat([table, bars, gains], axis=1)


def pair_table(pairs: Pairs, doubts: Doubts) -> pd.DataFrame:
    """Return the rows of ``pairs.csv``: what one scenario brings instead of another, with `PAIR_COLUMNS`.

    Every two scenarios stand there once, the one first that covers more by the inputs as they are.

    Parameters
    ----------
    pairs, doubts
        As for `scenario_table`.
    """
    order = sorted(range(len(pairs)), key=lambda row: -pairs[row][1].covered_people)
    names, sure = [scenario.name for scenario, _ in pairs], doubts.scenarios
    rows = [
        {"scenario": names[one], "instead_of": names[other], **sure[one].over(sure[other]).record()}
        for one, other in combinations(order, 2)
    ]
    return pd.DataFrame(rows, columns=list(PAIR_COLUMNS))


def difference_table(
    baseline: Coverage, pairs: Pairs, district: pd.Series[Any], doubts: Doubts | None = None
) -> pd.DataFrame:
    """Return the rows of ``differences.csv``: who gains and loses, by scenario, district, setting and group.

    The group ``all`` counts everybody; so does the setting ``all`` of a district, and the district ``total``. Where
    sites have a capacity, ``served_before`` and ``served_after`` come after `DIFFERENCE_COLUMNS`.

    Parameters
    ----------
    baseline, pairs, doubts
        As for `scenario_table`; every row also has `GAIN_COLUMNS`.
    district
        District of each demand point, keyed by demand id.

    Raises
    ------
    InputError
        A scenario without a name of its own, or a group that is named ``all``.
    """
    _check_names(pairs)
    groups: list[str | None] = [None, *baseline.demand.groups]
    if ALL in groups:
        msg = f"a group of people is named {ALL!r}, which stands for everybody in the table; expected another name"
        raise InputError(msg)
    cells = None if doubts is None else DistrictCells.of(baseline.demand, district)
    parts = []
    for row, (scenario, after) in enumerate(pairs):
        for group in groups:
            part = compare_coverages(baseline, after, district, group=group).reset_index()
            if doubts is not None and cells is not None:
                people = baseline.demand.population if group is None else baseline.demand.groups[group]
                points = 100.0 * (part["share_after"] - part["share_before"]).to_numpy()
                part = pd.concat([part, doubts.gains[row].rows(points, cells, people)], axis=1)
            parts.append(part.assign(scenario=scenario.name, group=ALL if group is None else group))
    served = ("served_before", "served_after") if has_service(baseline, *(after for _, after in pairs)) else ()
    columns = [*DIFFERENCE_COLUMNS, *served, *(() if doubts is None else GAIN_COLUMNS)]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def record_comparison(
    run: Run,
    baseline: Coverage,
    pairs: Pairs,
    *,
    sensitivity: Mapping[str, float] | Mapping[float, float],
    scenario_file: Path | None = None,
    doubts: Doubts | None = None,
) -> dict[str, Any]:
    """Return the manifest of a comparison: that of the baseline, and below ``scenarios`` what each changes and brings.

    Parameters
    ----------
    run, sensitivity
        As for `record_run`.
    baseline, pairs, doubts
        As for `scenario_table`.
    scenario_file
        The file that the scenarios were read from, told by path, as the study's, and SHA-256.

    Raises
    ------
    InputError
        A scenario without a name of its own, or a file that cannot be read.
    """
    rows = scenario_table(baseline, pairs, doubts).to_dict("records")
    told = record_run(run, baseline, sensitivity=sensitivity)
    if scenario_file is not None:
        told["scenario_file"] = {"path": record_path(scenario_file, run), "sha256": sha256_file(scenario_file)}
    told["scenarios"] = [
        {
            "name": scenario.name,
            "changes": _changes(scenario),
            "totals": {name: value for name, value in row.items() if name != "scenario"},
        }
        for (scenario, _), row in zip(pairs, rows, strict=True)
    ]
    if doubts is not None:
        told |= {"uncertainty": doubts.today.record(), "pairs": pair_table(pairs, doubts).to_dict("records")}
    return told


def write_comparison(
    folder: Path, baseline: Coverage, pairs: Pairs, district: pd.Series[Any], doubts: Doubts | None = None
) -> None:
    """Write ``compare.csv`` and ``differences.csv`` into a folder; with doubts also ``pairs.csv``.

    Raises
    ------
    OutputError
        A file could not be written; those that were there are untouched.
    """
    tables = {
        "compare.csv": scenario_table(baseline, pairs, doubts),
        "differences.csv": difference_table(baseline, pairs, district, doubts),
    } | ({} if doubts is None else {"pairs.csv": pair_table(pairs, doubts)})
    for name, table in tables.items():
        write_csv(table, folder / name)


def _check_names(pairs: Pairs) -> None:
    names = [scenario.name for scenario, _ in pairs]
    if "" in names:
        msg = f"scenario {names.index('') + 1} of {len(names)} has no name; expected one, it names the row"
        raise InputError(msg)
    taken = [name for row, name in enumerate(names) if name in names[:row]]
    if taken:
        msg = f"two scenarios are named {taken[0]!r}; expected a name each"
        raise InputError(msg)


def _changes(scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario changes; what it leaves as it is stays out."""
    sites = {name: getattr(scenario, name) for name in ("opened", "closed", "added", "moved")}
    told = {name: value for name, value in asdict(Scenario(**sites)).items() if name in sites and value}
    told |= {"streets": [edit_table(edit) for edit in scenario.edits]} if scenario.edits else {}
    settings = {name: value for name, value in asdict(scenario.settings).items() if value is not None}
    return {**told, **({"settings": settings} if settings else {})}


def headline_html(before: Coverage, after: Coverage, table: pd.DataFrame, words: MapWords) -> str:
    """Return the share with both its parts, today's, and who walks less or more."""
    total: Any = table.loc[(TOTAL, ALL)]
    walks = [
        words(key, people=count(total[whom]), minutes=f"{total[minutes]:.1f}")
        for whom, minutes, key in (
            ("better_off", "minutes_saved", "walk_less"),
            ("worse_off", "minutes_added", "walk_more"),
        )
        if not isnan(total[minutes])  # nobody, or none of them has a way before and after
    ]
    parts = {"covered": f'<b class="covered">{count(after.covered_people)}</b>'}
    told = words("covered_of", people=f"<b>{count(after.population)}</b>", **parts)
    share, today = (words.percent_cell(c.covered_people, c.population) for c in (after, before))
    lines = [words("today_of", percent=today, covered=count(before.covered_people)), *walks]
    if has_service(before, after):
        lines.insert(1, words("compared_served", **served_said(before, after)))
    return f'<div><span class="share">{share}</span> {told}</div>' + "".join(f"<div>{line}</div>" for line in lines)


def changes_html(changes: PeopleClasses) -> str:
    """Return the legend of the people with the people of each class."""
    rows = "".join(
        f'<tr><td><span class="swatch" style="background:{colour}"></span>{label}</td><td>{count(people)}</td></tr>'
        for label, colour, people in zip(changes.labels, changes.colours, changes.people, strict=True)
    )
    return f'<table class="changes">{rows}</table>'


def district_html(table: pd.DataFrame, words: MapWords) -> str:
    """Return one row per district and the total, from the table of a comparison."""
    rows = []
    for name, row in table.xs(ALL, level="setting").iterrows():
        people = row["population"]
        cells = [count(people), count(row["covered_after"]), words.percent_cell(row["covered_after"], people)]
        cells += [count(row[what]) if row[what] > 0 else "" for what in ("gained", "lost")]
        kind = ' class="total"' if name == TOTAL else ""
        told = words("total") if name == TOTAL else safe_html(name)
        rows.append(f"<tr{kind}><td>{told}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ("", *(words(key) for key in ("people", "covered", "share", "gained_people", "lost_people")))
    head = "".join(f"<th>{word}</th>" for word in heads)
    return f'<table class="districts"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def steps_html(scenario: Scenario, sites: Sites, labels: Mapping[str, SiteLabel], cost: float, words: MapWords) -> str:
    """Return what is different from today, one line per site, and what opening costs."""
    told = [safe_html(line) for line in scenario_lines(scenario, sites, labels, words)]
    if not told:
        return f"<div>{words('nothing_tried')}</div>"
    lines = "".join(f"<li>{line}</li>" for line in told)
    return f"<ul>{lines}</ul><div>{words('cost_of_opening', cost=cost_text(cost, '', 'en'))}</div>"


def scenario_lines(scenario: Scenario, sites: Sites, labels: Mapping[str, SiteLabel], words: MapWords) -> list[str]:
    """Return what is different from today in words; `sites` are those of the scenario."""
    settings = scenario.settings

    def named(site: Hashable) -> str:
        told = format_site(sites.name[sites.rows([site])[0]], site, labels, words.languages)
        return str(site) if told == str(site) else f"{site} {told}"

    lines = [words("line_closes", site=named(site)) for site in scenario.closed]
    lines += [words("line_opens", site=named(site)) for site in scenario.opened]
    lines += [words("line_adds", site=named(a.id), kind=words.told(a.kind)) for a in scenario.added]
    lines += [words("line_moves", site=named(m.id)) for m in scenario.moved]
    lines += [edit_words(edit, words) for edit in scenario.edits]
    lines += [] if settings.speed_m_s is None else [words("line_speed", of=f"{settings.speed_m_s:g}")]
    lines += [words("line_compounds")] if settings.open_compounds else []
    lines += [] if settings.standard is None else [words("line_standard")]
    return lines


def edit_words(edit: StreetEdit, words: MapWords) -> str:
    """Return what an edit of streets is."""
    return " ".join(edit_text(edit, language) for language in words.languages)


def sites_html(words: MapWords) -> str:
    """Return the legend of the sites."""
    filled = " ".join(f"{site_svg(kind, is_open=True)} {words(kind)}" for kind in KINDS)
    rings = " ".join(
        f'<svg width="14" height="14" viewBox="0 0 14 14"><circle cx="7" cy="7" r="5" fill="#fff" stroke="{INKS[kind]}"'
        ' stroke-width="2"/></svg>'
        for kind in KINDS
    )
    return f"<div>{words('legend_sites', filled=filled, rings=rings)}</div>"


@dataclass(frozen=True, kw_only=True)
class ShownScenario:
    """A scenario as a report shows it."""

    name: str  # of the scenario
    picture: str  # who gains and who loses, as SVG
    figures: Sequence[str]  # markup of `headline_html`, `changes_html`, `steps_html`, `sites_html` and `district_html`
    # how sure it is what the scenario brings, by HTML language; nothing where nobody asked
    bars: Sequence[tuple[str, str]] = ()


def write_scenario_report(
    told: Sequence[ShownScenario],
    caption: MapCaption,
    today: Coverage,
    words: MapWords,
    path: str | os.PathLike[str],
) -> None:
    """Write what scenarios change as one page that prints; the same scenarios give the same bytes.

    Raises
    ------
    OutputError
        The file could not be written; one that was there is untouched.
    """
    shown = [
        {
            "name": one.name,
            "told": one.bars,
            "picture": data_address("image/svg+xml", one.picture.encode()),
            "figures": Markup("".join(one.figures)),  # noqa: S704 -- names in it are spelt letter by letter
        }
        for one in told
    ]
    style = Markup(template_text("report.css") + _still_style())  # noqa: S704 -- our own
    page = page_template("scenarios.html")
    html = page.render(
        words=words, caption=caption, policy=POLICY, style=style, today=headline_lines(today, words), scenarios=shown
    )
    write_html(printable(html), path)


def still_html(told: ShownScenario, words: MapWords, name: str) -> str:
    """Return the widget as a picture with its figures, for a page that is read where no kernel runs.

    Parameters
    ----------
    told
        What is tried.
    words
        What is said.
    name
        The class that a living widget hides.
    """
    address = data_address("image/svg+xml", told.picture.encode())
    note = words("still_note")
    image = f'<img src="{address}" alt="{note}" style="width:100%;max-width:640px">'
    figures = f'<div style="max-width:640px;overflow-x:auto">{"".join(told.figures)}</div>'
    said = f'<div style="opacity:.75">{note}</div>'
    still = f'<div class="what-if-still {name}" lang="{words.html_language}">{said}{image}{figures}</div>'
    return f"<style>{_still_style()}</style>{still}"


def _still_style() -> str:
    return "\n" + template_text("still.css").rstrip()
