"""`Scenario`: what is different from today, as a value that can be read, combined and applied."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.geo.projection import WGS84, transform
from accessibility.sites import KINDS, Sites
from accessibility.standards import Walker

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.standards import Standard
    from accessibility.streets.edits import StreetEdit

_SAME_PLACE_M = 0.01


@checked
@dataclass(frozen=True, kw_only=True)
class Addition:
    """A site that does not exist today.

    Parameters
    ----------
    id
        Its id, which no other site has.
    lon, lat
        Degrees, WGS84.
    kind
        ``new``, ``bank`` or ``outlet``.
    name, cost
        For people and for tables; a cost is finite, 0 or more.

    Raises
    ------
    InputError
        A place that is not on Earth, another kind, a negative cost.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Scenario(added=(acc.Addition(id="N1", lon=108.2, lat=30.5, cost=3),)).added[0].kind
    'new'
    """

    id: Hashable
    lon: float
    lat: float
    kind: str = "new"
    name: str = ""
    cost: float = 0.0

    def __post_init__(self) -> None:
        """Refuse places that are none, unknown kinds and impossible costs."""
        _check_place(f"added site {self.id!r}", self.lon, self.lat)
        if self.kind not in KINDS:
            msg = f"added site {self.id!r} is of kind {self.kind!r}; expected one of {', '.join(KINDS)}"
            raise InputError(msg)
        if not (np.isfinite(self.cost) and self.cost >= 0):
            msg = f"added site {self.id!r} costs {self.cost}; expected a finite cost, 0 or more"
            raise InputError(msg)


@checked
def addition_values(added: Addition) -> dict[str, Any]:
    """Return a site that is added as a table of plain values."""
    place = {"id": str(added.id), "lon": float(added.lon), "lat": float(added.lat)}
    return {**place, "kind": added.kind, "name": added.name, "cost": float(added.cost)}


@checked
@dataclass(frozen=True, kw_only=True)
class Move:
    """A site that stands elsewhere.

    Parameters
    ----------
    id
        Id of the site.
    lon, lat
        Where it would stand: degrees, WGS84.

    Raises
    ------
    InputError
        A place that is not on Earth.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Scenario(moved=(acc.Move(id="O1", lon=108.2, lat=30.5),)).moved[0].lat
    30.5
    """

    id: Hashable
    lon: float
    lat: float

    def __post_init__(self) -> None:
        """Refuse places that are none."""
        _check_place(f"moved site {self.id!r}", self.lon, self.lat)


@checked
@dataclass(frozen=True, kw_only=True)
class Settings:
    """How people walk and what near enough means, where it differs from the study's; None is as there.

    Parameters
    ----------
    speed_m_s
        Walking speed on the flat, 0.3 to 3 m/s.
    open_compounds
        Whether everybody may walk through gated compounds.
    standard
        Another standard.

    Raises
    ------
    InputError
        A speed that nobody walks.

    Examples
    --------
    >>> import accessibility as acc
    >>> slow = acc.Settings(speed_m_s=0.8)
    >>> acc.Scenario(name="slow", settings=slow).settings.speed_m_s
    0.8
    """

    speed_m_s: float | None = None
    open_compounds: bool | None = None
    standard: Standard | None = None

    def __post_init__(self) -> None:
        """Refuse what nobody's walk can be."""
        self.walker(Walker())

    def walker(self, base: Walker) -> Walker:
        """Return the walker of these settings.

        Parameters
        ----------
        base
            The walker of the study.

        Returns
        -------
        Walker
            `base` with what differs.

        Examples
        --------
        >>> slow.walker(acc.Walker()) == acc.Walker(speed_m_s=0.8)
        True
        """
        given = {"speed_m_s": self.speed_m_s, "open_compounds": self.open_compounds}
        return replace(base, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]

    def of(self, base: Standard) -> Standard:
        """Return the standard of these settings.

        Parameters
        ----------
        base
            The standard of the study.

        Returns
        -------
        Standard
            `base` if none is given here.

        Examples
        --------
        >>> slow.of(acc.Standard()).urban.text
        '15-minute walk'
        """
        return base if self.standard is None else self.standard


UNCHANGED = Settings()
"""People walk, and near enough means, what they do today."""


@checked
@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is different from today; the baseline is ``Scenario()``.

    Parameters
    ----------
    name
        For tables and maps.
    opened
        Ids of sites that do not count today and would.
    closed
        Ids of sites that count today, or are added, and would not.
    added
        Sites that do not exist; they count unless closed.
    moved
        Sites that would stand elsewhere, open or not.
    edits
        How the streets would be, one edit after the other: `NewStreet`, `Closure`, `Pace`, `CompoundOpening`.
    settings
        What else differs.

    Raises
    ------
    InputError
        A site that opens and closes, stands twice in a list, or is added and opens or moves.

    Examples
    --------
    >>> import accessibility as acc
    >>> bank = acc.Scenario(name="bank", opened=("B1",))
    >>> slow = acc.Scenario(name="slow", settings=acc.Settings(speed_m_s=0.8))
    >>> (bank + slow).name, (bank + slow).opened
    ('bank + slow', ('B1',))
    """

    name: str = ""
    opened: tuple[Hashable, ...] = ()
    closed: tuple[Hashable, ...] = ()
    added: tuple[Addition, ...] = ()
    moved: tuple[Move, ...] = ()
    edits: tuple[StreetEdit, ...] = ()
    settings: Settings = UNCHANGED

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        for name in ("opened", "closed", "added", "moved", "edits"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        both = [site for site in self.opened if site in self.closed]
        if both:
            msg = f"{self._where}site {both[0]!r} opens and closes; expected one of both"
            raise InputError(msg)
        listed = {
            "opens": self.opened,
            "closes": self.closed,
            "is added": tuple(a.id for a in self.added),
            "moves": tuple(m.id for m in self.moved),
        }
        for does, ids in listed.items():
            twice = [site for row, site in enumerate(ids) if site in ids[:row]]
            if twice:
                msg = f"{self._where}site {twice[0]!r} {does} twice; expected once"
                raise InputError(msg)
        new = {a.id for a in self.added} & {*self.opened, *(m.id for m in self.moved)}
        if new:
            msg = f"{self._where}site {min(map(str, new))!r} is added, and opens or moves; expected it added only"
            raise InputError(msg)

    @property
    def _where(self) -> str:
        return f"scenario {self.name!r}: " if self.name else "scenario: "

    def __add__(self, other: Scenario) -> Scenario:
        """Return both differences together; an error names the site or setting on which they disagree."""
        if not isinstance(other, Scenario):
            return NotImplemented
        for one, two in ((self, other), (other, self)):
            torn = [site for site in one.opened if site in two.closed]
            if torn:
                msg = f"site {torn[0]!r} opens in scenario {one.name!r}, closes in {two.name!r}; expected one of both"
                raise InputError(msg)
        return Scenario(
            name=" + ".join(name for name in (self.name, other.name) if name),
            opened=_joined(self.opened, other.opened),
            closed=_joined(self.closed, other.closed),
            added=_agreed(self, other, "added"),
            moved=_agreed(self, other, "moved"),
            edits=tuple(dict.fromkeys([*self.edits, *other.edits])),
            settings=_both(self, other),
        )

    def apply(self, sites: Sites) -> Sites:
        """Return the sites as they would be: those there are in their rows, the added ones after them.

        Parameters
        ----------
        sites
            The sites of today.

        Returns
        -------
        Sites
            The same sites, opened, closed and moved, and the added ones.

        Raises
        ------
        UnknownSiteError
            An id that is not there; the message offers the closest ones.
        InputError
            Opening what is open, closing what is closed, adding what exists.

        Examples
        --------
        >>> today = acc.Sites(ids=["O1", "B1"], xy=[(0, 0), (9, 9)], kind=["outlet", "bank"], crs="EPSG:32649")
        >>> bank.apply(today).open.tolist()
        [True, True]
        """
        taken = set(sites.ids) if self.added else set()
        clash = [a.id for a in self.added if a.id in taken]
        if clash:
            msg = f"{self._where}site {clash[0]!r} is added and exists; expected an id that no site has"
            raise InputError(msg)
        new = {a.id for a in self.added}
        rows = sites.rows([*self.opened, *(c for c in self.closed if c not in new), *(m.id for m in self.moved)])
        count = len(self.opened)
        opens, closes = rows[:count], rows[count : len(rows) - len(self.moved)]
        self._expect(sites, opens, is_open=False)
        self._expect(sites, closes, is_open=True)
        is_open = sites.open.copy()
        is_open[opens], is_open[closes] = True, False
        there = sites.counting(is_open)
        if self.moved:
            xy = sites.xy.copy()
            lonlat = np.array([(m.lon, m.lat) for m in self.moved])
            xy[rows[len(rows) - len(self.moved) :]] = transform(lonlat, WGS84, sites.crs)
            there = replace(there, xy=xy)
        return there + self._additions(sites) if self.added else there

    def _expect(self, sites: Sites, rows: NDArray[np.intp], *, is_open: bool) -> None:
        wrong = rows[sites.open[rows] != is_open]
        if wrong.size:
            state, wanted = ("closed", "open") if is_open else ("open", "closed")
            msg = f"{self._where}site {sites.ids[wrong[0]]!r} is {state} already; expected one that is {wanted}"
            raise InputError(msg)

    def _additions(self, sites: Sites) -> Sites:
        return Sites(
            ids=[a.id for a in self.added],  # type: ignore[arg-type]
            xy=transform(np.array([(a.lon, a.lat) for a in self.added]), WGS84, sites.crs),
            name=[a.name for a in self.added],  # type: ignore[arg-type]
            kind=[a.kind for a in self.added],  # type: ignore[arg-type]
            open=[a.id not in self.closed for a in self.added],  # type: ignore[arg-type]
            cost=[a.cost for a in self.added],  # type: ignore[arg-type]
            crs=sites.crs,
        )


def place_scenario(scenario: Scenario, sites: Sites, refuse_place: Callable[[str, float, float], None]) -> Sites:
    """Return the sites of a scenario; refuse what it adds or moves to where no site can stand."""
    for what, items in (("added", scenario.added), ("moved", scenario.moved)):
        for item in items:
            refuse_place(f"{what} site {item.id!r}", item.lon, item.lat)
    there = scenario.apply(sites)
    return there if scenario.added or scenario.moved else replace(sites, open=there.open)


def _check_place(what: str, lon: float, lat: float) -> None:
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 -- degrees
        msg = f"{what} stands at lon {lon}, lat {lat}; expected degrees (are they swapped?)"
        raise InputError(msg)


def _joined(one: tuple[Hashable, ...], other: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    return tuple(dict.fromkeys([*one, *other]))


def _agreed(one: Scenario, other: Scenario, name: str) -> tuple[Any, ...]:
    """Return the additions or moves of both, where those of one site are the same."""
    mine, theirs = ({item.id: item for item in getattr(s, name)} for s in (one, other))
    for site, item in theirs.items():
        if mine.get(site, item) != item:
            msg = f"site {site!r} is {name} one way in scenario {one.name!r}, another in {other.name!r}; expected one"
            raise InputError(msg)
    return tuple({**mine, **theirs}.values())


def _both(one: Scenario, other: Scenario) -> Settings:
    values = {}
    for name in (f.name for f in fields(Settings)):
        mine, theirs = getattr(one.settings, name), getattr(other.settings, name)
        if mine is not None and theirs is not None and mine != theirs:
            msg = f"{name} is {mine} in scenario {one.name!r} and {theirs} in {other.name!r}; expected one of both"
            raise InputError(msg)
        values[name] = theirs if mine is None else mine
    return Settings(**values)


def scenario_of(coverage: Coverage, sites: Sites, walker: Walker, standard: Standard) -> Scenario:
    """Return what a coverage has different from today's sites, walker and standard; what is gone from it is closed."""
    there = {site: row for row, site in enumerate(sites.ids)}
    lonlat = coverage.sites.lonlat
    kept = sites.to_crs(coverage.sites.crs)
    opened: list[Hashable] = []
    closed: list[Hashable] = []
    added: list[Addition] = []
    moved: list[Move] = []
    for row, site in enumerate(coverage.sites.ids):
        now, is_open = coverage.sites, bool(coverage.sites.open[row])
        lon, lat = np.round(lonlat[row], 7).tolist()
        if site not in there:
            cost = float(now.cost[row])
            added.append(
                Addition(id=site, lon=lon, lat=lat, kind=str(now.kind[row]), name=str(now.name[row]), cost=cost)
            )
            closed += [] if is_open else [site]
            continue
        if is_open != sites.open[there[site]]:
            (opened if is_open else closed).append(site)
        if np.abs(kept.xy[there[site]] - now.xy[row]).max() > _SAME_PLACE_M:
            moved.append(Move(id=site, lon=lon, lat=lat))
    other, streets = coverage.walker, coverage.snapped.network
    settings = Settings(
        speed_m_s=None if other.speed_m_s == walker.speed_m_s else other.speed_m_s,
        open_compounds=None if other.open_compounds == walker.open_compounds else other.open_compounds,
        standard=None if coverage.standard == standard else coverage.standard,
    )
    return Scenario(
        opened=tuple(opened),
        closed=tuple(closed),
        added=tuple(added),
        moved=tuple(moved),
        edits=() if streets is None or streets.pieces is None else streets.pieces.edits,
        settings=settings,
    )


def free_id(taken: Iterable[object]) -> str:
    """Return the first of ``N1``, ``N2``, ... that is not taken.

    Examples
    --------
    >>> free_id(["N1", "B1"])
    'N2'
    """
    used = {str(site) for site in taken}
    return next(name for k in range(1, len(used) + 2) if (name := f"N{k}") not in used)
