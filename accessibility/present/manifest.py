"""What a run says of itself: what went in, how it was read, what came out; and what every column of its files means."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict

import numpy as np
import pandas as pd
import pyproj

from accessibility import __version__
from accessibility.errors import OBEYED, Finding, InputError
from accessibility.measures.tables import district_columns, speed_text
from accessibility.present.layers.files import GEOMETRY, SHORT_NAMES, read_schema, short_names
from accessibility.sources.cache import refuse_changed, sha256_file
from accessibility.sources.files import absence, is_file, write_text
from accessibility.standards import Standard
from accessibility.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from accessibility.measures.tables import Totals
    from accessibility.sources.cache import Stamps

# What can change a figure, or the bytes of a file.
_LIBRARIES = (
    *("numpy", "pandas", "pyarrow", "scipy", "pyproj", "shapely", "geopandas", "numba", "osmium", "rasterio"),
    *("folium", "highspy"),
)
_MOST_BYTES = 64_000_000
FETCHED = "fetched.json"
"""The file in which a folder says where its files were fetched from."""
ORIGIN = ("name", "version", "year", "fetched", "licence", "credit", "url")
"""What it says of each: whose data, which, of when, from when, on what terms, whom to name, and where from."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a study, for its manifest."""

    study: str  # name of the study
    study_file: str | os.PathLike[str]  # the `study.toml`; paths of inputs are told relative to its folder
    inputs: Mapping[str, str | os.PathLike[str]]  # file of each input
    parameters: Mapping[str, Any]  # settings of the study, as JSON can hold them
    warnings: Sequence[Finding | str] = ()  # what readers set aside, suspect or want known
    seconds: float  # how long the run took
    # where the manifest will lie: the study file's own path is told relative to it. Its own folder if None.
    folder: str | os.PathLike[str] | None = None
    # command, date, options: what was asked for: the command, the day that the files bear, language and files on
    # request
    command: str = "cover"
    date: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    # what the files were when they were read, see `accessibility.sources.cache`
    stamps: Stamps = field(default_factory=dict)


def record_run(
    run: Run,
    coverage: Totals,
    *,
    sensitivity: Mapping[str, float] | Mapping[float, float],
    siting: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the manifest of a run, in values that JSON can hold and in the order they are written.

    The study file and the inputs are told by path and SHA-256: the one relative to the folder of the manifest, the
    others to the study's, absolute only where the two have nothing but the root in common. A number that is not
    finite is None. ``parameters`` holds the study's own settings, and below ``standard_used`` and ``walker_used`` what
    the figures were measured with.

    Parameters
    ----------
    run
        The run.
    coverage
        Whose totals it states.
    sensitivity
        Share covered, 0 to 1, by walking speed in m/s.
    siting
        Model, status, objective, bound, gap and selected sites of a proposal, where there is one.

    Raises
    ------
    InputError
        An input that cannot be read.
    """
    folder = Path(run.study_file).resolve().parent
    told: dict[str, Any] = {
        "version": __version__,
        "command": run.command,
        "date": run.date,
        "options": run.options,
        "study": run.study,
        "study_file": {
            "path": record_path(run.study_file, run),
            "sha256": sha256_file(run.study_file),
        },
        "inputs": {
            name: {"path": _relative(path, folder), "sha256": sha256_file(path), **_source(Path(path))}
            for name, path in run.inputs.items()
        },
        "parameters": parameters_used(run.parameters, coverage),
        "totals": record_totals(coverage),
        "sensitivity": {speed_text(float(speed)): share for speed, share in sensitivity.items()},
        "siting": siting,
        "seconds": run.seconds,
        "warnings": [str(warning) for warning in run.warnings],
        "environment": _environment(),
    }
    refuse_changed(run.stamps)  # by now they are hashed
    plain: dict[str, Any] = _plain(told)
    return plain


def _source(path: Path) -> dict[str, Any]:
    """Return where an input was fetched from, as the record beside it says of a file with these bytes; else nothing."""
    with suppress(InputError, LookupError, TypeError, AttributeError):
        told = parse_manifest(path.parent / FETCHED)
        if told["files"][path.name]["sha256"] == sha256_file(path):
            return {"source": {key: str(told["sources"][path.name][key]) for key in ORIGIN}}
    return {}


def record_figures(
    told: Mapping[str, Any],
    inputs: Mapping[str, Path],
    values: Mapping[str, Any],
    coverage: Totals,
    warnings: Sequence[str],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest of figures in memory: as `record_run` says it, and the arrays by their SHA-256.

    Parameters
    ----------
    told
        What comes first: the study's name and the like.
    inputs
        File of each input that was read.
    values
        Values of arrays by name, each a dataclass.
    coverage
        Whose totals it states.
    warnings
        What readers set aside, suspect or want known.
    settings
        The study's own.

    Raises
    ------
    InputError
        An input that cannot be read.
    """
    found: dict[str, Any] = _plain(
        {
            "version": __version__,
            **told,
            "inputs": {name: {"path": str(path), "sha256": sha256_file(path)} for name, path in inputs.items()},
            "values": {name: {"holds": repr(value), "sha256": _sha256_of(value)} for name, value in values.items()},
            "parameters": parameters_used(settings, coverage),
            "totals": record_totals(coverage),
            "warnings": list(warnings),
            "environment": _environment(),
        }
    )
    return found


def _sha256_of(value: Any) -> str:
    """Return the SHA-256 of the arrays of a value, in the order of its fields."""
    digest = hashlib.sha256()
    for field_ in fields(value):
        array = getattr(value, field_.name)
        if isinstance(array, np.ndarray):
            digest.update(f"{field_.name} {array.dtype.kind} {array.shape}".encode())
            words = "\n".join(map(str, array.tolist())) if array.dtype == object else ""
            digest.update(words.encode() or np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def record_totals(coverage: Totals) -> dict[str, float]:
    """Return the totals of a coverage as a manifest tells them; who is served where sites have a capacity."""
    service = coverage.service
    told = {
        "population": coverage.population,
        "covered": coverage.covered_people,
        "uncovered": coverage.uncovered_people,
        "covered_share": coverage.share,
        "covered_share_radius": coverage.share_radius,
        "unreached": coverage.unreached_people,
    }
    if service is not None:
        told |= {"served": service.served_people, "served_share": service.share, "unserved": service.unserved_people}
    return told


def parameters_used(settings: Mapping[str, Any], coverage: Totals) -> dict[str, Any]:
    """Return the settings of a study; below ``standard_used`` and ``walker_used`` what a coverage was measured with."""
    standard = {setting: {**asdict(rule), "text": rule.text} for setting, rule in coverage.standard.rules}
    return {**settings, "standard_used": standard, "walker_used": asdict(coverage.walker)}


def write_manifest(told: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a manifest as JSON: UTF-8, keys in the order given, what is not a finite number null.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    write_text(path, f"{_json(told, indent=2)}\n")


def json_line(value: Any) -> str:
    r"""Return a value as one line of JSON that a terminal shows as it is: null for what is not a finite number.

    Examples
    --------
    >>> json_line({"name": chr(0x9B), "share": float("nan")})
    '{"name": "\\u009b", "share": null}'
    """
    return _json(value)


def _json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON, control characters by their numbers."""
    text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=indent)
    return OBEYED.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return every file below a folder by its path there: SHA-256 and bytes, in the order of the paths."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: {"sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size} for name in files}


def peek_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a run in a folder; None where there is none that this program wrote."""
    with suppress(InputError):
        told = parse_manifest(folder / "manifest.json")
        return told if {"version", "study", "inputs", "totals"} <= told.keys() else None
    return None


def parse_manifest(path: Path) -> dict[str, Any]:
    """Return the table in a ``manifest.json`` that anybody may have sent, without a look at what is in it.

    Raises
    ------
    InputError
        No regular file, one that is too large, no JSON, or no table.
    """
    try:
        if not is_file(path):
            msg = f"{path}: {absence(path)}; expected the folder of a run, with its manifest.json"
            raise InputError(msg)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            msg = f"{path}: more than {_MOST_BYTES:,} bytes; expected the manifest of a run"
            raise InputError(msg)
        numbers: dict[str, Any] = {"parse_constant": _no_number, "parse_float": _finite, "parse_int": _whole}
        told = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_each_once, **numbers)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        msg = f"{path}: not a manifest: {error}"
        raise InputError(msg) from error
    if not isinstance(told, dict):
        msg = f"{path}: not a manifest: found {type(told).__name__}; expected a table of names and values"
        raise InputError(msg)
    return told


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a table; one that says the same name twice would be read otherwise by other programs."""
    told = dict(pairs)
    if len(told) < len(pairs):
        msg = "a name stands twice in one table"
        raise ValueError(msg)
    return told


def _finite(word: str) -> float:
    """Return a number; one like 1e999 is read as infinite, and equals whatever it is held against."""
    return float(word) if math.isfinite(float(word)) else _no_number(word)


def _whole(word: str) -> int:
    return int(word) if math.isfinite(float(word)) else _no_number(word)


def _no_number(word: str) -> NoReturn:
    msg = f"{word[:20]} is no number of JSON"
    raise ValueError(msg)


def record_path(path: str | os.PathLike[str], run: Run) -> str:
    """Return the path of a file as a run's manifest tells it: from the manifest's folder, or from the study's."""
    return _relative(path, Path(run.study_file).resolve().parent if run.folder is None else Path(run.folder).resolve())


def _relative(path: str | os.PathLike[str], folder: Path) -> str:
    """Return a path relative to `folder` where the two can move together, that is, share more than the root."""
    whole = Path(path).resolve()
    if whole.drive != folder.drive or os.path.commonpath([whole, folder]) == whole.anchor:
        return whole.as_posix()
    return Path(os.path.relpath(whole, folder)).as_posix()


def _environment() -> dict[str, str | None]:
    """Return the versions of Python, of the libraries and of PROJ; None of one that is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = None
    return {**versions, "proj": pyproj.proj_version_str}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, os.PathLike):
        return Path(value).as_posix()
    return None if isinstance(value, float) and not math.isfinite(value) else value


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
