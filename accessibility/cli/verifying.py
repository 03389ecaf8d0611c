"""`accessibility check`: what findings on inputs are worth; `accessibility verify`: a run repeated and compared."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from accessibility.cli.comparing import run_compare
from accessibility.cli.folder import claim_quality, is_result
from accessibility.cli.options import READING_STEPS, Options
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.proving import PROOF, Proof, prove_held, prove_told
from accessibility.cli.tiling import Tiling, run_tiles
from accessibility.cli.verification import (
    Comparison,
    Verdict,
    compare_manifests,
    entry_text,
    plain_file,
    read_told,
    recorded_file,
    same_content,
)
from accessibility.errors import AccessibilityError, InputError, OutputError
from accessibility.measures.tables import speed_text
from accessibility.present.layers.files import write_csv
from accessibility.present.manifest import parse_manifest
from accessibility.present.map.legends import headlines
from accessibility.quality import measure_quality
from accessibility.sources.cache import sha256_file
from accessibility.sources.files import passing_folder
from accessibility.streets.search.compiling import limited_threads
from accessibility.study.proposing import Question
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accessibility.cli.comparing import ScenarioComparison as Compared
    from accessibility.cli.options import Progress, Result
    from accessibility.cli.verification import RecordedFile, RecordedSiting, Told
    from accessibility.study.study import Study
    from accessibility.wording import Language


def run_check(
    path: Path,
    progress: Progress,
    out: Path | None = None,
    *,
    workers: int | None = None,
    language: Language = "en",
) -> dict[str, Any]:
    """Return what a study's inputs hold, and what every finding on them is worth in points of coverage.

    That takes a coverage run or a few: a finding without its worth leaves open whether it matters.

    Parameters
    ----------
    path
        The ``study.toml``.
    progress
        Who is told how far it is.
    out
        Where ``quality.csv`` is written; nothing is written if None.
    workers
        Threads on which findings are weighed; all processors if None.
    language
        In which ``quality.csv`` tells the findings.

    Returns
    -------
    dict
        ``read`` (what the inputs hold), ``headline``, ``notes`` and ``warnings`` as sentences, and the fields of
        `accessibility.quality.Quality.to_dict`.

    Raises
    ------
    InputError
        An input that does not meet its contract.
    OutputError
        ``quality.csv`` cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import run_check
    >>> run_check(study, silent)["headline"].split(" are")[0]
    '75.0 % of 40 people (30)'
    """
    progress.start(READING_STEPS + 1)
    study = read_study(path, progress=progress.step)
    table = None if out is None else claim_quality(out, [path, *study.inputs.values()])
    progress.step("Weighing what was found")
    with limited_threads(workers):
        quality = measure_quality(study)
    if table is not None:
        write_csv(quality.table_in(language), table)
    sites, demand = study.sites, study.demand
    placed = study.site_district.notna().to_numpy()
    read = {
        "study": f"{study.name} ({path})",
        "area": "none: everyone counts" if study.districts is None else f"{len(study.districts)} districts",
        "network": f"{study.network!r}"[1:-1] + f"; projected to {_crs_text(study.network.crs)}",
        "people": f"{demand!r}"[1:-1],
        "sites": f"{sites!r}"[1:-1] + f"; {int(placed.sum())} inside the area",
        "standard": "; ".join(f"{setting}: {rule.text}" for setting, rule in study.standard.rules),
        "walking": _walking_text(study),
    }
    said = headlines(quality.coverage)
    files = {name: f"{file.name}, {file.stat().st_size / 1e6:.2f} MB" for name, file in study.inputs.items()}
    return {
        "read": read | {f"file {name}": text for name, text in files.items()},
        "headline": said["en"],
        "headline_zh": said["zh"],
        "totals": {"population": quality.coverage.population, "covered": quality.coverage.covered_people},
        "notes": [str(finding) for finding in quality.findings if not finding.is_warning],
        "warnings": [str(finding) for finding in quality.findings if finding.is_warning],
        **quality.to_dict(),
    }


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else "a local transverse Mercator"


def _walking_text(study: Study) -> str:
    """Return how people walk in this study, in words."""
    walker, table = study.walker, study.settings.walking
    function = table.slope if isinstance(table.slope, str) else "tobler"
    sloping = walker.slope and study.settings.inputs.elevation is not None
    parts = [
        f"{speed_text(walker.speed_m_s)} m/s",
        f"slopes by {function}" if sloping else "all streets flat",
        f"stairs {walker.stairs_factor:g} times as long",
        f"{walker.signal_delay_s:g} s at a signal",
        f"access table {table.access}",
        "compounds open to everybody" if walker.open_compounds else "compounds for their residents",
        "ferries carry people" if table.ferries else "no ferries",
        *(f"{group} at {speed_text(own.speed_m_s)} m/s" for group, own in study.group_walkers.items()),
    ]
    return "; ".join(parts)


def run_verify(folder: Path, options: Options, progress: Progress, *, study: Path | None = None) -> Verdict:
    """Return whether what a run wrote follows from its inputs as they are now.

    The run is repeated from its study into a folder of its own. Every entry of the manifest and every file must be what
    is found again; the folder's own proposal is checked without a solver, and measured again. A damaged manifest is a
    run that does not follow.

    Parameters
    ----------
    folder
        What the run wrote.
    options
        Whose cache is used.
    progress
        Who is told how far it is.
    study
        Where the study file lies now, if not where the manifest says; a file of scenarios then lies beside it.

    Returns
    -------
    Verdict
        What was compared, and what differs.

    Raises
    ------
    InputError
        No manifest.
    OutputError
        The temporary folder cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import Options, run_cover, run_verify
    >>> _ = run_cover(study, folder / "verified", Options(), silent)
    >>> run_verify(folder / "verified", Options(), silent).changed
    ()
    """
    try:
        told, plain = read_told(folder)
    except InputError as error:
        if not (folder / "manifest.json").is_file():
            raise
        return Verdict(folder=folder, changed=(str(error),))
    asked = Options(
        **told.options.model_dump(exclude={"tiles"}), date=told.date, cache=options.cache, workers=options.workers
    )
    beside = tuple(name for name in _names(folder) if name not in told.files and name != "manifest.json")
    changed = [*_listed(folder, told)]
    changed += [f"{name}: bears a result's name, but is not listed" for name in beside if is_result(name.split("/")[0])]
    changed += _other_model(told.siting)
    with passing_folder() as place:
        try:
            path = recorded_file(folder, told.study_file, "study file") if study is None else study
            changed += _same_source(path, told.study_file, "study file")
            scenarios = _scenarios(folder, told, study)
            if scenarios is not None and told.scenario_file is not None:
                changed += _same_source(scenarios, told.scenario_file, "scenario file")
            run = _repeat((path, scenarios), told, place / "run", asked, progress)
            found = parse_manifest(place / "run" / "manifest.json")
            changed += _inputs(told, found)
            files = _files(folder, told, place / "run", found["files"])
            changed += files.wrong
            walked = () if told.options.tiles else _walked(path, told.siting, options.cache)
            comparisons = [*compare_manifests(plain, found), *walked]
        except OutputError:
            raise
        except AccessibilityError as error:
            return Verdict(folder=folder, changed=(*changed, str(error)), beside=beside)
    proposed = told.siting if run.manifest["siting"] else None
    proof = Proof() if proposed is None else _proof(run, proposed, folder)
    held = Proof() if run.held is None else prove_held(run.held)
    read = f"{path.resolve()} and its inputs"
    repeated = f"{len(comparisons)} entries of the manifest and {len(told.files)} files, from {read}"
    return Verdict(
        folder=folder,
        changed=(*changed, *proof.wrong, *held.wrong),
        comparisons=tuple(comparisons),
        proved=(*proof.proved, *held.proved),
        recomputed=(repeated, *_asked(proposed)),
        open=(_not_proved(plain, found), *files.open, *proof.open, *held.open, *_not_walked(told)),
        beside=beside,
    )


def _names(folder: Path) -> list[str]:
    """Return all that lies in a folder: files, links, and folders with nothing in them."""
    there = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir() or not any(path.iterdir()))
    return sorted(path.relative_to(folder).as_posix() for path in there)


def _listed(folder: Path, told: Told) -> Iterator[str]:
    """Yield which of the listed files are not there as the list says, the list itself among them."""
    if plain_file(folder, "manifest.json") is None:
        yield "manifest.json: is missing, or no plain file of this folder"
    for name, one in told.files.items():
        path = plain_file(folder, name)
        if path is None:
            yield f"{name}: is missing, or no plain file of this folder"
        elif path.stat().st_size != one.bytes or sha256_file(path) != one.sha256:
            yield f"{name}: has changed since the run"


def _same_source(path: Path, told: RecordedFile, what: str) -> Iterator[str]:
    if sha256_file(path) != told.sha256:
        yield f"{what}: {path} has changed since the run"


def _other_model(siting: RecordedSiting | None) -> Iterator[str]:
    """Yield that a proposal is not of the model asked for: such a question may be none that can be repeated."""
    if siting is None:
        return
    asked = "partial" if siting.question.reach is not None else siting.question.model
    if asked != siting.model:
        yield f"siting.question.model: {asked!r} was asked for, the proposal is of {siting.model!r}"


def _scenarios(folder: Path, told: Told, study: Path | None) -> Path | None:
    """Return the file of scenarios that a comparison was made of; beside a study that is named, where it was moved."""
    if told.command != "compare":
        return None
    if told.scenario_file is None:
        msg = f"{folder}: a comparison without its file of scenarios; expected scenario_file in the manifest"
        raise InputError(msg)
    if study is None:
        return recorded_file(folder, told.scenario_file, "scenario file")
    moved = told.scenario_file.model_copy(update={"path": PurePosixPath(told.scenario_file.path).name})
    return recorded_file(study.parent, moved, "scenario file")


def _repeat(
    files: tuple[Path, Path | None], told: Told, again: Path, asked: Options, progress: Progress
) -> Result | Compared:
    """Return the run that the manifest describes, of a study and its scenarios, repeated into another folder."""
    path, scenarios = files
    if scenarios is not None:
        return run_compare(path, scenarios, again, asked, progress)
    question = None if told.siting is None else _question(told.siting)
    if told.options.tiles:
        return run_tiles(path, again, asked, Tiling.of(asked), progress, question)
    if question is None:
        return run_cover(path, again, asked, progress)
    return run_site(path, question, again, asked, progress)


def _question(siting: RecordedSiting) -> Question:
    try:
        return Question(**siting.question.model_dump())
    except InputError as error:
        msg = f"siting.question: {error}"
        raise InputError(msg) from error


def _asked(siting: RecordedSiting | None) -> Iterator[str]:
    """Yield what the repeated run was asked: where it found another answer, this may be what was forged."""
    if siting is not None:
        told = siting.question.model_dump(exclude_none=True)
        yield f"the answer to siting.question: {', '.join(f'{n} {entry_text(value)}' for n, value in told.items())}"


def _inputs(told: Told, found: Mapping[str, Any]) -> Iterator[str]:
    for name, one in found["inputs"].items():
        if name in told.inputs and told.inputs[name].sha256 != one["sha256"]:
            yield f"{name}: {one['path']} has changed since the run"


def _files(folder: Path, told: Told, again: Path, found: Mapping[str, Any]) -> Proof:
    """Return which files are not those that the repeated run wrote, and which say the same in other bytes.

    Evidence may be other evidence, and is proved where a bound rests on it.
    """
    wrong, otherwise = [], []
    for name in sorted({*told.files, *found}):
        path = plain_file(folder, name)
        if name not in found:
            wrong.append(f"{name}: is listed, but such a run does not write it")
        elif name not in told.files:
            wrong.append(f"{name}: such a run writes it, but it is not listed")
        elif path is None or told.files[name].sha256 == found[name]["sha256"]:
            continue  # the list says whether the file is so
        elif name == PROOF and _rests_on_proof(told.siting):
            continue
        elif name == PROOF:
            otherwise.append(f"{name}: other figures than those found again, on which no claim rests")
        elif same_content(path, again / name):
            otherwise.append(
                f"{name}: the same tables to a rounding, in other bytes; what no table shows was not compared"
            )
        else:
            wrong.append(f"{name}: does not follow from the inputs")
    return Proof(wrong=tuple(wrong), open=tuple(otherwise))


def _rests_on_proof(siting: RecordedSiting | None) -> bool:
    return siting is not None and siting.bound_by in ("certificate", "tree")


def _walked(path: Path, siting: RecordedSiting | None, cache: Path | None) -> Iterator[Comparison]:
    """Yield the people covered with the proposed sites open, measured again, beside what the plan says."""
    if siting is None:
        return
    study, found = read_study(path, cache=cache), None
    with suppress(AccessibilityError):  # sites that are not there, or twice
        scenario = study.plan_scenario(siting.selected, siting.closed)
        found = study.coverage(scenario).covered_people
    yield Comparison(name="people covered by the proposal, measured again", told=siting.covered_people, found=found)


def _not_walked(told: Told) -> Iterator[str]:
    """Yield that nobody walked to proposed sites again where the study may be larger than memory."""
    if told.siting is not None and told.options.tiles:
        yield "people covered by the proposal: counted from the tiles, not measured again with its sites open"


def _proof(run: Result | Compared, told: RecordedSiting, folder: Path) -> Proof:
    """Return what holds of a proposal; one over tiles is bounded by the prices that the repeated run found.

    Whatever prices bound every plan (`accessibility.siting.budgets`), so that the sum of the repeated run is a proof of
    its own; no file has to hold them.
    """
    if run.case is not None:
        return prove_told(run.case, told, folder)
    siting = run.manifest["siting"]
    claim = f"its bound {siting['bound']:,.6g} ({siting['status']})"
    if any(getattr(told, name) != siting[name] for name in ("objective", "bound", "gap", "status", "bound_by")):
        return Proof()  # the comparison tells how
    by = "by a dual certificate over all tiles, which the repeated run found again and numpy alone adds up"
    return Proof(proved=(f"{claim}, {by}",))


def _not_proved(told: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    then, now = told["environment"], found["environment"]
    other = [name for name in now if then.get(name) != now[name]]
    versions = f"; here other versions of {', '.join(other)}" if other else ""
    return f"the day that the run names, how long it took, and the versions it names{versions}"
