"""What planners read, in English and Chinese: one file of sentences a product, each sentence in both languages."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True)
class Wording:
    """The sentences of one product in one language.

    Parameters
    ----------
    product
        ``names`` (what every product calls things), ``map`` or ``report``: a file beside this one; every key in it
        is a table of an ``en`` and a ``zh``.
    language
        ``en`` or ``zh``.

    Examples
    --------
    >>> Wording("names", "en")("people"), Wording("names", "zh")("people")
    ('people', '人口')
    """

    product: str
    language: Language

    def __post_init__(self) -> None:
        """Refuse a language there is not."""
        if self.language not in LANGUAGES:
            msg = f"language is {self.language!r}; expected one of {', '.join(LANGUAGES)}"
            raise InputError(msg)

    def __call__(self, key: str, **values: object) -> str:
        """Return a sentence, its ``{places}`` filled; what this product does not say, ``names`` says."""
        said = _sentences(self.product)
        entry = said[key] if key in said else _sentences("names")[key]
        text = entry[self.language]
        return text.format(**values) if values else text


@cache
def _sentences(product: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sentences of a product; every key has both languages, or the file is wrong."""
    text = files("accessibility.wording").joinpath(f"{product}.toml").read_text("utf-8")
    found: dict[str, dict[str, str]] = tomllib.loads(text)
    for key, entry in found.items():
        if set(entry) != set(LANGUAGES):
            msg = f"wording/{product}.toml: {key} is said in {', '.join(entry) or 'no language'}; expected en and zh"
            raise InputError(msg)
    return found
