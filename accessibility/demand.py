"""`Demand`: people at places."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from accessibility.errors import InputError, checked
from accessibility.geo.arrays import (
    Frozen,
    Memo,
    Named,
    absent,
    locked,
    number_words,
    read_only,
    read_rows,
    refuse,
    unique_ids,
    whole_ids,
)
from accessibility.geo.projection import WGS84, frame_crs, read_crs, transform
from accessibility.standards import CM_PER_M, MS_PER_S, SETTINGS, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    from accessibility.standards import Measure, Standard


_MOST_EXACT = 2.0**53  # up to here every whole number is told from the next


@checked
@dataclass(frozen=True, kw_only=True, eq=False)
class Demand(Frozen):
    """Demand points: people at places.

    Parameters
    ----------
    ids
        ``(n,)`` unique ids.
    xy
        ``(n, 2)`` coordinates in `crs`, x before y. A row that is not finite has no place: its people
        stay in the denominator, unreached.
    population
        ``(n,)`` people, finite and not negative.
    setting
        ``(n,)`` of `settings`; all of the first one, ``urban`` with the stricter rule, where not given.
    settings
        Names of the settings there are; those of the policy, ``urban``, ``town`` and ``rural``, where not given.
    groups
        Name to ``(n,)`` people of that group (60+, say), finite and not negative.
    limit_s, limit_m
        ``(n,)`` seconds of walk, or metres along streets, that are near enough for each demand point in place of the
        rule of its setting; NaN where that rule stands. None where nobody has a limit of their own.
    crs
        The coordinate system of `xy`; anything pyproj understands.

    Raises
    ------
    InputError
        Ids that are not unique, arrays of different lengths, people that are negative or not finite, another setting.

    Examples
    --------
    >>> import accessibility as acc
    >>> people = acc.Demand(ids=["a", "b"], xy=[(5e5, 34e5), (501e3, 34e5)], population=[3, 4], crs="EPSG:32649")
    >>> people
    <Demand 7 people at 2 points: urban 7, town 0, rural 0>
    """

    ids: NDArray[np.object_]
    xy: NDArray[np.float64]
    population: NDArray[np.float64]
    setting: NDArray[np.str_] = None  # type: ignore[assignment]  # all of the first, and made when asked for
    settings: tuple[str, ...] = SETTINGS
    groups: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    limit_s: NDArray[np.float64] | None = None
    limit_m: NDArray[np.float64] | None = None
    crs: CRS

    def __post_init__(self) -> None:
        """Copy the arrays and check every invariant."""
        given = self.__dict__
        numbers = whole_ids(given["ids"])
        ids = unique_ids(given["ids"], name="demand") if numbers is None else numbers
        n = len(ids)
        xy = read_only(self.xy if n else np.empty((0, 2)), dtype=np.float64, shape=(n, 2), name="demand xy")
        population = _people(self.population, n, "demand population")
        settings = tuple(self.settings)
        none, said = locked(np.zeros(n, np.uint8)), given["setting"]
        code = none if said is None else number_words(said, among=settings, n=n, name="demand setting")
        groups = {name: _people(people, n, f"demand group {name!r}") for name, people in self.groups.items()}
        del given["setting"], given["ids"]  # made when they are asked for: as objects and texts they take much room
        given |= {"xy": xy, "population": population, "settings": settings, "setting_code": code}
        given["ids" if numbers is None else "_numbers"] = ids
        object.__setattr__(self, "groups", Named(groups))
        object.__setattr__(self, "crs", read_crs(self.crs, "demand"))
        self._take_limits(self.limit_s, self.limit_m)

    def __getattr__(self, name: str) -> Any:
        """Make ids and settings when they are first asked for."""
        if name not in ("ids", "setting"):
            msg = f"{type(self).__name__!r} object has no attribute {name!r}"
            raise AttributeError(msg)
        words = np.array(self.settings)[self.setting_code] if name == "setting" else self._ids.astype(object)
        self.__dict__[name] = locked(words)
        return words

    @property
    def _ids(self) -> NDArray[Any]:
        """The ids as they are held, as whole numbers or as objects."""
        numbers = self.__dict__.get("_numbers")
        if isinstance(numbers, range):
            return np.arange(numbers.start, numbers.stop, numbers.step)
        return self.ids if numbers is None else numbers

    def _take_limits(self, limit_s: object, limit_m: object) -> None:
        n, given = len(self), {"limit_s": limit_s, "limit_m": limit_m}
        found: dict[str, NDArray[np.float64]] = {}
        for name, limit in given.items():
            if limit is not None:
                found[name] = read_only(limit, dtype=np.float64, shape=(n,), name=f"demand {name}")
                bad = ~np.isnan(found[name]) & ~(np.isfinite(found[name]) & (found[name] > 0))
                refuse(bad, name=f"demand {name}", found=found[name], expected="more than 0, or NaN")
        if len(found) > 1:
            twice = ~np.isnan(found["limit_s"]) & ~np.isnan(found["limit_m"])
            refuse(twice, name="demand limits", found=self.ids, expected="seconds or metres, not both")
        for name in given:
            object.__setattr__(self, name, found.get(name))

    def people_of(self, group: str | None = None) -> NDArray[np.float64]:
        """Return how many people live at each demand point, all of them or those of a group.

        Parameters
        ----------
        group
            Its name; everybody if None.

        Returns
        -------
        numpy.ndarray
            ``(n,)`` people.

        Raises
        ------
        InputError
            A group that there is not.

        Examples
        --------
        >>> import accessibility as acc
        >>> homes = acc.Demand(ids=["a"], xy=[(0, 0)], population=[30], groups={"60+": [8]}, crs="EPSG:32649")
        >>> homes.people_of().tolist(), homes.people_of("60+").tolist()
        ([30.0], [8.0])
        """
        if group is None:
            return self.population
        if group not in self.groups:
            there = ", ".join(self.groups) or "none, as Study.of(groups=[...]) and population.groups name them"
            msg = f"no group is named {group!r}; expected one of: {there}"
            raise InputError(msg)
        return self.groups[group]

    @property
    def own_limits(self) -> NDArray[np.bool_]:
        """``(n,)`` whether a demand point has a limit of its own."""
        given = [~np.isnan(limit) for limit in (self.limit_s, self.limit_m) if limit is not None]
        return np.logical_or.reduce(given) if given else np.zeros(len(self), np.bool_)

    @property
    def limited_settings(self) -> dict[str, float]:
        """People with a limit of their own by setting, of each that has some."""
        own = self.own_limits
        found = {setting: float(self.population[rows & own].sum()) for setting, rows in self.setting_rows.items()}
        return {setting: people for setting, people in found.items() if people > 0}

    def limited(self, limit: pd.Series[Any] | ArrayLike | None) -> Demand:
        """Return the same people with limits of their own in place of the rule of their setting.

        Parameters
        ----------
        limit
            What is near enough for each: minutes as a number, ``10 min``, ``3 km`` or a `Rule`; a series keyed by
            demand id, or one value a row. Where it is missing the rule of the setting stands; None for nobody's.

        Returns
        -------
        Demand
            One that shares the arrays.

        Raises
        ------
        InputError
            A text that is no time and no length, a limit that is not positive, or in a straight line; a series that
            names no demand point.

        Examples
        --------
        >>> import pandas as pd
        >>> people.limited(pd.Series({"b": "3 km"})).limit_m.tolist()
        [nan, 3000.0]
        """
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        found = copy(self)
        if limit is None:
            found._take_limits(None, None)  # noqa: SLF001 -- its own
            return found
        said = self.keyed(limit, "limits").to_numpy(dtype=object) if isinstance(limit, pd.Series) else limit
        given = read_only(said, dtype=object, shape=(len(self),), name="limits")
        row_of, values = pd.factorize(given, use_na_sentinel=False)
        rules = [None if absent(value) or value == "" else Rule.of(_plain(value)) for value in values]
        if any(rule is not None and rule.measure == "radius" for rule in rules):
            msg = "a limit of a demand point is in a straight line; expected a walk, or a distance along the network"
            raise InputError(msg)
        own = {
            measure: np.array([r.limit if r is not None and r.measure == measure else np.nan for r in rules])[row_of]
            for measure in ("walk", "network")
        }
        kept = {measure: None if np.isnan(limits).all() else limits for measure, limits in own.items()}
        found._take_limits(kept["walk"], kept["network"])  # noqa: SLF001
        return found

    def rule(self, row: int, standard: Standard) -> Rule:
        """Return what is near enough for one demand point: its own limit, or the rule of its setting.

        Parameters
        ----------
        row
            Which.
        standard
            The rules of the settings.

        Returns
        -------
        Rule
            The one that decides.

        Raises
        ------
        InputError
            A setting that has no rule.

        Examples
        --------
        >>> people.rule(0, acc.Standard()).text, people.limited(["3 km", None]).rule(0, acc.Standard()).text
        ('15-minute walk', '3 km along the network')
        """
        own: dict[Measure, NDArray[np.float64] | None] = {"walk": self.limit_s, "network": self.limit_m}
        for measure, limit in own.items():
            if limit is not None and not np.isnan(limit[row]):
                return Rule(measure=measure, limit=float(limit[row]))
        return standard.rule(str(self.setting[row]))

    @property
    def limits(self) -> NDArray[np.object_]:
        """``(n,)`` limits of their own as `limited` reads them, ``900.0s``, ``3000.0m``; empty where there is none."""
        found = np.full(len(self), "", dtype=object)
        for limit, unit in ((self.limit_s, "s"), (self.limit_m, "m")):
            for row in () if limit is None else np.flatnonzero(~np.isnan(limit)).tolist():
                found[row] = f"{np.format_float_positional(limit[row], trim='0')}{unit}"  # type: ignore[index]
        return found

    def cutoffs(self, standard: Standard, rows: slice | None = None) -> Mapping[str, NDArray[np.int64]]:
        """Return what is near enough for each demand point, by its own limit or the rule of its setting.

        Parameters
        ----------
        standard
            The rules.
        rows
            Of which demand points; of all if None, and then they are kept.

        Returns
        -------
        Mapping
            Measure (``walk``, ``network``, ``radius``) to ``(n,)`` milliseconds or centimetres, -1 where another
            measure decides; measures that decide for nobody are left out.

        Raises
        ------
        InputError
            A setting that has no rule.

        Examples
        --------
        >>> {name: limit.tolist() for name, limit in people.cutoffs(acc.Standard()).items()}
        {'walk': [900000, 900000]}
        """
        if rows is not None:
            return self._cutoffs(standard, rows)
        return self._known.get(standard, lambda: self._cutoffs(standard, slice(None)))  # type: ignore[no-any-return]

    @cached_property
    def _known(self) -> Memo:
        return Memo(most=2)

    def _cutoffs(self, standard: Standard, rows: slice) -> Mapping[str, NDArray[np.int64]]:
        code, rules = self.setting_code[rows], [standard.rule(setting) for setting in self.settings]
        found: dict[str, NDArray[np.int64]] = {
            measure: np.array([rule.cutoff if rule.measure == measure else -1 for rule in rules], np.int64)[code]
            for measure in dict.fromkeys(rule.measure for rule in rules)
        }
        for measure, limit, scale in (("walk", self.limit_s, MS_PER_S), ("network", self.limit_m, CM_PER_M)):
            if limit is not None:
                own = ~np.isnan(limit[rows])
                for cutoff in found.values():
                    cutoff[own] = -1
                limits = found.setdefault(measure, np.full(len(code), -1, np.int64))
                limits[own] = np.rint(limit[rows][own] * scale).astype(np.int64)
        return Named({measure: locked(cutoff) for measure, cutoff in found.items() if (cutoff >= 0).any()})

    @cached_property
    def setting_code(self) -> NDArray[np.uint8]:
        """``(n,)`` row of `settings` of each demand point."""
        return number_words(self.setting, among=self.settings, n=len(self), name="demand setting")

    @cached_property
    def setting_rows(self) -> Mapping[str, NDArray[np.bool_]]:
        """For each setting ``(n,)`` whether a demand point has it."""
        return Named({name: self.setting_code == code for code, name in enumerate(self.settings)})

    @cached_property
    def known(self) -> Memo:
        """What has been worked out of where the people stand, whatever the streets."""
        return Memo(most=6)

    @cached_property
    def whole(self) -> bool:
        """Whether the people are whole numbers, which add up to the same in any order."""
        return bool((self.population == np.floor(self.population)).all() and self.population.sum() < _MOST_EXACT)

    @cached_property
    def lonlat(self) -> NDArray[np.float64]:
        """``(n, 2)`` degrees, WGS 84; NaN for people without a place on Earth."""
        found = transform(self.xy, self.crs, WGS84)
        found.flags.writeable = False
        return found

    def __len__(self) -> int:
        """Return the number of demand points."""
        return len(self.xy)

    def __repr__(self) -> str:
        """Return people, points and people by setting."""
        by = ", ".join(f"{s} {self.population[here].sum():,.0f}" for s, here in self.setting_rows.items())
        return f"<Demand {self.population.sum():,.0f} people at {len(self):,} points: {by}>"

    @classmethod
    def from_gdf(
        cls,
        gdf: gpd.GeoDataFrame,
        *,
        population: str = "population",
        setting: str | None = None,
        settings: Sequence[str] = SETTINGS,
        groups: Sequence[str] = (),
    ) -> Demand:
        """Return the rows of `gdf` as demand points; a polygon stands at a point inside it.

        Ids are those of its column ``id``, or its index.

        Parameters
        ----------
        gdf
            Points or polygons with a coordinate system.
        population
            Column of the people.
        setting
            Column of the settings; if not given the column ``setting``, and without one all have the first.
        settings
            Names of the settings there are: ``standard.settings`` of a `Standard` that names its own.
        groups
            Columns of people who are told apart (60+, say).

        Returns
        -------
        Demand
            One demand point per row.

        Raises
        ------
        InputError
            A column that is not there, or a frame without a coordinate system.

        Examples
        --------
        >>> import geopandas as gpd, shapely
        >>> frame = gpd.GeoDataFrame({"pop": [3, 4]}, geometry=shapely.points([(0, 0), (9, 9)]), crs="EPSG:32649")
        >>> acc.Demand.from_gdf(frame, population="pop").ids.tolist()
        [0, 1]
        """
        setting = "setting" if setting is None and "setting" in gdf.columns else setting
        wanted = [population, *([setting] if setting else []), *groups]
        missing = [c for c in wanted if c not in gdf.columns]
        if missing:
            msg = f"demand table lacks columns {missing}; it has {list(map(str, gdf.columns))}"
            raise InputError(msg)
        crs = frame_crs(gdf, "demand")
        points = gdf.geometry.where(gdf.geom_type == "Point", gdf.representative_point())
        return cls(
            ids=(gdf["id"] if "id" in gdf.columns else gdf.index).to_numpy(dtype=object),
            xy=np.column_stack([points.x, points.y]),
            population=gdf[population].to_numpy(),
            setting=gdf[setting].to_numpy(dtype=object) if setting else None,  # type: ignore[arg-type]
            settings=tuple(settings),
            groups={g: gdf[g].to_numpy() for g in groups},
            crs=crs,
        )

    def to_gdf(self) -> gpd.GeoDataFrame:
        """Return one row per demand point.

        Returns
        -------
        geopandas.GeoDataFrame
            Indexed by id: ``population``, ``setting``, the groups, limits of their own, geometry.

        Examples
        --------
        >>> people.to_gdf()["population"].to_dict()
        {'a': 3.0, 'b': 4.0}
        """
        import geopandas as gpd  # noqa: PLC0415 -- `import accessibility` stays light
        import shapely  # noqa: PLC0415

        columns: dict[str, Any] = {"population": self.population, "setting": self.setting, **self.groups}
        limits = {"limit_s": self.limit_s, "limit_m": self.limit_m}
        columns |= {name: limit for name, limit in limits.items() if limit is not None}
        return gpd.GeoDataFrame(columns, geometry=shapely.points(self.xy), index=self.ids, crs=self.crs)

    def keyed(self, series: pd.Series[Any], name: str = "series") -> pd.Series[Any]:
        """Return what a series says of each demand point, in their order; missing where it does not name one.

        Parameters
        ----------
        series
            Anything, keyed by demand id.
        name
            What the series is, for messages.

        Returns
        -------
        pandas.Series
            Indexed by demand id.

        Raises
        ------
        InputError
            A series that names a demand point twice, or none of them.

        Examples
        --------
        >>> import pandas as pd
        >>> people.keyed(pd.Series({"b": "east", "a": "west"})).tolist()
        ['west', 'east']
        """
        ids = self._index
        if series.index.equals(ids):
            return series.set_axis(ids)
        if not series.index.is_unique:
            twice = series.index[series.index.duplicated()]
            msg = f"{name} names {len(twice)} demand ids more than once, first {twice[0]!r}; expected each once"
            raise InputError(msg)
        if len(ids) and not (series.index.get_indexer(ids) >= 0).any():
            found = f"the first is {series.index[0]!r}" if len(series) else "it has none"
            msg = f"no key of {name} is a demand id ({found}); expected ids such as {self.ids[0]!r}"
            raise InputError(msg)
        return series.reindex(ids)

    @cached_property
    def _index(self) -> pd.Index[Any]:
        import pandas as pd  # noqa: PLC0415 -- `import accessibility` stays light

        return pd.Index(self.ids)

    def to_crs(self, crs: CRS | str | int) -> Demand:
        """Return the same people in another coordinate system.

        Parameters
        ----------
        crs
            Anything pyproj understands.

        Returns
        -------
        Demand
            The same ids and people, `xy` transformed.

        Examples
        --------
        >>> people.to_crs("EPSG:4326").xy.round(4).tolist()
        [[111.0, 30.7329], [111.0104, 30.7329]]
        """
        there = read_crs(crs, "demand")
        found = copy(self)  # nothing else is to be checked again
        xy = read_only(transform(self.xy, self.crs, there), dtype=np.float64, shape=(len(self), 2), name="demand xy")
        object.__setattr__(found, "xy", xy)
        object.__setattr__(found, "crs", there)
        return found

    def rows(self, mask: NDArray[Any]) -> Demand:
        """Return some of the demand points.

        Parameters
        ----------
        mask
            ``(n,)`` boolean, or ``(k,)`` row positions.

        Returns
        -------
        Demand
            The demand points it selects, in its order.

        Examples
        --------
        >>> people.rows([1]).population.tolist()
        [4.0]
        """
        at = read_rows(mask, len(self), "rows of demand")
        return Demand(
            ids=self._ids[at],
            xy=self.xy[at],
            population=self.population[at],
            setting=self.setting[at],
            settings=self.settings,
            groups={name: people[at] for name, people in self.groups.items()},
            limit_s=None if self.limit_s is None else self.limit_s[at],
            limit_m=None if self.limit_m is None else self.limit_m[at],
            crs=self.crs,
        )


del Demand.setting  # the default, which stood where `__getattr__` is asked for what a value does not have yet


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def _people(values: object, n: int, name: str) -> NDArray[np.float64]:
    people: NDArray[np.float64] = read_only(values, dtype=np.float64, shape=(n,), name=name)
    refuse(
        ~(np.isfinite(people) & (people >= 0)), name=name, found=people, expected="a finite number of people, 0 or more"
    )
    return people
