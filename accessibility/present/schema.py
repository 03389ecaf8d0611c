"""The data dictionary: what every column of every file of a run means, in which unit, and when it is empty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypedDict

import pandas as pd

from accessibility.measures.tables import district_columns
from accessibility.present.layers.files import GEOMETRY, SHORT_NAMES, short_names
from accessibility.standards import Standard
from accessibility.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Unpack

_OF_THE_INPUT = "of_the_input"
ColumnType = Literal["text", "integer", "number", "true/false", "point", "multipolygon", "list", "object"]
DICTIONARY_COLUMNS = (
    *("file", "layer", "column", "type", "unit", "meaning", "empty", "meaning_zh", "empty_zh", "shapefile"),
)


@dataclass(frozen=True)
class Column:
    """A column of a table, or a key of a manifest."""

    name: str  # as it stands in the file; of a manifest the path of the key, `*` for any name
    type: ColumnType  # what its values are
    unit: str = ""  # what a number counts; `1` is a share from 0 to 1, nothing for what has no unit.
    empty: str = "never"  # key of the sentence that says when there is no value
    means: str = ""  # key of the sentence that says what it means; the name where it is not given
    of: str = ""  # the setting whose figures it has, where a study names its own


_DEMAND = (
    Column("id", "text", means="demand_id"),
    Column("population", "number", "people", means="point_population"),
    Column("setting", "text"),
    Column("district", "text", empty="outside", means="district_of"),
    Column("nearest_site", "text", empty="no_path"),
    Column("walk_s", "number", "s", "no_path"),
    Column("network_m", "number", "m", "no_path"),
    Column("radius_m", "number", "m", "no_open_site"),
    Column("covered", "true/false", means="point_covered"),
)
_SERVED = Column("served", "number", "people", means="point_served")
_ROOM = (
    Column("capacity", "number", "people", "no_limit"),
    Column("served", "number", "people", means="site_served"),
    Column("unserved", "number", "people", means="site_unserved"),
    Column("used", "number", "1", "no_room"),
)
_CAPACITY = (
    Column("id", "text", means="site_id"),
    Column("name", "text", empty="not_given", means="site_name"),
    Column("kind", "text"),
    Column("district", "text", empty="outside", means="district_of"),
    _ROOM[0],
    Column("covered", "number", "people", means="nearest_people"),
    *_ROOM[1:],
)
_POINT = Column("geometry", "point", "degrees (WGS 84)", "no_place")
_LABEL = Column("label", "text", means="site_label")
_SITES = (
    Column("id", "text", means="site_id"),
    Column("name", "text", empty="not_given", means="site_name"),
    _LABEL,
    Column("kind", "text"),
    Column("bank", "text", empty="not_given"),
    Column("open", "true/false"),
    Column("closed", "true/false"),
    Column("cost", "number", "cost units"),
    Column("district", "text", empty="outside", means="district_of"),
    Column("nearest_people", "number", "people"),
)
_PROPOSED = (
    Column("rank", "integer", means="opening_rank"),
    Column("id", "text", means="site_id"),
    Column("name", "text", empty="not_given", means="site_name"),
    Column("kind", "text"),
    Column("cost", "number", "cost units"),
    Column("lon", "number", "degrees (WGS 84)"),
    Column("lat", "number", "degrees (WGS 84)"),
    Column("gain_people", "number", "people"),
    Column("covered_people", "number", "people"),
    Column("covered_share", "number", "1", "nobody", "share_after"),
    Column("marginal_per_cost", "number", "people per cost unit", "no_cost"),
)
_SERVED_SHARES = (
    Column("served", "number", "people"),
    Column("served_share", "number", "1", "nobody"),
    Column("unserved", "number", "people"),
)
_DISTRICTS = (
    Column("district", "text"),
    Column("population", "number", "people"),
    Column("covered", "number", "people"),
    Column("covered_share", "number", "1", "nobody"),
    Column("uncovered", "number", "people"),
    Column("unreached", "number", "people"),
    Column("walk_min_mean", "number", "min", "nobody_reached"),
    Column("walk_min_p50", "number", "min", "quantile_unreached"),
    Column("walk_min_p90", "number", "min", "quantile_unreached"),
    Column("outlets", "integer", "sites"),
    Column("partner_banks", "integer", "sites"),
    *_SERVED_SHARES,
)
_OWN = (
    Column("covered_own_walk", "number", "people"),
    Column("covered_share_own_walk", "number", "1", "nobody"),
)
_OWN_TOTALS = tuple(replace(column, name=f"totals.{column.name}", means=column.name) for column in _OWN)
_SERVED_OWN = Column("totals.served_own_walk", "number", "people", means="served_own_walk")
_OWN_OF_GROUPS = (
    Column("groups.*.covered_own_walk", "number", "people", means="group_own"),
    Column("groups.*.covered_share_own_walk", "number", "1", "nobody", "group_share_own"),
)
_GROUPS = (
    Column("district", "text"),
    Column("group", "text", means="group_of"),
    Column("population", "number", "people", means="group_population"),
    Column("covered", "number", "people", means="group_own"),
    Column("covered_share", "number", "1", "nobody", "group_share_own"),
    Column("uncovered", "number", "people"),
    Column("unreached", "number", "people"),
)
_QUALITY = (
    Column("code", "text"),
    Column("input", "text"),
    Column("message", "text"),
    Column("count", "integer"),
    Column("people", "number", "people", "not_known", "finding_people"),
    Column("points_of_coverage", "number", "percentage points", "not_weighed"),
    Column("district", "text", empty="no_one_place", means="finding_district"),
    Column("lon", "number", "degrees (WGS 84)", "no_one_place"),
    Column("lat", "number", "degrees (WGS 84)", "no_one_place"),
)
_SERVICE_AREAS = (
    Column("rule", "text"),
    Column("measure", "text"),
    Column("minutes", "number", "min", "not_a_walk"),
    Column("kilometres", "number", "km", "a_walk"),
    Column("sites", "integer", "sites", means="area_sites"),
)


def _nearest(who: str, none: str) -> Iterator[Column]:
    """Yield the columns that tell of the nearest site of one sort; `none` says when there is none."""
    yield Column(f"{who}_id", "text", empty=none)
    yield Column(f"{who}_name", "text", empty=none)
    if who == "outlet":
        yield Column("outlet_kind", "text", empty=none)
    yield Column(f"{who}_min", "number", "min", "half_unreached", "half_min")
    yield Column(f"{who}_km", "number", "km", "half_unreached", "half_km")
    yield Column(f"{who}_straight_km", "number", "km", none, "half_straight_km")
    if who != "outlet":
        yield Column(f"{who}_people", "number", "people")


_BLACKSPOTS = (
    Column("rank", "integer", means="people_rank"),
    Column("id", "text", means="spot_id"),
    Column("people", "number", "people"),
    Column("elderly_people", "number", "people", "no_group"),
    Column("unreached_people", "number", "people"),
    Column("streetless_people", "number", "people"),
    Column("points", "integer", "demand points"),
    Column("setting", "text", means="most_setting"),
    Column("district", "text", empty="outside", means="most_district"),
    Column("lon", "number", "degrees (WGS 84)", means="central_lon"),
    Column("lat", "number", "degrees (WGS 84)", means="central_lat"),
    Column("gcj_lon", "number", "degrees (GCJ-02)"),
    Column("gcj_lat", "number", "degrees (GCJ-02)"),
    *_nearest("outlet", "no_open_site"),
    *_nearest("bank", "no_other_bank"),
    *_nearest("candidate", "no_candidate"),
    Column("action", "text"),
)
_MANIFEST = (
    Column("version", "text"),
    Column("study", "text"),
    Column("command", "text", means="run_command"),
    Column("date", "text", means="run_date"),
    Column("options.*", "object", means="run_options"),
    Column("files.*.sha256", "text", means="file_sha256"),
    Column("files.*.bytes", "number", "bytes", means="file_bytes"),
    Column("siting.question.*", "object", empty="no_proposal", means="siting_question"),
    Column("study_file.path", "text", means="study_path"),
    Column("study_file.sha256", "text", means="input_sha256"),
    Column("inputs.*.path", "text", means="input_path"),
    Column("inputs.*.sha256", "text", means="input_sha256"),
    Column("parameters.*", "object", empty="not_given", means="parameters"),
    Column("parameters.standard_used.*.measure", "text", means="measure"),
    Column("parameters.standard_used.*.limit", "number", "s or m", means="rule_limit"),
    Column("parameters.standard_used.*.text", "text", means="rule"),
    Column("parameters.walker_used.*", "object", means="walker_used"),
    Column("totals.population", "number", "people", means="population"),
    Column("totals.covered", "number", "people", means="covered"),
    Column("totals.uncovered", "number", "people", means="uncovered"),
    Column("totals.covered_share", "number", "1", "nobody", "covered_share"),
    Column("totals.covered_share_radius", "number", "1", "nobody", "covered_share_radius"),
    Column("totals.unreached", "number", "people", means="unreached"),
    Column("sensitivity.*", "number", "1", "nobody", "sensitivity"),
    Column("siting", "object", empty="no_proposal"),
    Column("siting.model", "text", empty="no_proposal", means="siting_model"),
    Column("siting.status", "text", empty="no_proposal", means="siting_status"),
    Column("siting.objective", "number", empty="no_proposal", means="siting_objective"),
    Column("siting.bound", "number", empty="no_bound", means="siting_bound"),
    Column("siting.gap", "number", "1", "no_bound", "siting_gap"),
    Column("siting.bound_by", "text", empty="no_proposal", means="siting_bound_by"),
    Column("siting.ended_by", "text", empty="no_proposal", means="siting_ended_by"),
    Column("siting.time_limit_s", "number", "s", "not_given", "siting_time_limit"),
    Column("siting.selected", "list", empty="no_proposal", means="siting_selected"),
    Column("siting.closed", "list", empty="no_proposal", means="siting_closed"),
    Column("siting.cost", "number", "cost units", empty="no_proposal", means="siting_cost"),
    Column("siting.covered_people", "number", "people", "no_proposal", "siting_covered"),
    Column("siting.candidates", "number", "sites", empty="no_proposal", means="siting_candidates"),
    Column("siting.message", "text", empty="no_proposal", means="siting_message"),
    Column("groups.*.population", "number", "people", means="group_population"),
    Column("groups.*.covered", "number", "people", means="group_covered"),
    Column("groups.*.covered_share", "number", "1", "nobody", "group_share"),
    Column("groups.*.covered_share_elderly", "number", "1", "not_elderly", "group_share_elderly"),
    Column("seconds", "number", "s"),
    Column("warnings", "list", empty="no_warning"),
    Column("environment.*", "text", empty="not_installed", means="environment"),
)
_SERVED_TOTALS = (
    Column("totals.served", "number", "people", means="served"),
    Column("totals.served_share", "number", "1", "nobody", "served_share"),
    Column("totals.unserved", "number", "people", means="unserved"),
)
_BEYOND = Column("beyond", "true/false")
_TILES = (
    Column("tiles.told_to_m", "number", "m", means="told_to_m"),
    Column("tiles.told_to_s", "number", "s", means="told_to_s"),
    Column("tiles.beyond", "number", "people", means="beyond_people"),
)
_BAR = (
    Column("covered_share_low", "number", "1", "nobody"),
    Column("covered_share_high", "number", "1", "nobody"),
)
_CERTAINTY = (
    Column("covered_probability", "number", "1"),
    Column("certainty", "text"),
)
_UNCERTAINTY = (
    Column("options.uncertainty", "object", means="run_options"),
    Column("uncertainty.draws", "number", means="bar_draws"),
    Column("uncertainty.seed", "number", means="bar_seed"),
    Column("uncertainty.covered_share_low", "number", "1", means="covered_share_low"),
    Column("uncertainty.covered_share_high", "number", "1", means="covered_share_high"),
    Column("uncertainty.error", "number", "1", means="bar_error"),
    Column("uncertainty.bias_points", "number", "percentage points", means="bar_bias"),
    Column("uncertainty.people.*", "number", "people", means="bar_people"),
    Column("uncertainty.sources.*", "number", "percentage points", means="bar_source"),
    Column("uncertainty.improvements.*", "number", "percentage points", means="bar_improvement"),
)
_POLICY = Standard()
_ROBUST = (
    Column("options.robust", "text", means="robust_aim"),
    Column("robust.aim", "text", means="robust_aim"),
    Column("robust.draws", "number", means="bar_draws"),
    Column("robust.seed", "number", means="bar_seed"),
    Column("robust.status", "text", means="siting_status"),
    Column("robust.objective", "number", "1", means="robust_objective"),
    Column("robust.bound", "number", "1", means="robust_bound"),
    Column("robust.bound_by", "text", means="siting_bound_by"),
    Column("robust.error_points", "number", "percentage points", means="robust_error"),
    Column("robust.proven_draws", "number", "draws", means="robust_proven"),
    Column("robust.selected", "list", means="robust_selected"),
    Column("robust.must_have", "list", means="robust_must_have"),
    Column("robust.plans.*", "object", means="robust_plans"),
    Column("robust.gains.*", "object", means="robust_gains"),
    Column("robust.sites.*", "number", "1", means="robust_probability"),
)
_LAYERS = {
    "demand": _DEMAND,
    **dict.fromkeys(("outlets", "banks", "candidates"), _SITES),
    "proposed": (*_PROPOSED[:3], _LABEL, *_PROPOSED[3:]),
    "districts": (),  # by the settings of the study
    "blackspots": _BLACKSPOTS,
    "service_areas": _SERVICE_AREAS,
}


def _districts(standard: Standard, *, served: bool) -> tuple[Column, ...]:
    """Return the columns of ``districts.csv``, some for each setting."""
    of = {column.name: column for column in _DISTRICTS}
    for setting in standard.settings:
        own = setting if standard.names_its_own else ""
        of[f"{setting}_people"] = Column(f"{setting}_people", "number", "people", of=own)
        for ending in ("covered_share", "covered_share_radius"):
            of[f"{setting}_{ending}"] = Column(f"{setting}_{ending}", "number", "1", "nobody_of_setting", of=own)
    return tuple(of[name] for name in district_columns(standard, served=served))


class RunParts(TypedDict, total=False):
    """What a run tells beside coverage, in columns and files of its own; see `data_dictionary`."""

    doubted: bool
    held: bool
    served: bool
    own: bool
    areas: bool


def data_dictionary(
    standard: Standard = _POLICY,
    *,
    tiled: bool = False,
    kept: Mapping[str, Iterable[str]] | None = None,
    **parts: Unpack[RunParts],
) -> pd.DataFrame:
    """Return one row per column of every file of a run, with `DICTIONARY_COLUMNS`, written as ``dictionary.csv``.

    Tables of districts have columns for each setting of a standard. A run in tiles has files of its own; one that tells
    how sure its figures are has more columns (`doubted`), and so has one whose proposal is held against draws (`held`),
    one whose sites have a capacity (`served`), one whose groups have walkers of their own (`own`). People who
    stand for areas are polygons (`areas`); layers of sites keep the columns of their tables (`kept`, by layer).

    ``layer`` is empty but for ``coverage.gpkg``; ``empty`` says when there is no value; ``shapefile`` is what the
    column is called in an exported Shapefile. Meanings are in English and, with ``_zh``, in Chinese.

    Examples
    --------
    >>> table = data_dictionary().set_index(["file", "layer", "column"])
    >>> table.loc[("demand.parquet", "", "walk_s"), ["type", "unit"]].tolist()
    ['number', 's']
    """
    english, chinese = Wording("dictionary", "en"), Wording("dictionary", "zh")
    rows = []
    short = SHORT_NAMES | short_names(district_columns(standard))
    given = {layer: tuple(columns) for layer, columns in (kept or {}).items()}
    told = _tiled_columns(standard, **parts) if tiled else _columns(standard, given, **parts)
    for file, layer, column in told:
        means, empty = column.means or column.name, f"empty_{column.empty}"
        said = {"setting": column.of} if column.of else {}
        if column.of:
            means = f"of_setting{column.name.removeprefix(column.of)}"
        if means == "setting" and standard.names_its_own:
            means = "own_setting"
        rows.append(
            {
                "file": file,
                "layer": layer,
                "column": column.name,
                "type": column.type,
                "unit": column.unit,
                "meaning": english(means, **said),
                "empty": english(empty),
                "meaning_zh": chinese(means, **said),
                "empty_zh": chinese(empty),
                "shapefile": short.get(column.name, column.name)
                if layer and column.name not in ("fid", "geom") and column.means != _OF_THE_INPUT
                else "",
            }
        )
    return pd.DataFrame(rows, columns=list(DICTIONARY_COLUMNS))


def _columns(
    standard: Standard, kept: Mapping[str, Iterable[str]], **parts: Unpack[RunParts]
) -> Iterator[tuple[str, str, Column]]:
    """Yield file, layer and column, in the order in which they stand there."""
    doubted, held = parts.get("doubted", False), parts.get("held", False)
    served, own = parts.get("served", False), parts.get("own", False)
    districts = _districts(standard, served=served)
    people = (*_DEMAND, *((_SERVED,) if served else ()))
    bar, certainty = (_BAR, _CERTAINTY) if doubted else ((), ())
    walks, covered = (_OWN, (replace(_OWN[0], means="point_own"),)) if own else ((), ())
    tables = {
        "districts.csv": (*districts, *walks, *bar),
        "demand.parquet": (*people, *covered, *certainty, _POINT),
        "sites.csv": _PROPOSED,
        **({"capacity.csv": _CAPACITY} if served else {}),
        **({"groups.csv": (*_GROUPS, *(_SERVED_SHARES if served else ()))} if own else {}),
        "quality.csv": _QUALITY,
    }
    for file, columns in tables.items():
        yield from ((file, "", column) for column in columns)
    rooms = {layer: (*_SITES, *_ROOM) for layer, columns in _LAYERS.items() if columns is _SITES and served}
    for layer, columns in (_LAYERS | {"districts": districts, "demand": people} | rooms).items():
        areas = GEOMETRY[layer] != "Point" or (layer == "demand" and parts.get("areas", False))
        kind: ColumnType = "multipolygon" if areas else "point"
        empty = {"demand": "no_place", "service_areas": "nothing_reached"}.get(layer, "never")
        shape = Column("geom", kind, "degrees (WGS 84)", empty, "geometry")
        given = tuple(Column(name, "text", empty="not_given", means=_OF_THE_INPUT) for name in kept.get(layer, ()))
        more = certainty if layer == "demand" else given
        yield from (("coverage.gpkg", layer, column) for column in (Column("fid", "integer"), shape, *columns, *more))
    more = (*(_SERVED_TOTALS if served else ()), *((*_OWN_TOTALS, *_OWN_OF_GROUPS) if own else ()))
    more += (_SERVED_OWN,) if served and own else ()
    more += (*(_UNCERTAINTY if doubted else ()), *(_ROBUST if held else ()))
    yield from (("manifest.json", "", column) for column in (*_MANIFEST, *more))


def _tiled_columns(standard: Standard, **parts: Unpack[RunParts]) -> Iterator[tuple[str, str, Column]]:
    served, own = parts.get("served", False), parts.get("own", False)
    far = {"walk_s": "no_path_told", "network_m": "no_path_told", "nearest_site": "no_path_told"}
    demand = [replace(column, empty=far.get(column.name, column.empty)) for column in _DEMAND]
    room = (_SERVED,) if served else ()
    walks, covered = (_OWN, (replace(_OWN[0], means="point_own"),)) if own else ((), ())
    yield from (("districts.csv", "", column) for column in (*_districts(standard, served=served), *walks))
    yield from (("demand.parquet", "", column) for column in (*demand, *room, *covered, _BEYOND, _POINT))
    yield from (("sites.csv", "", column) for column in _PROPOSED)
    yield from (("capacity.csv", "", column) for column in (_CAPACITY if served else ()))
    groups = (*_GROUPS, *(_SERVED_SHARES if served else ())) if own else ()
    yield from (("groups.csv", "", column) for column in groups)
    totals = (*(_SERVED_TOTALS if served else ()), *((*_OWN_TOTALS, *_OWN_OF_GROUPS) if own else ()))
    totals += (_SERVED_OWN,) if served and own else ()
    yield from (("manifest.json", "", column) for column in (*_MANIFEST, *totals, *_TILES))
