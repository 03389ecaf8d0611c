"""What the page of a map is filled with: the words and tables of its template, and the data its script reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from accessibility.present.charts import picture_words
from accessibility.present.language import count
from accessibility.present.map.legends import (
    bar_lines,
    class_table,
    compared_lines,
    compared_service_lines,
    gain_lines,
    headline_forms,
    headline_lines,
    own_lines,
    proposal_panel,
    rule_rows,
    served_lines,
)
from accessibility.present.map.living import MAX_BYTES
from accessibility.present.symbols import INKS, KINDS, SHAPES, site_key, site_svg
from accessibility.whatif.scenario import addition_values

if TYPE_CHECKING:
    from accessibility.present.language import MapWords
    from accessibility.present.map.living import SwitchLayer
    from accessibility.present.map.sheets import MapSheet

_READ = (
    *("point", "tap", "read_people", "read_covered", "read_uncovered", "read_gained", "read_lost", "read_minutes"),
    *("read_no_way", "read_kilometres", "read_over", "read_several", "old_browser", "fit"),
)
_SWITCHED = (
    *("switched", "opening_gains", "closing_loses", "open_site", "close_site", "not_switchable", "more_sites"),
    *("no_match", "find", "no_district", "total", "copied", "copy", "first_sites", "people", "covered"),
    *("uncovered", "share_of", "kind_outlet", "kind_bank", "kind_new", "no_bank", "all_sites", "all_districts"),
    *("everybody", "not_counted", "counted", "counted_nobody", "counted_sites", "counted_people"),
    *("counted_group", "some_of", "alone", "measured_here", "measured_drawn", "draw_group", "draw_line"),
    *("draw_area", "draw_streets", "draw_compound", "pace_factor", "draw_keys", "no_street_here", "finish"),
    *("corner_back", "leave"),
)


def page_context(sheet: MapSheet) -> dict[str, Any]:
    """Return what the template shows."""
    words, now, live = sheet.words, sheet.coverage, sheet.live
    shaded = sheet.places.areas or sheet.picture is not None  # circles say by their size how many people there are
    tables = [class_table(layer, words, shaded=shaded) for layer in sheet.layers]
    if sheet.is_live:
        tables.insert(0 if sheet.compares_first else len(tables), class_table(sheet.changes, words, shaded=False))
    given, of = sheet.caption.headline, sheet.backdrop
    plan = None if sheet.proposal is None else proposal_panel(sheet.proposal, now.sites, words, sheet.called)
    compared = [] if sheet.before is None else compared_lines(sheet.before, now, words)
    return {
        "caption": sheet.caption,
        "sources": sheet.sources,
        "words": words,
        "headline": [("", given)] if given else headline_lines(now, words),
        "bars": [
            bar_lines(of.sure, words, today=sheet.before is None),
            gain_lines(of.gain, words),
            served_lines(now, words),
            compared_service_lines(sheet.before, now, words),
            own_lines(of.own, words),
            sheet.opened_lines,
        ],
        "compared": compared if plan is None else plan["summary"],
        "tables": tables,
        "changes": sheet.changes.name if sheet.is_live else None,
        "rules": rule_rows(now, words),
        "notes": sheet.notes,
        "live": sheet.is_live,
        "live_notes": [] if live is None else _live_notes(live, words, drawn=sheet.picture is None),
        "plan": plan,
        "symbols": {kind: Markup(site_svg(kind, is_open=False)) for kind in SHAPES},  # noqa: S704 -- our own
        "picture_words": picture_words(words),
    }


def page_data(sheet: MapSheet) -> dict[str, Any]:
    """Return what the script reads; texts are its values, never its markup."""
    keys = (*_READ, *sheet.script_words, *(_SWITCHED if sheet.is_live else ()))
    waters, streets = sheet.waters, sheet.streets
    return {
        "words": {key: sheet.words.template(key) for key in keys} | _settings_said(sheet),
        "people": sheet.people,
        "streets": None if streets is None else {"lines": streets.lines, "origin": streets.origin},
        "names": sheet.names,
        "bounds": [sheet.outlines[1][1::-1], sheet.outlines[1][:1:-1]],  # south-west and north-east, latitude first
        "water": None if waters is None else {**waters.rings, "origin": waters.origin},
        **changing_data(sheet),
    }


def changing_data(sheet: MapSheet) -> dict[str, Any]:
    """Return what else than its people another map of the same study may have otherwise."""
    switches = _switch_data(sheet) if sheet.is_live else None
    return {"sites": sheet.site_layers, "proposed": sheet.proposed, "edited": sheet.edited, "switches": switches}


def _settings_said(sheet: MapSheet) -> dict[str, list[tuple[str, str]]]:
    """Return the settings by their number, from 1, as the state of people has it."""
    named = sheet.coverage.demand.settings
    return {f"setting_{k}": list(sheet.words.settings([name]).items()) for k, name in enumerate(named, start=1)}


def _switch_data(sheet: MapSheet) -> dict[str, Any]:
    """Return the switchable sites, how they are named and look, and the sentences that follow them."""
    words, now, switches, live = sheet.words, sheet.coverage, sheet.switches, sheet.live
    if switches is None or live is None or live.data is None:
        return {}
    sites, changes = now.sites, sheet.changes
    today = sites.open if switches.today is None else switches.today
    lonlat = sites.lonlat
    added = {site.id: site for site in switches.added}
    names = {site_key(kind, is_open=counts): words(f"site_{site_key(kind, is_open=counts)}") for kind, counts in KINDS}
    return {
        **live.data,
        "ids": [str(ident) for ident in sites.ids],
        "names": [sheet.called(ident, name) for ident, name in zip(sites.ids, sites.name, strict=True)],
        "kinds": sites.kind.tolist(),
        "places": np.round(lonlat[:, ::-1], 6).tolist(),
        "drawn": sites.open.astype(int).tolist(),
        "today": today.astype(int).tolist(),
        "added": {row: addition_values(added[site]) for row, site in enumerate(sites.ids) if site in added},
        "fixed": switches.fixed,
        "compares": sheet.before is not None or sheet.proposal is not None,
        "against": "drawn" if sheet.before is None else "today",
        "headline": headline_forms(now, words),
        "banks": [str(bank) for bank in sites.bank],
        "settings": [words.setting(setting) for setting in now.demand.settings],
        "change": {"name": changes.name, "colours": changes.colours, "first": sheet.compares_first},
        "what": names,
        "shapes": SHAPES,
        "inks": INKS,
    }


def _live_notes(live: SwitchLayer, words: MapWords, *, drawn: bool) -> list[tuple[str, str]]:
    """Return what cannot be switched or does not follow, and why."""
    if live.data is None:
        return words.lines("switches_off", size=f"{live.size / 1e6:.1f}", limit=f"{MAX_BYTES / 1e6:g}")
    left = words.lines("left_out", n=live.left_out, most=count(live.most)) if live.left_out else []
    stays = [] if drawn else words.lines("picture_stays")
    return [*left, *stays, *words.lines("only_coverage")]
