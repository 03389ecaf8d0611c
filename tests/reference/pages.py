"""Write the pages of the reference, a page for each module with an `__all__`; Sphinx fills them from the docstrings."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, where references.py lies

from references import faces, homes

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


def write_pages(folder: Path) -> None:
    """Write an index, and a page for each face of the package, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for face, module in faces().items():
        text = (inspect.getdoc(module) or "").splitlines()
        parts = [f"{face}\n{'=' * len(face)}\n", f".. automodule:: {face}\n   :no-members:\n"] if text else []
        parts += [entry(face, name, getattr(module, name)) for name in module.__all__]
        (folder / f"{face}.rst").write_text("\n".join(parts), encoding="utf-8")
    names = "\n   ".join(faces())
    title = "Reference"
    (folder / "index.rst").write_text(f"{title}\n{'=' * len(title)}\n\n.. toctree::\n\n   {names}\n", encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
