"""What a run told, and whether the same was found again: manifests anybody may have sent, figures, and files."""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accessibility.errors import InputError, spell_number
from accessibility.present.manifest import parse_manifest
from accessibility.siting.plan import Model, Status  # noqa: TC001 -- pydantic reads them
from accessibility.study.schema import validation_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TOLERANCE = 1e-9
"""How far apart, relatively, two figures may be and still be the same: other machines add in another order."""
_PLACES = 2e-6  # a CSV has six decimals, and the last one may be rounded either way
_MOST_STUDY_BYTES = 1_000_000
_NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?"  # as a table of text tells it; nothing else is read as one
_ABSENT = "no such entry"
_LAYERS_TOLD = (
    "SELECT table_name, data_type, identifier, description, srs_id FROM gpkg_contents",
    "SELECT round(min_x, 6), round(min_y, 6), round(max_x, 6), round(max_y, 6) FROM gpkg_contents",
    "SELECT table_name, column_name, geometry_type_name, srs_id, z, m FROM gpkg_geometry_columns",
    "SELECT srs_name, srs_id, organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys",
    "SELECT table_name, column_name, extension_name, definition, scope FROM gpkg_extensions",
    "SELECT table_name, feature_count FROM gpkg_ogr_contents",
    "SELECT type, name, tbl_name, sql FROM sqlite_master",
    "PRAGMA application_id",
    "PRAGMA user_version",
)
_INDEXES = "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%rtree%' ORDER BY name"
_BOXES = 2e-5  # degrees: an index holds them in single precision
_MOST_TIMES = 8  # as large as the same tables may be in other bytes

Figure = Annotated[float, Field(strict=True)] | None
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Used = Annotated[float, Field(strict=True, ge=0.0)]
Version = Annotated[str, Field(pattern=r"^\d[\w.+!-]{0,39}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class RecordedFile(_Table):
    """A file by its path and its content, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    sha256: Sha256


class RecordedResult(_Table):
    """A file that the run wrote, and nothing else of it."""

    model_config = ConfigDict(extra="forbid")

    sha256: Sha256
    bytes: Annotated[int, Field(ge=0)]


class RecordedOptions(_Table):
    """What decides which files there are."""

    language: Literal["en", "zh", "both"]
    basemap: bool
    shapefile: bool
    geotiff: bool
    layers: bool = False
    docx: bool = False
    tiles: bool = False
    uncertainty: bool = False
    robust: Literal["mean", "worst"] | None = None


class RecordedQuestion(_Table):
    """What a proposal was asked for."""

    model: str
    sites: int | None
    budget: Figure
    reach: Figure
    floor: Annotated[float, Field(strict=True)]
    close: int
    time_limit_s: Annotated[float, Field(strict=True)] | None
    gap: Annotated[float, Field(strict=True, ge=0.0)] = 0.0


class RecordedSiting(_Table):
    """A proposal; a figure that is not finite is None."""

    question: RecordedQuestion
    model: Model
    status: Status
    objective: Figure
    bound: Figure
    gap: Figure
    bound_by: Literal["certificate", "enumeration", "tree", "solver"]
    ended_by: Literal["proof", "gap", "work", "time"]
    selected: list[str]
    closed: list[str]
    cost: Figure
    covered_people: Figure
    message: str


class RecordedStage(_Table):
    """What a stage of the run took, and nothing else of it."""

    model_config = ConfigDict(extra="forbid")

    stage: Annotated[str, Field(max_length=100)]
    cpu_s: Used
    wall_s: Used
    peak_mb: Used | None


class Told(_Table):
    """The manifest of a run, as far as the run can be repeated from it, and what no other run can prove."""

    version: str
    command: Literal["cover", "site", "compare"]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    options: RecordedOptions
    study_file: RecordedFile
    inputs: dict[str, RecordedFile]
    totals: dict[str, Figure]
    sensitivity: dict[Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")], Figure]
    siting: RecordedSiting | None = None
    scenario_file: RecordedFile | None = None
    files: dict[str, RecordedResult]
    seconds: Used
    timings: list[RecordedStage] = []
    environment: dict[str, Version | None]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One entry of a manifest, as the run told it and as it was found again."""

    name: str  # which entry
    # told, found: both values; None where there is none.
    told: Any
    found: Any
    tolerance: float = TOLERANCE  # how far apart numbers may be, relatively

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        told, found = self.told, self.found
        if not (_is_number(told) and _is_number(found)):
            return type(told) is type(found) and told == found
        told, found = (float("nan") if value is None else float(value) for value in (told, found))
        if math.isnan(told) or math.isnan(found):
            return math.isnan(told) and math.isnan(found)
        return math.isclose(
            told, found, rel_tol=self.tolerance, abs_tol=self.tolerance
        )  # no number is near the infinite

    def __str__(self) -> str:
        """Return the name and both values."""
        state = "equal" if self.equal else "NOT EQUAL"
        return f"{self.name}: {state}, the run told {entry_text(self.told)}, found again {entry_text(self.found)}"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run follows from its inputs."""

    folder: Path  # of the run
    # files that are not what they were, or do not follow from the inputs: which, and what is wrong
    changed: tuple[str, ...]
    # every entry of the manifest, as told and as found again; none where the run could not be repeated
    comparisons: tuple[Comparison, ...] = ()
    # proved, recomputed, open: in sentences: what was proved without trust in any solver, what was only found again,
    # what neither
    proved: tuple[str, ...] = ()
    recomputed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()  # files in the folder that are not the run's

    @property
    def equal(self) -> bool:
        """Whether all files and all figures are the same."""
        return not self.changed and bool(self.comparisons) and all(one.equal for one in self.comparisons)

    @property
    def lines(self) -> tuple[str, ...]:
        """Sentences for the terminal: the verdict, what differs, and on what the rest stands."""
        unequal = [str(one) for one in self.comparisons if not one.equal]
        if self.equal:
            first = f"equal: the run in {self.folder} follows from its inputs"
        elif not self.comparisons:
            first = f"not equal: the run in {self.folder} cannot be repeated"
        else:
            parts = f"{len(unequal)} of {len(self.comparisons)} figures differ, other findings: {len(self.changed)}"
            first = f"not equal: {parts}, in {self.folder}"
        told = (("proved", self.proved), ("recomputed", self.recomputed), ("could not be proved", self.open))
        beside = [f"not of this run: {name}" for name in self.beside]
        return (first, *self.changed, *unequal, *(f"{how}: {text}" for how, all_ in told for text in all_), *beside)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        figures = [{"name": c.name, "told": c.told, "found": c.found, "equal": c.equal} for c in self.comparisons]
        sentences = {name: list(getattr(self, name)) for name in ("changed", "proved", "recomputed", "open", "beside")}
        return {"equal": self.equal, **sentences, "figures": figures}


def read_told(folder: Path) -> tuple[Told, dict[str, Any]]:
    """Return the manifest in a folder, checked, and as it stands there.

    Raises
    ------
    InputError
        No manifest, or one from which no run can be repeated.
    """
    path = folder / "manifest.json"
    plain = parse_manifest(path)
    try:
        return Told.model_validate(plain), plain
    except ValidationError as error:
        wrong_first = sorted(error.errors(), key=lambda one: one["type"] == "missing")
        msg = f"{path}: {validation_sentences(wrong_first, Told)}; expected the manifest of a run of this version"
        raise InputError(msg) from error


def recorded_file(folder: Path, told: RecordedFile, what: str) -> Path:
    """Return where a study or a file of scenarios lies that a manifest names.

    Only a plain TOML file of a study's size is ever opened. The inputs that a manifest names are never opened at all:
    those that the study names are.

    Raises
    ------
    InputError
        No such file, or one that cannot be a study.
    """
    path = folder / told.path
    try:
        size = path.stat().st_size if path.is_file() and path.suffix == ".toml" else 0
    except (OSError, ValueError):
        size = 0
    if not 0 < size <= _MOST_STUDY_BYTES:
        msg = f"{what}: {path} is missing, or no TOML file of at most {_MOST_STUDY_BYTES:,} bytes"
        raise InputError(msg)
    return path


def plain_file(folder: Path, name: str) -> Path | None:
    """Return the path of a plain file in a folder or below; None where it is a link, lies elsewhere or is none."""
    path = folder / name
    try:
        inside = path.resolve() == folder.resolve().joinpath(name)
        return path if inside and ".." not in path.relative_to(folder).parts and path.is_file() else None
    except (OSError, ValueError):
        return None


def compare_manifests(told: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[Comparison]:
    """Yield every entry of two manifests beside each other, but for time, place, versions and the list of files.

    Of these the names are held against each other: which there are, and of what a version is told.
    """
    for name, one, other in (("entries", told, found), ("environment", told["environment"], found["environment"])):
        yield Comparison(name=name, told=sorted({*one} - {"timings"}), found=sorted({*other} - {"timings"}))
    elsewhere = ("seconds", "timings", "environment", "files", "study_file", "scenario_file")
    one, other = (dict(_leaves({n: v for n, v in side.items() if n not in elsewhere})) for side in (told, found))
    for name in dict.fromkeys([*one, *other]):
        yield Comparison(name=name, told=one.get(name, _ABSENT), found=other.get(name, _ABSENT))


def entry_text(value: Any) -> str:
    """Return an entry as a sentence tells it: a number with its thousands apart, a text as the manifest writes it."""
    if value is None or value is _ABSENT:
        return str(value or "no value")
    if _is_number(value):
        return spell_number(value)
    return json.dumps(value, ensure_ascii=False)


def same_content(one: Path, other: Path) -> bool:
    """Return whether two files of other bytes say the same as tables, to a rounding of the last decimal.

    Other versions of the libraries write the same tables in other bytes.
    """
    if one.stat().st_size > _MOST_TIMES * other.stat().st_size:
        return False
    alike: Mapping[str, Callable[[Path, Path], bool]] = {
        ".csv": _same_csv,
        ".parquet": _same_parquet,
        ".gpkg": _same_layers,
        ".xlsx": _same_members,
        ".docx": _same_members,
    }
    compare = alike.get(one.suffix)
    try:
        return compare is not None and compare(one, other)
    except Exception:  # noqa: BLE001 -- whatever a library says of a spoilt file, it is not the same
        return False


def _same_csv(one: Path, other: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # cells that stand beyond the last column
        a, b = (pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False) for path in (one, other))
    return _same_tables(a, b, _same_words)


def _same_parquet(one: Path, other: Path) -> bool:
    import pyarrow.parquet as pq  # noqa: PLC0415 -- `import accessibility` stays light

    told, others = (pq.read_metadata(path) for path in (one, other))
    if told.num_rows != others.num_rows:  # before any row is unfolded
        return False
    if told.schema.names != others.schema.names or (told.metadata or {}).keys() != (others.metadata or {}).keys():
        return False
    return _same_tables(*(gpd.read_parquet(path) for path in (one, other)))


def _same_layers(one: Path, other: Path) -> bool:
    import pyogrio  # noqa: PLC0415 -- `import accessibility` stays light

    if _told_of_layers(one) != _told_of_layers(other):  # before GDAL opens it, which might follow it elsewhere
        return False
    names, others = (sorted(map(tuple, pyogrio.list_layers(path).tolist())) for path in (one, other))
    if names != others or not _same_indexes(one, other):
        return False
    for name, _ in names:
        tables = (pyogrio.read_dataframe(path, layer=name, fid_as_index=True) for path in (one, other))
        if not _same_tables(*tables):
            return False
    return True


def _same_indexes(one: Path, other: Path) -> bool:
    """Return whether spatial indexes are sound and hold the same boxes: by these a map finds what it draws."""
    with closing(_base(one)) as a, closing(_base(other)) as b:
        for (name,) in b.execute(_INDEXES).fetchall():
            every = f'SELECT * FROM "{name}" ORDER BY id'  # noqa: S608 -- a name of our own file
            boxes, others = (np.array(base.execute(every).fetchall()) for base in (a, b))
            (sound,) = a.execute("SELECT rtreecheck(?)", (name,)).fetchone()
            if sound != "ok" or boxes.shape != others.shape or not np.allclose(boxes, others, rtol=0.0, atol=_BOXES):
                return False
    return True


def _same_members(one: Path, other: Path) -> bool:
    with zipfile.ZipFile(one) as a, zipfile.ZipFile(other) as b:
        sizes, others = ([(info.filename, info.file_size) for info in book.infolist()] for book in (a, b))
        beside = [
            path.stat().st_size - sum(info.compress_size for info in book.infolist())
            for path, book in ((one, a), (other, b))
        ]
        # Whatever stands before, behind or between the members makes the rest larger.
        return sizes == others and beside[0] == beside[1] and all(a.read(name) == b.read(name) for name, _ in sizes)


def _same_tables(
    one: pd.DataFrame, other: pd.DataFrame, same: Callable[[pd.Series[Any], pd.Series[Any]], bool] | None = None
) -> bool:
    """Return whether two tables have the same columns, and in each of them the same."""
    if list(one.columns) != list(other.columns) or len(one) != len(other) or not one.index.equals(other.index):
        return False
    return all((same or _same_column)(one[name], other[name]) for name in one.columns)


def _same_words(one: pd.Series[Any], other: pd.Series[Any]) -> bool:
    """Return whether two columns of text say the same, numbers to a rounding; whole ones may be ids, and have none."""
    a, b = (side.where(side.str.fullmatch(_NUMBER), np.nan).astype(float) for side in (one, other))
    whole = np.all([side.str.fullmatch(r"-?\d+") for side in (one, other)], axis=0)
    either = np.any([side.str.fullmatch(r"-?\d+") for side in (one, other)], axis=0)
    close = np.isclose(a, b, rtol=np.where(either, 0.0, TOLERANCE), atol=_PLACES) & ~whole
    return bool((close | (one == other)).all())


def _same_column(one: pd.Series[Any], other: pd.Series[Any]) -> bool:
    """Return whether two columns say the same: of one type, gaps in the same places, numbers to a rounding."""
    if isinstance(one, gpd.GeoSeries) or isinstance(other, gpd.GeoSeries):
        return _same_shapes(one, other)
    if one.dtype.kind != other.dtype.kind:
        return False
    if one.dtype.kind == "f":
        return bool(np.isclose(one, other, rtol=TOLERANCE, atol=_PLACES, equal_nan=True).all())
    gaps = one.isna()
    return bool((gaps == other.isna()).all() and (one[~gaps] == other[~gaps]).all())


def _same_shapes(one: pd.Series[Any], other: pd.Series[Any]) -> bool:
    if not (isinstance(one, gpd.GeoSeries) and isinstance(other, gpd.GeoSeries)) or one.crs != other.crs:
        return False
    return bool(one.geom_equals_exact(other, 1e-6).where(one.notna(), other.isna()).all())


def _told_of_layers(path: Path) -> list[list[tuple[Any, ...]]]:
    """Return what a GeoPackage says of its layers, and all that is defined in it: views and triggers too."""
    with closing(_base(path)) as base:
        return [sorted(base.execute(question).fetchall(), key=str) for question in _LAYERS_TOLD]


def _base(path: Path) -> sqlite3.Connection:
    """Return a GeoPackage opened to be read and nothing else."""
    return sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands in a nest of tables and lists, each by the names and numbers that lead to it."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{place}")
    else:
        yield name, value


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
