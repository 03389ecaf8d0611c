"""Fixtures, and the settings of the property tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def liechtenstein() -> Path:
    """Return the extract of Liechtenstein, where the real data lie beside the project."""
    path = REAL_DATA / "liechtenstein" / "liechtenstein-2021.osm.pbf"
    if not path.is_file():
        pytest.skip("the real data are not beside the project")
    return path


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the study of the sample county."""
    return ROOT / "data" / "sample" / "study.toml"
