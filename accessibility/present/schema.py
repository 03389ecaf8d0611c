"""The data dictionary: what every column of every file of a run means, in which unit, and when it is empty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal, TypedDict

import pandas as pd

from accessibility.measures.tables import district_columns
from accessibility.present.layers.files import GEOMETRY, SHORT_NAMES, read_schema, short_names
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
_POLICY = Standard()
_FILES = {  # of tables, and what a run must have for one to be there
    **dict.fromkeys(("districts.csv", "demand.parquet", "sites.csv"), "file"),
    "capacity.csv": "served",
    "groups.csv": "own",
    "quality.csv": "whole",
}
_LAYERS = {  # and where their columns stand
    "demand": "demand.parquet",
    **dict.fromkeys(("outlets", "banks", "candidates"), "sites"),
    "proposed": "sites.csv",
    "districts": "districts.csv",
    "blackspots": "blackspots",
    "service_areas": "service_areas",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table, or a key of a manifest: a line of ``schema.toml``, which says what is what."""

    name: str
    type: ColumnType
    unit: str = ""
    empty: str = "never"
    tiled: str = ""
    means: str = ""
    when: str = ""
    of: str = ""  # the setting whose figures it has, where a study names its own


@cache
def _tables() -> dict[str, tuple[Column, ...]]:
    """Return the columns of each table, those too that only some runs have."""
    told = {name: table for name, table in read_schema().items() if name != "shapefile"}
    return {name: tuple(Column(name=key, **said) for key, said in table.items()) for name, table in told.items()}


def _columns_of(table: str, standard: Standard, parts: set[str]) -> Iterator[Column]:
    """Yield the columns of a table that a run with such parts has; those of districts some for each setting."""
    columns = {column.name: column for column in _tables()[table] if parts.issuperset(column.when.split())}
    if table == "districts.csv":
        there = {name: columns.pop(name, None) for name in district_columns(standard, served="served" in parts)}
        by_setting = {column.name: column for column in _by_setting(standard)}
        yield from (column or by_setting[name] for name, column in there.items())
    yield from columns.values()


def _by_setting(standard: Standard) -> Iterator[Column]:
    for setting in standard.settings:
        own = setting if standard.names_its_own else ""
        yield Column(name=f"{setting}_people", type="number", unit="people", of=own)
        for ending in ("covered_share", "covered_share_radius"):
            yield Column(name=f"{setting}_{ending}", type="number", unit="1", empty="nobody_of_setting", of=own)


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
    there = {"tiled" if tiled else "whole", *(name for name, has in parts.items() if has)}
    for file, layer, column in _columns(standard, given, there):
        means = column.means or column.name
        empty = f"empty_{(tiled and column.tiled) or column.empty}"
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
    standard: Standard, kept: Mapping[str, Iterable[str]], parts: set[str]
) -> Iterator[tuple[str, str, Column]]:
    """Yield file, layer and column, in the order in which they stand there."""
    for file, needs in _FILES.items():
        if needs in parts | {"file"}:
            yield from ((file, "", column) for column in _columns_of(file, standard, parts | {"file"}))
    for layer, table in _LAYERS.items() if "whole" in parts else ():
        areas = GEOMETRY[layer] != "Point" or (layer == "demand" and "areas" in parts)
        kind: ColumnType = "multipolygon" if areas else "point"
        empty = {"demand": "no_place", "service_areas": "nothing_reached"}.get(layer, "never")
        yield "coverage.gpkg", layer, Column(name="fid", type="integer")
        shape = Column(name="geom", type=kind, unit="degrees (WGS 84)", empty=empty, means="geometry")
        own = [Column(name=n, type="text", empty="not_given", means=_OF_THE_INPUT) for n in kept.get(layer, ())]
        columns = (shape, *_columns_of(table, standard, parts | {"layer"}), *own)
        yield from (("coverage.gpkg", layer, column) for column in columns)
    yield from (("manifest.json", "", column) for column in _columns_of("manifest.json", standard, parts))
