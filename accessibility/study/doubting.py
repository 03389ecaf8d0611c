"""What a study says of the errors of its inputs, and what its inputs themselves say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.geo.arrays import finite_rows
from accessibility.uncertainty.bars import Uncertainty
from accessibility.uncertainty.scene import Case, Scene, TwoCounts
from accessibility.uncertainty.sources import FARTHEST_M, WAYS, InputErrors, position_errors, way_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.sites import Sites
    from accessibility.siting.plan import SitingPlan
    from accessibility.study.schema import StudyFile
    from accessibility.study.studied import Studied
    from accessibility.uncertainty.trying import Trying
    from accessibility.whatif.scenario import Scenario

_ROLES = {"outlet": "outlets", "bank": "banks", "new": "candidates"}
_KINDS = {role: kind for kind, role in _ROLES.items()}
_CONVERTED = ("GCJ-02", "BD-09")
PRECISION = ("precision", "精度")
"""The column that says it where a study names none, as `accessibility geocode-list` writes it."""


def doubt_study(study: Studied, now: Coverage, trying: Trying, errors: InputErrors | None = None) -> Uncertainty:
    """Return how sure the headline of a study is; see `accessibility.Study.uncertainty`."""
    errors = study.settings.uncertainty.errors if errors is None else errors
    known = coordinate_ways(study, now, errors)
    scene = Scene(now=now, network=study.network, errors=errors, density=study.density, counts=official_counts(study))
    case = Case(coverage=now, position_m=known)

    def scene_of(other: Scenario | SitingPlan) -> Case:
        then = study.coverage(other)
        return Case(coverage=then, position_m=as_known(now.sites, known, then.sites))

    return Uncertainty(tries=trying.run(scene, case, errors), trying=trying, scene_of=scene_of)


def coordinate_ways(study: Studied, now: Coverage, errors: InputErrors) -> NDArray[np.float64]:
    """Return ``(s,)`` metres within which half of the true places of each site lie, by how its coordinate came about.

    A study says it for each of its tables, in words or metres or by a column; otherwise their column of `PRECISION`
    does, if every cell is understood, what OpenStreetMap drew is mapped, what came in a Chinese system is converted,
    and of other tables nobody knows: they are taken as geocoded.

    Raises
    ------
    InputError
        A column that is not there, or that says another word.
    """
    sites = study.sites
    ways = np.full(len(sites), "unknown", dtype=object)
    for kind, role in _ROLES.items():
        here = np.flatnonzero(sites.kind == kind)
        given = told_coordinates(study.settings, role, sites)
        if isinstance(given, float | int):
            ways[here] = float(given)
        elif given in WAYS:
            ways[here] = given
        elif given is not None:
            ways[here] = _told(sites, here, given)
    return position_errors(ways, _rural(now), errors)


def told_coordinates(settings: StudyFile, role: str, sites: Sites) -> str | float | None:
    """Return how the coordinates of a table of sites came about: a word, metres or a column; None if unknown."""
    given: str | float | None = getattr(settings.uncertainty, role)
    table = getattr(settings.inputs, role)
    if given is None and table is not None:
        words = "mapped" if table.osm is not None else "converted" if table.coordinates in _CONVERTED else None
        given = _precise(sites, np.flatnonzero(sites.kind == _KINDS[role])) or words
    return given


def _precise(sites: Sites, rows: NDArray[np.intp]) -> str | None:
    """Return the column of precision, where there is one, every cell of it is understood, and not all are blank."""
    there = [column for column in PRECISION if column in sites.columns]
    ways = _understood(sites.columns[there[0]][rows]).tolist() if there else []
    return there[0] if None not in ways and set(ways) - {"unknown"} else None


def _told(sites: Sites, rows: NDArray[np.intp], column: str) -> NDArray[np.object_]:
    """Return what a column of the sites says of each coordinate."""
    if column not in sites.columns:
        expected = f"one of {', '.join(WAYS)}, metres, or a column of theirs"
        msg = f"uncertainty says {column!r} of the coordinates of sites, which have no such column; expected {expected}"
        raise InputError(msg)
    ways = _understood(sites.columns[column][rows])
    strange = np.flatnonzero(ways == None)  # noqa: E711 -- of each element
    if len(strange):
        word = str(sites.columns[column][rows][strange[0]]).strip()
        msg = f"column {column!r} of the sites says {word!r} of a coordinate; expected one of {', '.join(WAYS)}, metres"
        raise InputError(msg)
    return ways


def _understood(cells: NDArray[Any]) -> NDArray[np.object_]:
    """Return the ways of cells; more than any distance is as far as a place may be off, None is no such word."""
    ways = [way_of(cell) for cell in cells.tolist()]
    return np.array([FARTHEST_M if way == np.inf else way for way in ways], dtype=object)


def _rural(now: Coverage) -> NDArray[np.bool_]:
    """Return ``(s,)`` whether the people nearest to each site are rural."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 -- `import accessibility` stays light

    demand, sites = now.demand, now.sites
    placed = np.flatnonzero(finite_rows(demand.xy))
    if not len(placed) or not len(sites):
        return np.zeros(len(sites), np.bool_)
    nearest = cKDTree(demand.xy[placed]).query(sites.to_crs(demand.crs).xy)[1]
    rural: NDArray[np.bool_] = demand.setting[placed][nearest] == "rural"
    return rural


def as_known(sites: Sites, known: NDArray[np.float64], there: Sites) -> NDArray[np.float64]:
    """Return the errors of position of other sites: of the same places the same, of places that were chosen none."""
    found = np.zeros(len(there))
    several = min(len(sites), len(there))
    same = (sites.ids[:several] == there.ids[:several]) & (sites.xy[:several] == there.xy[:several]).all(axis=1)
    found[:several] = np.where(same, known[:several], 0.0)
    return found


def official_counts(study: Studied) -> TwoCounts | None:
    """Return the people of each district as counted and as its official total has them; None without such totals.

    Nothing is doubted where the study scales its people to the totals.
    """
    table, districts = study.settings.inputs.population, study.districts
    if districts is None or "population" not in districts.columns or table.reconcile or table.totals or table.buildings:
        return None
    official = pd.to_numeric(districts["population"], errors="coerce").to_numpy(dtype=np.float64)
    names = pd.Index(districts.index.astype(str))
    row = names.get_indexer(pd.Index(study.district.reindex(study.demand.ids).astype(str))).astype(np.intp)
    here = row >= 0
    counted = np.bincount(row[here], weights=study.demand.population[here], minlength=len(names))
    usable = (official > 0) & (counted > 0)
    if not usable.any():
        return None
    ratio = np.append(np.where(usable, official / np.where(counted > 0, counted, 1.0), 1.0), 1.0)
    return TwoCounts.of(study.demand.population, ratio[row], np.where(np.append(usable, False)[row], row, -1))
