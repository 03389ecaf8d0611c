"""Write the pages of the reference: one a task, and one a module with an `__all__`, which Sphinx fills."""

from __future__ import annotations

import inspect
import pydoc
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, where references.py lies

from references import faces, homes

HERE = Path(__file__).parent
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")

_OF = {True: "autoclass", False: "autofunction"}


def entry(face: str, name: str, value: object) -> str:
    """Return the lines that document a name, or a link to the page that does."""
    home = homes()[name]
    if home != f"{face}.{name}":
        return f"* :py:obj:`{home}`\n"
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return f".. autodata:: {home}\n   :no-value:\n"
    members = "   :members:\n   :inherited-members: Exception, Protocol\n" if inspect.isclass(value) else ""
    return f".. {_OF[inspect.isclass(value)]}:: {home}\n{members}"


def tasks() -> dict[str, list[str]]:
    """Return the names that each task needs, below `accessibility`."""
    found: dict[str, list[str]] = tomllib.loads((HERE / "tasks.toml").read_text("utf-8"))
    return found


def of_task(title: str, names: list[str]) -> str:
    """Return the page of a task: each name as a link, and the first sentence on it."""
    rows = []
    for name in names:
        value: Any = pydoc.locate(f"accessibility.{name}")
        told = (inspect.getdoc(getattr(value, "fget", getattr(value, "func", value))) or "").partition("\n\n")[0]
        plain = "A value of the package." if isinstance(value, (tuple, str)) else " ".join(told.split())
        said = CODE.sub(r"``\1``", plain)
        owner, _, last = name.rpartition(".")
        of = owner.rpartition(".")[2]
        shown = f"{of}.{last}" if of[:1].isupper() else last
        rows.append(f":py:obj:`{shown} <accessibility.{name}>`\n   {said}\n")
    return "\n".join([title, "=" * len(title), "", *rows])


def of_readme(heading: str) -> str:
    """Return a section of the README that is a table, as a page."""
    section = (HERE.parents[1] / "README.md").read_text("utf-8").split(f"### {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|") and "---" not in line]
    cells = [[CODE.sub(r"``\1``", cell.strip()) for cell in row] for row in rows]
    lines = [f"   * - {one}\n     - {other}" for one, other in cells]
    return "\n".join([heading, "=" * len(heading), "", ".. list-table::", "   :header-rows: 1", "", *lines, ""])


def write_pages(folder: Path) -> None:
    """Write an index, a page for each task, and one for each face of the package, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"task-{number:02d}": of_task(*task) for number, task in enumerate(tasks().items(), start=1)}
    (folder / "coming.rst").write_text(of_readme("Coming from another tool"), encoding="utf-8")
    for page, told in pages.items():
        (folder / f"{page}.rst").write_text(told, encoding="utf-8")
    for face, module in faces().items():
        text = (inspect.getdoc(module) or "").splitlines()
        parts = [f"{face}\n{'=' * len(face)}\n", f".. automodule:: {face}\n   :no-members:\n"] if text else []
        parts += [entry(face, name, getattr(module, name)) for name in module.__all__]
        (folder / f"{face}.rst").write_text("\n".join(parts), encoding="utf-8")
    trees = {"By task": ["coming", *pages], "By module": [*faces()]}
    title = "Reference"
    parts = [f"{title}\n{'=' * len(title)}\n"]
    for caption, names in trees.items():
        listed = "\n   ".join(names)
        parts.append(f".. toctree::\n   :caption: {caption}\n   :maxdepth: 1\n\n   {listed}\n")
    (folder / "index.rst").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
