"""Sphinx: pages from the docstrings, in which a reference that leads nowhere is an error (make docs)."""

from __future__ import annotations

import pydoc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests/, where references.py lies

from references import REFERENCE, homes, leads
from sphinx.util import logging

import accessibility

if TYPE_CHECKING:
    import re

project = "accessibility"
release = version = accessibility.__version__
copyright = "the contributors"  # noqa: A001 -- Sphinx reads this name
extensions = ["sphinx.ext.autodoc", "numpydoc"]
html_theme = "alabaster"
html_theme_options = {"description": "Who lives within a walk of a service outlet", "page_width": "1100px"}
html_show_sourcelink = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False  # autodoc lists them
suppress_warnings = ["ref.python"]  # types of other libraries in signatures: nothing to link to without the internet


def link_references(_: Any, what: str, name: str, value: Any, __: Any, lines: list[str]) -> None:
    """Link each name in backticks to its page, show parameters and private names as code, refuse what leads nowhere."""
    owner: Any = pydoc.locate(name.rpartition(".")[0]) if what in ("method", "attribute", "property") else None
    value = getattr(value, "fget", getattr(value, "func", value))

    def link(found: re.Match[str]) -> str:
        told = found[1]
        first, _, rest = told.partition(".")
        if not leads(told, value, owner):
            logging.getLogger(__name__).warning("%s refers to `%s`, which is nowhere", name, told)
        return f":py:obj:`{told} <{homes()[first]}{'.' * bool(rest)}{rest}>`" if first in homes() else f"``{told}``"

    lines[:] = [line if line.lstrip().startswith(">>>") else REFERENCE.sub(link, line) for line in lines]


def setup(app: Any) -> None:
    """Let references be linked before numpydoc sees a docstring."""
    app.connect("autodoc-process-docstring", link_references, priority=100)
