"""Every sentence that the package's code can raise, as its source has it: values stand as ``{name}``."""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import accessibility
from accessibility.errors import NOTES

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(accessibility.__file__).parent
ERRORS = {
    *("InputError", "OutputError", "UnprovenError", "InfeasibleError", "UnknownSiteError", "CallError", "SolverError"),
    *("_CutError", "ValueError", "_refuse"),
}
FINDINGS = {"Finding", "WeighedFinding", "ReadingFinding", "OutsideFinding", "_site_finding", "_rule_finding", "note"}
THROUGH = {
    *("len", "str", "repr", "int", "float", "sorted", "list", "sum", "one_line", "visible", "join", "map", "max")
}
DEEPEST, MOST = 4, 64


@dataclass(frozen=True)
class Raised:
    """A sentence, where it stands."""

    module: str
    form: str


@dataclass(frozen=True)
class Module:
    """The source of a module, in which texts are put together from others."""

    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text("utf-8"))

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        return [node for node in self.nodes if isinstance(node, ast.FunctionDef)]

    @property
    def raised(self) -> list[Raised]:
        """The sentences of all errors made in the module."""
        name = self.path.relative_to(PACKAGE).as_posix()
        calls = [node for node in self.nodes if isinstance(node, ast.Call) and named(node.func) in ERRORS]
        return [
            Raised(name, form) for call in calls if call.args for form in self.forms(call.args[0], self.around(call))
        ]

    @property
    def found(self) -> list[Raised]:
        """The sentences of all findings made in the module; also those that a table of counts and texts holds."""
        name = self.path.relative_to(PACKAGE).as_posix()
        told = [(text, "", "") for text in self._findings()]
        told += [(text, "{n} ", ending) for node in self.nodes for text, ending in counted(node)]
        return [
            Raised(name, f"{before}{form}{after}")
            for text, before, after in told
            for form in self.forms(text, self.around(text))
        ]

    def _findings(self) -> Iterator[ast.expr]:
        for call in (node for node in self.nodes if isinstance(node, ast.Call) and named(node.func) in FINDINGS):
            yield from (word.value for word in call.keywords if word.arg in ("message", "text"))
            if named(call.func) in ("note", "_site_finding") and len(call.args) > 1:
                yield call.args[-1 if named(call.func) == "_site_finding" else 1]

    def around(self, node: ast.expr) -> ast.AST:
        """Return the innermost function in which a node stands."""
        inside = [f for f in self.functions if f.lineno <= node.lineno <= (f.end_lineno or 0)]
        return max(inside, key=lambda f: f.lineno) if inside else self.tree

    def forms(self, node: ast.expr, scope: ast.AST, depth: int = 0) -> list[str]:
        """Return every text that an expression may be: one for each way through its conditions."""
        match node:
            case ast.JoinedStr(values=values):
                return self.joined(values, scope, depth)
            case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
                return self.forms(value, scope, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right) if texts_in(node):
                return self.joined([left, right], scope, depth)
        either = self.ways(node, scope, depth)
        return list(dict.fromkeys(either))[:MOST] or [f"{{{named(node)}}}"]

    def ways(self, node: ast.expr, scope: ast.AST, depth: int) -> list[str]:
        """Return the texts one of which an expression is; none where it is a value."""
        found: list[ast.expr] = []
        match node:
            case ast.Constant(value=str(text)):
                return [text.replace("{", "{{").replace("}", "}}")]
            case ast.IfExp(body=one, orelse=other):
                return self.forms(one, scope, depth) + self.forms(other, scope, depth)
            case ast.BoolOp(values=values):
                return [text for value in values for text in self.forms(value, scope, depth)]
            case ast.Name(id=name) if depth < DEEPEST:
                found = assigned(scope, name)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if depth < DEEPEST:
                return self.returned(name, depth)
        return [text for value in found for text in self.forms(value, scope, depth + 1)]

    def joined(self, parts: list[ast.expr], scope: ast.AST, depth: int) -> list[str]:
        """Return every text of several parts in a row."""
        ways = itertools.product(*(self.forms(part, scope, depth) for part in parts))
        return ["".join(way) for way in itertools.islice(ways, MOST)]

    def returned(self, name: str, depth: int) -> list[str]:
        """Return every text that a function of the module returns."""
        own = [f for f in self.functions if f.name == name]
        values = [n.value for f in own for n in inside(f) if isinstance(n, ast.Return) and n.value is not None]
        texts = [value for value in values if texts_in(value)]
        return [text for value in texts for text in self.forms(value, self.around(value), depth + 1)]


def named(node: ast.expr) -> str:
    """Return what stands in an expression, in a word."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Call(func=function, args=[first, *rest]) if named(function) in THROUGH:
            return named(rest[0] if named(function) == "map" else first)
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.BinOp(left=inner):
            return named(inner)
        case ast.FormattedValue(value=inner) | ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
            return named(inner)
    return "value"


def texts_in(node: ast.expr) -> bool:
    """Return whether a text is written in an expression, and no table or list is made in it."""
    if isinstance(node, ast.Dict | ast.ListComp | ast.GeneratorExp):
        return False
    if isinstance(node, ast.Call):
        return False
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value for n in ast.walk(node))


@cache
def inside(scope: ast.AST) -> tuple[ast.AST, ...]:
    """Return all that stands in a function."""
    return tuple(ast.walk(scope))


def assigned(scope: ast.AST, name: str) -> list[ast.expr]:
    """Return the texts that a name stands for in a function."""
    found: list[ast.expr] = []
    for node in (node for node in inside(scope) if isinstance(node, ast.Assign)):
        for target in node.targets:
            pairs = [(target, node.value)]
            match target, node.value:
                case ast.Tuple(elts=names), ast.Tuple(elts=values):
                    pairs = list(zip(names, values, strict=False))
                case ast.Tuple(elts=names), ast.IfExp(body=ast.Tuple(elts=ones), orelse=ast.Tuple(elts=others)):
                    pairs = [*zip(names, ones, strict=False), *zip(names, others, strict=False)]
            found += [value for one, value in pairs if named(one) == name and texts_in(value)]
    return found


def counted(node: ast.AST) -> list[tuple[ast.expr, str]]:
    """Return the texts of a table of findings, each of which follows a number; and what follows the text."""
    rows: list[tuple[ast.expr | None, ast.expr]] = []
    ending = ""
    match node:
        case ast.Dict(keys=codes, values=values):
            rows = list(zip(codes, values, strict=True))
        case ast.Assign(targets=[ast.Subscript(slice=code)], value=value):
            rows = [(code, value)]
        case ast.Assign(targets=[ast.Name(id="said")], value=ast.Tuple(elts=elements)):
            triples = [row.elts for row in elements if isinstance(row, ast.Tuple)]
            rows, ending = [(code, ast.Tuple(elts=rest)) for code, *rest in triples], " ({ids})"
    return [
        (value.elts[1], ending)
        for code, value in rows
        if isinstance(code, ast.Constant) and (code.value in NOTES or "-" in str(code.value))
        if isinstance(value, ast.Tuple) and texts_in(value.elts[1])
    ]


@cache
def modules() -> tuple[Module, ...]:
    """Return the modules of the package."""
    return tuple(Module(path) for path in sorted(PACKAGE.rglob("*.py")))


def findings() -> list[Raised]:
    """Return every sentence that a finding on the inputs can hold."""
    return [found for module in modules() for found in module.found]


def sentences() -> list[Raised]:
    """Return every sentence that an error of the package can hold."""
    return [raised for module in modules() for raised in module.raised]
