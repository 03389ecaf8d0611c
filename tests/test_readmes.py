"""The Chinese README says what the English one says: the same commands, files and figures."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))


def commands(text: str) -> list[str]:
    """Return the commands of the blocks for a shell, without their comments."""
    blocks = re.findall(r"```(?:sh|bat)\n(.*?)```", text, flags=re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.split("#")[0].strip()]


def test_both_say_the_same_commands_in_the_same_order() -> None:
    assert commands(CHINESE) == commands(ENGLISH)
    assert len(commands(CHINESE)) > 10


def test_no_figure_and_no_file_stands_in_one_alone() -> None:
    for pattern in (r"`([\w/-]+\.\w+)`", r"(?<![\w.])(\d+(?:\.\d+)?)(?![\w.]*[\w])"):
        english, chinese = (set(re.findall(pattern, text)) for text in (ENGLISH, CHINESE))
        ends = {found.rpartition("/")[2] for found in english}  # a file may be named with its folder
        assert chinese - {"2", "3", "4"} <= english | ends | set(re.findall(r"[\w.-]+", ENGLISH)), sorted(
            chinese - english
        )


def test_they_name_each_other() -> None:
    assert "(README.zh.md)" in ENGLISH
    assert "(README.md)" in CHINESE
