"""What may stand in a ``study.toml``; unknown keys and impossible values are refused with their place."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from accessibility.errors import InputError
from accessibility.geo.projection import plain_datum
from accessibility.siting import Conditions
from accessibility.sources.decoding import read_toml
from accessibility.sources.files import absence, is_file
from accessibility.standards import SETTINGS
from accessibility.study.valuetables import StandardTable, StrictTable, UncertaintyTable, WalkingTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OSM_SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")
_OTHER_NAMES = {  # what planners call a key
    **dict.fromkeys(("roads", "streets", "路网"), "network"),
    **dict.fromkeys(("people", "人口"), "population"),
    **dict.fromkeys(("districts", "区划"), "area"),
    **dict.fromkeys(("sites", "网点"), "outlets"),
    **dict.fromkeys(("branches", "银行"), "banks"),
    **dict.fromkeys(("datum", "crs", "坐标"), "coordinates"),
    **dict.fromkeys(("km", "kilometers"), "kilometres"),
    "dem": "elevation",
    "file": "path",
    "minutes": "walk_minutes",
    "speed": "speed_m_s",
}


def _slashed(path: Any) -> Any:
    return path.replace("\\", "/") if isinstance(path, str) else path


File = Annotated[Path, BeforeValidator(_slashed)]
Datum = Annotated[str, BeforeValidator(lambda name: plain_datum(name) if isinstance(name, str) else name)]
Positive = Annotated[float, Field(gt=0)]
_SHOWN = 5


class AreaInput(StrictTable):
    """Districts: a polygon file, or the boundaries in an OpenStreetMap extract (the network's if no path is given)."""

    path: File | None = None
    name: str = "name"
    id: str | None = None
    population: str | None = None
    table: File | None = None
    layer: str | None = None
    encoding: str | None = None
    admin_level: int | None = Field(default=None, ge=2, le=11)

    @model_validator(mode="after")
    def _some_source(self) -> AreaInput:
        if self.path is None and self.admin_level is None:
            msg = "expected path = ... or admin_level = ..."
            raise ValueError(msg)
        return self


class NetworkInput(StrictTable):
    """The streets: an OpenStreetMap extract, a file of lines, a graph (.graphml), or a place to ask the servers for."""

    path: File | None = None
    place: str | None = Field(default=None, min_length=1)
    overpass: str | None = None
    nominatim: str | None = None
    crs: str | None = None
    layer: str | None = None
    noded: bool = False
    saved: bool = False
    edits: File | None = None
    water: File | None = None
    names: File | None = None

    @model_validator(mode="after")
    def _one_source(self) -> NetworkInput:
        if (self.path is None) == (self.place is None):
            msg = 'expected either path = ... or place = "..."'
            raise ValueError(msg)
        if self.place is None and (self.overpass or self.nominatim):
            msg = "overpass and nominatim are servers that are asked for a place; expected place"
            raise ValueError(msg)
        if self.saved and (self.place or self.crs or self.layer or self.noded):
            msg = "saved = true reads streets as study.save writes them, whole; expected path and nothing else"
            raise ValueError(msg)
        if not self.saved and (self.edits or self.water or self.names):
            msg = "edits, water and names are files next to streets as study.save writes them; expected saved = true"
            raise ValueError(msg)
        return self


class TableInput(StrictTable):
    """A table of places: where it is, and how it differs from the usual."""

    path: File | None = None
    coordinates: Datum | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    layer: str | None = None
    sheet: str | None = None
    encoding: str | None = None


class PopulationInput(TableInput):
    """People: a raster, a table, or district totals spread over buildings."""

    buildings: bool = False
    band: int | None = Field(default=None, ge=1)
    unit: Literal["persons", "per_km2", "per_hectare"] = "persons"
    column: str | None = None
    id: str | None = None
    setting: str | None = None
    district: str | None = None
    limit: str | None = None
    groups: dict[str, str] = Field(default_factory=dict)
    totals: str | None = None
    reconcile: bool = False
    split_cells: Annotated[float, Field(ge=10)] | Literal["buildings"] | None = None
    saved: bool = False
    shapes: File | None = None
    findings: File | None = None

    @model_validator(mode="after")
    def _some_source(self) -> PopulationInput:
        if self.path is None and not self.buildings:
            msg = "expected path = ... or buildings = true"
            raise ValueError(msg)
        if (self.shapes or self.findings) and not self.saved:
            msg = "shapes and findings are files next to people as study.save writes them; expected saved = true"
            raise ValueError(msg)
        return self


class ElevationInput(StrictTable):
    """Heights."""

    path: File


class SitesInput(TableInput):
    """Outlets, banks or candidates: a table of places, or tags in an OpenStreetMap extract."""

    osm: str | list[str] | None = None
    counts_if: dict[str, str | list[str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _some_source(self) -> SitesInput:
        if self.path is None and self.osm is None:
            msg = 'expected path = ... or osm = "amenity=..."'
            raise ValueError(msg)
        idle = sorted(self.model_fields_set & (set(TableInput.model_fields) - {"path"}))
        if self.osm is not None and idle:
            msg = f"osm = ... reads objects of OpenStreetMap, not a table; expected no {', '.join(idle)}"
            raise ValueError(msg)
        return self

    @property
    def tags(self) -> str:
        """The OpenStreetMap tags asked for, joined by commas."""
        return self.osm if isinstance(self.osm, str) else ",".join(self.osm or ())


class InputsTable(StrictTable):
    """``[inputs]``."""

    area: AreaInput | None = None
    network: NetworkInput
    population: PopulationInput
    elevation: ElevationInput | None = None
    outlets: SitesInput | None = None
    banks: SitesInput | None = None
    candidates: SitesInput | None = None

    @model_validator(mode="after")
    def _complete(self) -> InputsTable:
        if self.outlets is None and self.banks is None:
            msg = "expected outlets or banks"
            raise ValueError(msg)
        if self.network.place is not None:
            self._refuse_no_extract()
        if self.area is None and (self.population.reconcile or self.population.totals is not None):
            msg = "population is held against the official totals of districts; expected area"
            raise ValueError(msg)
        return self

    def _refuse_no_extract(self) -> None:
        if self.population.buildings and self.population.path is None:
            msg = "population = { buildings = true } reads an extract, and network names a place; expected path = ..."
            raise ValueError(msg)
        if self.area is not None and self.area.path is None:
            msg = "area = { admin_level = ... } reads an extract, and network names a place; expected path = ..."
            raise ValueError(msg)


class SettlementSource(StrictTable):
    """Where the setting of people comes from, if not from their density: a column of theirs, or of polygons."""

    column: str | None = None
    codes: str | None = None
    polygons: File | None = None
    layer: str | None = None
    encoding: str | None = None
    grids: File | None = None
    bands: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> SettlementSource:
        named = sum(value is not None for value in (self.column, self.codes))
        if named > 1 or (named == 0 and self.polygons is None):
            msg = "expected one of column, codes or polygons; polygons may name their column or codes"
            raise ValueError(msg)
        if self.grids is not None and self.column is None:
            msg = "grids is a file next to settings as study.save writes them; expected their column"
            raise ValueError(msg)
        if self.bands and self.column is None:
            msg = "bands are of the numbers in a column; expected column = ..."
            raise ValueError(msg)
        return self


class SettlementTable(StrictTable):
    """``[settlement]``."""

    source: Literal["degurba"] | SettlementSource = Field(default="degurba", alias="from")


class CostTable(StrictTable):
    """Cost of opening, by kind of candidate."""

    bank: float = Field(default=1.0, ge=0)
    new: float = Field(default=3.0, ge=0)


class SitingTable(StrictTable):
    """``[siting]``: what opening costs, where new sites may be made, and what every proposal keeps to."""

    cost: CostTable = CostTable()
    cost_unit: Annotated[str, Field(max_length=20)] = ""
    generate: bool | None = None
    generate_spacing_m: Positive | None = None
    quotas: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    spacing_m: float = Field(default=0.0, ge=0)
    exclusive: tuple[tuple[str, str], ...] = ()
    floors: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    @property
    def conditions(self) -> Conditions:
        """What every proposal keeps to."""
        kept = ("quotas", "spacing_m", "exclusive", "floors", "required", "forbidden")
        return Conditions(**{name: getattr(self, name) for name in kept})


class StudyFile(StrictTable):
    """A whole ``study.toml``."""

    name: str = ""
    attribution: str | None = None
    map_approval: str = ""
    basemap: Literal["osm", "tianditu"] | None = None
    standard: StandardTable = StandardTable()
    walking: WalkingTable = WalkingTable()
    inputs: InputsTable
    settlement: SettlementTable = SettlementTable()
    siting: SitingTable = SitingTable()
    uncertainty: UncertaintyTable = UncertaintyTable()

    @model_validator(mode="after")
    def _settings_named(self) -> StudyFile:
        """Refuse settings that nobody is said to have: most are one of the three, written otherwise."""
        source, own = self.settlement.source, self.standard.own
        column = self.inputs.population.setting
        if own and (source == "degurba" or source.codes is not None) and column is None:
            close = difflib.get_close_matches(_OTHER_NAMES.get(own[0].casefold(), own[0]), SETTINGS, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            msg = (
                f"standard.{own[0]}: unknown key{meant}; expected {', '.join(SETTINGS)}, or a study whose [settlement]"
                " is from a column or polygons that name settings of its own"
            )
            raise ValueError(msg)
        known = self.standard.standard.settings
        lost = [name for name in getattr(source, "bands", ()) if name not in known]
        if lost:
            msg = f"settlement.from.bands names {lost[0]!r}; expected settings of the standard: {', '.join(known)}"
            raise ValueError(msg)
        return self

    @property
    def makes_candidates(self) -> bool:
        """Whether candidates are made on the streets: as it says, else where it names none."""
        return self.inputs.candidates is None if self.siting.generate is None else self.siting.generate


def has_totals(settings: StudyFile) -> bool:
    """Return whether districts have official numbers of people: a column that is named, or objects of OpenStreetMap."""
    area, streets = settings.inputs.area, settings.inputs.network
    if area is None:
        return False
    path = area.path or streets.path
    return area.population is not None or path is None or path.name.lower().endswith(OSM_SUFFIXES)


def read_study_file(path: Path) -> StudyFile:
    """Return the checked content of a ``study.toml``.

    Raises
    ------
    InputError
        A file that is missing or not TOML, an unknown key, a value out of its range.
    """
    if not is_file(path):
        msg = f"{path}: {absence(path)}; expected a study.toml (make one with: accessibility new DIR)"
        raise InputError(msg)
    content = read_toml(path)
    try:
        return StudyFile.model_validate(content)
    except ValidationError as error:
        msg = f"{path.name}: {validation_sentences(error.errors(), StudyFile)}"
        raise InputError(msg) from error


def validation_sentences(errors: Sequence[Any], model: type[BaseModel]) -> str:
    """Return what a file does wrong by its model, five faults at most, each with its place."""
    shown = "; ".join(_sentence(e, model) for e in errors[:_SHOWN])
    return f"{shown}; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else shown


def _sentence(error: Any, model: type[BaseModel]) -> str:
    """Return one validation error in words: where, what was found, what was expected."""
    last = len(error["loc"]) - 1 if error["type"] == "extra_forbidden" else len(error["loc"])
    tables = {table.__name__ for table in StrictTable.__subclasses__()}
    steps = [s for at, s in enumerate(error["loc"]) if isinstance(s, int) or at == last or str(s) not in tables]
    place = ".".join(str(step) for step in steps if "[" not in str(step)) or "file"
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key{_meant(error['loc'], model)}"
    if error["type"] == "missing":
        return f"{place}: required and not there"
    message = re.sub(" or instance of .*| for <class .*", "", str(error["msg"]).removeprefix("Value error, "))
    found = error["input"]
    told = str(found).lower() if isinstance(found, bool) else repr(found)  # as the file says it
    return f"{place}: found {told}; {message}" if isinstance(found, str | int | float) else f"{place}: {message}"


def _meant(loc: Sequence[Any], model: type[BaseModel]) -> str:
    """Return which key was meant, or the table where one of that name stands, or those there are."""
    *path, key = (str(step) for step in loc)
    tables = dict(_tables(model))
    here = tables.get(tuple(step for step in path if step[:1].islower() and "[" not in step), ())
    if not here:
        return ""
    plain = _OTHER_NAMES.get(key.casefold(), key.casefold().replace("-", "_").replace(" ", "_"))
    close = [name for name in here if name == plain] or difflib.get_close_matches(plain, here, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    elsewhere = [place for place, keys in tables.items() if plain in keys]
    if elsewhere:
        return f"; {plain} stands under {'.'.join(elsewhere[0]) or 'the file itself'}"
    return f"; expected some of {', '.join(here)}"


def _tables(model: type[BaseModel], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield the place of each table of a file and the keys that it may have."""
    yield place, tuple(field.alias or name for name, field in model.model_fields.items())
    for name, field in model.model_fields.items():
        for inner in (field.annotation, *_inner(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _tables(inner, (*place, field.alias or name))


def _inner(annotation: Any) -> Iterator[Any]:
    for inner in get_args(annotation):
        yield inner
        yield from _inner(inner)
