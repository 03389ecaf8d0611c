"""The words of a map, in English, in Chinese, or in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from accessibility.errors import InputError
from accessibility.wording import Language, Wording, message_text, percent_text, sample_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accessibility.standards import Rule

Choice = Literal["en", "zh", "both"]
_HTML = {"en": "en", "zh": "zh-Hans"}
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
        return _HTML[self.languages[0]]

    def __call__(self, key: str, **values: object) -> str:
        """Return some words on one line, one language after another; what both say alike stands once."""
        return " ".join(dict.fromkeys(text for _, text in self.lines(key, **values)))

    def lines(self, key: str, **values: object) -> list[tuple[str, str]]:
        """Return a sentence in each language: the language as HTML names it, and the text.

        A value that is itself said in words is a `MapWords` sentence of its own: a dictionary by HTML language.
        """
        found = []
        for language in self.languages:
            name = _HTML[language]
            said = {k: v[name] if isinstance(v, dict) else v for k, v in values.items()}
            found.append((name, Wording("map", language)(key, **said)))
        return found

    def study(self, text: str) -> str:
        """Return the name of a study, or of the origin of its data; what the languages say alike stands once."""
        return " ".join(dict.fromkeys(sample_text(text, language) for language in self.languages))

    def message(self, text: str) -> dict[str, str]:
        """Return what the program says in a sentence of its own, by HTML language."""
        return {_HTML[language]: message_text(text, language) for language in self.languages}

    def told(self, key: str, **values: object) -> dict[str, str]:
        """Return a sentence by HTML language, to stand in another one."""
        return dict(self.lines(key, **values))

    def template(self, key: str) -> list[tuple[str, str]]:
        """Return a sentence in each language with its ``{places}`` open, for the page to fill."""
        return [(_HTML[language], Wording("map", language)(key)) for language in self.languages]

    def percent(self, part: float, whole: float) -> dict[str, str]:
        """Return a share by HTML language, to stand in a sentence."""
        return self.by_language(lambda language: percent_text(part, whole, language))

    def by_language(self, say: Callable[[Language], str]) -> dict[str, str]:
        """Return what `say` gives in each language, by HTML language."""
        return {_HTML[language]: say(language) for language in self.languages}

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
            _HTML[language]: between[language].join(Wording("map", language).setting(name) for name in names)
            for language in self.languages
        }
