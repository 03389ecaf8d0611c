"""Texts from bytes, by a mark, UTF-8's grammar, or which reading looks like writing; TOML as planners save it."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from accessibility.errors import Finding, InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_USUAL_SHARE = 0.5  # of the letters beyond ASCII that are usual ones, in a text read in its own encoding
_FEW_BYTES = 40  # a rare name or two prove nothing
_LONE_SHARE = 0.3
_LATIN_RUN = re.compile(r"[\u00a1-\u00ff]{2,}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_LONE = re.compile(r"(?<![^\x00-\x7f])[À-ÖØ-öø-ÿŠšŽžŒœŸ](?![^\x00-\x7f])")
_LONGEST_LINE = 10_000_000  # bytes
_ENOUGH = 100_000  # letters that speak for the whole text
_NAMES = {"gb18030": "GB 18030", "big5": "Big5", "cp1252": "Windows-1252"}


def decode_text(content: bytes, encoding: str | None, name: str) -> tuple[str, list[Finding]]:
    """Return a text, and a finding where its encoding is a guess or its letters look garbled.

    Parameters
    ----------
    content
        The bytes of a file.
    encoding
        As the study names it. Where not given: a byte-order mark, else UTF-8, else whichever of GB 18030, Big5 and
        Windows-1252 gives the most usual letters; the latter two are told, for nothing in the bytes proves them.
    name
        The file, for messages.

    Raises
    ------
    InputError
        Bytes that are not of the encoding.

    Examples
    --------
    >>> decode_text("网点,经度".encode("gbk"), None, "t.csv")
    ('网点,经度', [])
    >>> text, found = decode_text("Zürich,Müller".encode("cp1252"), None, "t.csv")
    >>> text, found[0].code
    ('Zürich,Müller', 'encoding-guessed')
    """
    if encoding is None:
        encoding = next((known for mark, known in _MARKS.items() if content.startswith(mark)), None)
    for known in (encoding,) if encoding else ("utf-8-sig",):
        try:
            text = content.decode(known)
        except (UnicodeDecodeError, LookupError):
            continue
        return text, _garbled(text, name)
    guesses = [] if encoding else _guesses(content)
    if not guesses:
        tried = encoding or "UTF-8 or GB 18030"
        msg = f"{name}: the text is not {tried}; expected one of them, or UTF-16 with its mark"
        raise InputError(msg)
    share, known, text = max(guesses, key=lambda guess: guess[0])
    if known == "gb18030" and (share >= _USUAL_SHARE or len(content) < _FEW_BYTES):
        return text, []
    message = (
        f"the text is not UTF-8 and read as {_NAMES[known]}, in which {share:.0%} of its letters beyond ASCII look "
        'usual: if names look wrong, say encoding = "..." in the study'
    )
    return text, [Finding(code="encoding-guessed", source=name, message=message)]


def text_bytes(path: Path) -> bytes:
    """Return the bytes of a text of lines.

    Raises
    ------
    InputError
        A line of more bytes than those of any table have: cut into cells it takes ten times its memory.
    """
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE and b"\r" not in line:  # which ends lines by itself, too
                msg = f"{path.name}: a line has more than {_LONGEST_LINE / 1e6:.0f} MB; expected a table"
                raise InputError(msg)
    return path.read_bytes()


def _guesses(content: bytes) -> list[tuple[float, str, str]]:
    """Return share of usual letters, encoding and text of each encoding that the bytes are valid in."""
    found = []
    for known, usual in _USUAL.items():
        try:
            text = content.decode(known)
        except UnicodeDecodeError:
            continue
        found.append((_share(text, usual), known, text))
    text = content.decode("cp1252", errors="replace")
    lone = _lone_share(text)
    return found if "\ufffd" in text or lone < _LONE_SHARE else [*found, (lone, "cp1252", text)]


def _share(text: str, usual: Callable[[str], bool]) -> float:
    letters = [letter for letter in text[:_ENOUGH] if not letter.isascii()]
    return sum(map(usual, letters)) / len(letters) if letters else 1.0


def _lone_share(text: str) -> float:
    """Return the share of Latin letters with an accent that stand alone among plain ones, as they do in a language.

    Bytes of Chinese come in pairs, and so do the letters that they are mistaken for.
    """
    letters = len(_BEYOND_ASCII.findall(text[:_ENOUGH]))
    return len(_LONE.findall(text[:_ENOUGH])) / letters if letters else 1.0


def _usual_gb(letter: str) -> bool:
    """Return whether GB 2312 has a letter among its signs or its usual characters (level 1)."""
    try:
        first = letter.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= first <= 0xA3 or 0xB0 <= first <= 0xD7  # noqa: PLR2004 -- rows of the standard


def _usual_big5(letter: str) -> bool:
    """Return whether Big5 has a letter among its signs or its usual characters (level 1)."""
    try:
        first = letter.encode("big5")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= first <= 0xC6  # noqa: PLR2004 -- rows of the standard


_USUAL: dict[str, Callable[[str], bool]] = {"gb18030": _usual_gb, "big5": _usual_big5}


def _garbled(text: str, name: str) -> list[Finding]:
    """Return a finding on letters that an earlier program spoilt: nobody can mend them here."""
    runs = _LATIN_RUN.findall(text[:_ENOUGH])
    spoilt = [run for run in runs if _was_chinese(run)]
    lost = text.count("\ufffd") + text.count("锟斤拷")
    if not lost and 2 * len(spoilt) <= len(runs):
        return []
    shown = spoilt[0] if spoilt else "\ufffd"
    message = f"texts look garbled, first {shown!r}: a program read them in a wrong encoding before; export them again"
    return [Finding(code="garbled-text", source=name, message=message, count=lost + len(spoilt))]


def _was_chinese(run: str) -> bool:
    try:
        return _share(run.encode("cp1252").decode("gb18030"), _usual_gb) == 1.0
    except (UnicodeEncodeError, UnicodeDecodeError):
        return False


_MOST_BYTES = 1 << 20
_MOST_PARTS = 32
_TEXT = r"\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|#[^\n]*"
_PART = r"(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')"
_DEEP_KEY = re.compile(rf"(?:{_PART}[ \t]*+\.[ \t]*+){{{_MOST_PARTS},}}")
_STRINGS = re.compile(_TEXT, re.DOTALL)
_ESCAPED = re.compile(r"\\u[0-9A-Fa-f]{4}")
_FILE_NAME = re.compile(r"(?<!\")\"([^\"\n]*\\[^\"\n]*\.\w{2,9})\"(?!\")")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_WIDE = dict(
    zip("＝“”‘’，［］｛｝【】：；、．＃＂０１２３４５６７８９\u3000", '=""\'\',[]{}[]=,,.#"0123456789 ', strict=True)  # noqa: RUF001
)


def read_toml(path: Path, *, names_files: bool = True) -> dict[str, Any]:
    r"""Return the content of a TOML file.

    It may be UTF-8, UTF-16 with its mark or GB 18030. Where it names files, a backslash between the folders of a name
    (``"data\roads.osm"``) is read as a slash: TOML itself takes ``\r`` for a line's end.

    Raises
    ------
    InputError
        No TOML: the message names the line, and the full-width sign in it where one stands outside a text. More than
        1 MB, or more levels than a study has.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"{path.name}: cannot be read ({error.strerror})"
        raise InputError(msg) from error
    if len(content) > _MOST_BYTES:
        msg = f"{path.name}: {len(content) / 1e6:,.1f} MB; expected a study of a few kilobytes"
        raise InputError(msg)
    text, _ = decode_text(content, None, path.name)
    if _DEEP_KEY.search(text):
        msg = f"{path.name}: nested too deeply: a key of more than {_MOST_PARTS} parts; expected the keys of a study"
        raise InputError(msg)
    try:
        return tomllib.loads(_FILE_NAME.sub(_with_slashes, text) if names_files else text)
    except ValueError as error:  # a number of thousands of digits, too
        msg = f"{path.name}: not a TOML file: {_foreign_sign(text) or error}"
        raise InputError(msg) from error
    except RecursionError as error:
        msg = f"{path.name}: nested too deeply; expected the tables of a study"
        raise InputError(msg) from error


def _with_slashes(found: re.Match[str]) -> str:
    escaped = _ESCAPED.search(found[1])
    return found[0] if escaped else '"' + re.sub(r"\\+", "/", found[1]) + '"'


def _foreign_sign(text: str) -> str | None:
    """Return a sentence on the first sign or word outside texts and comments that is not TOML's, None without one."""
    bare = _STRINGS.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    for number, (line, shown) in enumerate(zip(bare.split("\n"), text.split("\n"), strict=False), start=1):
        sign = next((letter for letter in line if letter in _WIDE), None)
        if sign is not None:
            return f"line {number} has the full-width sign {sign}; expected {_WIDE[sign]} in {shown.strip()!r}"
        word = _FOREIGN.search(line)
        if word is not None:
            return f"line {number} has {word[0]} outside quotes; expected texts and such keys in double quotes"
    return None
