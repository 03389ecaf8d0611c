"""A coverage-guided fuzzer of the study file, as OSS-Fuzz runs it: `python fuzz_study.py CORPUS` (extra ``fuzz``)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["accessibility.study.schema"]):
    from accessibility.errors import AccessibilityError
    from accessibility.study.schema import read_study_file

_FILE = Path(tempfile.mkdtemp()) / "study.toml"


def test_one_input(content: bytes) -> None:
    """Read a study file: values, or one sentence."""
    _FILE.write_bytes(content)
    try:
        read_study_file(_FILE)
    except AccessibilityError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- no test of pytest's


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
