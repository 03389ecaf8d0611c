"""Data move down the floors; heavy libraries stay behind their fences; the public face is documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import sentences

import accessibility

PACKAGE = Path(accessibility.__file__).parent
FLOORS = [
    {"errors"},
    {"geo", "standards", "wording"},
    {"demand", "sites", "settlement"},
    {"streets"},
    {"measures", "sources"},
    {"siting", "uncertainty", "whatif"},
    {"present"},
    {"study"},
    {"quality", "notebook", "tiles"},
    {"cli"},
]
MAX_FLOORS, MAX_ROOMS = 10, 20
FENCES = {
    "osmnx": {"sources.fetched.overpass"},
    "osmium": {"sources.osm.extracts", "sources.osm.layers", "sources.osm.ordering"},
    "rasterio": {"sources.raster.reading", "sources.raster.surfaces", "sources.fetched.rasters"},
    "requests": {"sources.fetched.remote"},
    "folium": {"present.map.coverage_map"},
    "branca": {"present.map.coverage_map"},
    "highspy": {"siting.exact"},
    "dask": {"tiles.cluster"},
    "distributed": {"tiles.cluster"},
    "networkx": {"streets.network", "streets.graphs"},
    "starlette": {"cli.serving.app", "cli.serving.guard"},
    "uvicorn": {"cli.serving.app"},
    "docx": {"present.report.document"},
    "anywidget": {"notebook.whatif"},
}
MAX_ARGUMENTS = 6
DOORS = {
    "study.study.of",
    "study.study.robust",
    "study.study.site",
    "study.study.coverage",
    "siting.problem.from_costs",
    "siting.alternatives.portfolio",
    "sites.from_gdf",
}  # whose keywords analysts write by heart
MAX_LINES = 450  # of code and comments: what a function's docstring says in full makes no file too long


@cache
def modules() -> dict[str, ast.Module]:
    return {
        ".".join(one.path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): one.tree
        for one in sentences.modules()
    }


@cache
def nodes(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all that stands in a module or statement: trees are walked once."""
    return tuple(ast.walk(tree))


@cache
def imports(tree: ast.Module, *, typing: bool = True) -> set[str]:
    """Every module imported anywhere in a file, inside functions too; also what is there for type checkers alone."""
    skip = {
        id(node)
        for block in nodes(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in nodes(tree):
        if id(node) in skip and not typing:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def floor_of(module: str) -> int:
    name = module.split(".", 1)[0]
    levels = [level for level, names in enumerate(FLOORS) if name in names]
    assert levels, f"{module} stands on no floor"
    return levels[0]


@pytest.mark.parametrize("module", [m for m in modules() if m != "__init__"])
def test_imports_point_down(module: str) -> None:
    inside = {
        name.removeprefix("accessibility.")
        for name in imports(modules()[module])
        if (name.startswith("accessibility.") and (PACKAGE / name.split(".")[1]).with_suffix(".py").exists())
        or (name.startswith("accessibility.") and (PACKAGE / name.split(".")[1]).is_dir())
    }  # fmt: skip
    room = module.split(".", 1)[0]
    up = {name for name in inside if floor_of(name) >= floor_of(module) and name.split(".", 1)[0] != room}
    assert not up, f"{module} imports from above: {sorted(up)}"


def test_no_ring_of_imports() -> None:
    known = {m for m in modules() if m != "__init__"}
    graph = {
        m: {
            n
            for name in imports(tree)
            if (n := name.removeprefix("accessibility.")) in known and not f"{m}.".startswith(f"{n}.")
        }
        for m, tree in modules().items()
        if m != "__init__"
    }
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for below in graph[module]:
                walk(below, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize("library", sorted(FENCES))
def test_heavy_libraries_stay_behind_their_fences(library: str) -> None:
    users = {m for m, tree in modules().items() if any(n.split(".")[0] == library for n in imports(tree, typing=False))}
    assert users <= FENCES[library]


def test_importing_the_package_loads_nothing_heavy_and_help_is_light() -> None:
    heavy = ["numpy", "pandas", "geopandas", "shapely", "numba", "scipy", *FENCES]
    script = "import sys, {0}; print([m for m in {1!r} if m in sys.modules])"
    for target in ("accessibility", "accessibility.cli.commands"):
        run = subprocess.run(  # noqa: S603
            [sys.executable, "-c", script.format(target, heavy)], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "[]", target


def test_who_measures_arrays_loads_no_tables_and_no_shapes() -> None:
    heavy = ["pandas", "geopandas", "shapely", "scipy.spatial", *FENCES]
    script = (
        "import sys, accessibility as a; a.Network, a.measure_coverage; print([m for m in {0!r} if m in sys.modules])"
    )
    command = [sys.executable, "-c", script.format(heavy)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented() -> None:
    for name in accessibility.__all__:
        value = getattr(accessibility, name)
        assert value.__doc__, name
        assert value.__doc__.strip(), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        accessibility.nothing  # noqa: B018


def docstring_lines(tree: ast.Module) -> int:
    owners = [node for node in nodes(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    texts = [node.body[0] for node in owners if ast.get_docstring(node) is not None]
    return sum((text.end_lineno or 0) - text.lineno for text in texts)


@pytest.mark.parametrize("module", [m for m in modules() if m != "__init__"])
def test_functions_and_files_stay_small(module: str) -> None:
    loaded = importlib.import_module(f"accessibility.{module}")
    source = Path(str(loaded.__file__)).read_text(encoding="utf-8")
    assert len(source.splitlines()) - docstring_lines(modules()[module]) <= MAX_LINES
    for node in nodes(modules()[module]):
        if isinstance(node, ast.FunctionDef):
            count = len(node.args.args) + len(node.args.kwonlyargs)
            own = count - (node.args.args[:1] != [] and node.args.args[0].arg in ("self", "cls"))
            name = f"{module}.{node.name}"
            assert own <= MAX_ARGUMENTS or name in DOORS, f"{name} takes {own} arguments"


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "helpers", "common", "core", "base", "manager"}
    assert not drawers & {part for m in modules() for part in m.split(".")}


def test_functions_never_have_their_modules_name() -> None:
    for name, tree in modules().items():
        own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        assert name.split(".")[-1] not in own, name


def test_floors_are_listed_from_the_ground_up() -> None:
    assert all(not (lower & upper) for lower, upper in pairwise(FLOORS))
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert set().union(*FLOORS) == rooms - {"__init__"}
    assert len(FLOORS) <= MAX_FLOORS
    assert len(rooms) <= MAX_ROOMS
    assert inspect.getdoc(accessibility)


def test_no_public_name_is_defined_twice() -> None:
    homes: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def decorated(tree: ast.Module, *words: str) -> list[ast.FunctionDef]:
    """Return the functions that are compiled so."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [f for f in functions if any(word in ast.unparse(one) for one in f.decorator_list for word in words)]


def names(statements: list[ast.stmt]) -> set[str]:
    """Return every name that statements read, also of a module's."""
    found = [node for statement in statements for node in ast.walk(statement)]
    return {getattr(node, "id", getattr(node, "attr", "")) for node in found}


def test_python_never_calls_what_only_kernels_can() -> None:
    """It would end the process without a word: a `helper` has no way in from Python."""
    helpers = {f"{name}.{f.name}" for name, tree in modules().items() for f in decorated(tree, "helper")}
    assert helpers
    for name, tree in modules().items():
        compiled = decorated(tree, "helper", "kernel", "maker", "njit")
        plain = names([node for node in tree.body if node not in compiled])
        told = {f"{name}.{f.name}" for f in compiled}
        for node in nodes(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("accessibility."):
                told |= {f"{node.module.removeprefix('accessibility.')}.{alias.name}" for alias in node.names}
        assert not {helper for helper in helpers & told if helper.rpartition(".")[2] in plain}, name
