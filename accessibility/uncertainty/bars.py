"""`Uncertainty` and `Difference`: a figure with its bar, and the difference of two figures with its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import Frozen
from accessibility.uncertainty.sources import IN_THE_DATA
from accessibility.uncertainty.trying import list_improvements
from accessibility.wording import percent_text
from accessibility.wording.cards import COVERED, CUT, FAR, draw_bar, draw_card, draw_interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from accessibility.measures.coverage import Coverage
    from accessibility.uncertainty.scene import Case
    from accessibility.uncertainty.trying import Tries, Trying

LEVEL = 0.95
"""How sure an interval is; and how sure a place must be to count as surely in or surely out."""
SURENESS = ("in", "out", "unsure")
GAIN_COLUMNS = ("gain_points", "gain_low", "gain_high", "gain_error", "better", "better_error", "noise")
"""What is told of a difference."""
_TAILS = (0.025, 0.975)
_TAIL_DENSITY = 0.058445  # of a normal distribution, where 2.5 % lie beyond
_POINTS = 100.0


class TableCells(Protocol):
    """The cells of a table of people: `several` of them, which of them each point is in, and the rows they make."""

    @property
    def cell(self) -> NDArray[np.intp]:
        """``(n,)`` cell of each demand point."""

    @property
    def several(self) -> int:
        """How many cells there are."""

    def gather(self, sums: NDArray[Any]) -> NDArray[np.float64]:
        """Return the sums of each row, of those in each cell."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a figure truly lies, 95 times of 100, by the errors that were drawn.

    Parameters
    ----------
    low, high
        Its ends.
    error
        Standard error of each end that is left because draws are not endless.

    Examples
    --------
    >>> from accessibility.uncertainty import Interval
    >>> Interval(low=0.70, high=0.78, error=0.002).width.__round__(2)
    0.08
    """

    low: float
    high: float
    error: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Interval:
        """Return the interval of some draws, and its Monte-Carlo error: of a normal distribution as wide as theirs.

        Its ends stand at the ``(n + 1) p``-th of n draws in order (Hyndman and Fan 1996, definition 6): one more draw
        falls between them 95 times of 100 whatever n is, while numpy's usual ends hold 91 of 100 with 50 draws.

        Parameters
        ----------
        values
            ``(draws,)`` the figure in each draw; those that are no number are left out.

        Returns
        -------
        Interval
            The middle 95 % of them, the least and the greatest of fewer than 39; NaN of none.

        Examples
        --------
        >>> import numpy as np
        >>> Interval.of(np.arange(1.0, 80.0)).low
        2.0
        """
        there = values[np.isfinite(values)]
        if not len(there):
            return cls(low=np.nan, high=np.nan, error=np.nan)
        low, high = np.quantile(there, _TAILS, method="weibull").tolist()
        error = np.sqrt(_TAILS[0] * _TAILS[1] / len(there)) / _TAIL_DENSITY * there.std()
        return cls(low=low, high=high, error=float(error))

    @property
    def width(self) -> float:
        """From one end to the other."""
        return self.high - self.low


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Uncertainty(Frozen):
    """A headline with its bar: what the share covered may truly be, by the errors of the inputs.

    Rules, standards and errors that nobody modelled are not in it.

    Parameters
    ----------
    tries
        What the draws found.
    trying
        How they were made.
    scene_of
        Returns the coverage and the errors of position of another scenario or plan of the same study.

    Examples
    --------
    A road of 2 km with an outlet at its start, people at 900 m, near the edge of a walk of 15 minutes, and at its end:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> halls = acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at)
    >>> town = acc.Study.of(road, homes, halls, name="Town", settings="urban")
    >>> sure = town.uncertainty(draws=20)
    >>> sure.share, sure.interval.low < sure.share, sure.certainty.tolist()
    (0.75, True, ['unsure', 'out'])
    """

    tries: Tries
    trying: Trying
    scene_of: Callable[[Any], Case]

    def __repr__(self) -> str:
        """Return share, interval and draws."""
        ends = f"{percent_text(self.interval.low)} to {percent_text(self.interval.high)}"
        return f"<Uncertainty {percent_text(self.share)}, 95 % {ends}, {self.draws} draws, seed {self.seed}>"

    def _repr_html_(self) -> str:
        ends, told = self.interval, self.table().drop(columns="part").round(2)
        low, share, high = (percent_text(value) for value in (ends.low, self.share, ends.high))
        facts = [
            ("covered by the inputs", f"{share} of {self.now.population:,.0f} people"),
            ("truly, 95 times of 100", f"{low} to {high}, each end known to {_POINTS * ends.error:.1f} points"),
            ("middle of the draws", f"{self.bias_points:+.2f} points away, known to {self.error_points:.2f}"),
            ("narrows it most", self._best),
            ("draws, seed", f"{self.draws:,}, {self.seed}"),
        ]
        inks = zip(
            ("in", "unsure", "out"), ("surely covered", "unsure", "surely not"), (COVERED, CUT, FAR), strict=True
        )
        people = draw_bar([(words, self.certain_people[name], ink) for name, words, ink in inks])
        line = draw_interval(ends.low, self.share, ends.high, title=f"{low} to {high}")
        note = "Each error of the inputs alone, in percentage points; rules and errors nobody modelled are not in it."
        return draw_card("How sure the headline is", facts, line, people, table=told, note=note)

    @property
    def _best(self) -> str:
        """The improvement of the data that narrows the bar most, where that is worked out already: it takes as long."""
        known = self.__dict__.get("_improvements")
        if known is None:
            return ".improvements() finds it by the same draws"
        if not len(known) or not known["points"].iloc[0] < 0:
            return "no single improvement of the data"
        return f"{known['improvement'].iloc[0]}: {known['points'].iloc[0]:+.2f} points"

    @property
    def now(self) -> Coverage:
        """The coverage by the inputs as they are."""
        return self.tries.case.coverage

    @property
    def share(self) -> float:
        """Covered people over all people, by the inputs as they are."""
        return self.now.share

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return self.tries.draws

    @property
    def seed(self) -> int:
        """Seed of their random numbers."""
        return self.tries.seed

    @cached_property
    def interval(self) -> Interval:
        """Where the share truly lies, 95 times of 100."""
        return Interval.of(self.tries.true_shares)

    @property
    def bias_points(self) -> float:
        """How far the middle of the draws lies from the headline, percentage points."""
        return _POINTS * (float(self.tries.true_shares.mean()) - self.share)

    @property
    def sd_points(self) -> float:
        """Standard deviation of the draws, percentage points."""
        return _POINTS * float(self.tries.true_shares.std())

    @property
    def error_points(self) -> float:
        """Standard error of the middle of the draws that is left because they are not endless, percentage points."""
        return self.sd_points / float(np.sqrt(self.draws))

    def table(self) -> pd.DataFrame:
        """Return one row per source of error: each tried alone.

        Returns
        -------
        pandas.DataFrame
            ``source``, ``sd_points`` (standard deviation), ``part`` (its variance over the sum of all, 0 to 1),
            ``bias_points`` (how far the true figure lies from the headline because of it) and ``error_points``
            (Monte-Carlo error of the standard deviation), in percentage points; the widest first, last ``together``.

        Examples
        --------
        >>> sure.table()["source"].iloc[-1]
        'together'
        """
        tries = self.tries
        spread = _POINTS * tries.alone.std(axis=1)
        moved = _POINTS * (tries.alone.mean(axis=1) - self.share)
        sources = tries.sources[: len(spread)]  # none of a scenario: today's say what each does alone
        sign = np.array([-1.0 if name in IN_THE_DATA else 1.0 for name in sources])
        sums = float((spread**2).sum())
        rows = pd.DataFrame(
            {
                "source": list(sources),
                "sd_points": spread,
                "part": spread**2 / sums if sums > 0 else np.zeros(len(spread)),
                "bias_points": sign * moved + 0.0,
                "error_points": spread / np.sqrt(2 * self.draws),
            }
        ).sort_values("sd_points", ascending=False, kind="stable")
        all_ = ("together", self.sd_points, 1.0, self.bias_points, self.sd_points / np.sqrt(2 * self.draws))
        whole = pd.DataFrame([all_], columns=rows.columns)
        return pd.concat([rows, whole], ignore_index=True) if len(rows) else whole

    def by(self, series: pd.Series[Any]) -> pd.DataFrame:
        """Return the share of each group with its interval.

        Parameters
        ----------
        series
            The group of each demand point, keyed by demand id; those it does not name come last.

        Returns
        -------
        pandas.DataFrame
            Indexed by group: ``covered_share``, ``low`` and ``high`` (0 to 1), ``error`` of either end.

        Raises
        ------
        InputError
            A series that names a demand point twice, or none of them.

        Examples
        --------
        >>> import pandas as pd
        >>> side = pd.Series({"near": "west", "far": "east"}, name="side")
        >>> float(sure.by(side).loc["east", "high"])
        0.0
        """
        shown = self.now.by(series)[["covered_share"]]
        group = shown.index.get_indexer(pd.Index(self.now.demand.keyed(series)))
        missing = np.flatnonzero(shown.index.isna())
        if len(missing):
            group = np.where(group < 0, missing[0], group)
        ends = [Interval.of(one) for one in self.tries.true_shares_of(group.astype(np.intp), len(shown)).T]
        for name in ("low", "high", "error"):
            shown[name] = [getattr(end, name) for end in ends]
        return shown

    @property
    def probability(self) -> NDArray[np.float64]:
        """``(n,)`` share of the people of each demand point, over all draws, who are covered."""
        return self.tries.probability

    @cached_property
    def certainty(self) -> NDArray[np.str_]:
        """``(n,)`` of ``in`` (covered in 95 of 100 draws or more), ``out`` (in 5 or fewer) and ``unsure``."""
        p = self.probability
        return np.select([p >= LEVEL, p <= 1 - LEVEL], ["in", "out"], default="unsure").astype("<U6")

    @property
    def certain_people(self) -> dict[str, float]:
        """People surely in, surely out and unsure; they add up to the population."""
        people = self.now.demand.population
        return {name: float(people[self.certainty == name].sum()) for name in SURENESS}

    def improvements(self) -> pd.DataFrame:
        """Return what each single improvement of the data would do to the bar, by the same draws, best first.

        Returns
        -------
        pandas.DataFrame
            ``improvement``, ``sites`` (how many outlets would be surveyed; NaN where it is not about outlets), ``ids``
            (which), ``width_points`` (of the bar afterwards: as much narrower as the standard deviation is less) and
            ``points`` (by how many percentage points the bar narrows, below 0).

        Examples
        --------
        >>> float(sure.improvements()["points"].iloc[0]) < 0
        True
        """
        return self._improvements.copy()

    @cached_property
    def _improvements(self) -> pd.DataFrame:
        return list_improvements(self.tries, self.trying, self.interval.width)

    def compare(self, other: Any) -> Difference:
        """Return by how much a scenario or plan is better than today, by the same draws.

        Parameters
        ----------
        other
            A scenario or a plan of the study.

        Returns
        -------
        Difference
            The gain with an interval of its own: errors that both have in common do not count.

        Raises
        ------
        InputError
            A scenario that does not fit the study.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> opened = sure.compare(acc.Scenario(name="bank", opened=("B1",)))
        >>> opened.points, opened.better > 0.95, opened.is_noise
        (25.0, True, False)
        """
        return self.under(other).over(self)

    def over(self, other: Uncertainty) -> Difference:
        """Return by how much this headline is better than another of the same study, by the same draws.

        Parameters
        ----------
        other
            How sure today's headline is, or that of another scenario.

        Returns
        -------
        Difference
            The gain with an interval of its own.

        Raises
        ------
        InputError
            Other draws, or those of another study.

        Examples
        --------
        >>> sure.over(sure).points, sure.over(sure).is_noise
        (0.0, True)
        """
        one, two = self.tries, other.tries
        if one.scene is not two.scene or (one.seed, one.draws, one.errors) != (two.seed, two.draws, two.errors):
            msg = "the two headlines are not of the same draws; expected both of one study.uncertainty()"
            raise InputError(msg)
        return Difference(now=two, then=one)

    def under(self, other: Any) -> Uncertainty:
        """Return how sure the headline of a scenario or plan is, by the same draws; no source is tried alone.

        Parameters
        ----------
        other
            A scenario or a plan of the study.

        Returns
        -------
        Uncertainty
            Its share with its interval, and every place's probability.

        Raises
        ------
        InputError
            A scenario that does not fit the study.
        UnknownSiteError
            A site that is not there.

        Examples
        --------
        >>> then = sure.under(acc.Scenario(name="bank", opened=("B1",)))
        >>> then.share, then.certainty.tolist()[1]
        (1.0, 'in')
        """
        case = self.scene_of(other)
        if len(case.coverage.demand) != len(self.now.demand):
            msg = "a difference is of the same people; expected a scenario of this study"
            raise InputError(msg)
        return replace(self, tries=self.trying.run(self.tries.scene, case, self.tries.errors, alone=False))


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Difference(Frozen):
    """How much more is covered in one case than in another, drawn with the same errors.

    Parameters
    ----------
    now, then
        What the draws of both found.

    Examples
    --------
    A town whose bank branch would bring the fourth of all people who have no outlet; `Uncertainty` shows it:

    >>> import accessibility as acc
    >>> road = acc.Network(node_xy=[(5e5, 34e5), (502e3, 34e5)], edges=[(0, 1)], length_m=[2000], crs="EPSG:32649")
    >>> at = {"xy": [(500900, 34e5), (502e3, 34e5)], "crs": "EPSG:32649"}
    >>> homes = acc.Demand(ids=["near", "far"], population=[30, 10], **at)
    >>> at = {"xy": [(5e5, 34e5), (501700, 34e5)], "crs": "EPSG:32649"}
    >>> halls = acc.Sites(ids=["O1", "B1"], kind=["outlet", "bank"], **at)
    >>> sure = acc.Study.of(road, homes, halls, name="Town", settings="urban").uncertainty(draws=20)
    >>> opened = sure.compare(acc.Scenario(name="bank", opened=("B1",)))
    >>> opened.interval.low <= opened.points <= opened.interval.high
    True
    """

    now: Tries
    then: Tries

    def __repr__(self) -> str:
        """Return the gain, its interval, and whether it is noise."""
        ends = f"{self.interval.low:+.1f} to {self.interval.high:+.1f}"
        noise = ", noise" if self.is_noise else ""
        return f"<Difference {self.points:+.1f} points, 95 % {ends}, better with probability {self.better:.2f}{noise}>"

    def _repr_html_(self) -> str:
        low, high = (f"{end:+.2f}" for end in (self.interval.low, self.interval.high))
        facts = [
            ("by the inputs", f"{self.points:+.2f} percentage points"),
            ("truly, 95 times of 100", f"{low} to {high} points, each end known to {self.interval.error:.2f}"),
            ("better with probability", percent_text(self.better)),
            ("verdict", "noise: neither is the better one by these data" if self.is_noise else "more than noise"),
            ("draws, seed", f"{self.now.draws:,}, {self.now.seed}"),
        ]
        return draw_card("How sure the difference is", facts)

    @property
    def points(self) -> float:
        """By how many percentage points more are covered, by the inputs as they are."""
        return _POINTS * (self.then.case.coverage.share - self.now.case.coverage.share)

    @cached_property
    def true_points(self) -> NDArray[np.float64]:
        """``(draws,)`` by how many percentage points more may truly be covered."""
        return _POINTS * (self.then.true_shares - self.now.true_shares)

    @cached_property
    def interval(self) -> Interval:
        """Where the difference truly lies, 95 times of 100, percentage points."""
        return Interval.of(self.true_points)

    @property
    def better(self) -> float:
        """Share of the draws in which more are covered; where as many are, half of them."""
        return _better(self.true_points)

    @property
    def is_noise(self) -> bool:
        """Whether no difference at all lies inside the interval."""
        return self.interval.low <= 0 <= self.interval.high

    def record(self) -> dict[str, float | bool | None]:
        """Return the difference as plain values.

        Returns
        -------
        dict of str to float or bool or None
            ``gain_points`` by the inputs as they are, ``gain_low`` and ``gain_high`` (where the gain truly lies, 95
            times of 100) with the Monte-Carlo error ``gain_error`` of either end, ``better`` (share of the draws in
            which more are covered; where as many, half of them) with its error ``better_error``, and ``noise``
            (whether no difference at all lies in the interval).

        Examples
        --------
        >>> opened.record()["gain_points"], opened.record()["noise"]
        (25.0, False)
        """
        return _tell_gain(self.points, self.true_points)

    def rows(self, points: NDArray[np.float64], cells: TableCells, people: NDArray[np.float64]) -> pd.DataFrame:
        """Return the difference in each row of a table.

        Parameters
        ----------
        points
            ``(g,)`` the difference in each row by the inputs as they are, percentage points.
        cells
            The cell of each demand point, and which cells each row adds up.
        people
            ``(n,)`` who is counted, some of the people of each point.

        Returns
        -------
        pandas.DataFrame
            One row per row, with the values of `record`; nothing where nobody lives.

        Examples
        --------
        >>> import pandas as pd
        >>> from accessibility.whatif.comparison import DistrictCells
        >>> cells = DistrictCells.of(homes, pd.Series({"near": "west", "far": "east"}))
        >>> opened.rows([0, 0, 100, 100, 25, 25], cells, homes.population)["noise"].tolist()
        [True, True, False, False, False, False]
        """
        sides = (self.then, self.now)
        then, now = (side.true_shares_of(cells.cell, cells.several, people, cells.gather) for side in sides)
        told = [_tell_gain(float(here), drawn) for here, drawn in zip(points, _POINTS * (then - now).T, strict=True)]
        return pd.DataFrame(told, columns=list(GAIN_COLUMNS))


def _better(drawn: NDArray[np.float64]) -> float:
    return float(np.mean(drawn > 0) + np.mean(drawn == 0) / 2)


def _tell_gain(points: float, drawn: NDArray[np.float64]) -> dict[str, float | bool | None]:
    """Return what is told of a difference that is drawn; nothing of one that is no number."""
    if not np.isfinite(drawn).all():
        return dict.fromkeys(GAIN_COLUMNS)
    ends, better = Interval.of(drawn), _better(drawn)
    error = float(np.sqrt(better * (1 - better) / len(drawn)))
    noise = ends.low <= 0 <= ends.high
    return dict(zip(GAIN_COLUMNS, (points, ends.low, ends.high, ends.error, better, error, noise), strict=True))
