"""Scenarios in TOML: read with their place in the file in every error, and written so that reading gives them back."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from accessibility.errors import InputError, checked
from accessibility.sources.decoding import read_toml
from accessibility.sources.files import absence, is_file, write_text
from accessibility.streets.edits import edit_of, edit_table
from accessibility.study.schema import validation_sentences
from accessibility.study.valuetables import StandardTable, StrictTable, rule_table
from accessibility.whatif.scenario import Addition, Move, Scenario, Settings, addition_values

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from accessibility.standards import Standard
    from accessibility.streets.edits import StreetEdit

Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
_HEADER = """# Scenarios: what would be different from today. Ids are those of the study; places are degrees, WGS84.
# accessibility compare STUDY.toml this-file.toml
"""


class _Added(StrictTable):
    id: Id
    lon: float
    lat: float
    kind: Literal["new", "bank", "outlet"] = "new"
    name: str = ""
    cost: float = Field(default=0.0, ge=0)


class _Moved(StrictTable):
    id: Id
    lon: float
    lat: float


class _ScenarioTable(StrictTable):
    """``[[scenario]]``."""

    name: str
    opened: tuple[Id, ...] = Field(default=(), alias="open")
    closed: tuple[Id, ...] = Field(default=(), alias="close")
    added: tuple[_Added, ...] = Field(default=(), alias="add")
    moved: tuple[_Moved, ...] = Field(default=(), alias="move")
    streets: tuple[dict[str, Any], ...] = ()
    speed_m_s: float | None = Field(default=None, ge=0.3, le=3.0)
    open_compounds: bool | None = None
    standard: StandardTable | None = None

    model_config = ConfigDict(populate_by_name=True)

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return Scenario(
            name=self.name,
            opened=self.opened,
            closed=self.closed,
            added=tuple(Addition(**a.model_dump()) for a in self.added),
            moved=tuple(Move(**m.model_dump()) for m in self.moved),
            edits=self._edits,
            settings=Settings(
                speed_m_s=self.speed_m_s,
                open_compounds=self.open_compounds,
                standard=None if self.standard is None else self.standard.standard,
            ),
        )

    @property
    def _edits(self) -> tuple[StreetEdit, ...]:
        try:
            return tuple(edit_of(table) for table in self.streets)
        except InputError as error:
            msg = f"scenario {self.name!r}: {error}"
            raise InputError(msg) from error


class _ScenarioFile(StrictTable):
    scenario: tuple[_ScenarioTable, ...]


@checked
def read_scenarios(path: str | os.PathLike[str]) -> tuple[Scenario, ...]:
    r"""Return the scenarios of a TOML file, in their order.

    Each is a table ``[[scenario]]`` with a name and any of ``open`` and ``close`` (ids), ``add`` (id, lon, lat, kind,
    name, cost), ``move`` (id, lon, lat), ``speed_m_s``, ``open_compounds`` and ``standard`` (as in a study); and
    ``streets``, one edit after the other, each a table with one of ``add`` (a line; ``bridge``, ``oneway``, ``steps``),
    ``close`` (an area, or rows of the network; ``bridges = false`` leaves bridges open), ``pace`` (a factor; ``area``)
    and ``open_compound`` (an area or a place), and a ``name``. Places are pairs of longitude and latitude, or WKT.

    Parameters
    ----------
    path
        The TOML file.

    Returns
    -------
    tuple of Scenario
        One per table.

    Raises
    ------
    InputError
        A file that is missing or not TOML, an unknown key, a value out of its range, two scenarios of one name.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import accessibility as acc
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "scenarios.toml"
    ...     _ = file.write_text('[[scenario]]\nname = "bank"\nopen = ["B1"]')
    ...     [scenario.opened for scenario in acc.read_scenarios(file)]
    [('B1',)]
    """
    from pathlib import Path  # noqa: PLC0415

    path = Path(path)
    if not is_file(path):
        msg = f"{path}: {absence(path)}; expected a file of scenarios"
        raise InputError(msg)
    content = read_toml(path, names_files=False)
    try:
        tables = _ScenarioFile.model_validate(content).scenario
        found = tuple(table.scenario for table in tables)
    except ValidationError as error:
        msg = f"{path.name}: {validation_sentences(error.errors(), _ScenarioFile)}"
        raise InputError(msg) from error
    except InputError as error:
        msg = f"{path.name}: {error}"
        raise InputError(msg) from error
    names = [scenario.name for scenario in found]
    twice = [name for row, name in enumerate(names) if name in names[:row]]
    if twice:
        msg = f"{path.name}: two scenarios are named {twice[0]!r}; expected a name each"
        raise InputError(msg)
    return found


@checked
def write_scenarios(scenarios: Iterable[Scenario], path: str | os.PathLike[str]) -> None:
    """Write scenarios as TOML that `read_scenarios` reads; ids become text.

    Parameters
    ----------
    scenarios
        Scenarios, of which no two have the same name.
    path
        The file; one that is there is replaced.

    Raises
    ------
    OutputError
        The file cannot be written; one that is there is untouched.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import accessibility as acc
    >>> bank = acc.Scenario(name="bank", opened=("B1",))
    >>> with TemporaryDirectory() as folder:
    ...     acc.write_scenarios([bank], Path(folder) / "scenarios.toml")
    ...     acc.read_scenarios(Path(folder) / "scenarios.toml") == (bank,)
    True
    """
    write_text(path, _HEADER + "".join(f"\n{scenario_toml(scenario)}" for scenario in scenarios))


def append_scenario(scenario: Scenario, path: str | os.PathLike[str]) -> None:
    """Add a scenario to a file of scenarios, which is begun where there is none.

    What stands in the file stays as it is, comments too. The same scenario once more changes nothing.

    Raises
    ------
    InputError
        A file that is none of scenarios, or holds another scenario of this name.
    OutputError
        The file cannot be written; one that is there is untouched.
    """
    from pathlib import Path  # noqa: PLC0415

    path = Path(path)
    if not path.exists():
        write_scenarios([scenario], path)
        return
    added = scenario_toml(scenario)
    for other in read_scenarios(path):
        if scenario_toml(other) == added:
            return
        if other.name == scenario.name:
            msg = f"{path.name}: another scenario is named {scenario.name!r}; expected a name of its own"
            raise InputError(msg)
    text = f"{path.read_text(encoding='utf-8-sig').rstrip()}\n\n{added}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{path.name}: its scenarios stand in one list; expected a table [[scenario]] each, to add one"
        raise InputError(msg) from error
    write_text(path, text)


def scenario_toml(scenario: Scenario) -> str:
    """Return one scenario as a table of TOML.

    Examples
    --------
    >>> print(scenario_toml(Scenario(name="bank", opened=("B017",))))
    [[scenario]]
    name = "bank"
    open = ["B017"]
    <BLANKLINE>
    """
    lines = [f"{key} = {toml_value(value)}" for key, value in scenario_values(scenario).items()]
    return "\n".join(["[[scenario]]", *lines, ""])


def scenario_values(scenario: Scenario) -> dict[str, Any]:
    """Return one scenario as a table of plain values; what is as it is today stays out.

    Examples
    --------
    >>> scenario_values(Scenario(name="bank", opened=("B017",)))
    {'name': 'bank', 'open': ['B017']}
    """
    settings = scenario.settings
    values = {
        "name": scenario.name,
        "open": [str(i) for i in scenario.opened] or None,
        "close": [str(i) for i in scenario.closed] or None,
        "add": [addition_values(a) for a in scenario.added] or None,
        "move": [{"id": str(m.id), "lon": float(m.lon), "lat": float(m.lat)} for m in scenario.moved] or None,
        "streets": [edit_table(edit) for edit in scenario.edits] or None,
        "speed_m_s": settings.speed_m_s,
        "open_compounds": settings.open_compounds,
        "standard": None if settings.standard is None else _rules(settings.standard),
    }
    return {key: value for key, value in values.items() if value is not None}


def read_scenario_values(table: Any) -> Scenario:
    """Return the scenario of a table of plain values.

    Raises
    ------
    InputError
        An unknown key, a value out of its range, a scenario that contradicts itself.

    Examples
    --------
    >>> read_scenario_values({"name": "bank", "open": ["B017"]}).opened
    ('B017',)
    """
    try:
        return _ScenarioTable.model_validate(table).scenario
    except ValidationError as error:
        raise InputError(validation_sentences(error.errors(), _ScenarioTable)) from error


def _rules(standard: Standard) -> dict[str, Any]:
    return {setting: rule_table(rule) for setting, rule in standard.rules}


def toml_key(name: str) -> str:
    """Return a name as a key of TOML, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)


def toml_value(value: Any) -> str:
    """Return a value as TOML; a text of TOML is one of JSON, but for half characters, which no name has."""
    if isinstance(value, dict):
        table: Mapping[str, Any] = value
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(inner)}" for key, inner in table.items()) + " }"
    if isinstance(value, list):
        wide = bool(value) and isinstance(value[0], dict)
        inner = [toml_value(item) for item in value]
        return "[\n  " + ",\n  ".join(inner) + ",\n]" if wide else "[" + ", ".join(inner) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
