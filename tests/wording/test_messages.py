"""What is told in Chinese is what the program says: every message of the table is one that the code can say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import accessibility
from accessibility.cli.console import Silence, print_check
from accessibility.cli.runs import run_check
from accessibility.wording import _sentences, message_text

MESSAGES = _sentences("messages")


@cache
def texts() -> str:
    """Return every text of the package's code, each piece of a formatted one on a line of its own."""
    trees = [ast.parse(path.read_text("utf-8")) for path in Path(accessibility.__file__).parent.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


def phrases(piece: str) -> list[str]:
    """Return every four words in a row: the code may put one sentence together of two."""
    words = piece.split()
    return [" ".join(words[k : k + 4]) for k in range(len(words) - 3)]


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_a_message_stands_in_the_code_and_is_known_again(key: str) -> None:
    english, chinese = MESSAGES[key]["en"], MESSAGES[key]["zh"]
    pieces = [part.strip(":,() ") for half in re.split(r"\{\w+\}", english) for part in half.split(";")]
    long = [piece for piece in pieces if len(piece.split()) > 3]
    assert [piece for piece in long if not any(phrase in texts() for phrase in phrases(piece))] == []
    values = {name: f"<{name}>" for name in re.findall(r"\{(\w+)\}", english)}
    assert message_text(english.format(**values), "zh") == chinese.format(**values)
    assert message_text(english.format(**values), "en") == english.format(**values)


def said(*arguments: str) -> tuple[int, str]:
    """Return the exit code of the command, and what it says of an error."""
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-m", "accessibility.cli", *arguments], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("language", [("--lang", "zh"), ("--lang=zh",)])
def test_a_command_says_its_errors_in_the_language_that_is_asked_for(tmp_path: Path, language: tuple[str, ...]) -> None:
    code, told = said("check", str(tmp_path / "none.toml"), *language)
    assert code == 2
    assert "错误：" in told  # noqa: RUF001
    assert "文件不存在" in told
    assert "expected" not in told
    assert "error: " in said("check", str(tmp_path / "none.toml"), "--lang", "en")[1]


def test_check_tells_its_findings_in_chinese(
    sample: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    print_check(run_check(sample, Silence()), "zh")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("! ", "   "))]
    assert len(told) > 15
    assert [line for line in told if "原文" in line] == []
