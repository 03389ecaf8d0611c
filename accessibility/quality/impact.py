"""What findings are worth, in points of coverage: on people whom the streets miss, by district, and on single sites."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from accessibility.errors import Finding
from accessibility.geo.arrays import finite_rows
from accessibility.geo.projection import transform
from accessibility.measures.coverage import measure_coverage
from accessibility.measures.surface import FAR_M, beyond_limit, name_districts
from accessibility.measures.tables import NO_DISTRICT
from accessibility.sources.tables.columns import DIVISIONS, find_column
from accessibility.sources.tables.points import FALLBACK, SAME_DEG, unique_row_ids
from accessibility.sources.tables.reading import read_table
from accessibility.streets.network import sealed_edges
from accessibility.streets.search.packing import label_components
from accessibility.streets.snapping import Positions, snap_points
from accessibility.study.saving import file_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.study.study import Study


@dataclass(frozen=True, kw_only=True)
class WeighedFinding(Finding):
    """A finding with what it is worth, and where.

    Parameters
    ----------
    code
        A short kebab-case name of the kind of finding, such as ``duplicate-place``.
    source
        The input: a file's name.
    message
        One sentence: what was found, how many, the first places, what was done about it.
    count
        How many rows, features or objects.
    people
        How many people it concerns, where that is known.
    points_of_coverage
        How many percentage points the share covered would change by were the finding mended: a closed site open
        again, a site in the wrong place or outside the area gone, people without a street reached (then the most
        it can be). None where that cannot be computed.
    district, lon, lat
        Where it is, for a finding that has a place; of many demand points, the one with the most people.

    Examples
    --------
    >>> from accessibility.quality import WeighedFinding
    >>> what = {"code": "closed-site", "source": "outlets.csv", "message": "O3 has closed"}
    >>> finding = WeighedFinding(**what, points_of_coverage=1.5)
    >>> str(finding), finding.is_warning
    ('outlets.csv: O3 has closed', False)
    """

    points_of_coverage: float | None = None
    district: str | None = None
    lon: float | None = None
    lat: float | None = None


def points_of(now: Coverage, people: float) -> float:
    """Return people as percentage points of the share covered."""
    return 100 * float(people) / now.population if now.population else 0.0


def change_text(now: Coverage, people: float) -> str:
    """Return the end of a sentence: by how many points coverage would change if so many people more are covered."""
    return f"coverage would change by {round(points_of(now, people), 2) + 0.0:+.2f} points"  # adding 0 turns -0 into 0


def missed_people(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield, by district, the people that the streets miss; only legs over water may concern them twice."""
    labels = name_districts(now, study.district)
    lonlat = now.demand.lonlat
    for code, which, concerned in [*_missed(study, now), _over_water(study, now)]:
        for name in dict.fromkeys(labels[concerned]):
            rows = np.flatnonzero(concerned & (labels == name))
            people = now.demand.population[rows]
            if not people.sum() > 0:
                continue
            missed = float(people[~now.covered[rows]].sum())
            lon, lat = lonlat[rows[people.argmax()]]
            yield WeighedFinding(
                code=code,
                source=file_of(study, "network"),
                message=f"people {which}: {people.sum():,.0f}; were all of them covered, {change_text(now, missed)}",
                count=len(rows),
                people=float(people.sum()),
                points_of_coverage=points_of(now, missed),
                district=None if name == NO_DISTRICT else name,
                lon=float(lon),
                lat=float(lat),
            )


def _missed(study: Study, now: Coverage) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """Return the code and the words of each way to be missed, and whom it concerns."""
    at = now.snapped.demand
    on_main = np.append(study.network.main_edges, False)[at.edge]
    beyond = beyond_limit(now)
    # Where no site counts at all everybody is unreached, and the streets are not to blame.
    island = at.snapped & (~on_main | (now.unreached & now.sites.open.any()))
    far = ~island & (at.leg_m > FAR_M)
    sealed = far & _nearer_to_sealed(study, now, far)
    return [
        ("island", "on streets cut off from the main network", island),
        ("gate-missing", "in compounds without a mapped gate, taken to the nearest street within their limit", sealed),
        ("beyond-snap-limit", "farther from any street than the snap limit of their setting", beyond & ~sealed),
        ("street-missing", f"more than {FAR_M:.0f} m from their street (is one missing?)", far & ~beyond & ~sealed),
    ]


def _over_water(study: Study, now: Coverage) -> tuple[str, str, NDArray[np.bool_]]:
    """Return whose straight way to their street crosses mapped water: nobody walks there."""
    at, network = now.snapped.demand, study.network
    found, rows = np.zeros(len(at), np.bool_), np.flatnonzero(at.snapped & (at.leg_m > 0))
    if len(study.water) and rows.size:
        lines = network.lines()[at.edge[rows]]
        onto = shapely.get_coordinates(shapely.line_interpolate_point(lines, at.fraction[rows], normalized=True))
        home = transform(now.demand.xy[rows], now.demand.crs, network.crs)
        water = shapely.STRtree(study.water.to_crs(network.crs).geometry.to_numpy())
        wet = water.query(shapely.linestrings(np.stack([home, onto], axis=1)), predicate="intersects")[0]
        found[rows[wet]] = True
    return "leg-over-water", "whose straight way to their street crosses mapped water", found


def _nearer_to_sealed(study: Study, now: Coverage, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether a way of a compound that nobody could leave is nearer than the street taken."""
    found = np.zeros(len(asked), np.bool_)
    sealed, rows = sealed_edges(study.network), np.flatnonzero(asked)
    if sealed.any() and rows.size:
        xy = transform(now.demand.xy[rows], now.demand.crs, study.network.crs)
        tree = shapely.STRtree(study.network.lines(np.flatnonzero(sealed)))
        (which, _), metres = tree.query_nearest(shapely.points(xy), return_distance=True, all_matches=False)
        found[rows[which]] = metres < now.snapped.demand.leg_m[rows[which]]
    return found


_NAMED_M, _UNNAMED_M = 100.0, 3.0
_DIVISION = re.compile("[镇乡区县市]$|街道$")
_AFTER = re.compile(r"[省市区县州盟旗镇乡道]$|[\s,，、:：(（]$")  # noqa: RUF001 -- what may stand before the name of a district
_ROUGHLY_M = 300.0
_ROLE_LETTER = {"outlets": "O", "banks": "B"}


def stacked_sites(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield the sites of one kind on one point: of two or three all but one are doubles, a pile has no place at all."""
    lonlat = np.round(study.sites.lonlat, SAME_DEG)
    groups = pd.DataFrame({"kind": study.sites.kind, "lon": lonlat[:, 0], "lat": lonlat[:, 1]})
    stacks = [rows for rows in groups.groupby(["kind", "lon", "lat"], sort=False).indices.values() if len(rows) > 1]
    for rows in sorted(stacks, key=lambda rows: int(rows[0])):
        stack = np.sort(rows)
        pile = len(stack) > FALLBACK
        # Of doubles the first that is open stays.
        gone = stack if pile else np.delete(stack, int(study.sites.open[stack].argmax()))
        lost = float(_people_lost(study, now, gone).sum())
        more = "; did a geocoder fall back to the middle of a town? Without them" if pile else "; without the doubles"
        text = f"{len(stack)} sites stand on one point: {_named(study, stack[:5])}{more}"
        code = "geocoder-fallback" if pile else "duplicate-place"
        yield replace(_site_finding(study, now, stack[0], -lost, code, text), count=len(stack))


def near_doubles(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield sites of one name a few steps apart: one place that came from two tables, or twice from one.

    Sites without a name are held apart by their kind.
    """
    xy, names = study.sites.xy, [_plain(name) for name in study.sites.name]
    kinds = ["" if name else kind for name, kind in zip(names, study.sites.kind, strict=True)]
    keys = pd.DataFrame({"kind": kinds, "name": names})
    rounded = np.round(study.sites.lonlat, SAME_DEG)
    for rows in keys.groupby(["kind", "name"], sort=False).indices.values():
        name = keys["name"].iloc[int(rows[0])]
        for group in _clusters(xy, np.sort(rows), _NAMED_M if name else _UNNAMED_M):
            one_kind = len(set(study.sites.kind[group])) == 1
            if one_kind and len(np.unique(rounded[group], axis=0)) == 1:
                continue  # on one point: `stacked_sites`
            gone = np.delete(group, int(study.sites.open[group].argmax()))
            lost = float(_people_lost(study, now, gone).sum())
            apart = float(np.hypot(*(xy[group] - xy[group[0]]).T).max())
            who = f"{len(group)} sites of one name stand {apart:.0f} m apart or less: {_named(study, group[:5])}"
            text = f"{who}; without the doubles"
            yield replace(_site_finding(study, now, group[0], -lost, "near-double", text), count=len(group))


def _clusters(xy: NDArray[np.float64], rows: NDArray[np.intp], within_m: float) -> Iterator[NDArray[np.intp]]:
    """Yield groups of two rows or more that are linked by steps of at most a distance."""
    rows = rows[finite_rows(xy[rows])]
    if len(rows) < 2:  # noqa: PLR2004 -- a pair
        return
    group = label_components(len(rows), *cKDTree(xy[rows]).query_pairs(within_m, output_type="ndarray").T)
    for label in np.flatnonzero(np.bincount(group) > 1):
        yield rows[group == label]


def sites_off_streets(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each open site far from every street, with the people it would add if it stood on the nearest one."""
    far = np.flatnonzero(study.sites.open & (now.snapped.sites.leg_m > FAR_M))
    if not far.size:
        return
    at = now.snapped.sites
    street = snap_points(study.network, study.sites.xy[far], np.inf, public=True)
    edge, fraction, leg_m = at.edge.copy(), at.fraction.copy(), at.leg_m.copy()
    edge[far], fraction[far], leg_m[far] = street.edge, street.fraction, 0.0
    moved = replace(now.snapped, sites=Positions(edge=edge, fraction=fraction, leg_m=leg_m))
    then = measure_coverage(study.network, study.demand, study.sites, now.standard, now.walker, moved)
    gained = _by_site(then, then.covered & ~now.covered)
    for row in far.tolist():
        off = f"{at.leg_m[row]:,.0f} m from the nearest street"
        off += "" if at.edge[row] >= 0 else " and so serves no one"
        text = (
            f"{_named(study, [row])} stands {off}: is its place wrong, "
            "is a street missing? Were all such sites on a street"
        )
        yield _site_finding(study, now, row, gained[row], "site-off-streets", text)


def misplaced_sites(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield the sites whose table, or whose address, names another district of the study than the one they lie in."""
    if study.districts is None:
        return
    known = {_plain(name): str(name) for name in study.district_names}
    named = _addressed(study, known) | _named_districts(study, known)
    there = [None if pd.isna(name) else str(name) for name in study.site_district.reindex(study.sites.ids)]
    wrong = [
        row
        for row, site in enumerate(study.sites.ids)
        if (name := known.get(_plain(named.get(site, "")))) is not None and name != there[row]
    ]
    lost = _people_lost(study, now, np.array(wrong, dtype=np.intp))
    for row in wrong:
        place = f"lies in {there[row]}" if there[row] else "lies outside every district"
        text = f"{_named(study, [row])} says {named[study.sites.ids[row]]} but {place}; without all such sites"
        yield _site_finding(study, now, row, -lost[row], "site-in-other-district", text)


def _named_districts(study: Study, known: Mapping[str, str]) -> dict[Any, str]:
    """Return the district that the tables of outlets and banks name for each site, where one of their columns does."""
    named: dict[Any, str] = {}
    for role, letter in _ROLE_LETTER.items():
        table = getattr(study.settings.inputs, role)
        if table is None or table.osm is not None or role not in study.inputs:
            continue
        rows, _ = read_table(study.inputs[role], sheet=table.sheet, encoding=table.encoding, layer=table.layer)
        source = study.inputs[role].name
        given = [(meaning, table.columns.get(meaning)) for meaning in DIVISIONS]
        columns = [find_column(rows, meaning, source=source, given=name) for meaning, name in given]
        telling = [c for c in columns if c is not None and any(_plain(text) in known for text in rows[c])]
        if telling:
            id_column = find_column(rows, "id", source=source, given=table.columns.get("id"))
            ids = unique_row_ids(rows, id_column, letter=letter, source=source)
            named |= dict(zip(ids, map(str, rows[telling[0]]), strict=True))
    return named


def _addressed(study: Study, known: Mapping[str, str]) -> dict[Any, str]:
    """Return the one district that the address of each site names whole, of those that have one, a step inside it.

    Borders are drawn roughly: who stands beside the district of the address is in it.
    """
    import shapely  # noqa: PLC0415 -- few addresses name a district

    addresses = study.sites.columns.get("address")
    divisions = [name for name in known if _DIVISION.search(name)]
    if addresses is None or not divisions:
        return {}
    names = re.compile("|".join(sorted(map(re.escape, divisions), key=len, reverse=True)))
    shapes = study.districts.to_crs(study.network.crs).geometry  # type: ignore[union-attr]
    shapes.index = pd.Index([_plain(name) for name in study.district_names])
    points: Any = shapely.points(transform(study.sites.xy, study.sites.crs, study.network.crs))
    named: dict[Any, str] = {}
    for site, text, point in zip(study.sites.ids, map(_plain, addresses.tolist()), points, strict=True):
        # Another town may end as this one does: 河东镇 is not 东镇.
        said = {found[0] for found in names.finditer(text) if not found.start() or _AFTER.search(text[: found.start()])}
        if len(said) == 1 and shapely.distance(shapes[min(said)], point) > _ROUGHLY_M:
            named[site] = known[min(said)]
    return named


def sites_not_open(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each outlet that is closed or offers something else, with the people it would add."""
    shut = np.flatnonzero((study.sites.kind == "outlet") & ~study.sites.open)
    if not shut.size:
        return
    again = _with_open(study, now, shut, is_open=True)
    gained = _by_site(again, again.covered & ~now.covered)
    for row in shut.tolist():
        text = f"{_named(study, [row])} is an outlet that does not count today; were all such outlets open"
        yield _site_finding(study, now, row, gained[row], "outlet-not-open", text)


def sites_outside(study: Study, now: Coverage) -> Iterator[WeighedFinding]:
    """Yield each open site outside the area that people inside depend on."""
    if study.districts is None:
        return
    lost = _people_lost(study, now, np.flatnonzero(study.site_district.isna().to_numpy() & study.sites.open))
    for row in np.flatnonzero(lost > 0).tolist():
        text = f"{_named(study, [row])} lies outside the area and serves people inside; without all such sites"
        yield _site_finding(study, now, row, -lost[row], "site-outside", text)


def _people_lost(study: Study, now: Coverage, gone: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return ``(n_sites,)`` people no longer covered if the sites `gone` were closed together, by who serves them."""
    if not study.sites.open[gone].any():
        return np.zeros(len(study.sites))
    return _by_site(now, now.covered & ~_with_open(study, now, gone, is_open=False).covered)


def _with_open(study: Study, now: Coverage, rows: NDArray[np.intp], *, is_open: bool) -> Coverage:
    state = study.sites.open.copy()
    state[rows] = is_open
    sites = replace(study.sites, open=state)
    return measure_coverage(study.network, study.demand, sites, now.standard, now.walker, now.snapped)


def _by_site(coverage: Coverage, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return ``(n_sites,)`` people of some demand points, each at the site that decides for them."""
    people = np.zeros(len(coverage.sites))
    np.add.at(people, coverage.nearest[rows], coverage.demand.population[rows])
    return people


def _site_finding(study: Study, now: Coverage, row: int, change: float, code: str, text: str) -> WeighedFinding:
    """Return the finding on one site: `change` is how many people more would be covered."""
    lon, lat = study.sites.lonlat[row]
    district = study.site_district.iloc[row]
    role = {"outlet": "outlets", "bank": "banks", "new": "candidates"}[str(study.sites.kind[row])]
    if getattr(study.settings.inputs, role) is None:
        role = "candidates"  # a bank of the candidates' table
    return WeighedFinding(
        code=code,
        source=file_of(study, role),
        message=f"{text}, {change_text(now, change)}",
        people=float(abs(change)),
        points_of_coverage=points_of(now, change),
        district=None if pd.isna(district) else str(district),
        lon=float(lon),
        lat=float(lat),
    )


def _named(study: Study, rows: Iterable[int]) -> str:
    pairs = ((study.sites.ids[row], study.sites.name[row]) for row in rows)
    return ", ".join(f"{site} ({name})" if name else str(site) for site, name in pairs)


def _plain(text: object) -> str:
    return str(text).strip().casefold()
