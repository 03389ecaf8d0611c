"""``[standard]``, ``[walking]`` and ``[uncertainty]`` of a study: rules, how people walk, and what may be wrong."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from accessibility.standards import SETTINGS, Rule, Standard, Walker
from accessibility.streets.foot import FootAccess
from accessibility.streets.grades import SLOPE_FACTORS
from accessibility.uncertainty.sources import SOURCES, InputErrors
from accessibility.uncertainty.trying import Trying

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accessibility.streets.grades import SlopeFactor


class StrictTable(BaseModel):
    """A table in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_flags(cls, told: Any, field: ValidationInfo) -> Any:
        """Refuse true and false for a number: they would be taken for 1 and 0."""
        kinds = _kinds(cls.model_fields[str(field.field_name)].annotation)
        values = told.values() if isinstance(told, dict) else (told,)
        if bool not in kinds and kinds & {int, float} and any(isinstance(value, bool) for value in values):
            kind: Any = "float_type"
            raise PydanticKnownError(kind)
        return told


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types that an annotation is made of."""
    return {annotation}.union(*map(_kinds, get_args(annotation)))


class RuleTable(StrictTable):
    """``{ walk_minutes = 15 }`` or ``{ kilometres = 5, along = "network" }``."""

    walk_minutes: Annotated[float, Field(gt=0, le=10_080)] | None = None  # a week
    kilometres: Annotated[float, Field(gt=0, le=20_000)] | None = None  # half around the Earth
    along: Literal["network", "radius"] = "network"

    @model_validator(mode="after")
    def _one_limit(self) -> RuleTable:
        if (self.walk_minutes is None) == (self.kilometres is None):
            msg = "expected either walk_minutes or kilometres"
            raise ValueError(msg)
        return self

    @property
    def rule(self) -> Rule:
        """The rule."""
        if self.walk_minutes is not None:
            return Rule.walk(self.walk_minutes)
        return Rule.distance(self.kilometres or 0.0, along=self.along)


def rule_table(rule: Rule) -> dict[str, Any]:
    """Return a rule as `RuleTable` reads it."""
    if rule.measure == "walk":
        return {"walk_minutes": rule.limit / 60.0}
    return {"kilometres": rule.limit / 1_000.0, "along": rule.measure}


class StandardTable(StrictTable):
    """``[standard]``: the rules of urban, town and rural, or those of settings that a study names itself.

    Where any other setting is named, those that are named are all there are. A rule may be another setting's name.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | RuleTable] = Field(init=False)

    urban: RuleTable = RuleTable(walk_minutes=15)
    town: str | RuleTable = "urban"
    rural: RuleTable = RuleTable(kilometres=5)

    @model_validator(mode="after")
    def _known_settings(self) -> StandardTable:
        rules = self._tables
        for name, rule in rules.items():
            if isinstance(rule, str) and not isinstance(rules.get(rule), RuleTable):
                others = [setting for setting, other in rules.items() if isinstance(other, RuleTable)]
                msg = f"{name} = {rule!r}; expected a rule, or a setting that has one: {', '.join(others)}"
                raise ValueError(msg)  # noqa: TRY004 -- which pydantic takes
        return self

    @property
    def own(self) -> tuple[str, ...]:
        """Settings that are none of urban, town and rural."""
        return tuple(self.__pydantic_extra__ or ())

    @property
    def _tables(self) -> dict[str, str | RuleTable]:
        named = [name for name in SETTINGS if not self.own or name in self.model_fields_set]
        return {name: getattr(self, name) for name in named} | (self.__pydantic_extra__ or {})

    @property
    def standard(self) -> Standard:
        """The standard."""
        tables = self._tables
        rules = {name: (tables[table] if isinstance(table, str) else table) for name, table in tables.items()}
        return Standard(rules={name: table.rule for name, table in rules.items()})  # type: ignore[union-attr]


Speed = Annotated[float, Field(ge=0.3, le=3.0)]
Preset = Literal["standard", "elderly", "brisk"]
Factor = Annotated[float, Field(ge=1.0, le=10.0)]
Delay = Annotated[float, Field(ge=0.0, le=90.0)]


class GroupWalkerTable(StrictTable):
    """How a group of people walks; what it does not say is as everybody walks."""

    speed_m_s: Speed | None = None
    walker: Preset | None = None
    slope: bool | None = None
    stairs_factor: Factor | None = None
    signal_delay_s: Delay | None = None
    access_factor_s: Factor | None = None
    access_factor_m: Factor | None = None
    open_compounds: bool | None = None

    def beside(self, everybody: Walker) -> Walker:
        """Return the walker of the group."""
        own = {} if self.walker is None else {"speed_m_s": Walker.presets[self.walker].speed_m_s}
        return replace(everybody, **own | self.model_dump(exclude={"walker"}, exclude_none=True))


def _of_group(told: Any) -> Any:
    """Return a walker as its table: a speed and the name of a preset stand for one."""
    if isinstance(told, Walker):
        return asdict(told)
    if isinstance(told, str):
        return {"walker": told}
    return {"speed_m_s": told} if isinstance(told, int | float) and not isinstance(told, bool) else told


class WalkingTable(StrictTable):
    """``[walking]``."""

    speed_m_s: Speed | None = None
    walker: Preset = "standard"
    groups: dict[str, Annotated[GroupWalkerTable, BeforeValidator(_of_group)]] | None = None
    slope: bool | Literal["tobler", "irmischer-clarke", "campbell", "naismith", "din-33466"] = True
    stairs_factor: Factor = 2.0
    signal_delay_s: Delay = 0.0
    access_factor_s: Factor | None = None
    access_factor_m: Factor | None = None
    access: Literal["default", "china"] = "default"
    open_compounds: bool = False
    ferries: bool = False
    ferry_m_s: Annotated[float, Field(gt=0, le=25)] = 3.0  # the fastest sail 50 knots
    ferry_wait_s: float = Field(default=600.0, ge=0, le=86_400)  # a day
    lift_s: float = Field(default=60.0, ge=0, le=3_600)

    @property
    def the_walker(self) -> Walker:
        """The walker: the preset, at the speed given."""
        preset = Walker.presets[self.walker]
        own = {name: getattr(self, name) for name in ("speed_m_s", "access_factor_s", "access_factor_m")}
        return replace(
            preset,
            **{name: value for name, value in own.items() if value is not None},
            slope=bool(self.slope),
            stairs_factor=self.stairs_factor,
            signal_delay_s=self.signal_delay_s,
            open_compounds=self.open_compounds,
        )

    @property
    def group_walkers(self) -> Mapping[str, Walker]:
        """How each group walks that does not walk as everybody does."""
        return {name: table.beside(self.the_walker) for name, table in (self.groups or {}).items()}

    @property
    def slope_factor(self) -> SlopeFactor:
        """How slopes change the pace: by Tobler's function where the study names none."""
        return SLOPE_FACTORS[self.slope if isinstance(self.slope, str) else "tobler"]

    @property
    def foot(self) -> FootAccess:
        """Who may walk where, and what ferries and lifts take."""
        return FootAccess(
            access=self.access,
            ferries=self.ferries,
            ferry_m_s=self.ferry_m_s,
            ferry_wait_s=self.ferry_wait_s,
            lift_s=self.lift_s,
        )


def _known_sources(names: tuple[str, ...]) -> tuple[str, ...]:
    strange = [name for name in names if name not in SOURCES]
    if strange:
        msg = f"found {strange[0]!r}; expected names among {', '.join(SOURCES)}"
        raise ValueError(msg)
    return names


Size = Annotated[float, Field(ge=0, le=3)]
Coordinate = Annotated[str, Field(min_length=1)] | Annotated[float, Field(ge=0, le=5_000)]


class PeopleErrorTable(StrictTable):
    """How far off the people are: relative standard deviation, of a point and of a square kilometre together."""

    cell: Size = 0.3
    block: Size = 0.3


class UncertaintyTable(StrictTable):
    """``[uncertainty]``: how large the errors of the inputs are taken to be."""

    draws: int = Field(default=200, ge=2, le=100_000)
    seed: int = Field(default=1, ge=0, le=2**53)
    without: Annotated[tuple[str, ...], AfterValidator(_known_sources)] = ()
    outlets: Coordinate | None = None
    banks: Coordinate | None = None
    candidates: Coordinate | None = None
    people: PeopleErrorTable = PeopleErrorTable()
    missing: dict[str, Annotated[float, Field(ge=0, lt=1)]] = Field(default_factory=dict)
    snapping_m: Annotated[float, Field(ge=0, le=500)] = 20.0
    home_m: Annotated[float, Field(ge=0, le=500)] = 10.0
    speed_m_s: Annotated[float, Field(ge=0, le=1)] = 0.1

    @property
    def errors(self) -> InputErrors:
        """The sizes; types of street that the study does not name keep theirs."""
        usual = InputErrors()
        return InputErrors(
            without=self.without,
            people_cell=self.people.cell,
            people_block=self.people.block,
            missing={**usual.missing, **self.missing},
            snapping_m=self.snapping_m,
            home_m=self.home_m,
            speed_m_s=self.speed_m_s,
        )

    def trying(self, draws: int | None = None, seed: int | None = None, **how: Any) -> Trying:
        """Return how the inputs are drawn: as often as the study says, and with its seed, where not told otherwise."""
        return Trying(draws=self.draws if draws is None else draws, seed=self.seed if seed is None else seed, **how)
