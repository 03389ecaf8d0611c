"""What near enough means (`Standard`), and how people walk (`Walker`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal

from accessibility.errors import InputError, checked, spell_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Measure = Literal["walk", "network", "radius"]

SETTINGS = ("urban", "town", "rural")
"""The settings of the policy, where a study names none of its own."""
MOST_SETTINGS = 24
_TAKEN = frozenset({"all", "class", "people", "share", "total", "(none)"})
MS_PER_S, S_PER_MIN = 1_000, 60
CM_PER_M, M_PER_KM = 100, 1_000
_MOST_UNITS = 2**53  # which floats count without gaps
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
        Seconds for ``walk``, metres otherwise; at least a millisecond, or a centimetre, and finite.

    Raises
    ------
    InputError
        An unknown measure, or a limit that no cost can be compared with.

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
        """Refuse an unknown measure and a limit that no cost can be compared with."""
        if self.measure not in ("walk", "network", "radius"):
            msg = f"rule measure is {self.measure!r}; expected 'walk', 'network' or 'radius'"
            raise InputError(msg)
        least, most = 1 / self._units, _MOST_UNITS / self._units
        if not least <= self.limit <= most:
            msg = f"rule limit is {spell_number(self.limit)}; expected a number from {least:g} to {most:,.0f}"
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
        return round(self.limit * self._units)

    @property
    def _units(self) -> int:
        return MS_PER_S if self.measure == "walk" else CM_PER_M

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


def _classes_of(limits: Sequence[float], shares: Sequence[float]) -> tuple[float, ...]:
    """Return as many classes as there are shares, each limit one of them; of more limits than that some between."""
    several = sorted(set(limits))
    if len(several) == 1:
        return _classes(several[0], shares)
    if len(several) > len(shares):
        last = len(several) - 1
        several = [several[round(at * last / (len(shares) - 1))] for at in range(len(shares))]
    further = sorted(_classes(several[-1], shares), reverse=True)
    more = [step for step in further if step > several[-1]] + [step for step in further if step < several[-1]]
    spare = [step for step in more if step not in several]
    found = sorted([*several, *spare[: len(shares) - len(several)]])
    return tuple(int(step) if float(step).is_integer() else step for step in found)


@checked
@dataclass(frozen=True, init=False)
class Standard:
    """The service promise: one rule for each setting.

    The default is the policy text: a 15-minute walk in urban areas, 5 km (along the network) in rural
    ones, and towns, which the text does not name, under the urban rule.

    Parameters
    ----------
    urban, town, rural
        The rule of each of the three settings of the policy; towns follow the urban one if they have none of their own.
    rules
        The rule of each setting where a study names its own (``core``, ``suburb``, ``mountain``), as `Rule.of` reads
        it; in the order of all tables. They stand in place of the three.

    Raises
    ------
    InputError
        No rule, a name that is empty or that of a column or row of the tables, a rule of a setting there is not.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.Standard().town.text
    '15-minute walk'
    >>> acc.Standard.presets["town-rural"].town.text
    '5 km along the network'
    >>> acc.Standard(rules={"core": "5 min", "suburb": "15 min", "mountain": "8 km"}).rule("mountain").text
    '8 km along the network'
    """

    rules: tuple[tuple[str, Rule], ...]

    presets: ClassVar[Mapping[str, Standard]]

    def __init__(
        self,
        *,
        urban: Rule | None = None,
        town: Rule | None = None,
        rural: Rule | None = None,
        rules: Mapping[str, Rule | str | float] | Sequence[tuple[str, Rule]] | None = None,
    ) -> None:
        """Let towns follow the urban rule unless they have their own."""
        given = {name: rule for name, rule in zip(SETTINGS, (urban, town, rural), strict=True) if rule is not None}
        if rules is None:
            first = given.get("urban", Rule.walk(15))
            found = {"urban": first, "town": first, "rural": Rule.distance(5)} | given
        else:
            found = {name: Rule.of(rule) for name, rule in dict(rules).items()}
            _refuse_names(found)
            for name, rule in given.items():
                _refuse_setting(name, found)
                found[name] = rule
        object.__setattr__(self, "rules", tuple(found.items()))

    def __repr__(self) -> str:
        """Return the rule of each setting."""
        return f"Standard({', '.join(f'{name}={rule!r}' for name, rule in self.rules)})"

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings, in the order of all tables."""
        return tuple(name for name, _ in self.rules)

    @property
    def urban(self) -> Rule:
        """Rule of urban areas."""
        return self.rule("urban")

    @property
    def town(self) -> Rule:
        """Rule of towns."""
        return self.rule("town")

    @property
    def rural(self) -> Rule:
        """Rule of rural areas."""
        return self.rule("rural")

    @property
    def names_its_own(self) -> bool:
        """Whether the settings are others than urban, town and rural."""
        return self.settings != SETTINGS

    @property
    def distance_settings(self) -> tuple[str, ...]:
        """Settings whose people the tables tell by distance: rural, or of a study's own those judged by one."""
        if not self.names_its_own:
            return ("rural",)
        return tuple(name for name, rule in self.rules if rule.measure != "walk")

    @property
    def text(self) -> str:
        """Rules in words, each with its setting; towns only where their rule is another than the urban one."""
        told = [pair for pair in self.rules if pair[0] != "town" or self.names_its_own or pair[1] != self.urban]
        return ", ".join(f"{rule.text} ({name})" for name, rule in told)

    def changed(
        self,
        limits: Mapping[str, Rule | str | float] | None = None,
        *,
        urban: Rule | str | float | None = None,
        town: Rule | str | float | None = None,
        rural: Rule | str | float | None = None,
    ) -> Standard:
        """Return the standard with other rules, as people write them; towns go on following the urban rule.

        Parameters
        ----------
        limits
            Setting to its rule, where settings have names of their own: ``{"core": "5 min"}``.
        urban, town, rural
            ``10 min``, ``3 km``, minutes as a number, or a rule; as it is if None.

        Returns
        -------
        Standard
            The standard with what differs.

        Raises
        ------
        InputError
            A text that is no time and no length, a limit that is not positive, a setting there is not.

        Examples
        --------
        >>> acc.Standard().changed(urban="10 min", rural="3 km").town.text
        '10-minute walk'
        """
        given = {"urban": urban, "town": town, "rural": rural, **({} if limits is None else limits)}
        rules = {name: Rule.of(rule) for name, rule in given.items() if rule is not None}
        found = dict(self.rules)
        for name in rules:
            _refuse_setting(name, found)
        if "urban" in rules and found.get("town") == found["urban"]:
            rules.setdefault("town", rules["urban"])
        return Standard(rules=found | rules)

    def rule(self, setting: str) -> Rule:
        """Return the rule of one setting.

        Parameters
        ----------
        setting
            ``urban``, ``town`` or ``rural``, or a setting of the study's own.

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
        rules = dict(self.rules)
        _refuse_setting(setting, rules)
        return rules[setting]

    @property
    def has_walk(self) -> bool:
        """Whether some setting is judged by a walk in minutes."""
        return any(rule.measure == "walk" for _, rule in self.rules)

    @property
    def walk_classes(self) -> tuple[float, ...]:
        """Minutes at which people are told apart by walking time: the limits are among them, of the policy's the first.

        Examples
        --------
        >>> Standard().walk_classes, Standard(urban=Rule.walk(12)).walk_classes
        ((5, 10, 15, 20, 30), (4, 8, 12, 16, 24))
        """
        walks = [rule.limit / 60 for _, rule in self.rules if rule.measure == "walk"]
        return _classes_of((walks if self.names_its_own else walks[:1]) or [15.0], (1 / 3, 2 / 3, 1, 4 / 3, 2))

    @property
    def distance_classes(self) -> tuple[float, ...]:
        """Kilometres at which people are told apart by distance: the limits are among them, of the policy's the last.

        Examples
        --------
        >>> Standard().distance_classes, Standard(rural=Rule.distance(3)).distance_classes
        ((2, 5, 10), (1, 3, 6))
        """
        distances = [rule.limit / 1_000 for _, rule in self.rules if rule.measure != "walk"]
        return _classes_of((distances if self.names_its_own else distances[-1:]) or [5.0], (0.4, 1, 2))

    @property
    def reach_m(self) -> float:
        """The widest limit in metres, a walk taken at 3 m/s: how far beyond an area inputs matter."""
        return max(rule.limit * (3.0 if rule.measure == "walk" else 1.0) for _, rule in self.rules)


def _refuse_setting(name: str, rules: Mapping[str, Rule]) -> None:
    if name not in rules:
        msg = f"setting is {name!r}; expected one of {', '.join(rules)}"
        raise InputError(msg)


def _refuse_names(rules: Mapping[str, Rule]) -> None:
    """Refuse names of settings that no column or row of a table can have beside its own."""
    if not 0 < len(rules) <= MOST_SETTINGS:
        msg = f"a standard has {len(rules)} settings; expected 1 to {MOST_SETTINGS}"
        raise InputError(msg)
    alike: dict[str, str] = {}
    for name in rules:
        if not isinstance(name, str) or name != name.strip() or not name.isprintable() or not name:
            msg = f"setting is named {name!r}; expected a text"
            raise InputError(msg)
        if name.casefold() in _TAKEN:
            msg = f"setting is named {name!r}, which names a row or column of the tables; expected another name"
            raise InputError(msg)
        if alike.setdefault(name.casefold(), name) != name:
            msg = f"settings are named {alike[name.casefold()]!r} and {name!r}; expected names that differ in letters"
            raise InputError(msg)


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
            msg = f"walking speed in m/s is {spell_number(self.speed_m_s)}; expected 0.3 to 3 (is it in km/h?)"
            raise InputError(msg)
        if not 0.0 <= self.signal_delay_s <= 90.0:  # noqa: PLR2004 -- the longest wait GB/T 51439 allows
            msg = f"signal_delay_s is {spell_number(self.signal_delay_s)}; expected 0 to 90 s"
            raise InputError(msg)
        for name in ("access_factor_s", "access_factor_m", "stairs_factor"):
            value = getattr(self, name)
            if not 1.0 <= value <= 10.0:  # noqa: PLR2004 -- a leg is never shorter than its straight line
                msg = f"{name} is {spell_number(value)}; expected 1 to 10"
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
