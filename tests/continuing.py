"""Examples: that of a method goes on from that of its class, so that each is short and none builds its world anew.

A plugin of pytest (``-p continuing`` in pyproject.toml), because the examples stand in the package and not in tests/.
"""

from __future__ import annotations

import doctest
import inspect
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def names_after(owner: type) -> dict[str, Any]:
    """Return the names that stand after the example in the docstring of a class."""
    names = dict(vars(inspect.getmodule(owner)))
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(owner) or "", names, owner.__qualname__, None, None)
    doctest.DocTestRunner(verbose=False).run(example, out=lambda _: None, clear_globs=False)  # pytest reports it
    return dict(example.globs)


@pytest.fixture(autouse=True)
def continuing(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> Iterator[None]:
    """Give the example of a method what the example of its class left behind."""
    item = request.node
    if isinstance(item, pytest.DoctestItem):
        owner, *method = item.name.removeprefix(f"{item.dtest.globs['__name__']}.").split(".")
        if method and inspect.isclass(item.dtest.globs.get(owner)):
            doctest_namespace |= names_after(item.dtest.globs[owner])
    yield
    doctest_namespace.clear()
