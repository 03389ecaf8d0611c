"""What a name in backticks refers to: a parameter, a field, or something that can be imported."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import pydoc
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import accessibility

if TYPE_CHECKING:
    from types import ModuleType

REFERENCE = re.compile(r"(?<![`:\w])`([^`\n]+)`(?![`_\w])")  # one backtick; between two stands what is typed


@cache
def faces() -> dict[str, ModuleType]:
    """Return every module with an `__all__`, by its name."""
    found = pkgutil.walk_packages(accessibility.__path__, "accessibility.")
    modules = [accessibility, *(importlib.import_module(module.name) for module in found)]
    return {module.__name__: module for module in modules if hasattr(module, "__all__")}


@cache
def homes() -> dict[str, str]:
    """Return the full name of every public name, as one imports it; of two faces, the higher one's."""
    names = [(name, f"{face}.{name}") for face, module in faces().items() for name in module.__all__]
    return dict(reversed(names))


def leads(name: str, value: Any, owner: Any = None) -> bool:
    """Return whether a name in the docstring of a value, which may belong to a class, refers to something."""
    first, *rest = name.removesuffix("()").split(".")
    holders = [holder for holder in (value, owner, _returned(value)) if holder is not None]
    if not rest and any(first in _fields(holder) for holder in holders):
        return True
    module = inspect.getmodule(owner or value)
    starts = [getattr(holder, first) for holder in (*holders, module, accessibility) if hasattr(holder, first)]
    starts += [pydoc.locate(homes()[first])] if first in homes() else []
    return any(_walk(start, rest) for start in starts) or _is_importable(name)


def _is_importable(name: str) -> bool:
    """Return whether a full name stands for something: what can be imported, or a field of it."""
    parts = name.removesuffix("()").split(".")
    found = ((pydoc.locate(".".join(parts[:cut])), parts[cut:]) for cut in range(len(parts), 0, -1))
    return any(start is not None and _walk(start, rest) for start, rest in found)


def _fields(value: Any) -> set[str]:
    """Return the parameters of a function or class, and the annotated fields of a class."""
    try:
        given = set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        given = set()
    bases = value.__mro__ if inspect.isclass(value) else ()
    return given.union(*(vars(base).get("__annotations__", {}) for base in bases))


def _returned(value: Any) -> Any:
    """Return the class of this package that a function returns, if any."""
    told = str(getattr(value, "__annotations__", {}).get("return", ""))
    return pydoc.locate(homes()[told]) if told in homes() else None


def _walk(start: Any, rest: list[str]) -> bool:
    for part in rest:
        if part in _fields(start):
            return True
        if not hasattr(start, part):
            return False
        start = getattr(start, part)
    return True
