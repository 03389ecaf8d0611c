"""What planners read, in English and Chinese: one file of sentences a product, each sentence in both languages."""

from __future__ import annotations

import datetime as dt
import locale
import math
import os
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING, Literal, get_args

from accessibility.errors import InputError, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
_MOST_JOINTS, _MOST_KEPT = 80, 4_096  # of a row of what is known; of its parts, two ends each
_LONGEST = 8_000  # characters of what is told in another language
_NOUNS = {
    **{
        f"{one}s": one for one in ("building", "cell", "column", "district", "edge", "feature", "file", "finding", "id")
    },
    **{f"{one}s": one for one in ("layer", "line", "outlet", "place", "point", "row", "sheet", "site", "street")},
    **{f"{one}s": one for one in ("water", "way")},
    "branches": "branch",
    "ferries": "ferry",
    "people": "person",
}
_VERBS = {
    "are": "is",
    "were": "was",
    "have": "has",
    "do": "does",
    **{f"{one}": f"{one}s" for one in ("lie", "stand", "hold")},
}
_OF_ONE = re.compile(  # not the end of a larger number, no name of a file, and no row, kilometre, size or range
    r"(?<![\w.,-])(?<!of )(?<!its )(?<!row )(?<!line )(?<!by )"
    r"(1 (?:of [\d,]+ )?(?:(?!(?:and|has|in|is|km|m|of|or|s|to) )(?:partner )?[a-z]+ )??)"
    rf"({'|'.join(_NOUNS)})(?![\w.]\w)\b((?:, [\d.,]+ km(?: with [\d,]+ people along)?,)? (?:{'|'.join(_VERBS)})\b)?"
)
_ONE_ROW = re.compile(r"(?<=: row)s(?= \d+(?:[;:)]|$))")  # which rows: one alone
_NUMBERS = ("km", "kilometres", "metres", "minutes", "points", "share", "speed")
_PLACES = dict.fromkeys(("n", "row", "line"), r"[\d,]+") | {
    "at_key": r"\S+",
    "cell": "[^']*",
    "one_place": r"(?:(?!, [\d,]+ people in ).)+",  # of several, each with its people
    **dict.fromkeys(_NUMBERS, r" *[-+]?[\d.,]+%?"),
}  # of messages: what may stand there


def console_language(choice: str | None = None) -> Language:
    """Return the language that a terminal is spoken to in: the one asked for, else the system's where it is Chinese.

    Examples
    --------
    >>> console_language("zh"), console_language("both"), console_language("en")
    ('zh', 'zh', 'en')
    """
    if choice in ("en", "zh", "both"):
        return "en" if choice == "en" else "zh"
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if (told or locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def day_text(seconds: float | None = None) -> str:
    """Return the day, as the calendar on the reader's wall has it, of now or of a time in seconds since 1970.

    Examples
    --------
    >>> len(day_text())
    10
    """
    # The zone must be asked for after the time is known: it had another offset in another summer.
    now = dt.datetime.now(tz=dt.UTC) if seconds is None else dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    return now.astimezone().date().isoformat()


def plain_words(text: str) -> str:
    """Return a text as words are looked for in it: full width and half, capitals, underscores and spaces are alike.

    Examples
    --------
    >>> plain_words(" Site_Status  \N{FULLWIDTH DIGIT ONE}")
    'site status 1'
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())


def share_of(part: float, whole: float) -> float:
    """Return a part of a whole; NaN without a whole.

    Examples
    --------
    >>> share_of(3, 4), share_of(0, 0)
    (0.75, nan)
    """
    return part / whole if whole > 0 else math.nan


def percent_text(part: float, whole: float = 1.0, language: Language = "en") -> str:
    """Return a share as every product prints it: one decimal, halves to the even one; empty without a whole.

    It is 0 or 100 only for nobody and everybody. Rounded to a billionth before: what floating point leaves just beside
    a half rounds as the half does, here and in the browser. Chinese writes the sign close to the number.

    Examples
    --------
    >>> percent_text(1, 10_000), percent_text(0.75), percent_text(9_999, 10_000), percent_text(1, 0)
    ('0.1 %', '75.0 %', '99.9 %', '')
    >>> percent_text(3, 4, "zh")
    '75.0%'
    """
    if not (whole > 0 and math.isfinite(part)):
        return ""
    tenths = round(round(1_000 * part / whole, 9))
    if 0 < part < whole:
        tenths = min(max(tenths, 1), 999)
    return percent_sign(f"{tenths / 10:.1f} %", language)


def cost_text(cost: float, unit: str, language: Language) -> str:
    """Return a cost with its unit, where it has one.

    Examples
    --------
    >>> cost_text(12.5, "万元", "zh"), cost_text(1200, "k\u20ac", "en"), cost_text(12, "", "en")
    ('12.5万元', '1,200 k\u20ac', '12')
    """
    joint = "" if language == "zh" or not unit else " "
    return f"{cost:,.10g}{joint}{unit}"


def percent_sign(text: str, language: Language) -> str:
    """Return a percentage as a language writes it: English with a space before the sign, Chinese without."""
    return text.replace(" %", "%") if language == "zh" else text


@dataclass(frozen=True)
class Wording:
    """The sentences of one product in one language.

    Examples
    --------
    >>> Wording("names", "en")("people"), Wording("names", "zh")("people")
    ('people', '人口')
    """

    # `names` (what every product calls things), `map` or `report`: a file beside this one; every key in it is a
    # table of an `en` and a `zh`
    product: str
    language: Language  # `en` or `zh`

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
        if not values:
            return text
        told = text.format(**values)
        return _OF_ONE.sub(_of_one, told) if self.language == "en" else told

    def setting(self, name: str) -> str:
        """Return the name of a setting: of the policy in the language, of a study's own as it stands.

        Examples
        --------
        >>> Wording("names", "zh").setting("town"), Wording("names", "zh").setting("core")
        ('镇区', 'core')
        """
        said = _sentences("names").get(f"setting_{name}")
        return name if said is None else said[self.language]


def message_text(text: str, language: Language) -> str:
    """Return an error or a detail of a finding in a language; one that no wording knows stays as it is.

    Examples
    --------
    >>> message_text("people.csv: the file is empty (0 bytes)", "zh")[11:15]
    '文件为空'
    >>> message_text("something that no one wrote down", "zh")
    'something that no one wrote down'
    >>> message_text("1 buildings lie in no district", "en")
    '1 building lies in no district'
    """
    if len(text) > _LONGEST:
        return text
    if language == "en":
        return _ONE_ROW.sub("", _OF_ONE.sub(_of_one, text))
    try:
        told = _known_text(text, language)
    except RecursionError:  # sentences within sentences: what an input says may be made of nothing but their joints
        return text
    return text if told is None else percent_sign(told, language)


def _of_one(found: re.Match[str]) -> str:
    """Return what is said of one thing as English says it."""
    before, noun, verb = found.groups(default="")
    if not before.startswith("1 of "):
        noun = _NOUNS[noun]
    clause, apart, verb = verb.rpartition(" ")
    return f"{before}{noun}{_OF_ONE.sub(_of_one, clause)}{apart}{_VERBS.get(verb, '')}"


def help_text(text: str, language: Language) -> str:
    """Return what a command's help says in a language.

    Examples
    --------
    >>> help_text("Print the version.", "zh")
    '显示版本。'
    """
    return next((entry[language] for entry in _sentences("help").values() if entry["en"] == text), text)


def sample_text(text: str, language: Language) -> str:
    """Return the name of a study or of the origin of its data as documents say it: of the sample in a language.

    Examples
    --------
    >>> sample_text("Sample county", "zh"), sample_text("Monaco", "zh")
    ('样例县', 'Monaco')
    """
    own = (_sentences("names")[key] for key in ("sample", "sample_origin"))
    return next((entry[language] for entry in own if entry["en"] == text), text)


@lru_cache(_MOST_KEPT)  # a part of a row is asked for once by each part before it
def _known_text(text: str, language: Language) -> str | None:
    """Return a sentence in another language with its values, each in that language where it is known; None if not.

    Where a place is named ``known_...``, what stands in it must be known; in any other it may be, and a single word is
    taken for a name. Several sentences may stand one after another, and so may several values.
    """
    row = _known_row(text, "; ", "；", language)  # noqa: RUF001
    if row is not None:
        return row
    for longest, pieces, pattern, said in _messages(language):
        if longest not in text or not all(piece in text for piece in pieces):
            continue
        found = re.fullmatch(pattern, text, re.DOTALL)  # compiled here: of a thousand sentences a run says few
        if found is None:
            continue
        must = {name: name.startswith("known_") for name in found.groupdict()}
        told = {name: _told_as(name)(found[name], language) for name in must}
        if all(told[name] for name, known in must.items() if known):
            return said.format(**{name: told[name] or found[name] for name in must})
    return _known_row(text, ", ", "、", language)


def _told_as(place: str) -> Callable[[str, Language], str | None]:
    """Return what tells what stands in a place of a message in another language."""
    if re.fullmatch("roles?", place):
        return _role_words
    return _known_text if place.startswith("known_") else _known_words


def _role_words(text: str, language: Language) -> str | None:
    """Return what inputs are called; of a row of them, with the words of the study file that are to be written."""
    said, roles = _sentences("console"), text.split(", ")
    if not all(f"role_{role}" in said for role in roles):
        return None
    words = [said[f"role_{role}"][language] for role in roles]
    if len(roles) == 1:
        return words[0]
    return "、".join(f"{role}（{word}）" for role, word in zip(roles, words, strict=True))  # noqa: RUF001


def _known_words(text: str, language: Language) -> str | None:
    """Return several words in another language if they are known; a single one may be a name."""
    return _known_text(text, language) if " " in text else None


@lru_cache(_MOST_KEPT)
def _known_row(text: str, joint: str, other: str, language: Language) -> str | None:
    """Return what stands in a row in another language, if each part of it is known; a very long row is none."""
    if text.count(joint) > _MOST_JOINTS:
        return None
    head, _, rest = text.partition(joint)
    while rest:
        first = _known_words(head, language)
        others = first and (_known_words(rest, language) or _known_row(rest, joint, other, language))
        if others:
            return f"{first}{other}{others}"
        more, _, rest = rest.partition(joint)
        head = f"{head}{joint}{more}"
    return None


@cache
def _messages(language: Language) -> tuple[tuple[str, tuple[str, ...], str, str], ...]:
    """Return the longest piece and all pieces of each message in English, its form, and what it is in another language.

    What says where an error stands comes first, then what has the most words of its own.
    """
    found = []
    for entry in _sentences("messages").values():
        parts = list(Formatter().parse(entry["en"]))
        pieces = tuple(words for words, *_ in parts if words)
        found.append((max(pieces, key=len), pieces, _pattern(parts), entry[language]))
    return tuple(sorted(found, key=lambda each: ("(?P<known_error>" not in each[2], -sum(map(len, each[1])))))


def _pattern(parts: Iterable[tuple[str, str | None, str | None, str | None]]) -> str:
    """Return the form of a message.

    What follows a place that takes anything is looked for once and never again farther on: the next such place would
    take what lies between, and so an input that is made of a message's own words is read in a single pass.
    """
    runs = [""]
    for words, name, *_ in parts:
        place = _PLACES.get(re.sub("_[0-9]$", "", name or ""))
        runs[-1] += re.escape(words)
        if place is not None:
            runs[-1] += f"(?P<{name}>{place})"
        elif name:
            runs.append(f"(?P<{name}>.*?)")
    return runs[0] + "".join(f"(?>{run})" for run in runs[1:-1]) + "".join(runs[1:][-1:])


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


TITLE = "outlet-accessibility: who lives within a walk of a service outlet, and where the next one should open"
AUTHORS = "The outlet-accessibility authors"


@checked
def cite(form: Literal["text", "bibtex"] = "text") -> str:
    """Return how the program is cited, with its version; `Study.attribution` names the sources of its data.

    Parameters
    ----------
    form
        ``text``, or ``bibtex`` for a bibliography.

    Returns
    -------
    str
        The citation.

    Raises
    ------
    InputError
        Another form.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.cite().startswith("The outlet-accessibility authors"), acc.cite("bibtex").splitlines()[0]
    (True, '@software{outlet_accessibility,')
    """
    import accessibility  # noqa: PLC0415 -- the version stands at the package's door

    version = accessibility.__version__
    if form == "text":
        return f"{AUTHORS}. {TITLE}. Version {version}."
    given = {"author": f"{{{AUTHORS}}}", "title": f"{{{TITLE}}}", "version": version, "license": "MIT"}
    fields = "".join(f"  {name} = {{{value}}},\n" for name, value in given.items())
    return f"@software{{outlet_accessibility,\n{fields}}}"
