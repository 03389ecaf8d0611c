"""A coverage-guided fuzzer of the GraphML reader, as OSS-Fuzz runs it: `fuzz_graphml.py CORPUS` (extra ``fuzz``)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["accessibility.sources.lines", "accessibility.streets.graphs", "networkx.readwrite"]
):
    from accessibility.errors import AccessibilityError
    from accessibility.sources.lines import read_graphml

_FILE = Path(tempfile.mkdtemp()) / "streets.graphml"


def test_one_input(content: bytes) -> None:
    """Read a graph: a network, or one sentence."""
    _FILE.write_bytes(content)
    try:
        read_graphml(_FILE)
    except AccessibilityError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- no test of pytest's


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
