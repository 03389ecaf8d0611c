"""TOML files as planners save them: other encodings, full-width signs and backslashes are read, or told by line."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

from accessibility.errors import InputError
from accessibility.sources.tables.encodings import decode_text

if TYPE_CHECKING:
    from pathlib import Path

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
    except tomllib.TOMLDecodeError as error:
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
