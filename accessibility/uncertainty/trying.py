"""All draws of a case: by each source alone, by all together, by errors in the data once more, and with better data."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from accessibility.errors import InputError
from accessibility.geo.arrays import Frozen
from accessibility.sources.cache import code_digest
from accessibility.sources.files import write_aside
from accessibility.streets.search.compiling import run_in_threads
from accessibility.uncertainty.draws import PARTS, Chance, Draw
from accessibility.uncertainty.sources import IN_THE_DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from accessibility.uncertainty.scene import Case, Scene
    from accessibility.uncertainty.sources import InputErrors

    Told = Callable[[int, int], None]
    Gather = Callable[[NDArray[Any]], NDArray[np.float64]]

IMPROVEMENTS = {
    "survey-outlets": "outlets",
    "walk-the-ways": "paths",
    "count-people": "people",
    "locate-homes": "cells",
    "fix-settings": "settlement",
    "time-the-walk": "speed",
}
"""Each improvement, and the source that it makes better."""
_SURVEYED_M = 3.0
_COUNTED = (0.1, 0.05)  # of a census by point and by square kilometre
_STILL_MISSING = 0.2
_TIMED_M_S = 0.03
_MOST_OF_IT = 0.8
_TRIES = 60
_BATCH = 10
_PLACES = 12  # what sums leave behind is no error of the inputs
_MOST_SEED = 2**63
_KEPT_S = 30 * 24 * 3_600.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Tries(Frozen):
    """What the draws of a case found."""

    # scene, case: streets and people; which sites count
    scene: Scene
    case: Case
    # errors, sources, seed: how large the errors are, which sources there are, and the seed of their random numbers
    errors: InputErrors
    sources: tuple[str, ...]
    seed: int
    alone: NDArray[np.float64]  # (sources, draws) share covered with each source alone
    # again, whole: (draws, n) how many of the `PARTS` equal parts of each point's people are covered with the errors
    # that are in the data made once more, and with those of all sources
    again: NDArray[np.uint8]
    whole: NDArray[np.uint8]

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return len(self.whole)

    def factor(self, draw: int) -> NDArray[np.float64]:
        """Return ``(n,)`` how many times the people of the data there are in a draw of all sources."""
        return _draw(self.scene, self.errors, self.seed, draw).people_factor(self.sources)

    @cached_property
    def true_shares(self) -> NDArray[np.float64]:
        """``(draws,)`` what the share may truly be."""
        return self.true_shares_of(np.zeros(len(self.scene.now.demand), np.intp), 1)[:, 0]

    def true_shares_of(
        self,
        group: NDArray[np.intp],
        several: int,
        people: NDArray[np.float64] | None = None,
        gather: Gather = np.asarray,
    ) -> NDArray[np.float64]:
        """Return ``(draws, g)`` what the share of each group of people may truly be; NaN where a group is empty.

        What the errors of a draw change is added. Ways that are missing in the data are the exception: as many of those
        there are taken away once more, and what that costs is what the missing ones would bring. It is not what they
        would bring in the same place, where the ways that matter may be the very ones that are missing, but somewhere
        among people of the same setting: see `Circle`.

        Parameters
        ----------
        group
            ``(n,)`` row of the group of each demand point; -1 for none.
        several
            How many groups there are.
        people
            ``(n,)`` who is counted, some of the people of each point; all of them if None.
        gather
            Returns the sums that are told, of those of each group: totals of several of them, say.
        """
        everybody, covered = self.scene.now.demand.population, self.case.coverage.covered * float(PARTS)
        people = everybody if people is None else people
        part = np.divide(people, everybody, out=np.zeros(len(people)), where=everybody > 0)
        sums = _Sums(group=group, several=several, gather=gather)
        now, circle = sums.shares(people, covered), self.scene.circle
        found = np.empty((self.draws, len(now)))
        for draw in range(self.draws):
            again = sums.shares(people, self.again[draw])
            whole = sums.shares(people * self.factor(draw), self.whole[draw])
            turn = Chance(self.seed, draw).of("paths", 2).random()
            lost = part * circle.turned(everybody * (covered - self.again[draw]) / PARTS, turn)
            share = now + (whole - again) + sums.over(lost, people)
            found[draw] = np.clip(np.round(share, _PLACES), 0.0, 1.0)
        return found

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """``(n,)`` share of the people of each point, over all draws, who are covered."""
        found: NDArray[np.float64] = self.whole.sum(axis=0, dtype=np.int64) / (PARTS * max(self.draws, 1))
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sums:
    """How people are added up: by the group of each point, and what is told of the groups."""

    group: NDArray[np.intp]
    several: int
    gather: Gather = np.asarray

    def shares(self, people: NDArray[np.float64], parts: NDArray[Any]) -> NDArray[np.float64]:
        """Return the share of the people of each group who are covered, of whose `PARTS` so many are."""
        return self.over(people * parts / PARTS, people)

    def over(self, part: NDArray[np.float64], people: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums of each group over its people; NaN where it has none."""
        whole, sums = self._sums(people), self._sums(part)
        found: NDArray[np.float64] = np.divide(sums, whole, out=np.full(len(whole), np.nan), where=whole > 0)
        return found

    def _sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        there = self.group >= 0
        return self.gather(np.bincount(self.group[there], weights=values[there], minlength=self.several))


def _draw(scene: Scene, errors: InputErrors, seed: int, draw: int) -> Draw:
    return Draw(scene=scene, errors=errors, chance=Chance(seed, draw))


@dataclass(frozen=True, kw_only=True, eq=False)
class Trying:
    """How the draws are made."""

    # draws, seed: how many, and the seed of their random numbers: the first draws of many are those of few
    draws: int = 200
    seed: int = 1
    tell: Told | None = None  # called with how many draws are made and how many there are
    # a folder where draws are kept until all are made, a month at most; those of the same inputs that are there already
    # are read
    keep: Path | None = None

    def __post_init__(self) -> None:
        """Refuse fewer than two draws and a seed that is no whole number."""
        if not (isinstance(self.draws, (int, np.integer)) and self.draws > 1):
            msg = f"uncertainty is asked for {self.draws!r} draws; expected a whole number, 2 or more"
            raise InputError(msg)
        if not (isinstance(self.seed, (int, np.integer)) and 0 <= self.seed < _MOST_SEED):
            msg = f"the seed of the draws is {self.seed!r}; expected a whole number, 0 or more"
            raise InputError(msg)

    def run(self, scene: Scene, case: Case, errors: InputErrors | None = None, *, alone: bool = True) -> Tries:
        """Return what the draws of a case find.

        Parameters
        ----------
        scene, case
            Streets and people; which sites count.
        errors
            How large the errors are; those of the scene if None.
        alone
            Whether each source is also tried alone.
        """
        errors = scene.errors if errors is None else errors
        sources = scene.sources(case, errors)
        asked: list[tuple[str, ...]] = [(name,) for name in sources] if alone else []
        _warm(scene, case, sources)
        batches = [range(at, min(at + _BATCH, self.draws)) for at in range(0, self.draws, _BATCH)]
        if self.keep is not None:
            _drop_old(self.keep)
        key = "" if self.keep is None else _key(scene, case, errors, self.seed, alone=alone)
        made = _Counter(self.tell, self.draws)

        def kept(batch: range) -> Path | None:
            return None if self.keep is None else self.keep / f"draws-{key}-{batch.start}-{len(batch)}.npz"

        def one(batch: range) -> list[NDArray[Any]]:
            path = kept(batch)
            found = None if path is None or not path.is_file() else _read(path)
            if found is None:
                found = _batch(scene, case, errors, (self.seed, batch), asked, sources)
                if path is not None:
                    _write(path, found)
            made.add(len(batch))
            return found

        parts = run_in_threads([partial(one, batch) for batch in batches])
        for path in map(kept, batches):
            if path is not None:
                path.unlink(missing_ok=True)
        shares, again, whole = (np.concatenate([part[at] for part in parts]) for at in range(3))
        return Tries(
            scene=scene,
            case=case,
            errors=errors,
            sources=sources,
            seed=self.seed,
            alone=shares.T,
            again=again,
            whole=whole,
        )


class _Counter:
    """Counts draws, from whichever thread."""

    def __init__(self, tell: Told | None, whole: int) -> None:
        from threading import Lock  # noqa: PLC0415

        self._tell, self._whole, self._made, self._lock = tell, whole, 0, Lock()

    def add(self, several: int) -> None:
        """Tell that there are so many more."""
        with self._lock:
            self._made += several
            if self._tell is not None:
                self._tell(self._made, self._whole)


def _warm(scene: Scene, case: Case, sources: Collection[str]) -> None:
    """Work out what all draws share before threads ask for it."""
    _ = scene.people_xy, scene.streets.snap(scene.people_xy[:1], 1.0)
    if {"paths", "snapping", "cells"} & set(sources):
        _ = scene.people_choices, scene.ways, scene.homes
        _ = scene.spots if scene.grid else None
    if "people" in sources:
        _ = scene.blocks
    _ = scene.walked(case).wiring(case.coverage.walker), case.limits


def _batch(
    scene: Scene,
    case: Case,
    errors: InputErrors,
    numbers: tuple[int, range],
    asked: Sequence[tuple[str, ...]],
    sources: tuple[str, ...],
) -> list[NDArray[Any]]:
    """Return the shares of each source alone, and who is covered by the errors in the data and by all."""
    seed, batch = numbers
    people = scene.now.demand.population
    everybody = _Sums(group=np.zeros(len(people), np.intp), several=1)
    in_the_data = tuple(name for name in sources if name in IN_THE_DATA)
    shares = np.empty((len(batch), len(asked)))
    again, whole = (np.empty((len(batch), len(people)), np.uint8) for _ in range(2))
    for row, number in enumerate(batch):
        draw = _draw(scene, errors, seed, number)
        again[row] = draw.reached(case, in_the_data)
        for column, active in enumerate(asked):
            found = again[row] if active == in_the_data else draw.reached(case, active)
            shares[row, column] = everybody.shares(people * draw.people_factor(active), found)[0]
        whole[row] = draw.reached(case, sources)
    return [shares, again, whole]


def _key(scene: Scene, case: Case, errors: InputErrors, seed: int, *, alone: bool) -> str:
    """Return a name for the draws of these very inputs."""
    now = case.coverage
    networks = (scene.network,) if case.streets is None else (scene.network, case.streets.network)
    kinds = [network.kinds for network in networks]
    told = hashlib.sha256(repr((code_digest(), seed, alone, errors, now.standard, now.walker, kinds)).encode())
    names = ("node_xy", "edges", "length_m", "kind", "private", "closed", "oneway", "signals", "off_ground")
    arrays = [getattr(network, name) for network in networks for name in (*names, "slope_factor", "fixed_s")]
    there = (now.demand.xy, now.demand.population, now.sites.xy, now.sites.open, case.position_m)
    for array in (*arrays, *there):
        told.update(np.ascontiguousarray(array).tobytes())
    told.update("".join(now.demand.setting.tolist()).encode())
    more = () if scene.density is None else (scene.density.people, scene.density.cell)
    limits = [limit for limit in (now.demand.limit_s, now.demand.limit_m) if limit is not None]
    counts = () if scene.counts is None else (scene.counts.row, scene.counts.middle, np.array(scene.counts.spread))
    for array in (*more, *counts, *limits):
        told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()[:16]


def _drop_old(folder: Path) -> None:
    """Remove draws of runs that nobody went on with for a month: they are kept for those that go on."""
    for path in folder.glob("draws-*.npz"):
        with suppress(OSError):  # another run may take it away at the same time
            if time.time() - path.stat().st_mtime > _KEPT_S:
                path.unlink()


def _read(path: Path) -> list[NDArray[Any]] | None:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return [file["shares"], file["again"], file["whole"]]
    except (OSError, ValueError, KeyError, BadZipFile):
        return None  # cut short: made again


def _write(path: Path, found: list[NDArray[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, shares=found[0], again=found[1], whole=found[2])


def list_improvements(tries: Tries, trying: Trying, width: float) -> pd.DataFrame:
    """Return what each single improvement of the data would do to the bar; see `Uncertainty.improvements`."""
    rows, spread = [], float(tries.true_shares.std())
    for name, case, errors, sites in _better(tries):
        then = trying.run(tries.scene, case, errors, alone=False)
        # By the standard deviations: the ends of a bar are at the mercy of a few draws.
        after = width * float(then.true_shares.std()) / spread if spread > 0 else width
        count = float(len(sites)) if name == "survey-outlets" else np.nan
        rows.append((name, count, sites, 100 * after, 100 * (after - width)))
    found = pd.DataFrame(rows, columns=["improvement", "sites", "ids", "width_points", "points"])
    return found.sort_values("points", kind="stable").reset_index(drop=True)


def _better(tries: Tries) -> Iterator[tuple[str, Case, InputErrors, tuple[object, ...]]]:
    """Yield each improvement that would do anything: its name, the inputs then, and the sites it is about."""
    case, errors = tries.case, tries.errors
    rows = outlets_to_survey(tries) if "outlets" in tries.sources else np.empty(0, np.intp)
    if len(rows):
        metres = case.position_m.copy()
        metres[rows] = np.minimum(metres[rows], _SURVEYED_M)
        yield "survey-outlets", replace(case, position_m=metres), errors, tuple(case.coverage.sites.ids[rows])
    cell, block = _COUNTED
    fewer = {kind: share * _STILL_MISSING for kind, share in errors.missing.items()}
    cell, block = min(errors.people_cell, cell), min(errors.people_block, block)
    changed: dict[str, InputErrors] = {
        "walk-the-ways": replace(errors, missing=fewer),
        "count-people": replace(errors, people_cell=cell, people_block=block),
        "locate-homes": replace(errors, known=("cells", "snapping")),
        "fix-settings": replace(errors, without=(*errors.without, "settlement")),
        "time-the-walk": replace(errors, speed_m_s=min(errors.speed_m_s, _TIMED_M_S)),
    }
    for name, better in changed.items():
        if IMPROVEMENTS[name] in tries.sources:
            yield name, case, better, ()


def outlets_to_survey(tries: Tries) -> NDArray[np.intp]:
    """Return the fewest sites whose places make most of what the places of all do, those that make most first.

    Who is covered with a site elsewhere and was not, or the other way round, is put down to the site that decides; a
    site weighs by the square of its people, over the first draws.
    """
    scene, case, people = tries.scene, tries.case, tries.scene.now.demand.population
    several = len(case.coverage.sites)
    swings = np.zeros((min(_TRIES, tries.draws), several))
    before, after = case.coverage.covered, case.coverage.nearest
    for number in range(len(swings)):
        draw = Draw(scene=scene, errors=tries.errors, chance=Chance(tries.seed, number))
        now, owner = draw.decided(case, ("outlets",))
        lost, won = before & (now < PARTS), ~before & (now > 0)
        gone = np.bincount(after[lost], weights=people[lost], minlength=several)
        swings[number] = np.bincount(owner[won], weights=people[won], minlength=several) - gone
    weight = np.where(case.position_m > _SURVEYED_M, swings.var(axis=0), 0.0)
    order = np.argsort(-weight, kind="stable")
    share = weight[order].cumsum() / max(weight.sum(), 1e-300)
    count = int((weight > 0).any()) * (int(np.searchsorted(share, _MOST_OF_IT)) + 1)
    return order[:count]
