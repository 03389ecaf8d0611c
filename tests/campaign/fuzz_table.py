"""A coverage-guided fuzzer of the table readers, as OSS-Fuzz runs it: `python fuzz_table.py CORPUS` (extra ``fuzz``).

The first byte chooses the format, the others are the file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["accessibility.sources"]):
    from accessibility.errors import AccessibilityError
    from accessibility.sources.tables.reading import read_table

_SUFFIXES = (".csv", ".xlsx", ".xls", ".ods", ".geojson", ".kml", ".shp", ".parquet")
_FOLDER = Path(tempfile.mkdtemp())


def test_one_input(content: bytes) -> None:
    """Read a table: rows, or one sentence."""
    if not content:
        return
    file = _FOLDER / f"table{_SUFFIXES[content[0] % len(_SUFFIXES)]}"
    file.write_bytes(content[1:])
    try:
        read_table(file)
    except AccessibilityError as error:
        assert "\n" not in str(error)  # noqa: PT017 -- no test of pytest's


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
