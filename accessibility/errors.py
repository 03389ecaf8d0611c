"""Every error the package raises, every finding on its inputs, and the check of arguments by their annotations.

A message says what was found, where (file, row or feature, with a count), and what was expected. Annotations are the
contract already; `checked` reads them when a function is called. What they say about arrays (shape, kind, range) is
judged where the arrays are read.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import re
import sys
import tomllib
import warnings
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, update_wrapper
from numbers import Integral, Rational, Real
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

_MOST_TOLD = 4_000  # signs of a message


class AccessibilityError(Exception):
    """Base of all errors of this package.

    Examples
    --------
    >>> import accessibility as acc
    >>> try:
    ...     acc.Rule.walk(0)
    ... except acc.AccessibilityError as error:
    ...     print(error)
    rule limit is 0; expected a number from 0.001 to 9,007,199,254,741
    """

    def __str__(self) -> str:
        """Return the message on one line, with what a terminal would obey spelt out: names come from files."""
        return _sentence(super().__str__())


class InputError(AccessibilityError, ValueError):
    """An input does not meet its contract; the message says what was found, where, and what was expected.

    Examples
    --------
    >>> import accessibility as acc
    >>> try:
    ...     acc.Walker(speed_m_s=4.8)
    ... except acc.InputError as error:
    ...     print(error)
    walking speed in m/s is 4.8; expected 0.3 to 3 (is it in km/h?)
    """


class CallError(InputError, TypeError):
    """A public function is called with an argument too many or too few: to Python a ``TypeError``, too."""


class UnknownSiteError(InputError, KeyError):
    """A site id that is not in the study; the message offers the closest ones.

    Examples
    --------
    >>> import accessibility as acc
    >>> sites = acc.Sites(ids=["B017"], xy=[(0, 0)], crs="EPSG:32649")
    >>> try:
    ...     sites.rows(["B17"])
    ... except acc.UnknownSiteError as error:
    ...     print(error)
    no site has the id 'B17' among 1 sites; did you mean B017?
    """

    def __str__(self) -> str:
        """Return the message as written: ``KeyError`` alone would quote it."""
        return _sentence(str(self.args[0])) if self.args else ""


class OutputError(AccessibilityError, OSError):
    """A result could not be written; files already there are untouched.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import accessibility as acc
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "taken").touch()
    ...     try:
    ...         acc.write_scenarios([], Path(folder) / "taken" / "scenarios.toml")
    ...     except acc.OutputError:
    ...         print("no folder of that name can be made")
    no folder of that name can be made
    """


class InfeasibleError(AccessibilityError, RuntimeError):
    """No plan meets the conditions; the message says why, and by how much.

    Examples
    --------
    No site reaches the second demand point, whose people walk for ever:

    >>> import accessibility as acc
    >>> from accessibility.siting import Problem, solve_p_median
    >>> problem = Problem.from_costs([[1.0, float("inf")]], people=[5, 4], cutoff=2)
    >>> try:
    ...     solve_p_median(problem, sites=1)
    ... except acc.InfeasibleError:
    ...     print("nobody reaches the second point")
    nobody reaches the second point
    """


class UnprovenError(AccessibilityError, RuntimeError):
    """A plan does not hold what it claims.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import accessibility as acc
    >>> from accessibility.siting import Problem, solve_mclp, verify_plan
    >>> problem = Problem.from_costs([[1, 9], [9, 1]], people=[5, 4], cutoff=2)
    >>> plan = solve_mclp(problem, sites=1)
    >>> try:
    ...     verify_plan(problem, replace(plan, objective=9.0))
    ... except acc.UnprovenError:
    ...     print("one site covers 5 people and not 9")
    one site covers 5 people and not 9
    """


class SolverError(AccessibilityError, RuntimeError):
    """A solver contradicts what is known: a fault of its own, and no status of a plan."""


class AccessibilityWarning(UserWarning):
    """Something in values given in memory that somebody should look at; files tell it as findings.

    Examples
    --------
    >>> import warnings
    >>> import networkx
    >>> import accessibility as acc
    >>> graph = networkx.Graph(crs="EPSG:32649")
    >>> graph.add_node(1, x=5e5, y=34e5)
    >>> graph.add_node(2, x=501e3, y=34e5)
    >>> graph.add_edge(1, 2, length=1000.0)
    >>> with warnings.catch_warnings(record=True, action="always") as told:
    ...     network = acc.Network.from_networkx(graph)
    >>> [warning.category.__name__ for warning in told]
    ['AccessibilityWarning']
    """


OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys and what turns the reading order around: C0, DEL and C1, Unicode's bidirectional controls."""


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey, or what turns the reading order around, spelt out.

    Tabulators and line feeds stay.

    Examples
    --------
    >>> visible("Town \x1b[31mHall"), visible("safe\u202egnp.exe")
    ('Town \\x1b[31mHall', 'safe\\u202egnp.exe')
    """
    return OBEYED.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text)  # noqa: PLR2004


def spell_number(value: float) -> str:
    """Return a number as a sentence tells it: to 15 digits, and what is beyond all numbers in words.

    Examples
    --------
    >>> spell_number(41.0), spell_number(0.1 + 0.2), spell_number(12345.5), spell_number(float("inf"))
    ('41', '0.3', '12,345.5', 'beyond all numbers')
    """
    if not math.isfinite(value):
        return "no number" if math.isnan(value) else "beyond all numbers"
    return f"{value:,.15g}"


def _sentence(text: str) -> str:
    """Return a message on one line; of a very long one, such as of a cell that holds a book, beginning and end."""
    text = one_line(text)
    return text if len(text) <= _MOST_TOLD else f"{text[: _MOST_TOLD // 2]} ... {text[-_MOST_TOLD // 4 :]}"


def one_line(text: str) -> str:
    r"""Return `text` on one line of signs that can be seen: every other is spelt out.

    Examples
    --------
    >>> one_line("Town\tHall\nx\ufeff")
    'Town\\tHall\\nx\\ufeff'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


Public = TypeVar("Public")

_OURS, _THEIRS, _WORDS, _ITEMS, _ELSEWHERE = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
).values()
_LONG = 60
_MOST_NUMBER, _MOST_COUNT = int(sys.float_info.max), 2**63 - 1
_ALIKE = 0.7  # of two names: "population" and "elevation" are less so


def checked(public: Public) -> Public:
    """Return a function, or a class with its public methods, that refuses arguments its annotations do not allow.

    Raises
    ------
    InputError
        When called with an argument of another kind, one too many, or one too few.
    """
    if not inspect.isclass(public):
        watched: Public = _watched(public)
        return watched
    for name, member in list(vars(public).items()):
        if name.startswith("_") and name != "__init__":
            continue
        if isinstance(member, FunctionType):
            setattr(public, name, _watched(member))
        elif isinstance(member, classmethod):
            setattr(public, name, classmethod(_watched(member.__func__)))
    return public


def _watched(function: Any) -> Any:
    judge = _judge_of(function)

    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = judge(args, kwargs)
        return function(*args, **kwargs)

    # With the globals of the function's own module, by which doctest tells whose examples they are.
    watched = FunctionType(call.__code__, function.__globals__, function.__name__, None, call.__closure__)
    return update_wrapper(watched, function)


_Given = tuple[tuple[Any, ...], dict[str, Any]]
"""Arguments by place, and by name."""


def _judge_of(function: Any) -> Callable[[tuple[Any, ...], dict[str, Any]], _Given]:
    """Return what raises `InputError` for arguments that the signature of `function` does not allow.

    It stands before every call of a solver or a value, and so binds by plain tables; `inspect` is asked for its words
    only where something does not fit. A generator can be looked at once only: the function gets it as a list.
    """
    where = function.__qualname__.removesuffix(".__init__").strip("_")
    signature = inspect.signature(function)
    every = signature.parameters
    places = [name for name, p in every.items() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    others = next((p for p in every.values() if p.kind is p.VAR_KEYWORD), None)
    named = every.keys() - {name for name, p in every.items() if p.kind in (p.POSITIONAL_ONLY, p.VAR_KEYWORD)}
    needed = {name for name, p in every.items() if p is not others and p.default is p.empty}
    own = ("self", "cls")

    def judge(args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Given:
        given = dict(zip(places, args, strict=False)) | kwargs
        twice_or_too_many = len(given) < len(args) + len(kwargs)
        if twice_or_too_many or not needed <= given.keys() or not (others or kwargs.keys() <= named):
            takes = [parameter for name, parameter in every.items() if name not in own]
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise CallError(_misfit(where, str(error), takes, kwargs)) from None
        for name, value in given.items():
            parameter = every.get(name, others)
            if parameter is None or name in own or value is parameter.default:
                continue
            if isinstance(value, Generator):
                given[name] = list(value)
            _judge(f"{where}: {name}", given[name], parameter.annotation)
        by_place = (*(given[name] for name in places[: len(args)]), *args[len(places) :])
        return by_place, {name: given[name] for name in kwargs}

    return judge


def _misfit(where: str, reason: str, takes: list[inspect.Parameter], given: Mapping[str, Any]) -> str:
    names = [parameter.name for parameter in takes]
    by_name = [p.name for p in takes if p.kind is p.KEYWORD_ONLY]
    close = [meant for name in given if name not in names for meant in _meant(name, names)]
    hint = f" (did you mean {', '.join(close)}?)" if close else ""
    parts = [", ".join(name.rstrip("_") for name in names if name not in by_name), ", ".join(by_name)]
    said = " and by name ".join(part for part in parts if part) if parts[0] else f"by name {parts[1]}"
    return f"{where}: {reason}; expected {said if names else 'no arguments'}{hint}"


def _meant(name: str, names: list[str]) -> list[str]:
    """Return the argument that goes by another name elsewhere, or the one that is spelt nearly so."""
    return [other for other in _ELSEWHERE.get(name, ()) if other in names][:1] or difflib.get_close_matches(
        name, names, n=1, cutoff=_ALIKE
    )


def _judge(subject: str, value: object, annotation: Any) -> None:
    if not isinstance(annotation, str) or _fitting(annotation)(value):
        return
    msg = f"{subject} is {described(value)}; expected {_expected(_parsed(annotation))}"
    raise InputError(msg)


def _parsed(annotation: str) -> ast.expr:
    return ast.parse(annotation, mode="eval").body


@cache
def _fitting(annotation: str) -> Callable[[Any], bool]:
    return _fits(_parsed(annotation))


def _fits(kind: ast.expr) -> Callable[[Any], bool]:
    """Return what says whether a value is of an annotated kind; a kind that is not known here is anything."""
    if isinstance(kind, ast.BinOp):
        one, other = _fits(kind.left), _fits(kind.right)
        return lambda value: one(value) or other(value)
    if isinstance(kind, ast.Constant):
        return lambda value: value is kind.value
    name, inner = _named(kind)
    if name == "Literal":
        words = [c.value for c in inner if isinstance(c, ast.Constant)]
        return lambda value: any(isinstance(value, type(word)) and value == word for word in words)
    if name in _OURS or name in _THEIRS:
        return lambda value: _is_a(value, name) or ("Path" in name and isinstance(value, str))
    if name not in _JUDGES:
        return lambda _: True
    judge, inside = _JUDGES[name], _inside(name, inner)
    return lambda value: judge(value) and inside(value)


def _named(kind: ast.expr) -> tuple[str, list[ast.expr]]:
    """Return the last name of a kind and what stands in its brackets."""
    inner: list[ast.expr] = []
    if isinstance(kind, ast.Subscript):
        inner = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
        kind = kind.value
    return kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", ""), inner


def _inside(name: str, inner: list[ast.expr]) -> Callable[[Any], bool]:
    """Return what says whether items of a list or values of a mapping are of their kind; an iterator is not used up."""
    fits = [_fits(kind) for kind in inner]
    if name == "Mapping" and fits:
        return lambda value: all(map(fits[-1], dict(value).values()))
    if name not in ("tuple", "Sequence", "Iterable") or not fits:
        return lambda _: True
    if name == "tuple" and not (isinstance(inner[-1], ast.Constant) and inner[-1].value is ...):
        return lambda value: (
            iter(value) is value
            or (len(value) == len(fits) and all(fit(item) for fit, item in zip(fits, value, strict=True)))
        )
    return lambda value: iter(value) is value or all(map(fits[0], value))


def _is_a(value: object, name: str) -> bool:
    """Return whether a class of that name is among those of `value`: nothing heavy is imported to ask."""
    return any(kind.__name__ == name for kind in type(value).__mro__) or (
        name in ("Path", "PathLike") and hasattr(value, "__fspath__")
    )


def _is_list(value: Any) -> bool:
    framed = isinstance(value, str | bytes | Mapping) or _is_a(value, "DataFrame")
    return isinstance(value, Iterable) and not framed and getattr(value, "ndim", 1) != 0


def _is_beyond(value: Any, most: int) -> bool:
    """Return whether a whole number of Python's, which has no end, is beyond what arrays hold."""
    return isinstance(value, Integral) and not -most <= int(value) <= most


def _is_real(value: Any) -> bool:
    """Return whether a value is a number that arrays know: no fraction of Python's."""
    return isinstance(value, Real) and (isinstance(value, Integral) or not isinstance(value, Rational))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")


def _is_id(value: object) -> bool:
    """Return whether a value can name a site: what is only itself (an object of a class without equality) cannot."""
    kind = type(value)
    if value is None or _is_flag(value) or isinstance(value, type) or kind.__name__ in _OURS:
        return False
    try:
        return hash(value) is not None and kind.__hash__ is not object.__hash__ and bool(value == value)  # noqa: PLR0124
    except TypeError:
        return False


_JUDGES: Mapping[str, Callable[[Any], bool]] = {
    "bool": _is_flag,
    "float": lambda value: _is_real(value) and not _is_flag(value) and not _is_beyond(value, _MOST_NUMBER),
    "int": lambda value: (
        (isinstance(value, Integral) or (_is_real(value) and value == value // 1))
        and not _is_flag(value)
        and not _is_beyond(value, _MOST_COUNT)
    ),
    "str": lambda value: isinstance(value, str),
    "Hashable": _is_id,
    "NDArray": _is_list,
    "ArrayLike": lambda value: _is_list(value) or _is_a(value, "Series"),
    "Iterable": _is_list,
    "Sequence": _is_list,
    "tuple": _is_list,
    "Mapping": lambda value: isinstance(value, Mapping) or _is_a(value, "Series"),
    "Callable": callable,
}


def _expected(kind: ast.expr) -> str:
    if isinstance(kind, ast.BinOp):
        return " or ".join(dict.fromkeys((_expected(kind.left), _expected(kind.right))))
    if isinstance(kind, ast.Constant):
        return repr(kind.value)
    name, inner = _named(kind)
    if name in ("Iterable", "Sequence", "tuple", "Mapping") and inner:
        return _several(name, [_item(k) for k in inner if not isinstance(k, ast.Constant)], pair=len(inner))
    if name == "Literal":
        words = [repr(c.value) for c in inner if isinstance(c, ast.Constant)]
        return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
    hint = _OURS.get(name) or _THEIRS.get(name)
    return _WORDS.get(name) or (f"{name} ({hint})" if hint else name)


def _several(name: str, items: list[str], *, pair: int) -> str:
    if name == "tuple" and len(items) == pair > 1:
        return f"pairs of {' and '.join(items)}"
    return f"{_WORDS[name]} of {items[-1]}".replace("a list of pairs", "pairs")


def _item(kind: ast.expr) -> str:
    name = _named(kind)[0]
    return _ITEMS.get(name) or (name if name in _OURS else _expected(kind))


def described(value: object) -> str:
    """Return what a value is, for the sentence of an error.

    Examples
    --------
    >>> described("population"), described([1, 2]), described(None)
    ("the text 'population'", 'a list of 2', 'None')
    """
    name = type(value).__name__
    if value is None or isinstance(value, type):
        return "None" if value is None else f"the type {value.__name__}"
    if isinstance(value, str):
        return f"the text {value if len(value) <= _LONG else value[:_LONG] + '...'!r}"
    if isinstance(value, Real):
        return "a number of more digits than arrays hold" if _is_beyond(value, _MOST_COUNT) else f"{value}"
    try:
        return f"a {name} of {len(value)}"  # type: ignore[arg-type]
    except TypeError:
        return f"a {name}"


NOTES = frozenset(
    (
        *("blocking-barrier", "closed-place", "closed-site", "compounds", "conditional-access", "enclosed-lanes"),
        *("extract", "ferries", "ferries-left-out", "fetched", "joined-parts", "long-tunnels", "money"),
        *("nearest-node", "nodata-cells", "not-walkable", "official-totals", "other-people", "outlet-not-open"),
        *("people-around", "people-over-buildings", "place-in-district", "population-of-place", "reconciled"),
        *("repeated-building", "repeated-place", "shared-name", "shifted-grid", "site-outside", "totals-compared"),
        *("town-rule", "two-row-heading", "without-ferries"),
    )
)
"""Codes that tell how an input was read; any other finding is a warning."""


DOUBTS = frozenset(
    (
        *("adds-up-to-hundred", "district-elsewhere", "group-is-everybody", "group-is-share", "groups-alike"),
        *("groups-exceed", "groups-nested", "heights-unit", "limit-unit", "near-double", "no-whole-person"),
        *("people-outside", "people-twice", "people-unit", "raster-classes", "repeated-parts", "running-sum"),
        *("setting-unread", "steep-streets", "sum-of-others", "two-places", "unlike-people", "void-people"),
    )
)
"""Codes that throw doubt on an input as a whole: told even where coverage would hardly change."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One observation about an input, for the run's warnings and for ``check``."""

    code: str  # a short kebab-case name of the kind of finding, such as `duplicate-place`
    source: str  # the input: a file's name
    message: str  # one sentence: what was found, how many, the first places, what was done about it
    count: int = 1  # how many rows, features or objects
    people: float | None = None  # how many people it concerns, where that is known

    @property
    def is_warning(self) -> bool:
        """Whether somebody should look at it."""
        return self.code not in NOTES

    def __str__(self) -> str:
        """Return the source and the sentence."""
        return f"{self.source}: {self.message}"


@dataclass(frozen=True, kw_only=True, eq=False)
class OutsideFinding(Finding):
    """People outside the area of whom it seems that they belong to it."""

    # lonlat, population: (k, 2) degrees and (k,) people: where they live
    lonlat: NDArray[np.float64]
    population: NDArray[np.float64]


def warn_of(name: str, findings: Sequence[Finding]) -> None:
    """Tell a notebook what the commands print: one `AccessibilityWarning` of all findings that somebody should look at.

    Parameters
    ----------
    name
        The study's.
    findings
        What was found in its inputs.
    """
    looks = [str(finding) for finding in findings if finding.is_warning]
    if looks:
        told = "\n  ".join(looks)
        message = f"{len(looks)} findings on the inputs of {name} (study.findings has all):\n  {told}"
        warnings.warn(message, AccessibilityWarning, stacklevel=5)
