"""A study to begin with: a template to fill in, or files that are recognised."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accessibility.cli.blank import study_template, unwritten_study
from accessibility.errors import InputError
from accessibility.geo.projection import DATUMS
from accessibility.sources.archives import unpack
from accessibility.sources.detection import SWAPPED, ReadingFinding
from accessibility.sources.files import write_folder, write_text
from accessibility.sources.osm import extracts as osm
from accessibility.sources.recognition import ROLES, Recognised, Role, name_tells, recognise_files
from accessibility.sources.tables.columns import find_column
from accessibility.sources.tables.reading import read_table
from accessibility.study.study import read_study
from accessibility.wording import Language, Wording, message_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accessibility.cli.options import Progress
    from accessibility.study.study import Study

_OF_CELLS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".et")  # where nothing tells the datum
_OSM_TAGS: Mapping[Role, str] = {"outlets": "amenity=townhall,amenity=post_office", "banks": "amenity=bank"}
_CHINESE = ("GCJ-02", "BD-09")  # data that only China has
_INPUTS, _SETTLEMENT = "[inputs]\n", "[settlement]\n"
_PEOPLE = re.compile(r"(?m)^([ \t]*population[ \t]*=[ \t]*\{[ \t]*)(reconcile = true, )?")
_TOTALS = ("totals-compared", "reconciled")  # findings on the official totals of districts
_OSM_CREDIT = "© OpenStreetMap contributors, ODbL"


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A study that was written from files.

    Parameters
    ----------
    path
        The ``study.toml``.
    lines
        What was recognised and why, and how coordinates are read, in words.
    warnings
        What looks wrong with the inputs.
    error
        Why the study cannot be read yet; empty where it can.
    totals
        How the people compare with the official totals of districts, or how they were multiplied to them; empty where
        there are none.
    reconciled
        Whether they were.

    Examples
    --------
    >>> from accessibility.cli.runs import Begun
    >>> Begun(path=folder / "study.toml", lines=(), warnings=()).error
    ''
    """

    path: Path
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    error: str = ""
    totals: str = ""
    reconciled: bool = False


def begin_study(
    folder: Path, files: Sequence[str], progress: Progress, *, language: Language = "en", name: str = ""
) -> Begun:
    """Write a study.toml from files: each is recognised by its content, and coordinates are read as they fit best.

    Parameters
    ----------
    folder
        Where the ``study.toml`` is written; it is made where there is none.
    files
        Paths; one with its role before it, as ``banks=list.xlsx``, is taken for that.
    progress
        Who is told how far it is.
    language
        Of the comments and of what is said: ``en`` or ``zh``.
    name
        Of the study; that of the folder if empty.

    Returns
    -------
    Begun
        What was written and why.

    Raises
    ------
    InputError
        A study.toml is there already, or a file that is none of what a study reads.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import begin_study
    >>> try:
    ...     begin_study(folder / "other", [str(study)], silent)
    ... except acc.InputError as error:
    ...     print(str(error).split(";")[0])
    study.toml: unsupported format .toml
    """
    path, say = unwritten_study(folder), Wording("console", language)
    with ExitStack() as undone:
        given, lines = _unpacked([_given(file) for file in files], folder, say, undone)
        found = from_extract(recognise_files(given))
        write_text(path, study_text(found, folder, language, name))
        undone.pop_all()
    lines += [_told(one, say) for one in found]
    error, read = _lacking(found), None
    taken: list[str] = []
    if error:
        return _begun(path, lines, read, language, error)
    try:
        read = read_study(path, progress=progress.step)
        found, taken = _as_they_fit(found, read, say)
        if taken:
            write_text(path, study_text(found, folder, language, name))
            read = read_study(path, progress=progress.step)
    except InputError as fault:
        error = str(fault)
    return _begun(path, (*lines, *taken), read, language, error)


def _lacking(found: Sequence[Recognised]) -> str:
    """Return what no file gives and a study needs; empty where nothing is missing."""
    by_role: dict[str, Recognised] = {one.role: one for one in found}
    told = {
        "there are no streets among the files: expected an OpenStreetMap extract (.osm.pbf), or lines": ["network"],
        "there are no people among the files: expected a raster of people, or a table with a column of them": [
            "population"
        ],
        "there are no outlets or banks among the files: expected a list with coordinates": ["outlets", "banks"],
    }
    there = by_role.keys() | ({"population"} if _counted(by_role) else set())
    return "; ".join(text for text, roles in told.items() if not there & set(roles))


def _begun(path: Path, lines: Sequence[str], read: Study | None, language: Language, error: str = "") -> Begun:
    findings = () if read is None else read.findings
    return Begun(
        path=path,
        lines=tuple(lines),
        warnings=tuple(message_text(str(found), language) for found in findings if found.is_warning),
        error=error,
        totals=next((message_text(found.message, language) for found in findings if found.code in _TOTALS), ""),
        reconciled=any(found.code == _TOTALS[1] for found in findings),
    )


def reconcile_study(path: Path, progress: Progress, *, on: bool = True, language: Language = "en") -> Begun:
    """Write into a study.toml that people are multiplied to the official totals of districts, or that they are not.

    Parameters
    ----------
    path
        The ``study.toml``; the rest of it stays as it is. All of it does where it could not be read any more.
    progress
        Who is told how far it is.
    on
        Whether people are multiplied.
    language
        Of what is said: ``en`` or ``zh``.

    Returns
    -------
    Begun
        What looks wrong then, and how the people compare with the totals.

    Raises
    ------
    InputError
        A study whose population is not written as one table in one line, districts without totals, or the study
        cannot be read.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import reconcile_study
    >>> reconcile_study(study, silent, on=False).reconciled
    False
    """
    before = path.read_text("utf-8")
    text, lines = _PEOPLE.subn(rf"\g<1>{'reconcile = true, ' if on else ''}", before)
    if lines != 1:
        msg = f"{path.name}: population is not one table in one line; expected population = {{ path = ... }}"
        raise InputError(msg)
    write_text(path, text)
    try:
        return _begun(path, (), read_study(path, progress=progress.step), language)
    except BaseException:
        write_text(path, before)
        raise


def _given(file: str) -> tuple[Path, str | None]:
    """Return a path with the role that stands before it, if any; a file whose name has such a beginning is a file."""
    role, sign, rest = file.partition("=")
    return (Path(rest), role) if sign and role in ROLES and not Path(file).exists() else (Path(file), None)


def _unpacked(
    given: Sequence[tuple[Path, str | None]], folder: Path, say: Wording, undone: ExitStack
) -> tuple[list[tuple[Path, str | None]], list[str]]:
    """Return the files with those of a .zip in its place, and what says so; `undone` removes what was unpacked."""
    files: list[tuple[Path, str | None]] = []
    lines: list[str] = []
    for path, role in given:
        if path.suffix.lower() != ".zip":
            files.append((path, role))
            continue
        names = (path.stem, *(f"{path.stem}-{n}" for n in range(2, 1_000)))
        place = next(place for name in names if not (place := folder / "inputs" / name).exists())
        with write_folder(place) as aside:
            unpack(path, aside)
        undone.callback(shutil.rmtree, place, ignore_errors=True)
        inside = {kind: [one for one in sorted(place.iterdir()) if _kind(one) == kind] for kind in ("input", "other")}
        files += [(one, role) for one in inside["input"]]
        lines.append(say("unpacked", file=path.name, n=len(inside["input"]), folder=_relative(place, folder)))
        if inside["other"]:
            lines.append(say("left_out", file=path.name, names=", ".join(one.name for one in inside["other"])))
    return files, lines


def _kind(path: Path) -> str:
    """Return what a file of an archive is by its name; a text that is no list is what came with the data."""
    if path.suffix.lower() == ".txt":
        try:
            recognise_files([(path, None)])
        except InputError:
            return "other"
    return name_tells(path)


def _told(one: Recognised, say: Wording) -> str:
    joint = {"en": ", ", "zh": "\N{FULLWIDTH COMMA}"}[say.language]
    evidence = joint.join(say(key, **values) for key, values in one.evidence)
    return say("recognised", file=one.path.name, role=say(f"role_{one.role}"), evidence=evidence)


def _as_they_fit(found: Sequence[Recognised], study: Study, say: Wording) -> tuple[list[Recognised], list[str]]:
    """Return the files with coordinates read as they fit best where that is clear, and what says so."""
    suspect = {finding.source: finding for finding in study.findings if isinstance(finding, ReadingFinding)}
    read: list[Recognised] = []
    said: list[str] = []
    for one in found:
        finding = suspect.get(one.path.name)
        several = sum(other.path == one.path for other in found) > 1  # of which it does not say which one is meant
        if finding is None or several or one.role not in ("outlets", "banks", "candidates", "population"):
            read.append(one)
            continue
        swap = finding.reading == SWAPPED
        keys = {"columns": _swapped(one)} if swap else {"coordinates": finding.reading}
        read.append(replace(one, keys={**one.keys, **keys}))
        reading = say("swapped") if swap else finding.reading
        found_so = finding.message.rsplit(": ", 1)[0]  # without the advice, which is followed
        evidence = message_text(found_so, say.language)
        said.append(say("taken_as", file=one.path.name, reading=reading, evidence=evidence))
    return read, said


def _swapped(one: Recognised) -> dict[str, str]:
    table, _ = read_table(one.path, layer=one.keys.get("layer"), sheet=one.keys.get("sheet"))
    lon, lat = (find_column(table, key, source=one.path.name) for key in ("lon", "lat"))
    return {"lon": str(lat), "lat": str(lon)}


def study_text(found: Sequence[Recognised], folder: Path, language: Language, name: str = "") -> str:
    """Return a commented study.toml for some files: the template with its inputs filled in."""
    say = Wording("console", language)
    before, _, rest = study_template(language).partition(_INPUTS)
    inputs, _, after = rest.partition(_SETTLEMENT)
    before = before.replace('name = ""', f"name = {_toml(name)}", 1)
    comment = inputs.rstrip().rpartition("\n")[2]  # the last lines before [settlement] belong to it
    by_role: dict[str, Recognised] = {one.role: one for one in found if one.role != "group"}
    groups = {one.keys["name"]: _relative(one.path, folder) for one in found if one.role == "group"}
    if any(_is_extract(one.path) for one in found):
        before = before.replace("# attribution = ", f"attribution = {_toml(_OSM_CREDIT)}\n# attribution = ", 1)
    if any(one.keys.get("coordinates") in _CHINESE for one in found):
        before = before.replace('access = "default"', 'access = "china"  ', 1)
    lines = []
    for one in found:
        if one.role not in ("group", "totals"):
            lines += [f"# {_told(one, say)}", f"{one.role:<10} = {_toml(_input(one, by_role, groups, folder))}"]
    lines += [f"# {_told(one, say)}" for one in found if one.role in ("group", "totals")]
    if "population" not in by_role and _counted(by_role):
        lines.append(f"population = {_toml({'buildings': True})}")
    settlement = by_role["population"].keys.get("settlement") if "population" in by_role else None
    if settlement is not None:
        after = after.replace('from = "degurba"', f"from = {_toml(settlement)}", 1)
    return f"{before}{_INPUTS}{chr(10).join(lines)}\n\n{comment}\n{_SETTLEMENT}{after}"


def from_extract(found: Sequence[Recognised]) -> list[Recognised]:
    """Return the files, and what the extract of the streets holds of what no file gives.

    Its boundaries and buildings stand in where neither districts nor people are given, its public offices and banks
    where neither outlets nor banks are: what the program can work with, to be looked at.
    """
    roles = {one.role for one in found}
    extract = next((one for one in found if one.role == "network" and _is_extract(one.path)), None)
    if extract is None:
        return list(found)
    added: list[Recognised] = []
    if not roles & {"area", "population", "totals"}:
        with suppress(InputError):
            districts, _ = osm.read_districts(extract.path)
            level, people = int(districts["admin_level"].iloc[0]), float(districts["population"].sum())
            said = {"n": len(districts), "level": level, "people": f"{people:,.0f}"}
            evidence = (("boundaries", said),)
            added.append(Recognised(path=extract.path, role="area", keys=_level(level, people), evidence=evidence))
    if not roles & {"outlets", "banks"}:
        for role, tags in _OSM_TAGS.items():
            with suppress(InputError):
                places, _ = osm.read_places(extract.path, tags)
                if len(places):
                    evidence = (("tagged", {"n": len(places), "tags": tags}),)
                    added.append(Recognised(path=extract.path, role=role, keys={"osm": tags}, evidence=evidence))
    return sorted([*found, *added], key=lambda one: ROLES.index(one.role))


def _level(level: int, people: float) -> dict[str, Any]:
    return {"admin_level": level} | ({"counted": True} if people > 0 else {})


def _is_extract(path: Path) -> bool:
    return path.name.lower().endswith(osm.SUFFIXES)


def _counted(by_role: Mapping[str, Recognised]) -> bool:
    """Return whether the districts, or a table joined to them, say how many people they have."""
    area = by_role["area"].keys if "area" in by_role else {}
    return "totals" in by_role or "population" in area or "counted" in area


def _input(
    one: Recognised, by_role: Mapping[str, Recognised], groups: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    keys: dict[str, Any] = {"path": _relative(one.path, folder), **one.keys}
    keys = {key: value for key, value in keys.items() if key not in ("counted", "settlement")}  # said elsewhere
    if "osm" in keys:
        del keys["path"]  # the extract of the streets
    if one.role == "area" and "totals" in by_role:
        keys |= {"table": _relative(by_role["totals"].path, folder), **by_role["totals"].keys}
    if one.role == "population" and groups:
        keys["groups"] = dict(groups)
    if one.role in ("outlets", "banks", "candidates") and one.path.suffix.lower() in _OF_CELLS:
        keys.setdefault("coordinates", DATUMS[0])
    return keys


def _relative(path: Path, folder: Path) -> str:
    """Return a path as the study names it: from its folder where it lies near, else in full; with slashes."""
    whole, home = path.resolve(), folder.resolve()
    near = whole.is_relative_to(home) or whole.is_relative_to(home.parent)
    return Path(os.path.relpath(whole, home)).as_posix() if near else whole.as_posix()


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{k if k.isidentifier() and k.isascii() else _toml(k)} = {_toml(v)}" for k, v in value.items()
        )
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)
