"""A place fetched into a folder: streets, sites, boundary, people and heights, and a study that can be run."""

from __future__ import annotations

import io
import itertools
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from accessibility.errors import AccessibilityError, InputError, OutputError
from accessibility.present.manifest import FETCHED, ORIGIN, list_files, parse_manifest, write_manifest
from accessibility.present.pages import template_text
from accessibility.settlement import REACH_M
from accessibility.sources.cache import sha256_file
from accessibility.sources.files import write_folder
from accessibility.study.loading.context import MARGIN_M, default_cache, study_bounds
from accessibility.wording import Wording, day_text, message_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from accessibility.cli.options import FetchOptions, Progress
    from accessibility.sources.fetched.overpass import Fetched
    from accessibility.sources.fetched.rasters import CutOut
    from accessibility.sources.fetched.remote import Keeper
    from accessibility.wording import Language

_TEMPLATE_OF: Mapping[Language, str] = {"en": "fetched.toml", "zh": "fetched.zh.toml"}
_OF_OSM = ("streets.osm.gz", "boundary.gpkg", "banks.gpkg", "outlets.gpkg")
_PEOPLE, _HEIGHTS = "population.tif", "elevation.tif"
_NAMES = (*_OF_OSM, _PEOPLE, _HEIGHTS)
_WITHOUT = {
    ("people",): "written, but without people",
    ("heights",): "written, but without heights",
    ("people", "heights"): "written, but without people and heights",
}
_NO_PEOPLE = (
    '# population = { path = "people.tif" }\n'
    '# population = { path = "people.csv", column = "population", coordinates = "WGS84" }'
)


def run_fetch(place: str, folder: Path, options: FetchOptions, progress: Progress) -> dict[str, Any]:
    """Fetch a place into a folder, with a study that can be run; a study.toml there stays as it is.

    Streets, sites and boundary are OpenStreetMap's, people WorldPop's or the JRC's, heights Copernicus's. What came of
    large files is kept, so that a cut or a second place goes on from there.

    Parameters
    ----------
    place
        Its name, as OpenStreetMap's search knows it.
    folder
        Where the files are written.
    options
        What is fetched, who is asked, and for how long.
    progress
        Who is told how far it is.

    Returns
    -------
    dict
        What there is: counts, where people and heights are from, what is worth knowing.

    Raises
    ------
    InputError
        A place that nobody knows; a year or a country that is none.
    OutputError
        A file there that was not fetched, or has changed since, and is not to be replaced: nobody was asked then.
        Servers that do not answer: where only those of people or heights do not, everything else was written.

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
    from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- osmnx and rasterio only where they are asked

    told = {} if options.overwrite else _claim_fetched(folder)
    _refuse_strange(options)
    more = {"country": options.people != "none" and options.country is None, "buildings": options.buildings}
    progress.start(4 + options.buildings + (options.people != "none") + options.heights)
    servers = overpass.Servers(
        overpass=options.overpass, nominatim=options.nominatim, deadline_s=60.0 * options.minutes
    )
    asked = frozenset(name for name, wanted in more.items() if wanted)
    found = overpass.fetch_place(place, margin_m=MARGIN_M, servers=servers, progress=progress.step, more=asked)
    rasters, notes, failed = _fetch_rasters(found, options, progress)
    progress.step("Writing")
    _write(folder, found, rasters, told, options.language)
    if failed:
        msg = "; ".join([f"{folder}: {_WITHOUT[tuple(failed)]}", *itertools.chain(*failed.values())])
        raise OutputError(msg)
    return {
        "place": found.name,
        "folder": str(folder),
        "outlets": len(found.outlets),
        "banks": len(found.banks),
        "buildings": len(found.buildings),
        "sources": {name: _origin(cut) for name, cut in rasters.items()},
        "notes": [*(str(finding) for finding in found.findings), *notes],
        "attribution": _credits(rasters),
    }


def _refuse_strange(options: FetchOptions) -> None:
    """Refuse a year, a country or a source of people that is none, before anybody is asked."""
    from accessibility.sources.fetched.rasters import PEOPLE_SOURCES, YEARS  # noqa: PLC0415 -- as above

    given = options.country
    if options.people not in (*PEOPLE_SOURCES, "none"):
        msg = f"people are to come from {options.people!r}; expected {', '.join(PEOPLE_SOURCES)} or none"
        raise InputError(msg)
    if options.year not in YEARS:
        msg = f"people of the year {options.year}; expected {YEARS[0]} to {YEARS[-1]}"
        raise InputError(msg)
    if given is not None and not (len(given) == len("CHN") and given.isascii() and given.isalpha()):
        msg = f"country {given!r}; expected three letters, as CHN"
        raise InputError(msg)


def _fetch_rasters(
    found: Fetched, options: FetchOptions, progress: Progress
) -> tuple[dict[str, CutOut], list[str], dict[str, list[str]]]:
    """Return people and heights by the names of their files, what is worth knowing, and why what could not be had."""
    from accessibility.sources.fetched import rasters  # noqa: PLC0415 -- as above
    from accessibility.sources.fetched.remote import Keeper  # noqa: PLC0415 -- as above

    keeper = Keeper(folder=(options.cache or default_cache()) / "rasters", deadline_s=60.0 * options.minutes)
    cuts: dict[str, CutOut] = {}
    notes: list[str] = []
    failed: dict[str, list[str]] = {}
    if options.people != "none":
        progress.step("Downloading people")
        cut, faults = _people(found, options, keeper)
        if cut is None:
            failed["people"] = faults
        else:
            cuts[_PEOPLE] = cut
            notes += [f"{fault}: people are from {cut.product.name} instead" for fault in faults]
    if options.heights:
        progress.step("Downloading heights")
        try:
            heights = rasters.fetch_heights(_box(found, MARGIN_M), server=options.copernicus, keeper=keeper)
        except AccessibilityError as error:
            failed["heights"] = [str(error)]
        else:
            cuts |= {} if heights is None else {_HEIGHTS: heights}
            notes += ["Copernicus has no heights there: everything counts as flat"] * (heights is None)
    return cuts, notes, failed


def _people(found: Fetched, options: FetchOptions, keeper: Keeper) -> tuple[CutOut | None, list[str]]:
    """Return the people of the source that is asked for, or of the other, and why not of those before."""
    from accessibility.sources.fetched import rasters  # noqa: PLC0415 -- as above

    servers = {"worldpop": options.worldpop, "ghs-pop": options.ghsl}
    faults: list[str] = []
    for source in sorted(rasters.PEOPLE_SOURCES, key=lambda name: name != options.people):
        wanted = rasters.PeopleOf(source=source, year=options.year, country=options.country or found.country)
        try:
            return rasters.fetch_people(wanted, _box(found, REACH_M), server=servers[source], keeper=keeper), faults
        except AccessibilityError as error:
            faults.append(str(error))
    return None, faults


def _box(found: Fetched, margin_m: float) -> tuple[float, float, float, float]:
    bounds = study_bounds(found.boundary, None, margin_m)
    return (0.0, 0.0, 0.0, 0.0) if bounds is None else bounds


def _write(folder: Path, found: Fetched, rasters: dict[str, CutOut], told: dict[str, Any], language: Language) -> None:
    from accessibility.sources.fetched import overpass  # noqa: PLC0415 -- as above
    from accessibility.sources.fetched.rasters import write_cut_out  # noqa: PLC0415 -- as above

    with write_folder(folder) as aside:
        overpass.write_streets(found.streets, found.name, aside / "streets.osm.gz", found.buildings)
        for name in ("boundary", "banks", "outlets"):
            layer = io.BytesIO()  # of a full disk Python says what GDAL does not
            getattr(found, name).to_file(layer, layer=name, driver="GPKG")
            (aside / f"{name}.gpkg").write_bytes(layer.getvalue())
        for name, cut in rasters.items():
            write_cut_out(cut, aside / name)
        files = list_files(aside)
        sources = {name: _of_osm() for name in _OF_OSM} | {name: _origin(cut) for name, cut in rasters.items()}
        stays = {name: one for name, one in told.get("files", {}).items() if name not in files}
        record = {
            "place": found.name,
            "files": {**stays, **files},
            "sources": {**{name: one for name, one in told.get("sources", {}).items() if name in stays}, **sources},
        }
        write_manifest(record, aside / FETCHED)
        if not (folder / "study.toml").exists():
            (aside / "study.toml").write_text(_study(found, rasters, language), encoding="utf-8")


def _study(found: Fetched, rasters: dict[str, CutOut], language: Language) -> str:
    people, heights, say = rasters.get(_PEOPLE), rasters.get(_HEIGHTS), Wording("console", language)
    over = ', split_cells = "buildings"' if found.buildings else ""
    population = (
        f'# {message_text(people.product.name, language)}, {people.year}\npopulation = {{ path = "{_PEOPLE}"{over} }}'
        if people
        else f"# {say('fetched_no_people')}\n{_NO_PEOPLE}"
    )
    counts = {"outlets": len(found.outlets), "banks": len(found.banks)}
    elevation = (
        f'# {say("fetched_surface")}\nelevation  = {{ path = "{_HEIGHTS}" }}' if heights else f"# {say('fetched_flat')}"
    )
    return template_text(_TEMPLATE_OF[language]).format(
        date=day_text(),
        name=json.dumps(found.name, ensure_ascii=False),
        attribution=json.dumps(_credits(rasters), ensure_ascii=False),
        km=MARGIN_M / 1_000,
        population=population,
        elevation=elevation,
        no_outlets="" if counts["outlets"] else "# ",
        no_banks="" if counts["banks"] else "# ",
        **counts,
    )


def _credits(rasters: dict[str, CutOut]) -> str:
    from accessibility.sources.fetched.overpass import ATTRIBUTION  # noqa: PLC0415 -- as above

    return "; ".join([ATTRIBUTION, *(cut.product.credit for cut in rasters.values())])


def _origin(cut: CutOut) -> dict[str, str]:
    product = cut.product
    said = (product.name, product.version, cut.year, day_text(), product.licence, product.credit, " ".join(cut.urls))
    return dict(zip(ORIGIN, said, strict=True))


def _of_osm() -> dict[str, str]:
    from accessibility.sources.fetched.overpass import ATTRIBUTION  # noqa: PLC0415 -- as above

    today = day_text()
    said = (
        "OpenStreetMap",
        f"as on {today}",
        today[:4],
        today,
        "ODbL 1.0",
        ATTRIBUTION,
        "https://www.openstreetmap.org",
    )
    return dict(zip(ORIGIN, said, strict=True))


def _claim_fetched(folder: Path) -> dict[str, Any]:
    """Return what a folder says was fetched into it; refuse one with a file of such a name that is not as fetched."""
    record: dict[str, Any] = {}
    hashes: Any = {}
    with suppress(InputError, LookupError, TypeError, AttributeError):
        record = parse_manifest(folder / FETCHED)
        hashes = {name: file["sha256"] for name, file in record["files"].items()}
    there = [folder / name for name in (*_NAMES, FETCHED) if os.path.lexists(folder / name)]
    own = [path.name for path in there if not _as_fetched(path, hashes)]
    if own:
        msg = f"{folder}: {', '.join(own)}: not fetched, or changed since; expected another folder, or --overwrite"
        raise OutputError(msg)
    return record


def _as_fetched(path: Path, told: dict[str, str]) -> bool:
    return path.is_file() and (bool(told) if path.name == FETCHED else told.get(path.name) == sha256_file(path))
