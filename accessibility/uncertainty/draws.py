"""One draw: the inputs once more with their errors, by random numbers of its own, and who is covered then."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.geo.arrays import Memo, Same
from accessibility.geo.projection import NO_SITE, measure_radius, transform
from accessibility.standards import CM_PER_M
from accessibility.streets import search
from accessibility.streets.network import main_parts
from accessibility.streets.snapping import NOWHERE, PREFER_MAIN_M, Choices, EdgeIndex, Positions, SnapLimits
from accessibility.uncertainty.sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from accessibility.standards import Walker
    from accessibility.streets.search.packing import Graph
    from accessibility.uncertainty.scene import Case, Scene, TwoCounts
    from accessibility.uncertainty.sources import InputErrors

_MEDIAN = float(np.sqrt(2 * np.log(2)))  # of how far a place lies from its mean, in standard deviations of a side
_MOVES_STREETS = {"outlets", "paths", "snapping", "speed"}
"""The sources that move sites, or change ways and what they cost."""
_MOVES = _MOVES_STREETS | {"cells"}
_SLOWEST, _FASTEST = 0.3, 3.0  # m/s, as `Walker` has it
PARTS = 4
"""In how many equal parts the people of a point may be covered."""


@dataclass(frozen=True)
class Chance:
    """The random numbers of one draw; every source has its own, however often and in whichever order it is asked.

    They hang on seed, source and draw alone: not on threads, nor on what else is drawn.
    """

    seed: int  # of all draws
    draw: int  # which draw it is

    def of(self, source: str, part: int = 0) -> np.random.Generator:
        """Return fresh numbers of a source, always the same."""
        key = np.random.SeedSequence(self.seed, spawn_key=(SOURCES.index(source), part, self.draw))
        return np.random.Generator(np.random.Philox(key))

    @cached_property
    def speed(self) -> float:
        """How fast the group walks, in standard deviations."""
        return float(self.of("speed").standard_normal())

    def factors(self, source: str, part: int, size: int, relative: float) -> NDArray[np.float64]:
        """Return positive factors around 1, in the mean 1, of a relative standard deviation."""
        width = np.sqrt(np.log1p(relative**2))
        drawn = self.of(source, part).standard_normal(size)
        found: NDArray[np.float64] = np.exp(width * drawn - width**2 / 2)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """One draw of a scene. Whatever sources are asked for, they bring the same errors: comparisons are paired."""

    scene: Scene  # streets and people
    errors: InputErrors  # how large the errors are; those of the scene, or what they would be with better data
    chance: Chance  # the random numbers

    def _numbers(self, source: str, part: int = 0) -> np.random.Generator:
        chance = Chance(self.chance.seed, 0) if source in self.errors.known else self.chance
        return chance.of(source, part)

    @cached_property
    def _known(self) -> Memo:
        return Memo(64)

    @cached_property
    def gone(self) -> NDArray[np.bool_]:
        """``(m,)`` the edges of ways that the map might have missed, whole ways at a time."""
        network, ways = self.scene.network, self.scene.ways
        missing = np.array([self.errors.missing.get(kind, 0.0) for kind in network.kinds])[network.kind]
        # Nobody knows the share either: from none to twice as many.
        share = 2.0 * self.chance.of("paths", 1).random() * missing
        return self.chance.of("paths").random(len(ways))[ways] < share

    def _usable(self, active: Collection[str]) -> NDArray[np.bool_] | None:
        """Return ``(m + 1,)`` whether points may stand on an edge; None for all they may stand on by the data."""
        if "paths" not in active:
            return None
        network = self.scene.network
        return self._known.get(  # type: ignore[no-any-return]
            "usable", lambda: np.append(main_parts(network, ~(self.gone | network.closed)), False)
        )

    def _chosen(
        self,
        choices: Choices,
        active: Collection[str],
        part: int,
        rows: NDArray[np.intp] | None = None,
        loose: NDArray[np.bool_] | None = None,
    ) -> Positions:
        """Return which of its streets each point takes: of those there are the nearest, or by chance a next one.

        Points are `rows` of more, whose chance is the same whichever of them are asked for. By chance take those a next
        one that are `loose`; all if None.
        """
        usable = self._usable(active)
        there = choices.edge != NOWHERE
        if usable is not None:
            left = there & ~np.append(self.gone, True)[choices.edge]
            minor = left[:, 0] & ~np.append(self.scene.network.main_edges, True)[choices.edge[:, 0]]
            there = there & usable[choices.edge]
            there[:, 0] |= minor
            # Where a fragment is so much nearer that points stand there, they are looked up like those that lose all.
            nearest, fragment = (np.where(some, choices.leg_m, np.inf).min(axis=1) for some in (there, left))
            there &= ~(fragment < nearest - PREFER_MAIN_M)[:, None]
        if "snapping" not in active:
            return choices.at_first(there)
        first = np.where(there.any(axis=1), there.argmax(axis=1), -1)
        sums = choices.sums(self.errors.snapping_m, None if usable is None else there)
        chance = self._numbers("snapping", part).random(len(first) if rows is None else int(rows.max(initial=-1)) + 1)
        wanted = (chance if rows is None else chance[rows]) * sums[-1]
        choice = np.zeros(len(first), np.intp)
        for upto in sums[:-1]:
            choice += upto <= wanted
        choice = choice if loose is None else np.where(loose, choice, first)
        return choices.at(np.where(sums[-1] > 0, choice, -1))

    def _stepping(self, active: Collection[str]) -> Positions:
        """Return which street each home steps onto: who loses none of its streets steps as if none were lost."""
        choices = self.scene.people_choices
        # In a cell with streets the homes are not where its middle is.
        loose = np.diff(self.scene.spots.start) == 0 if self.scene.grid and "cells" in self.errors.sources else None
        if "paths" not in active:
            if "snapping" not in active:
                return self.scene.now.snapped.demand
            return self._known.get("stepping", lambda: self._chosen(choices, active, 0, loose=loose))  # type: ignore[no-any-return]
        lost = ~self._usable(active)  # type: ignore[operator]
        lost[NOWHERE] = False
        rows = np.flatnonzero(np.logical_or.reduce([lost[edge] for edge in choices.edge.T]))
        some = None if loose is None else loose[rows]
        found = self._stepping({*active} - {"paths"})
        found = found.replaced(rows, self._chosen(choices.take(rows), active, 0, rows, some))
        lost = np.flatnonzero(~found.snapped & self.scene.now.snapped.demand.snapped)
        return found.replaced(lost, self._known.get("elsewhere", lambda: self._homes_elsewhere(lost)))

    def _homes_elsewhere(self, lost: NDArray[np.intp]) -> Positions:
        index, limit = EdgeIndex.of(self.scene.network, public=False), SnapLimits().of(self.scene.now.demand.setting)
        return self._elsewhere(index, self.scene.people_xy[lost], limit[lost])

    def _elsewhere(self, index: EdgeIndex, xy: NDArray[np.float64], limit_m: NDArray[np.float64]) -> Positions:
        """Return where points go that lose every street near them: to the next one there is, as on the map without."""
        main = self._usable(("paths",))
        return index.snap_without(xy, limit_m, self.gone | self.scene.network.closed, main[:-1])  # type: ignore[index]

    def people(self, active: Collection[str]) -> list[Positions]:
        """Return where the people stand on today's streets: once, or each equal part of them."""
        key = ("people", *(name for name in ("paths", "snapping", "cells") if name in active))
        return self._known.get(key, lambda: self._people(active))  # type: ignore[no-any-return]

    def _standing(self, case: Case, active: Collection[str]) -> list[Positions]:
        """Return where the people stand on the streets of a case."""
        own, streets = case.coverage.snapped.demand, self.scene.walked(case)
        if not {"paths", "snapping", "cells"} & set(active):
            return [own]
        return [streets.found(part, own) for part in self.people(active)]

    def _people(self, active: Collection[str]) -> list[Positions]:
        if not {"paths", "snapping", "cells"} & set(active):
            return [self.scene.now.snapped.demand]
        centre = self._stepping(active)
        return self._spread(centre, active) if "cells" in active else [centre]

    def _spread(self, centre: Positions, active: Collection[str]) -> list[Positions]:
        """Return each part of a cell at a random place of its streets; where they are gone, where its middle goes."""
        spots, homes = self.scene.spots, self.scene.homes
        first, several = spots.start[:-1], np.diff(spots.start)
        random = self._numbers("cells").random((len(several), 2, PARTS))
        usable = self._usable(active)
        found = []
        rows = np.arange(len(several))
        for part in range(PARTS):
            which, back = random[rows, 0, homes[:, part]], random[rows, 1, homes[:, part]]
            spot = np.minimum(first + (which * several).astype(np.int64), len(spots.edge) - 1)
            edge = spots.edge[spot] if len(spots.edge) else np.full(len(rows), NOWHERE, np.int32)
            there = (several > 0) & centre.snapped
            if usable is not None:
                there &= usable[edge]
            found.append(
                Positions(
                    edge=np.where(there, edge, centre.edge),
                    fraction=np.where(there, spots.fraction[spot] if len(spots.edge) else 0.0, centre.fraction),
                    leg_m=np.where(there, 2 * self.errors.home_m * back, centre.leg_m),
                )
            )
        return found

    def people_factor(self, active: Collection[str]) -> NDArray[np.float64]:
        """Return ``(n,)`` how many times the people there are by the data."""
        scene = self.scene
        factor = np.ones(len(scene.now.demand))
        if "people" in active:
            block, _ = scene.blocks
            factor *= self._blocks[block]
            factor *= self.chance.factors("people", 1, len(factor), self.errors.people_cell)
        if "totals" in active and scene.counts is not None:
            factor *= self._between(scene.counts)
        return factor

    def _between(self, counts: TwoCounts) -> NDArray[np.float64]:
        """Return ``(n,)`` factors around the middle of two counts, as far off as those of all districts differ."""
        chance = self.chance.of("totals")
        # Nobody knows the true spread either: the fewer districts there are, the wider it may be (Student's t).
        spread = counts.spread * np.sqrt(counts.several / chance.chisquare(counts.several))
        beyond = np.append(spread * chance.standard_normal(counts.several), 0.0)
        found: NDArray[np.float64] = np.exp(counts.middle + beyond)[counts.row]
        return found

    @cached_property
    def _blocks(self) -> NDArray[np.float64]:
        return self.chance.factors("people", 0, self.scene.blocks[1], self.errors.people_block)

    def settings(self, active: Collection[str]) -> NDArray[np.str_]:
        """Return ``(n,)`` the settings: by the same errors of people per square kilometre as the people themselves."""
        density = self.scene.density
        if "settlement" not in active or density is None:
            return self.scene.now.demand.setting
        factor = self._blocks[:-1].reshape(density.people.shape)
        return self._known.get("settings", lambda: density.settings(factor))  # type: ignore[no-any-return]

    def walker(self, case: Case, active: Collection[str]) -> Walker:
        """Return how the people walk."""
        walker = case.coverage.walker
        if "speed" not in active:
            return walker
        speed_m_s = walker.speed_m_s + self.errors.speed_m_s * self.chance.speed
        return replace(walker, speed_m_s=float(np.clip(speed_m_s, _SLOWEST, _FASTEST)))

    def sites_xy(self, case: Case, active: Collection[str]) -> NDArray[np.float64]:
        """Return ``(s, 2)`` where the sites lie, in the network's coordinate system."""
        sites = case.coverage.sites
        xy = transform(sites.xy, sites.crs, self.scene.network.crs)
        if "outlets" not in active:
            return xy
        # Row by row: sites that a scenario adds come last, and leave the errors of the others as they are.
        return xy + self.chance.of("outlets").standard_normal((len(xy), 2)) * (case.position_m / _MEDIAN)[:, None]

    def sites(self, case: Case, active: Collection[str]) -> Positions:
        """Return where the sites stand on the streets; one that does not count stands nowhere."""
        moves = tuple(name for name in ("outlets", "paths", "snapping") if name in active)
        return self._known.get(("sites", Same(case), moves), lambda: self._sites(case, moves))  # type: ignore[no-any-return]

    def _sites(self, case: Case, moves: tuple[str, ...]) -> Positions:
        sites, own, streets = case.coverage.sites, case.coverage.snapped.sites, self.scene.walked(case)
        at, rows = streets.today(own), np.flatnonzero(sites.open)
        if "outlets" in moves:
            moved = np.flatnonzero(sites.open & (case.position_m > 0))
            put = self.scene.streets.snap(self.sites_xy(case, moves)[moved], SnapLimits().site_m)
            at = at.replaced(moved, put)
        if {"paths", "snapping"} & set(moves):
            steps = [name for name in moves if name == "paths" or "outlets" not in moves]
            choices = self._site_choices(case, at.take(rows), moves)
            at = at.replaced(rows, self._chosen(choices, steps, 1, rows))
        if "paths" in moves:
            lost = rows[~at.snapped[rows] & own.snapped[rows]]
            limit = np.full(len(lost), SnapLimits().site_m)
            at = at.replaced(lost, self._elsewhere(self.scene.streets, self.sites_xy(case, moves)[lost], limit))
        at = streets.found(at, own) if moves else own
        return Positions(edge=np.where(sites.open, at.edge, np.int32(NOWHERE)), fraction=at.fraction, leg_m=at.leg_m)

    def _site_choices(self, case: Case, here: Positions, moves: tuple[str, ...]) -> Choices:
        """Return the streets that the open sites may step onto; the same in every draw where they stay."""

        def choose() -> Choices:
            limit = np.full(len(here), SnapLimits().site_m)
            xy = self.sites_xy(case, moves)[case.coverage.sites.open]
            return self.scene.choices(self.scene.streets, xy, here, limit)

        return choose() if "outlets" in moves else case.known.get("choices", choose)

    def _reached(
        self, measure: str, case: Case, active: Collection[str], rows: NDArray[np.intp] | slice
    ) -> list[tuple[NDArray[Any], NDArray[np.int32]]]:
        """Return, for each part of some people, what their way to the nearest site costs, and which that is."""
        per, walker = self._pace(measure, case, active)
        at, gone = self.sites(case, active).stops(per), self.gone if "paths" in active else None

        def search_all() -> tuple[Graph, NDArray[np.uint64]]:
            graph = self.scene.walked(case).graph(walker, case.coverage.walker, gone)
            return graph, search.nearest(graph, at, limit=case.limits[measure])

        moves = _MOVES_STREETS & set(active)
        # Labels are read in the graph that they were found in: another of the same streets may number its nodes anew.
        graph, labels = search_all() if moves else case.known.get(("labels", measure), search_all)
        people = [part.take(rows) for part in self._standing(case, active)]
        return [search.split_labels(search.read_labels(graph, labels, at, part.stops(per))) for part in people]

    def _costs(
        self, measure: str, case: Case, active: Collection[str], rows: NDArray[np.intp]
    ) -> list[tuple[NDArray[Any], NDArray[np.int32]]]:
        """Return the same by one measure; the same in every draw where nothing of it errs."""
        if measure != "walk":
            active = [name for name in active if name != "speed"]  # a metre is one at any pace
        if not _MOVES & set(active):
            every = slice(None)
            known = case.known.get(("reached", measure), lambda: self._measured(measure, case, (), every))
            return [(cost[rows], site[rows]) for cost, site in known]
        return self._measured(measure, case, active, rows)

    def _measured(
        self, measure: str, case: Case, active: Collection[str], rows: NDArray[np.intp] | slice
    ) -> list[tuple[NDArray[Any], NDArray[np.int32]]]:
        if measure != "radius":
            return self._reached(measure, case, active, rows)
        xy, is_open = self.sites_xy(case, active), case.coverage.sites.open
        radius, nearest = measure_radius(self.scene.people_xy[rows], xy, is_open, self.scene.network.crs)
        straight = np.where(np.isfinite(radius), np.rint(radius * CM_PER_M), np.inf)
        along = self._reached("network", case, active, rows)
        return [(np.minimum(straight, metres), nearest) for metres, _ in along]

    def _pace(self, measure: str, case: Case, active: Collection[str]) -> tuple[float, Walker | None]:
        """Return what a metre of an access leg costs, and who walks; nobody where metres are counted."""
        walker = self.walker(case, active)
        return (walker.leg_ms_per_m, walker) if measure == "walk" else (walker.leg_cm_per_m, None)

    def reached(self, case: Case, active: Collection[str], owner: NDArray[np.int32] | None = None) -> NDArray[np.uint8]:
        """Return ``(n,)`` how many of the `PARTS` equal parts of each point's people are covered.

        The row of the site that decides is written to `owner`, if it is asked for.
        """
        standard, setting, now = case.coverage.standard, self.settings(active), self.scene.now.demand
        demand = now if setting is now.setting else replace(now, setting=setting)
        parts = PARTS if "cells" in active else 1
        covered = np.zeros((parts, len(setting)), np.bool_)
        for measure, cutoff in demand.cutoffs(standard).items():
            key, find = ("asked", measure), partial(self._asked, cutoff)
            rows, most = case.known.get(key, find) if demand is now else find()
            for part, (cost, site) in enumerate(self._costs(measure, case, active, rows)):
                covered[part, rows] = cost <= most
                if owner is not None:
                    owner[rows] = site
        return covered.sum(axis=0, dtype=np.uint8) * np.uint8(PARTS // parts)  # type: ignore[no-any-return]

    def _asked(self, cutoff: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return whom a measure decides for, neighbours after each other, who share the cache; and what is enough."""
        rows = self.scene.circle.order
        rows = rows[cutoff[rows] >= 0]
        return rows, cutoff[rows]

    def decided(self, case: Case, active: Collection[str]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Return ``(n,)`` how many of the `PARTS` equal parts of each point's people are covered, and by which site."""
        owner = np.full(len(self.scene.now.demand), NO_SITE, np.int32)
        return self.reached(case, active, owner), owner
