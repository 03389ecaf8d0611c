"""How kernels are compiled, what that takes (seconds that count against no limit), and how many threads run them."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba.core import event, typed_passes, types, untyped_passes
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.extending import intrinsic
from numba.core.runtime.nrt import rtsys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Flags: TypeAlias = NDArray[np.bool_]
    F32: TypeAlias = NDArray[np.float32]
    F64: TypeAlias = NDArray[np.float64]
    I32: TypeAlias = NDArray[np.int32]
    I64: TypeAlias = NDArray[np.int64]
    U8: TypeAlias = NDArray[np.uint8]
    U32: TypeAlias = NDArray[np.uint32]
    U64: TypeAlias = NDArray[np.uint64]

T = TypeVar("T")
_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.GenericRewrites,  # `pairs[0]` of a tuple of different arrays
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.AnnotateTypes,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class _PlainCompiler(CompilerBase):
    """Numba's compiler without what plain loops have no use for: closures, errors raised, literals, fused arrays.

    Each of the passes that are left out reads the whole function, and most of them have its variables counted anew.
    """

    def define_pipelines(self) -> list[PassManager]:
        """Return the passes, in one list."""
        passes = PassManager("plain")  # type: ignore[no-untyped-call]
        for one in _PASSES:
            passes.add_pass(one, one.__name__)  # type: ignore[no-untyped-call]
        passes.finalize()  # type: ignore[no-untyped-call]
        return [passes]


_MAKER: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _PlainCompiler,
}
_KERNEL: dict[str, Any] = {**_MAKER, "_nrt": False}  # numba's runtime: arrays made, counted and freed
_HELPER: dict[str, Any] = {**_KERNEL, "no_cpython_wrapper": True, "cache": False}  # kept with whoever calls it


def kernel(function: Callable[..., Any]) -> Any:
    """Have a function compiled when Python first calls it, and kept; it lets other threads run.

    It makes no arrays, whoever calls it keeps those it is handed: without counting who holds which, it is compiled in
    five sixths of the time.

    Parameters
    ----------
    function
        Arrays and numbers go in, and tuples of them.
    """
    return _kept_by_code(numba.njit(**_KERNEL)(function))


def maker(function: Callable[..., Any]) -> Any:
    """Have a function compiled as a `kernel`, but one that makes arrays, as large as only it finds out.

    Parameters
    ----------
    function
        Arrays and numbers go in, and tuples of them.
    """
    return _kept_by_code(numba.njit(**_MAKER)(function))


def helper(function: Callable[..., Any]) -> Any:
    """Have a function compiled into the kernels that call it; Python cannot call it, and calling it ends the process.

    A way in from Python, through every array of every tuple, takes as long to compile as a short function.

    Parameters
    ----------
    function
        What several kernels do, or a part of one.
    """
    return numba.njit(**_HELPER)(function)


def _fetch(_: Any, array: Any, row: Any) -> Any:  # noqa: ARG001 -- numba goes by how many there are
    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, given[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(values, [given[1]]), byte)
        bring = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        told = number(0), number(3), number(1)  # to read it, to keep it near, and that it is data
        builder.call(builder.module.declare_intrinsic("llvm.prefetch", (byte,), bring), [place, *told])
        return context.get_dummy_value()

    return types.void(array, types.int64), build


fetch: Any = intrinsic(_fetch)
"""Have the memory bring a value of an array, given its row of all values one after the other, before a kernel asks.

What lies anywhere in memory takes a hundred times as long as to work with it: so that many wait at once, not in turn.
"""


class _Code:
    """What a kernel is compiled from, as numba's cache is to know it.

    Numba goes by the time and size of the kernel's own file. Helpers and constants of other files are compiled into it,
    and would stay what they were when only those files change. Worked out when the cache is first asked.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @cached_property
    def digest(self) -> str:
        told = hashlib.sha256()
        for part in _parts_of(self._function, set()):
            told.update(part.encode() + b"\0")
        return told.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.digest == other

    def __hash__(self) -> int:
        return hash(self.digest)

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (self.digest,)


def _parts_of(function: Callable[..., Any], seen: set[int]) -> Iterator[str]:
    """Yield what a function does, and what it takes from its module: helpers, and the constants that are built in."""
    yield from _instructions(function.__code__)
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        value = getattr(value, "py_func", value)
        if isinstance(value, FunctionType):
            if id(value) not in seen:
                seen.add(id(value))
                # A kept kernel names the modules of its helpers: of one that has moved it cannot be loaded.
                yield from (f"{value.__module__} {name}", *_parts_of(value, seen))
        elif isinstance(value, bool | int | float | tuple | np.generic):
            yield f"{name} = {value!r}"
    for name in sorted(map(str, function.__annotations__.values())):
        fields = getattr(function.__globals__.get(name), "_fields", ())  # a named tuple is read by place
        yield from (f"{name}: {', '.join(fields)}",) if fields else ()


def _instructions(code: CodeType) -> Iterator[str]:
    yield f"{code.co_code!r} {code.co_names} {code.co_varnames}"
    for constant in code.co_consts:
        yield from _instructions(constant) if isinstance(constant, CodeType) else (repr(constant),)


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(part) for part in code.co_consts if isinstance(part, CodeType)))


def _kept_by_code(dispatcher: Any) -> Any:
    """Return a dispatcher whose cache goes by its code; as numba made it, where that keeps nothing."""
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = _Code(dispatcher.py_func)  # noqa: SLF001 -- numba has no other door for it
        kept._load_index = partial(_index_or_none, kept._load_index)  # noqa: SLF001
        dispatcher._cache.load_overload = partial(_load_kept, dispatcher)  # noqa: SLF001
        dispatcher._compilation_chain_init_hook = _find_no_extensions  # noqa: SLF001
    return dispatcher


def _find_no_extensions() -> None:
    """Do nothing before a kernel is looked up.

    Numba looks into every package that is installed for extensions: types that no kernel is given.
    """


def _load_kept(dispatcher: Any, signature: Any, target: Any) -> Any:
    """Return what a cache holds, before numba loads all that it compiles with, which takes longer than its import."""
    cache = dispatcher._cache  # noqa: SLF001
    if dispatcher.targetoptions.get("_nrt", True):  # a `maker`, which returns arrays
        rtsys.initialize(target)
    with cache._guard_against_spurious_io_errors():  # noqa: SLF001
        return cache._load_overload(signature, target)  # noqa: SLF001


def _index_or_none(load: Callable[[], dict[Any, str]]) -> dict[Any, str]:
    """Return what a cache holds: nothing where an older version kept named tuples there that are no more."""
    try:
        return load()
    except (AttributeError, ImportError):
        return {}


class _Watch(event.Listener):
    """Listens to the compiler, which works on what it does not find in its cache."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tell: Callable[[str], None] | None = None
        self._thread = threading.local()
        self._lock = threading.Lock()

    def on_start(self, event: Any) -> None:
        """Tell which kernel it is, unless another one asked for it."""
        depth = getattr(self._thread, "depth", 0)
        if depth == 0:
            self._thread.begun = time.monotonic()
            if self.tell is not None:
                self.tell(event.data["dispatcher"].py_func.__name__.lstrip("_"))
        self._thread.depth = depth + 1

    def on_end(self, _: Any) -> None:
        """Count the seconds of what was asked for, with all that it asked for itself."""
        self._thread.depth -= 1
        if self._thread.depth == 0:
            with self._lock:
                self.seconds += time.monotonic() - self._thread.begun
            if self.tell is not None:
                self.tell("")


_WATCH = _Watch()
event.register("numba:compile", _WATCH)  # type: ignore[no-untyped-call]  # numba has no types


def compiled_s() -> float:
    """Return the seconds that compiling has taken so far in this process."""
    return _WATCH.seconds


def announce_compiling(tell: Callable[[str], None] | None) -> None:
    """Have `tell` called with the name of a kernel when it has to be compiled, and with nothing when that is done."""
    _WATCH.tell = tell


@contextmanager
def limited_threads(most: int | None) -> Iterator[None]:
    """Search with at most so many threads for a while; with all processors if None.

    Parameters
    ----------
    most
        Greatest number of threads, 1 or more.
    """
    before = numba.get_num_threads()
    available: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(available if most is None else min(most, available))
    try:
        yield
    finally:
        numba.set_num_threads(before)


def run_in_threads(tasks: Iterable[Callable[[], T]]) -> list[T]:
    """Return what each task returns, in their order; as many run at a time as `limited_threads` allows.

    Parameters
    ----------
    tasks
        Functions that share nothing they change.
    """
    with ThreadPoolExecutor(max_workers=numba.get_num_threads()) as pool:
        running = [pool.submit(task) for task in tasks]
        try:
            return [one.result() for one in running]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # who breaks off does not wait for what has not begun
            raise
