"""The command line, called in this process or in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from accessibility.cli import commands as cli


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run the command in this process, which goes on hearing its own signals; return its exit code."""
    monkeypatch.setattr(sys, "argv", ["accessibility", *map(str, words)])
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(SystemExit) as stop:
            cli.main()
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
    return int(stop.value.code or 0)


def process(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-c", "from accessibility.cli.commands import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | env, check=False)  # noqa: S603
