"""What the what-if widget says: figures, districts and steps, as markup in which every name is text."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from accessibility.present.map.outlines import count, safe_html
from accessibility.present.map.symbols import INKS, site_svg
from accessibility.whatif.comparison import ALL, TOTAL
from accessibility.wording import percent_text

if TYPE_CHECKING:
    import pandas as pd

    from accessibility.measures.coverage import Coverage
    from accessibility.present.map.overlays import PeopleClasses
    from accessibility.sites import Sites
    from accessibility.whatif.scenario import Scenario

STYLE = """<style>
.what-if .leaflet-container { background: #f7f7f5 }
.what-if .jupyter-widgets .widget-html-content { line-height: 1.4 }
.what-if table { border-collapse: collapse; font-variant-numeric: tabular-nums; line-height: 1.5 }
.what-if td, .what-if th { padding: 0 6px; text-align: right; font-weight: normal; border-top: 1px solid #8884 }
.what-if td:first-child, .what-if th:first-child { text-align: left; padding-left: 0 }
.what-if thead th { border: 0; opacity: .75 }
.what-if tr.total td { font-weight: 600 }
.what-if .share { font-size: 1.6em; font-weight: 600 }
.what-if .swatch { display: inline-block; width: .9em; height: .9em; margin-right: .4em; border: 1px solid #8888 }
.what-if ul { margin: 0; padding-left: 1.2em; line-height: 1.4 }
.what-if .refused { border-left: 4px solid #9c3d06; padding-left: 8px }
.what-if svg { vertical-align: -3px }
</style>"""
_KINDS = {"outlet": "outlet", "bank": "bank branch", "new": "new site"}


def headline_html(before: Coverage, after: Coverage, table: pd.DataFrame) -> str:
    """Return the share with both its parts, today's, and who walks less or more."""
    total: Any = table.loc[(TOTAL, ALL)]
    walks = [
        f"{count(total[whom])} people {how} {total[minutes]:.1f} min {word} on average"
        for whom, minutes, how, word in (
            ("better_off", "minutes_saved", "walk", "less"),
            ("worse_off", "minutes_added", "walk", "more"),
        )
        if not isnan(total[minutes])  # nobody, or none of them has a way before and after
    ]
    told = "".join(f"<div>{text}</div>" for text in walks)
    return (
        f'<div><span class="share">{percent_text(after.share)}</span> covered: <b class="covered">'
        f"{count(after.covered_people)}</b> of <b>{count(after.population)}</b> people</div>"
        f"<div>today {percent_text(before.share)}: {count(before.covered_people)}</div>{told}"
    )


def changes_html(changes: PeopleClasses) -> str:
    """Return the legend of the people with the people of each class."""
    rows = "".join(
        f'<tr><td><span class="swatch" style="background:{colour}"></span>{label}</td><td>{count(people)}</td></tr>'
        for label, colour, people in zip(changes.labels, changes.colours, changes.people, strict=True)
    )
    return f'<table class="changes">{rows}</table>'


def district_html(table: pd.DataFrame) -> str:
    """Return one row per district and the total, from the table of a comparison."""
    rows = []
    for name, row in table.xs(ALL, level="setting").iterrows():
        cells = [count(row["population"]), count(row["covered_after"]), percent_text(row["share_after"])]
        cells += [count(row[what]) if row[what] > 0 else "" for what in ("gained", "lost")]
        kind = ' class="total"' if name == TOTAL else ""
        rows.append(f"<tr{kind}><td>{safe_html(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = "".join(f"<th>{word}</th>" for word in ("", "people", "covered", "share", "gained", "lost"))
    return f'<table class="districts"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def steps_html(scenario: Scenario, sites: Sites, cost: float) -> str:
    """Return what is different from today, one line per site, and what opening costs."""
    told = [safe_html(line) for line in scenario_lines(scenario, sites)]
    if not told:
        return "<div>As today: click on the map to add a site, on a site to close or open it; drag to move.</div>"
    lines = "".join(f"<li>{line}</li>" for line in told)
    return f"<ul>{lines}</ul><div>Cost of what opens: {cost:g}</div>"


def scenario_lines(scenario: Scenario, sites: Sites) -> list[str]:
    """Return what is different from today in words; `sites` are those of the scenario."""
    settings = scenario.settings
    lines = [f"closes {_named(site, sites)}" for site in scenario.closed]
    lines += [f"opens {_named(site, sites)}" for site in scenario.opened]
    lines += [f"adds {_named(a.id, sites)}, {_KINDS[a.kind]}" for a in scenario.added]
    lines += [f"moves {_named(m.id, sites)}" for m in scenario.moved]
    lines += [edit.text for edit in scenario.edits]
    lines += [] if settings.speed_m_s is None else [f"walks at {settings.speed_m_s:g} m/s"]
    lines += ["walks through gated compounds"] if settings.open_compounds else []
    lines += [] if settings.standard is None else ["another standard"]
    return lines


def sites_html() -> str:
    """Return the legend of the sites."""
    filled = " ".join(f"{site_svg(kind, is_open=True)} {word}" for kind, word in _KINDS.items())
    rings = " ".join(
        f'<svg width="14" height="14" viewBox="0 0 14 14"><circle cx="7" cy="7" r="5" fill="#fff" stroke="{INKS[kind]}"'
        ' stroke-width="2"/></svg>'
        for kind in _KINDS
    )
    return f"<div>counts: {filled} · does not count: {rings} · ringed or dashed: changed</div>"


def message_html(text: str, *, refused: bool) -> str:
    """Return a sentence to the user, a refusal marked by more than its colour."""
    said = safe_html(text)
    return f'<div class="refused" role="alert"><b>Not done:</b> {said}</div>' if refused else f"<div>{said}</div>"


def _named(site: object, sites: Sites) -> str:
    name = str(sites.name[sites.rows([site])[0]] or "")
    return f"{site} {name}".strip()
