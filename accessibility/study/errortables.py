"""``[uncertainty]`` of a ``study.toml``: how large the errors of the inputs are taken to be."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accessibility.uncertainty.sources import SOURCES, InputErrors
from accessibility.uncertainty.trying import Trying


class StrictTable(BaseModel):
    """A table in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)


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
