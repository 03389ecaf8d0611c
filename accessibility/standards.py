"""What near enough means (`Standard`), and how people walk (`Walker`)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from accessibility.errors import InputError
from accessibility.errors.arguments import checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Setting = Literal["urban", "town", "rural"]
Measure = Literal["walk", "network", "radius"]

SETTINGS: tuple[Setting, ...] = ("urban", "town", "rural")
MS_PER_S = 1_000
CM_PER_M = 100
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|m|km)\s*", re.ASCII)
_SECONDS = {"s": 1.0, "min": 60.0, "h": 3_600.0}
_METRES = {"m": 1.0, "km": 1_000.0}


@checked
@dataclass(frozen=True, kw_only=True)
class Rule:
    """How near is near enough in one setting; "within" is ``<=``, compared in integers.

    Parameters
    ----------
    measure
        ``walk`` (seconds along the network), ``network`` (metres along the network) or
        ``radius`` (metres in a straight line).
    limit
        Seconds for ``walk``, metres otherwise; positive and finite.

    Raises
    ------
    InputError
        An unknown measure, or a limit that is not a positive, finite number.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Rule.walk(15).limit
    900.0
    >>> acc.Rule.distance(5).text
    '5 km along the network'
    """

    measure: Literal["walk", "network", "radius"]
    limit: float

    def __post_init__(self) -> None:
        """Refuse an unknown measure and a limit that is not a positive number."""
        if self.measure not in ("walk", "network", "radius"):
            msg = f"rule measure is {self.measure!r}; expected 'walk', 'network' or 'radius'"
            raise InputError(msg)
        if not (math.isfinite(self.limit) and self.limit > 0):
            msg = f"rule limit is {self.limit}; expected a positive, finite number"
            raise InputError(msg)

    @classmethod
    def walk(cls, minutes: float) -> Rule:
        """Return the rule "at most `minutes` on foot".

        Parameters
        ----------
        minutes
            Minutes along the network, access legs included.

        Returns
        -------
        Rule
            A rule with the measure ``walk``.

        Examples
        --------
        >>> acc.Rule.walk(10).text
        '10-minute walk'
        """
        return cls(measure="walk", limit=minutes * 60.0)

    @classmethod
    def distance(cls, kilometres: float, along: Literal["network", "radius"] = "network") -> Rule:
        """Return the rule "at most `kilometres`", along the network or as a straight-line radius.

        Parameters
        ----------
        kilometres
            The greatest distance.
        along
            ``network`` for metres walked, ``radius`` for metres in a straight line.

        Returns
        -------
        Rule
            A rule with the measure `along`.

        Examples
        --------
        >>> acc.Rule.distance(5, along="radius").text
        '5 km in a straight line'
        """
        return cls(measure=along, limit=kilometres * 1_000.0)

    @classmethod
    def of(cls, limit: Rule | str | float) -> Rule:
        """Return a limit as people write it: a time is walked, a length goes along the network, a number is minutes.

        Parameters
        ----------
        limit
            ``15 min``, ``900 s``, ``1 h``, ``3 km``, ``500 m``; minutes as a number; or a rule, which is returned.

        Returns
        -------
        Rule
            The rule.

        Raises
        ------
        InputError
            A text that is no time and no length, or a limit that is not positive.

        Examples
        --------
        >>> acc.Rule.of("3 km").text, acc.Rule.of(10).text
        ('3 km along the network', '10-minute walk')
        """
        if isinstance(limit, Rule):
            return limit
        if not isinstance(limit, str):
            return cls.walk(limit)
        found = _WRITTEN.fullmatch(limit)
        if found is None:
            msg = f"limit is {limit!r}; expected a time or a length such as '15 min', '900 s', '3 km' or '500 m'"
            raise InputError(msg)
        number, unit = float(found[1]), found[2]
        if unit in _SECONDS:
            return cls(measure="walk", limit=number * _SECONDS[unit])
        return cls(measure="network", limit=number * _METRES[unit])

    @property
    def cutoff(self) -> int:
        """Limit as the integer that costs are compared with: milliseconds or centimetres."""
        return round(self.limit * (MS_PER_S if self.measure == "walk" else CM_PER_M))

    @property
    def text(self) -> str:
        """Rule in words, for reports and legends."""
        if self.measure == "walk":
            return f"{self.limit / 60:g}-minute walk"
        way = "along the network" if self.measure == "network" else "in a straight line"
        return f"{self.limit / 1_000:g} km {way}"


def _classes(limit: float, shares: Sequence[float]) -> tuple[float, ...]:
    """Return shares of a limit, those beside the limit itself as round as they can be without falling together."""
    digits = next(n for n in range(9) if len({round(limit * share, n) for share in shares} - {0}) == len(shares))
    steps = (limit if share == 1 else round(limit * share, digits) for share in shares)
    return tuple(int(step) if float(step).is_integer() else step for step in steps)


@checked
@dataclass(frozen=True, kw_only=True)
class Standard:
    """The service promise: one rule for each setting.

    The default is the policy text: a 15-minute walk in urban areas, 5 km (along the network) in rural
    ones, and towns, which the text does not name, under the urban rule.

    Parameters
    ----------
    urban, town, rural
        The rule of each setting; towns follow the urban one if they have none of their own.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Standard().town.text
    '15-minute walk'
    >>> acc.Standard.presets["town-rural"].town.text
    '5 km along the network'
    """

    urban: Rule = field(default_factory=lambda: Rule.walk(15))
    town: Rule = None  # type: ignore[assignment]  # as urban, resolved on construction
    rural: Rule = field(default_factory=lambda: Rule.distance(5))

    presets: ClassVar[Mapping[str, Standard]]

    def __post_init__(self) -> None:
        """Let towns follow the urban rule unless they have their own."""
        if self.town is None:
            object.__setattr__(self, "town", self.urban)

    def changed(
        self,
        *,
        urban: Rule | str | float | None = None,
        town: Rule | str | float | None = None,
        rural: Rule | str | float | None = None,
    ) -> Standard:
        """Return the standard with other rules, as people write them; towns go on following the urban rule.

        Parameters
        ----------
        urban, town, rural
            ``10 min``, ``3 km``, minutes as a number, or a rule; as it is if None.

        Returns
        -------
        Standard
            The standard with what differs.

        Raises
        ------
        InputError
            A text that is no time and no length, or a limit that is not positive.

        Examples
        --------
        >>> acc.Standard().changed(urban="10 min", rural="3 km").town.text
        '10-minute walk'
        """
        given = {"urban": urban, "town": town, "rural": rural}
        rules = {name: Rule.of(rule) for name, rule in given.items() if rule is not None}
        if "urban" in rules and self.town == self.urban:
            rules.setdefault("town", rules["urban"])
        return replace(self, **rules)

    def rule(self, setting: str) -> Rule:
        """Return the rule of one setting.

        Parameters
        ----------
        setting
            ``urban``, ``town`` or ``rural``.

        Returns
        -------
        Rule
            The rule.

        Raises
        ------
        InputError
            Another setting.

        Examples
        --------
        >>> acc.Standard().rule("rural").limit
        5000.0
        """
        if setting not in SETTINGS:
            msg = f"setting is {setting!r}; expected one of {', '.join(SETTINGS)}"
            raise InputError(msg)
        rule: Rule = getattr(self, setting)
        return rule

    @property
    def has_walk(self) -> bool:
        """Whether some setting is judged by a walk in minutes."""
        return any(rule.measure == "walk" for rule in (self.urban, self.town, self.rural))

    @property
    def walk_classes(self) -> tuple[float, ...]:
        """Minutes at which people are told apart by walking time: the limit is one of them.

        Examples
        --------
        >>> Standard().walk_classes, Standard(urban=Rule.walk(12)).walk_classes
        ((5, 10, 15, 20, 30), (4, 8, 12, 16, 24))
        """
        walks = (rule.limit / 60 for rule in (self.urban, self.town, self.rural) if rule.measure == "walk")
        return _classes(next(walks, 15.0), (1 / 3, 2 / 3, 1, 4 / 3, 2))

    @property
    def distance_classes(self) -> tuple[float, ...]:
        """Kilometres at which rural people are told apart by distance: the limit is one of them.

        Examples
        --------
        >>> Standard().distance_classes, Standard(rural=Rule.distance(3)).distance_classes
        ((2, 5, 10), (1, 3, 6))
        """
        distances = (rule.limit / 1_000 for rule in (self.rural, self.town, self.urban) if rule.measure != "walk")
        return _classes(next(distances, 5.0), (0.4, 1, 2))

    @property
    def reach_m(self) -> float:
        """The widest limit in metres, a walk taken at 3 m/s: how far beyond an area inputs matter."""
        return max(r.limit * (3.0 if r.measure == "walk" else 1.0) for r in (self.urban, self.town, self.rural))


Standard.presets = MappingProxyType(
    {
        "policy": Standard(),
        "town-rural": Standard(town=Rule.distance(5)),
        "radius": Standard(rural=Rule.distance(5, along="radius")),
    }
)


@checked
@dataclass(frozen=True, kw_only=True)
class Walker:
    """How people walk.

    Parameters
    ----------
    speed_m_s
        Walking speed on the flat, 0.3 to 3 m/s. 1.0 is the Chinese planning band (800-1000 m in 15 min).
    slope
        Whether slopes change the pace (Tobler's hiking function, relative to the flat), where heights are known.
    stairs_factor
        How much longer a metre of stairs takes than one on the flat.
    signal_delay_s
        Seconds waited at a crossing with signals; 0 is free flow, 35 a Chinese arterial.
    access_factor_s
        Multiplies the seconds of an access leg (point to street): the way there is not straight.
    access_factor_m
        Multiplies the metres of an access leg.
    open_compounds
        Whether everybody may walk through gated compounds and other private ways; else only their residents walk there,
        and only on their way out.

    Raises
    ------
    InputError
        A speed, delay or factor out of its range.

    References
    ----------
    W. R. Tobler: Three presentations on geographical analysis and modeling. NCGIA Technical Report 93-1, 1993.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Walker.presets["elderly"].speed_m_s
    0.8
    """

    speed_m_s: float = 1.0
    slope: bool = True
    stairs_factor: float = 2.0
    signal_delay_s: float = 0.0
    access_factor_s: float = 1.3
    access_factor_m: float = 1.0
    open_compounds: bool = False

    presets: ClassVar[Mapping[str, Walker]]

    def __post_init__(self) -> None:
        """Refuse speeds nobody walks and factors that would shorten a straight line."""
        if not 0.3 <= self.speed_m_s <= 3.0:  # noqa: PLR2004 -- the bounds of DESIGN's Walker
            msg = f"walking speed is {self.speed_m_s} m/s; expected 0.3 to 3 m/s (is it in km/h?)"
            raise InputError(msg)
        if not 0.0 <= self.signal_delay_s <= 90.0:  # noqa: PLR2004 -- the longest wait GB/T 51439 allows
            msg = f"signal_delay_s is {self.signal_delay_s}; expected 0 to 90 s"
            raise InputError(msg)
        for name in ("access_factor_s", "access_factor_m", "stairs_factor"):
            value = getattr(self, name)
            if not 1.0 <= value <= 10.0:  # noqa: PLR2004 -- a leg is never shorter than its straight line
                msg = f"{name} is {value}; expected 1 to 10"
                raise InputError(msg)

    @property
    def leg_ms_per_m(self) -> float:
        """Milliseconds that a metre of an access leg takes."""
        return MS_PER_S * self.access_factor_s / self.speed_m_s

    @property
    def leg_cm_per_m(self) -> float:
        """Centimetres that a metre of an access leg counts."""
        return CM_PER_M * self.access_factor_m


Walker.presets = MappingProxyType(
    {"standard": Walker(), "elderly": Walker(speed_m_s=0.8), "brisk": Walker(speed_m_s=1.2)}
)
