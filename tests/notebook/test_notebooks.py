"""Every notebook runs from top to bottom, and none stores what it printed."""

from __future__ import annotations

import json
import re
import warnings
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import pytest
from browsing import MARKS, PHONE
from conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_nothing_is_stored(path: Any) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_prose_holds_no_figure_that_the_code_does_not_hold(path: Any) -> None:
    """Hold the prose to what is asked; what is found stands in outputs alone, and no site but the one asked for."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose, code = ("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == k) for k in ("markdown", "code"))
    figures = re.findall(r"(?<![\w.])\d[\d,.]*\d(?!\w)|(?<![\w.])\d(?!\w)|\b[A-Z]\d{3}\b", prose)
    assert [figure for figure in figures if not re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", code)] == []


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Start a kernel for all notebooks, which loads the libraries once, and one client, whose sockets end with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nbformat  # noqa: PLC0415 -- Jupyter warns on import
        from nbclient import NotebookClient  # noqa: PLC0415

    empty: Any = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    found = NotebookClient(empty, timeout=600, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    with found.setup_kernel():
        yield found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs_from_top_to_bottom(path: Any, client: Any) -> None:
    """Without a name of the notebook before it, and with few draws: how many there are is not what can break."""
    import nbformat  # noqa: PLC0415 -- as above

    text = re.sub(r"draws=\d+", "draws=4", path.read_text(encoding="utf-8"))
    notebook: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    notebook.cells.insert(0, nbformat.v4.new_code_cell("%reset -f\nassert 'acc' not in globals()"))  # type: ignore[no-untyped-call]
    client.nb = notebook
    client.execute(cleanup_kc=False)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    widgets = [output for output in outputs if WIDGET in output.get("data", {})]
    assert len(widgets) == (path.stem == "03_what_if")


EXPORTED = f"""import sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import accessibility as acc
import worlds
from accessibility.notebook import WhatIf
bridge = acc.NewStreet(line=worlds.degrees((1_000, 10), (1_000, 590)), bridge=True)
what_if = WhatIf(worlds.two_streets(), acc.Scenario(edits=[bridge]), lang="zh")
what_if"""


@pytest.mark.filterwarnings("ignore")
def test_an_exported_notebook_shows_the_widget_where_no_kernel_runs(chromium: Any, client: Any, tmp_path: Path) -> None:
    import nbformat  # noqa: PLC0415 -- Jupyter warns on import
    from nbconvert import HTMLExporter  # noqa: PLC0415

    cells = [nbformat.v4.new_code_cell(source) for source in ("%reset -f", EXPORTED, "what_if.switch('O1');")]  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    client.nb = notebook
    client.execute(cleanup_kc=False)
    assert "widgets" in notebook.metadata
    templates = [str(distribution("nbconvert").locate_file("../../../share/jupyter/nbconvert/templates"))]
    exporter: Any = HTMLExporter(extra_template_basedirs=templates, extra_template_paths=templates)  # type: ignore[no-untyped-call]
    context = chromium.new_context(viewport={"width": PHONE[0], "height": PHONE[1]})
    context.set_offline(True)
    shown = context.new_page()
    for with_state in (True, False):
        if not with_state:
            del notebook.metadata["widgets"]
        (tmp_path / "what_if.html").write_text(exporter.from_notebook_node(notebook)[0], "utf-8")
        shown.goto((tmp_path / "what_if.html").as_uri())
        picture = shown.locator(".what-if-still img")
        assert picture.is_visible()
        assert picture.evaluate("image => image.complete && image.naturalWidth") > 0
        assert picture.bounding_box()["width"] <= PHONE[0]
        said = shown.locator(".what-if-still").inner_text()
        assert "关闭O1" in said  # a step taken after it was shown
        assert "新增桥梁" in said
        assert "0.0%" in said
    context.close()


for mark in MARKS:
    test_an_exported_notebook_shows_the_widget_where_no_kernel_runs = mark(
        test_an_exported_notebook_shows_the_widget_where_no_kernel_runs
    )
