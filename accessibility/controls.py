"""Control characters of names and texts: spelt out wherever somebody reads them."""

from __future__ import annotations

import re

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys and what turns the reading order around: C0, DEL and C1, Unicode's bidirectional controls."""


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey, or what turns the reading order around, spelt out.

    Tabulators and line feeds stay.

    Examples
    --------
    >>> visible("Town \x1b[31mHall"), visible("safe\u202egnp.exe")
    ('Town \\x1b[31mHall', 'safe\\u202egnp.exe')
    """
    return OBEYED.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text)  # noqa: PLR2004


def one_line(text: str) -> str:
    r"""Return `text` on one line of signs that can be seen: every other is spelt out.

    Examples
    --------
    >>> one_line("Town\tHall\nx\ufeff")
    'Town\\tHall\\nx\\ufeff'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
