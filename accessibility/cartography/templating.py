"""The templates of pages, and the files that stand in them as they are."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2


def template_text(name: str) -> str:
    """Return a file of the folder ``templates``."""
    return files("accessibility").joinpath("templates", name).read_text("utf-8")


def page_template(name: str) -> jinja2.Template:
    """Return a template of the folder ``templates``: values are text, and one that is missing is an error."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
