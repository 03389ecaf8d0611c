"""Languages as reports and maps speak them: sentences, and numbers as a language writes them."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal, get_args
from unicodedata import east_asian_width

from accessibility.errors import InputError
from accessibility.measures.tables import speed_text
from accessibility.standards import M_PER_KM, S_PER_MIN
from accessibility.wording import Language, Wording, cost_text, message_text, percent_sign, percent_text, sample_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from accessibility.standards import Rule, Standard

Choice = Literal["en", "zh", "both"]
NOTHING = "\N{EN DASH}"
"""What stands where there is no figure."""
_HTML_LANGUAGE = {"en": "en", "zh": "zh-Hans"}
_JOINTS = {"en": (", ", " or "), "zh": ("、", "\N{FULLWIDTH COMMA}")}
_SPACE = re.compile(r"[^\S\xa0]+")  # a number and its sign stay together
_BREAK = re.compile(r"[^\S\xa0]|(?<=[^\x00-\u2e7f])|(?=[^\x00-\u2e7f])")  # between words, or beside a Chinese sign


def shortened(words: str, most: int, *, end: bool = False) -> str:
    """Return words on one line that take at most so much room: a Latin letter takes one, a Chinese one two.

    They stop after a word or beside a Chinese sign, never inside a number. With `end` the middle is left out, which
    tells names apart that begin alike.

    Examples
    --------
    >>> shortened("Town Hall of the Old Town", 15), shortened("Town Hall of the Old Town", 20, end=True)
    ('Town Hall of…', 'Town Hall…Old Town')
    """
    line = _SPACE.sub(" ", words).strip()
    if _room(line) <= most:
        return line
    if not end:
        return _beginning(line, most - 1) + "\N{HORIZONTAL ELLIPSIS}"
    tail = _beginning(line[::-1], (most - 1) // 2)[::-1]
    return _beginning(line, most - 1 - _room(tail)) + "\N{HORIZONTAL ELLIPSIS}" + tail


def _room(line: str) -> int:
    return sum(map(_sign_room, line))


def _sign_room(sign: str) -> int:
    return 2 if east_asian_width(sign) in "WF" else 1


def _beginning(line: str, most: int) -> str:
    """Return the beginning of a line up to the last break that it has room for, or to the last sign without one."""
    kept = bisect_right(list(accumulate(map(_sign_room, line))), most)
    breaks = (at.start() for at in _BREAK.finditer(line) if 0 < at.start() <= kept)
    return line[: max(breaks, default=kept)]


@dataclass(frozen=True)
class Locale:
    """One language of a report.

    Examples
    --------
    >>> Locale("en").number(1234.5, 1), Locale("zh").percent(3, 4), Locale("zh")("covered")
    ('1,234.5', '75.0%', '已覆盖')
    """

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence of the report, its places filled."""
        return Wording("report", self.language)(key, **values)

    def or_else(self, key: str, otherwise: str) -> str:
        """Return a sentence, or another text where the report does not say it."""
        try:
            return self(key)
        except KeyError:
            return otherwise

    def setting(self, name: str) -> str:
        """Return the name of a setting: of the policy in the language, of a study's own as it stands."""
        return Wording("report", self.language).setting(name)

    @property
    def html_language(self) -> str:
        """The language as HTML names it."""
        return _HTML_LANGUAGE[self.language]

    @staticmethod
    def number(value: float, decimals: int = 0) -> str:
        """Return a number with its thousands apart; a dash where there is none."""
        return NOTHING if not math.isfinite(value) else f"{round(value, decimals) + 0.0:,.{decimals}f}"

    def amount(self, value: float) -> str:
        """Return a number without decimals where it is whole, else with two."""
        return self.number(value, 0 if not math.isfinite(value) or value == round(value) else 2)

    def cost(self, cost: float, unit: str) -> str:
        """Return a cost with its unit, where it has one."""
        return cost_text(cost, unit, self.language)

    def percent(self, part: float, whole: float) -> str:
        """Return a share with one decimal; 0 and 100 only where nobody or everybody is meant."""
        if not (whole > 0 and math.isfinite(part)):
            return NOTHING
        return self._together(percent_text(part, whole, self.language))

    def gap(self, gap: float) -> str:
        """Return a relative gap with two decimals."""
        return self._together(percent_sign(f"{100 * gap:.2f} %", self.language))

    @staticmethod
    def _together(text: str) -> str:
        """Return a percentage whose number and sign stay on one line."""
        return text.replace(" ", "\N{NO-BREAK SPACE}")

    @staticmethod
    def points(value: float) -> str:
        """Return percentage points with their sign."""
        if not math.isfinite(value):
            return NOTHING
        text = f"{round(value, 2) + 0.0:+.2f}"
        return "0.00" if text == "+0.00" else text.replace("-", "\N{MINUS SIGN}")

    @staticmethod
    def speed(speed_m_s: float) -> str:
        """Return a speed with the decimals it has, one at least."""
        return speed_text(speed_m_s)

    def rule(self, rule: Rule) -> str:
        """Return a rule in words, as a sentence needs it."""
        if rule.measure == "walk":
            minutes = f"{rule.limit / S_PER_MIN:g}"
            spoken = minutes.split(".", maxsplit=1)[0]
            article = "an" if spoken in ("11", "18") or spoken.startswith("8") else "a"
            return self(f"{article}_walk", minutes=minutes)
        name = "network_rule" if rule.measure == "network" else "radius_rule"
        return self(name, kilometres=f"{rule.limit / M_PER_KM:g}")

    def listed(self, words: Iterable[str]) -> str:
        """Return words in a row."""
        return _JOINTS[self.language][0].join(words)

    def rules(self, standard: Standard) -> str:
        """Return the rules of all settings in one phrase; settings of the same rule stand together."""
        of: dict[Rule, list[str]] = {}
        for setting, rule in standard.rules:
            of.setdefault(rule, []).append(self.setting(setting))
        phrases = [self("rule_of", rule=self.rule(rule), settings=self.listed(names)) for rule, names in of.items()]
        return _JOINTS[self.language][1].join(phrases)


@dataclass(frozen=True)
class Locales:
    """The languages that a report speaks, in their order.

    Examples
    --------
    >>> Locales.of("both").short(lambda one: one("outlet")), Locales.of("en").short(lambda one: one("outlet"))
    ('服务网点 outlet', 'outlet')
    """

    in_order: tuple[Locale, ...]

    @classmethod
    def of(cls, choice: str) -> Locales:
        """Return the locales of ``en``, ``zh`` or ``both`` (Chinese before English).

        Raises
        ------
        InputError
            Any other choice.
        """
        if choice not in get_args(Choice):
            msg = f"language is {choice!r}; expected one of {', '.join(get_args(Choice))}"
            raise InputError(msg)
        languages: tuple[Language, ...] = ("zh", "en") if choice == "both" else (choice,)  # type: ignore[assignment]
        return cls(tuple(Locale(language) for language in languages))

    @property
    def first(self) -> Locale:
        """The language that comes first."""
        return self.in_order[0]

    def each(self, say: Callable[[Locale], str]) -> list[tuple[str, str]]:
        """Return what each language says, as HTML language and text; what it leaves unsaid is left out."""
        return [(locale.html_language, text) for locale in self.in_order if (text := say(locale))]

    def short(self, say: Callable[[Locale], str], joint: str = " ") -> str:
        """Return what all languages say in one line; what they say alike stands once."""
        return joint.join(dict.fromkeys(text for _, text in self.each(say)))


def count(people: float) -> str:
    """Return a number of people with its thousands apart, halves to the even number.

    Rounded to a millionth before: a sum that floating point leaves just beside a half rounds as the half does, here and
    in the browser.

    Examples
    --------
    >>> count(0.7 + 0.1 + 0.7), count(2.5)
    ('2', '2')
    """
    return f"{round(people, 6):,.0f}"


_AND = {"en": " and ", "zh": "、"}


@dataclass(frozen=True)
class MapWords:
    """What a map says.

    Examples
    --------
    >>> MapWords.of("both")("covered"), MapWords.of("both").lines("north")
    ('covered 已覆盖', [('en', 'North is up.'), ('zh-Hans', '上方为北。')])
    """

    languages: tuple[Language, ...] = ("en",)  # in which languages, the first one first

    @classmethod
    def of(cls, choice: str) -> MapWords:
        """Return the words of ``en``, ``zh`` or ``both``.

        Raises
        ------
        InputError
            Any other choice.
        """
        if choice not in get_args(Choice):
            msg = f"language of the map is {choice!r}; expected one of {', '.join(get_args(Choice))}"
            raise InputError(msg)
        both: tuple[Language, ...] = ("en", "zh")
        return cls(both if choice == "both" else (choice,))  # type: ignore[arg-type]

    @property
    def html_language(self) -> str:
        """The first language, as HTML names it."""
        return _HTML_LANGUAGE[self.languages[0]]

    def __call__(self, key: str, **values: object) -> str:
        """Return some words on one line, one language after another; what both say alike stands once."""
        return " ".join(dict.fromkeys(text for _, text in self.lines(key, **values)))

    def lines(self, key: str, **values: object) -> list[tuple[str, str]]:
        """Return a sentence in each language: the language as HTML names it, and the text.

        A value that is itself said in words is a `MapWords` sentence of its own: a dictionary by HTML language.
        """
        found = []
        for language in self.languages:
            name = _HTML_LANGUAGE[language]
            said = {k: v[name] if isinstance(v, dict) else v for k, v in values.items()}
            found.append((name, Wording("map", language)(key, **said)))
        return found

    def study(self, text: str) -> str:
        """Return the name of a study, or of the origin of its data; what the languages say alike stands once."""
        return " ".join(dict.fromkeys(sample_text(text, language) for language in self.languages))

    def message(self, text: str) -> dict[str, str]:
        """Return what the program says in a sentence of its own, by HTML language."""
        return {_HTML_LANGUAGE[language]: message_text(text, language) for language in self.languages}

    def told(self, key: str, **values: object) -> dict[str, str]:
        """Return a sentence by HTML language, to stand in another one."""
        return dict(self.lines(key, **values))

    def template(self, key: str) -> list[tuple[str, str]]:
        """Return a sentence in each language with its ``{places}`` open, for the page to fill."""
        return [(_HTML_LANGUAGE[language], Wording("map", language)(key)) for language in self.languages]

    def percent(self, part: float, whole: float) -> dict[str, str]:
        """Return a share by HTML language, to stand in a sentence."""
        return self.by_language(lambda language: percent_text(part, whole, language))

    def share(self, part: float, whole: float) -> dict[str, str]:
        """Return a share with both its parts, by HTML language: ``9 of 12 (75.0 %)``."""
        key = "share_of" if whole > 0 else "share_of_none"
        return self.told(key, part=count(part), whole=count(whole), percent=self.percent(part, whole))

    def by_language(self, say: Callable[[Language], str]) -> dict[str, str]:
        """Return what `say` gives in each language, by HTML language."""
        return {_HTML_LANGUAGE[language]: say(language) for language in self.languages}

    def percent_cell(self, part: float, whole: float) -> str:
        """Return a share as the first language writes it, to stand in a table."""
        return percent_text(part, whole, self.languages[0])

    def rule(self, rule: Rule) -> dict[str, str]:
        """Return what near enough means, by HTML language."""
        if rule.measure == "walk":
            return self.told("walk_rule", minutes=f"{rule.limit / 60:g}")
        return self.told(f"{rule.measure}_rule", kilometres=f"{rule.limit / 1_000:g}")

    def setting(self, name: str) -> str:
        """Return the name of a setting on one line."""
        return " ".join(dict.fromkeys(self.settings([name]).values()))

    def settings(self, names: Sequence[str], *, joint: dict[str, str] | None = None) -> dict[str, str]:
        """Return the names of settings in a row, by HTML language."""
        between: dict[str, Any] = _AND if joint is None else joint
        return {
            _HTML_LANGUAGE[language]: between[language].join(Wording("map", language).setting(name) for name in names)
            for language in self.languages
        }
