"""`JoinedParts`: parts of a country that share no site and no person, one after the other as one covering, on disk.

A part is in memory only while it is read. What is kept of it is its covering, demand of one cover set merged: eight
bytes a pair, in files that the system maps in and out as memory allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError
from accessibility.geo.arrays import starts_of
from accessibility.sites import KINDS
from accessibility.siting.covering import Covering, read_covering
from accessibility.siting.limits import TOTAL, Limits, affordable
from accessibility.siting.numbers import SLACK, WHOLE_BITS, read_units
from accessibility.siting.pairs import Pairs, transposed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.siting.covering import Reading
    from accessibility.siting.plan import Conditions
    from accessibility.siting.problem import Problem

SITES = ""
"""The pack of all columns, where their number is limited beside their cost; no quota has this name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class JoinedParts:
    """All parts as one covering."""

    covering: Covering  # the question; a limit of the number of sites alone is a budget of sites that cost 1 each
    # columns, rows: (p + 1,) the first column and row of each part, and where the last one ends
    columns: NDArray[np.intp]
    rows: NDArray[np.intp]
    quotas: tuple[str, ...]  # names of the last packs; those before them are sites of one part that exclude each other
    districts: tuple[str, ...]  # names of the districts that tell rows apart; without floors none
    # (d,) people who have to be covered in each of them, those covered before anything opens included
    wanted: NDArray[np.float64]
    contradiction: str  # why nothing can satisfy the conditions; empty where something may

    @property
    def floored(self) -> bool:
        """Whether districts have floors."""
        return bool((self.wanted > 0).any())

    @property
    def shared(self) -> int:
        """The first pack that parts share."""
        return len(self.covering.room) - len(self.quotas)

    @property
    def beyond_reach(self) -> NDArray[np.int64]:
        """``(d,)`` how far each district stays below its floor where every candidate opens."""
        covering = self.covering
        reached = covering.rows.lengths > 0
        there = np.zeros(len(covering.need), np.int64)
        np.add.at(there, covering.district[reached], covering.weight[reached])
        short: NDArray[np.int64] = np.maximum(covering.need - there, 0)
        return short


def read_part(problem: Problem, limits: Limits, *, floors: bool) -> Reading:
    """Return one part as a covering under the conditions that are its own: no quota and no floor.

    Sites that cost more than the whole budget never open.
    """
    own = own_conditions(problem, limits.conditions)
    return read_covering(problem, Limits(budget=limits.budget, conditions=own), by_district=floors)


def leave_out_dear(parts: Sequence[Callable[[], Problem]], limits: Limits) -> Limits:
    """Return the limits with the sites forbidden that cost more than the required ones of all parts leave.

    No part knows what the others require, and a price of the budget lets in a share of such a site.
    """
    required = set(limits.conditions.required)
    if not required or limits.budget is None:
        return limits
    cost: dict[object, float] = {}
    for part in parts:
        problem = part()
        may = problem.candidate & ~problem.open
        cost |= dict(zip(problem.ids[may].tolist(), problem.site_cost[may].tolist(), strict=True))
    left = affordable(limits.budget) - sum(cost.get(site, 0.0) for site in dict.fromkeys(limits.conditions.required))
    dear = (site for site, price in cost.items() if price > left and site not in required)
    forbidden = tuple(dict.fromkeys([*limits.conditions.forbidden, *dear]))
    return replace(limits, conditions=replace(limits.conditions, forbidden=forbidden))


def own_conditions(problem: Problem, asked: Conditions) -> Conditions:
    """Return the conditions about sites of a part alone."""
    named = (*asked.required, *asked.forbidden, *(site for pair in asked.exclusive for site in pair))
    there = set(problem.ids.tolist()) if named else set()
    astride = [pair for pair in asked.exclusive if (pair[0] in there) != (pair[1] in there)]
    if astride:
        msg = f"the exclusive sites {astride[0]} lie in two parts; expected both in one"
        raise InputError(msg)
    return replace(
        asked,
        quotas={},
        floor=0.0,
        floors={},
        required=tuple(site for site in asked.required if site in there),
        forbidden=tuple(site for site in asked.forbidden if site in there),
        exclusive=tuple(pair for pair in asked.exclusive if pair[0] in there),
    )


class _Files:
    """Arrays that grow part by part, each in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, **arrays: NDArray[Any]) -> None:
        for name, values in arrays.items():
            with (self._folder / name).open("ab") as file:  # which tells of a full disk, as `tofile` does not
                file.write(np.ascontiguousarray(values).view(np.uint8).data)

    def read(self, name: str, kind: type[np.generic]) -> NDArray[Any]:
        """Return an array; kernels would compile anew for one that they may not write to, though none does."""
        path = self._folder / name
        if not path.exists() or not path.stat().st_size:
            return np.empty(0, kind)
        return np.asarray(np.memmap(path, kind, mode="c"))


def join_parts(
    parts: Sequence[Callable[[], Problem]], limits: Limits, needs: Mapping[str, float] | None, folder: Path
) -> JoinedParts:
    """Return all parts as one covering, its pairs in files of a folder.

    Parameters
    ----------
    parts
        Functions that return the parts; one is in memory at a time.
    limits
        Of all parts together. Floors are shares of the people of all parts.
    needs
        District to the people of the parts who have to be covered there, in place of these floors.
    folder
        Where the files go; they have to stay while the result is used.

    Raises
    ------
    InputError
        Parts of different districts, conditions about what is not there.
    """
    building = _Building(limits, needs, folder)
    for part in parts:
        building.add(part())
    return building.join()


class _Building:
    """The joined parts, which grow part by part."""

    def __init__(self, limits: Limits, needs: Mapping[str, float] | None, folder: Path) -> None:
        asked = limits.conditions
        self._limits, self._needs, self._files = limits, needs, _Files(folder)
        self._floors = bool(asked.floor or asked.floors) if needs is None else bool(needs)
        beside = limits.sites is not None and limits.budget is not None
        self._room = {**dict(asked.quotas), **({SITES: int(limits.sites or 0)} if beside else {})}
        self._columns, self._rows = [0], [0]
        self._packs: list[NDArray[np.int32]] = []
        self._left: list[NDArray[np.int64]] = []
        self._members: dict[str, list[NDArray[np.intp]]] = {name: [] for name in self._room}
        self._names: tuple[str, ...] | None = None
        self._people, self._covered = np.zeros(1), np.zeros(1)
        self._whole, self._base, self._spent, self._why = True, 0.0, 0.0, ""
        self._known: set[object] = {"", *KINDS}

    def add(self, problem: Problem) -> None:
        """Add a part."""
        reading = read_part(problem, self._limits, floors=self._floors)
        covering, required = reading.covering, reading.terms.required
        self._why = self._why or reading.terms.contradiction
        self._count_districts(problem, required)
        first, row = self._columns[-1], self._rows[-1]
        cost = problem.site_cost if self._limits.budget is not None else np.ones(len(problem.open))
        self._files.add(
            weight=covering.weight * covering.person,
            district=covering.district,
            row_length=covering.rows.lengths,
            row_item=covering.rows.item + np.int32(first),
            column_length=covering.columns.lengths,
            column_item=covering.columns.item + np.int32(row),
            cost=cost[covering.site],
        )
        for name, members in self._members.items():
            of = of_quota(problem, name)
            members.append(np.flatnonzero(of[covering.site]) + first)
            self._room[name] -= int(of[required].sum())
        self._known |= {*problem.kind.tolist(), *problem.bank.tolist()} if self._room else set()
        by_pack = transposed(covering.packs, len(covering.room))
        self._packs += [by_pack.of(np.array([k])) + np.int32(first) for k in range(len(by_pack))]
        self._left.append(covering.room)
        self._whole = self._whole and problem.people_units.exact and problem.people_units.unit.is_integer()
        self._base += covering.base * covering.person
        self._spent += float(cost[required].sum())
        self._columns.append(first + len(covering.site))
        self._rows.append(row + len(covering.weight))

    def _count_districts(self, problem: Problem, required: NDArray[np.intp]) -> None:
        """Add up the people of each district, and those covered before anything opens."""
        if not self._floors:
            return
        if self._names not in (None, problem.districts):
            msg = f"parts name {len(self._names or ())} and {len(problem.districts)} districts; expected the same ones"
            raise InputError(msg)
        self._names, size = problem.districts, max(len(problem.districts), 1) + 1
        # Whoever lives in no district stands in one more; where there are no districts all live in the first.
        place = (
            np.where(problem.district < 0, size - 1, problem.district) if problem.districts else 0 * problem.district
        )
        before = problem.open.copy()
        before[required] = True
        now = problem.covered_by(before)
        self._people = np.bincount(place, problem.people, size) + np.resize(self._people, size) * (
            self._people.size > 1
        )
        now_there = np.bincount(place[now], problem.people[now], size)
        self._covered = now_there + np.resize(self._covered, size) * (self._covered.size > 1)

    def join(self) -> JoinedParts:
        """Return what was added."""
        unknown = sorted(set(self._limits.conditions.quotas) - self._known)
        if unknown and len(self._columns) > 1:
            msg = f"quotas name {unknown[:10]}, which are no kinds or banks of a site"
            raise InputError(msg)
        read = self._files.read
        person, weight = self._in_units(read("weight", np.float64))
        rows = Pairs(start=starts_of(read("row_length", np.int64)), item=read("row_item", np.int32))
        columns = Pairs(start=starts_of(read("column_length", np.int64)), item=read("column_item", np.int32))
        cost = read("cost", np.float64)
        units = read_units(np.append(cost, 0.0), "costs of sites")
        budget = float(self._limits.sites or 0) if self._limits.budget is None else self._limits.budget
        left = units.most(budget) - units.most(self._spent)
        names = self._names or (TOTAL,)
        wanted, need = self._needed(names, person, read("district", np.int32))
        members = [*self._packs, *(np.concatenate([[], *of]).astype(np.int32) for of in self._members.values())]
        lengths = np.array([len(of) for of in members], dtype=np.int64)
        by_pack = Pairs(start=starts_of(lengths), item=np.concatenate([np.empty(0, np.int32), *members]))
        room = np.concatenate([*self._left, np.array([*self._room.values()], dtype=np.int64)]).astype(np.int64)
        full = [name for name, more in self._room.items() if more < 0]
        over = f"the required sites are more than the quota of {full[0]!r} allows" if full else ""
        poor = "the required sites cost more than the budget" if left < 0 else ""
        covering = Covering(
            weight=weight,
            district=read("district", np.int32),
            rows=rows,
            columns=columns,
            site=np.arange(len(cost)),
            cost=units.whole[:-1],
            most=len(cost),
            budget=min(max(left, 0), int(units.whole.sum())),
            packs=transposed(by_pack, len(cost)),
            room=np.maximum(room, 0),
            need=need,
            base=round(self._base / person),
            spent=units.most(self._spent),
            point=np.empty(0, np.intp),
            opened=np.empty(0, np.intp),
            person=person,
            coin=units.unit,
        )
        return JoinedParts(
            covering=covering,
            columns=np.array(self._columns),
            rows=np.array(self._rows),
            quotas=tuple(self._room),
            districts=names,
            wanted=wanted,
            contradiction=self._why or over or poor,
        )

    def _in_units(self, people: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
        """Return the people of a unit, and rows in units: sums hang on no order."""
        total = float(people.sum()) + self._base
        person = 1.0 if self._whole or total <= 0 else 2.0 ** (math.ceil(math.log2(total)) - WHOLE_BITS + 1)
        return person, np.rint(people / person).astype(np.int64)

    def _needed(
        self, names: tuple[str, ...], person: float, district: NDArray[np.int32]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the people wanted in each district, and what it lacks in units; the last is of no district."""
        asked = self._limits.conditions
        wanted, need = np.zeros(len(names) + 1), np.zeros(len(names) + 1, np.int64)
        if not self._floors:
            return wanted[:-1], need
        unknown = sorted({*asked.floors, *(self._needs or {})} - set(names))
        if unknown:
            msg = f"floors name {unknown[:10]}, which are no districts; there are {', '.join(map(repr, names))}"
            raise InputError(msg)
        covered = self._covered
        for place, name in enumerate(names):
            share = asked.floors.get(name, asked.floor)
            people = share * self._people[place] if self._needs is None else self._needs.get(name, 0.0)
            if people > 0:
                need[place] = math.ceil((people * (1 - SLACK) - covered[place]) / person)
                wanted[place] = covered[place] + need[place] * person
        if not self._whole:  # every row was rounded, so that a floor met by a hair may be missed by one
            need += np.where(need > 0, np.bincount(district, minlength=len(need)), 0)
        return wanted[:-1], need


def of_quota(problem: Problem, name: str) -> NDArray[np.bool_]:
    """Return ``(s,)`` which sites a quota counts."""
    return np.ones(len(problem.open), np.bool_) if name == SITES else (problem.kind == name) | (problem.bank == name)
