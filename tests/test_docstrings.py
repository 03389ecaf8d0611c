"""Every public name says in full what it takes, gives and raises, and shows it by an example that runs."""

from __future__ import annotations

import ast
import doctest
import functools
import inspect
import pydoc
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import ERROR_MSGS, validate
from references import REFERENCE, faces, leads

import accessibility
from accessibility.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

WAIVED = {
    "ES01",  # a sentence that says everything needs no second
    "SA01",  # what else to see stands in the text, as a reference that `make docs` checks
    "PR04",  # the signature carries the types, and mypy holds them
}
CHECKED = set(ERROR_MSGS) - WAIVED
ATTRIBUTES = (property, functools.cached_property)


def classes_and_functions() -> dict[str, Any]:
    """Return every class and function in an `__all__`, by its full name."""
    values = [getattr(module, name) for module in faces().values() for name in module.__all__]
    shown = [value for value in values if inspect.isclass(value) or inspect.isfunction(value)]
    return {f"{value.__module__}.{value.__qualname__}": value for value in shown}


def members(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and attributes that a class has from this package, by their full names."""
    for home in owner.__mro__:
        if home.__module__.startswith("accessibility."):
            for name, value in vars(home).items():
                inner = getattr(value, "__func__", value)  # of a class method
                if not name.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, ATTRIBUTES)):
                    yield f"{home.__module__}.{home.__qualname__}.{name}", inner


FACES = classes_and_functions()
PUBLIC = FACES | {name: inner for value in FACES.values() if inspect.isclass(value) for name, inner in members(value)}


def of_validation(name: str, value: Any) -> list[str]:
    """Return what numpydoc itself finds missing; the attributes of a class are shown by the example of the class."""
    wanted = CHECKED - {"EX01"} if isinstance(value, ATTRIBUTES) else CHECKED
    wanted = wanted - {"PR01"} if getattr(value, "_is_protocol", False) else wanted  # which nobody calls
    return [f"{code} {text}" for code, text in validate(name)["errors"] if code in wanted]


def of_example(value: Any) -> list[str]:
    """Return whether an example without a result, or a skipped one, is all there is; pytest runs them as doctests."""
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(value) or "")
    shows = any(example.want for example in examples)
    skips = any(doctest.SKIP in example.options for example in examples)
    return [] if shows and not skips else ["the example shows no result, or is skipped"]


def of_shapes(value: Any) -> list[str]:
    """Return the arrays among parameters and results that lack a shape, ``(n,)`` or the like."""
    if isinstance(value, ATTRIBUTES):
        value = value.fget if isinstance(value, property) else value.func
        untold = "NDArray" in str(value.__annotations__.get("return")) and "``(" not in (inspect.getdoc(value) or "")
        return ["shape of the array"] if untold else []
    told: Any = ClassDoc(value) if inspect.isclass(value) else FunctionDoc(value)
    shaped = {name for names, _, text in told["Parameters"] if "``(" in "".join(text) for name in names.split(", ")}
    given = {name for name, kind in value.__annotations__.items() if "NDArray" in str(kind) and name != "return"}
    results = "".join(line for _, _, text in told["Returns"] for line in text)
    if "NDArray" in str(value.__annotations__.get("return")) and "``(" not in results:
        given |= {"return"}
    return [f"shape of {name}" for name in sorted(given - shaped)]


def of_errors(value: Any) -> list[str]:
    """Return the errors that the body raises and Raises lacks, and those there that nobody can catch by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))
    calls = [node.exc.func for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    told = {error for _, error, _ in FunctionDoc(value)["Raises"]}
    untold = {call.id for call in calls if isinstance(call, ast.Name)} - told
    return [f"Raises {name}" for name in sorted(untold | {name for name in told if not hasattr(accessibility, name)})]


def of_references(name: str, value: Any) -> list[str]:
    """Return the names in backticks that refer to nothing: no parameter, no field, nothing to import."""
    owner: Any = pydoc.locate(name.rpartition(".")[0])
    value = value.fget if isinstance(value, property) else getattr(value, "func", value)
    told = REFERENCE.findall(inspect.getdoc(value) or "")
    return [f"`{one}`" for one in told if not leads(one, value, owner if inspect.isclass(owner) else None)]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_is_documented_in_full(name: str) -> None:
    value = PUBLIC[name]
    missing = of_validation(name, value) + of_shapes(value) + of_references(name, value)
    if not isinstance(value, ATTRIBUTES):
        missing += of_example(value)
    if inspect.isfunction(value):
        missing += of_errors(value)
    assert not missing


def test_every_public_name_belongs_to_a_task() -> None:
    told = tomllib.loads((Path(__file__).parent / "reference" / "tasks.toml").read_text("utf-8"))
    names = {name for task in told.values() for name in task}
    assert [name for name in names if pydoc.locate(f"accessibility.{name}") is None] == []
    verbs = {name.removeprefix("accessibility.study.study.") for name, _ in members(accessibility.Study)}
    assert {name for name in verbs if name.startswith("Study.")} - names == set()
    assert set(accessibility.__all__) - names == set()


def test_a_missing_part_is_seen() -> None:
    def silent(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return places."""
        if len(xy) > 1:
            msg = "too many"
            raise InputError(msg)
        return xy

    codes = {code for code, _ in validate("test_docstrings.classes_and_functions")["errors"]}
    assert {"RT01", "EX01"} <= codes & CHECKED
    assert of_example(silent)
    assert of_shapes(silent) == ["shape of return", "shape of xy"]
    assert of_errors(silent) == ["Raises InputError"]
    silent.__doc__ = "Return `xy`, see `measure_coverage` and `Sites.xy`, but for `nobody` and `Sites.nothing`."
    assert of_references("test_docstrings.silent", silent) == ["`nobody`", "`Sites.nothing`"]
