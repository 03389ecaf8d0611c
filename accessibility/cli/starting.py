"""A study to begin with: a template to fill in, or a place fetched from OpenStreetMap."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accessibility.errors import InputError, OutputError
from accessibility.present.manifest import list_files, parse_manifest, write_manifest
from accessibility.sources.cache import sha256_file
from accessibility.sources.files import write_aside, write_folder
from accessibility.study.loading.context import MARGIN_M
from accessibility.wording import day_text

if TYPE_CHECKING:
    from accessibility.cli.options import FetchOptions, Progress

_TEMPLATE = Path(__file__).parents[1] / "present" / "templates" / "study.toml"
_FETCHED_TEMPLATE = _TEMPLATE.with_name("fetched.toml")
_FETCHED = ("streets.osm.gz", "boundary.gpkg", "banks.gpkg", "outlets.gpkg")
_RECORD = "fetched.json"


def new_study(folder: Path) -> Path:
    """Write a commented study.toml into a folder; an existing one stays as it is.

    Parameters
    ----------
    folder
        The folder; it is made where there is none.

    Returns
    -------
    pathlib.Path
        The ``study.toml``.

    Raises
    ------
    InputError
        A study.toml is there already.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import new_study
    >>> new_study(folder / "mine").name
    'study.toml'
    """
    path = folder / "study.toml"
    if path.exists():
        msg = f"{path} exists; expected a folder without a study"
        raise InputError(msg)
    with write_aside(path) as aside:
        aside.write_bytes(_TEMPLATE.read_bytes())
    return path


def run_fetch(place: str, folder: Path, options: FetchOptions, progress: Progress) -> dict[str, Any]:
    """Fetch a place from OpenStreetMap into a folder; a study.toml there stays as it is.

    Parameters
    ----------
    place
        Its name, as OpenStreetMap's search knows it, or ``west,south,east,north`` in degrees.
    folder
        Where streets, sites and boundary are written.
    options
        Who is asked, and for how long.
    progress
        Who is told how far it is.

    Returns
    -------
    dict
        What there is: files with their sizes and counts.

    Raises
    ------
    InputError
        A place that nobody knows, or servers that do not answer.
    OutputError
        A file there that was not fetched, or has changed since, and is not to be replaced: nobody was asked then.

    Examples
    --------
    A file that was not fetched stands in the way, and nobody is asked:

    >>> from accessibility.cli.runs import FetchOptions, run_fetch
    >>> try:
    ...     run_fetch("Vaduz", folder, FetchOptions(), silent)
    ... except acc.OutputError:
    ...     print("not replaced")
    not replaced
    """
    from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- osmnx only where it is asked for

    if not options.overwrite:
        _claim_fetched(folder)
    progress.start(4)
    servers = overpass.Servers(
        overpass=options.overpass, nominatim=options.nominatim, deadline_s=60.0 * options.minutes
    )
    found = overpass.fetch_place(place, margin_m=MARGIN_M, servers=servers, progress=progress.step)
    progress.step("Writing")
    counts = {"outlets": len(found.outlets), "banks": len(found.banks)}
    study = _FETCHED_TEMPLATE.read_text(encoding="utf-8").format(
        date=day_text(),
        name=json.dumps(found.name, ensure_ascii=False),
        attribution=json.dumps(overpass.ATTRIBUTION, ensure_ascii=False),
        km=MARGIN_M / 1_000,
        no_outlets="" if counts["outlets"] else "# ",
        no_banks="" if counts["banks"] else "# ",
        **counts,
    )
    with write_folder(folder) as aside:
        overpass.write_streets(found.streets, found.name, aside / "streets.osm.gz")
        for name in ("boundary", "banks", "outlets"):
            getattr(found, name).to_file(aside / f"{name}.gpkg", layer=name, driver="GPKG")
        write_manifest({"place": found.name, "files": list_files(aside)}, aside / _RECORD)
        if not (folder / "study.toml").exists():
            (aside / "study.toml").write_text(study, encoding="utf-8")
    return {
        "place": found.name,
        "folder": str(folder),
        **counts,
        "notes": [str(finding) for finding in found.findings],
        "attribution": overpass.ATTRIBUTION,
    }


def _claim_fetched(folder: Path) -> None:
    """Refuse a folder in which a file bears a fetched one's name and is not as it was fetched."""
    told: Any = {}
    with suppress(InputError, LookupError, TypeError, AttributeError):
        told = {name: file["sha256"] for name, file in parse_manifest(folder / _RECORD)["files"].items()}
    there = [folder / name for name in (*_FETCHED, _RECORD) if os.path.lexists(folder / name)]
    own = [path.name for path in there if not _as_fetched(path, told)]
    if own:
        msg = f"{folder}: {', '.join(own)}: not fetched, or changed since; expected another folder, or --overwrite"
        raise OutputError(msg)


def _as_fetched(path: Path, told: dict[str, str]) -> bool:
    return path.is_file() and (bool(told) if path.name == _RECORD else told.get(path.name) == sha256_file(path))
