"""Places that several benchmarks use."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from pyproj import CRS

from accessibility import Network
from accessibility.sources.osm.extracts import read_network

ROOT = Path(__file__).parents[2]
PORTO = ROOT.parent / "shared" / "data" / "porto" / "porto-metro-2015.osm.pbf"


@pytest.fixture(scope="session")
def porto() -> Network:
    """Return Porto's streets, as the reader cuts them."""
    if not PORTO.is_file():
        pytest.skip("the real data are not beside the project")
    return read_network(PORTO)[0]


@pytest.fixture(scope="session")
def million() -> Network:
    """Return the kind of place that the sample county is, with a million junctions."""
    path = ROOT / "data" / "make_sample.py"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("make_sample", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Network(**module.make_network_arrays(1_000_000), crs=CRS.from_epsg(4545))
