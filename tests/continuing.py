"""Examples go on from those of what they stand in: a method's from its class's, its module's and its package's.

So each is short, and none builds its world anew. A plugin of pytest (``-p continuing`` in pyproject.toml), because the
examples stand in the package and not in tests/.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import sys
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def bound(source: str) -> Iterator[str]:
    """Yield the names that a statement binds: what it imports, defines and assigns."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@cache
def names_after(module: str, owner: str = "") -> dict[str, Any]:
    """Return the names that the examples of a module, or of a class in it, leave behind, with those before them."""
    above = module if owner else module.rpartition(".")[0]
    before = names_after(above) if above else {}
    own = vars(sys.modules[module])
    text = inspect.getdoc(own[owner] if owner else sys.modules[module]) or ""
    example = doctest.DocTestParser().get_doctest(text, {**own, **before}, owner or module, None, None)
    doctest.DocTestRunner(verbose=False).run(example, out=lambda _: None, clear_globs=False)  # pytest tells of failures
    names = {name for part in example.examples for name in bound(part.source)}
    return before | {name: example.globs[name] for name in names if name in example.globs}


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
