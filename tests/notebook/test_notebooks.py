"""Every notebook runs from top to bottom, and none stores what it printed."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from conftest import ROOT

WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_nothing_is_stored(path: Any) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs_from_top_to_bottom(path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nbformat  # noqa: PLC0415 -- Jupyter warns on import
        from nbclient import NotebookClient  # noqa: PLC0415

    notebook: Any = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    widgets = [output for output in outputs if WIDGET in output.get("data", {})]
    assert len(widgets) == (path.stem == "03_what_if")
