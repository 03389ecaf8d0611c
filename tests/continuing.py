"""Examples go on from those of what they stand in: a method's from its class's, its module's and its package's.

So each is short, and none builds its world anew. A plugin of pytest (``-p continuing`` in pyproject.toml), because the
examples stand in the package and not in tests/.
"""

from __future__ import annotations

import doctest
import inspect
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def names_after(module: str, owner: str = "") -> dict[str, Any]:
    """Return the names that the examples of a module, or of a class in it, leave behind, with those before them."""
    above = module if owner else module.rpartition(".")[0]
    before = names_after(above) if above else {}
    own = vars(sys.modules[module])
    text = inspect.getdoc(own[owner] if owner else sys.modules[module]) or ""
    example = doctest.DocTestParser().get_doctest(text, {**own, **before}, owner or module, None, None)
    doctest.DocTestRunner(verbose=False).run(example, out=lambda _: None, clear_globs=False)  # pytest tells of failures
    return {name: value for name, value in example.globs.items() if name not in own or value is not own[name]}


@pytest.fixture(autouse=True)
def continuing(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Give an example the names that those before it left behind, and a place for its files."""
    item = request.node
    if isinstance(item, pytest.DoctestItem):
        monkeypatch.setattr(tempfile, "tempdir", str(request.getfixturevalue("tmp_path_factory").getbasetemp()))
        module = item.dtest.globs["__name__"]
        inside = item.name.removeprefix(module).lstrip(".")
        owner, _, method = inside.partition(".")
        above = module if inside else module.rpartition(".")[0]
        doctest_namespace |= (names_after(module, owner) if method else names_after(above)) if above else {}
    yield
    doctest_namespace.clear()
