"""Arrays at the door of a type: copied once, checked, read-only inside; and what was worked out of them, kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, fields, is_dataclass
from numbers import Real
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from accessibility.errors import InputError, described, spell_number

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray
    from shapely import STRtree

_T = TypeVar("_T")
_BATCH = 1 << 20  # rows
_WIDEST_RANGE = 1 << 62  # what lies within can be counted in 64 bits
# Pairs of shapes that meet: so many altogether, and so many more of each. Streets of a city meet three or four others;
# townships that stand in one row per age and sex meet some 130.
_MEETING, _MEETING_EACH = 1_000_000, 300


class Frozen:
    """A value that stays read-only when it is pickled or copied; what it had worked out from itself stays behind."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields alone."""
        return {f.name: getattr(self, f.name) for f in fields(self)} if is_dataclass(self) else self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the fields; numpy gives arrays back writeable."""
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        self.__dict__.update(state)


class _WorkedOut:
    def __init__(self, work: Callable[[Any], NDArray[Any]] | None) -> None:
        self._work = self._of_column if work is None else work

    def __set_name__(self, owner: type[Any], name: str) -> None:
        """Take the name of the field."""
        self._name = name

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        """Return the array, and of the type the default of the field."""
        return None if instance is None else instance.__dict__.setdefault(self._name, locked(self._work(instance)))

    def _of_column(self, instance: Any) -> NDArray[Any]:
        found: NDArray[Any] = instance.__dict__["_column"](self._name)
        return found


def worked_out(work: Callable[[Any], NDArray[Any]] | None = None) -> Any:
    """Return the default of a field that is None where it is not given, and is worked out when it is first asked for.

    Parameters
    ----------
    work
        Returns the array of a value that lacks it; if None, it is a column of one that `when_asked` made.
    """
    return _WorkedOut(work)


def when_asked(kind: type[_T], column: Callable[[str], NDArray[Any]] | None, **known: Any) -> _T:
    """Return a value whose columns are worked out when they are first asked for; a copy of it has them all.

    Parameters
    ----------
    kind
        A type with fields that are `worked_out`.
    column
        Returns one of them by its name; None where all are known.
    known
        The fields that are known, which are not checked.
    """
    found = object.__new__(kind)
    found.__dict__.update(known, _column=column)
    return found


class Named(Frozen, Mapping[str, Any]):
    """A mapping that nothing is written to; unlike ``MappingProxyType`` it can be pickled and copied."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> Any:
        """Return what stands under a name."""
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        """Walk the names."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._items)

    def __repr__(self) -> str:
        """Return it as a dict is told."""
        return repr(self._items)


def read_only(values: object, *, dtype: DTypeLike | None, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """Return a contiguous, read-only copy of `values`; nothing is cut, rounded or guessed to make it fit.

    An array that is so already, and no view of another one, is not copied: values share it.

    Raises
    ------
    InputError
        Values that cannot be of that type without becoming others, or an array of another shape; ``None`` in `shape`
        is any length.
    """
    given = _given(values, name)
    if type(given) is np.ndarray and _shared(given, dtype):
        _shaped(given, shape, name)
        return given
    if np.dtype(dtype) == np.bool_:
        given = _flags(given, name)
    try:
        with np.errstate(invalid="ignore", over="ignore"):
            array = np.array(given, dtype=dtype, order="C", copy=True)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{name} cannot be read as {np.dtype(dtype).name}: {error}"
        raise InputError(msg) from error
    if np.issubdtype(array.dtype, np.integer):
        _whole(np.asarray(given), array, name)
    _shaped(array, shape, name)
    array.flags.writeable = False
    return array


def _shared(array: NDArray[Any], dtype: DTypeLike | None) -> bool:
    flags = array.flags
    return array.dtype == np.dtype(dtype) and flags.owndata and flags.c_contiguous and not flags.writeable


def locked(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that nothing is written to from now on, so that `read_only` need not copy it.

    Examples
    --------
    >>> mine = locked(np.zeros(2))
    >>> read_only(mine, dtype=np.float64, shape=(2,), name="mine") is mine
    True
    """
    array.flags.writeable = False
    return array


def _given(values: object, name: str) -> object:
    """Return what may become an array; what numpy would take for another thing is refused."""
    if isinstance(values, np.ma.MaskedArray) and values.mask.any():
        msg = f"{name} has {int(values.mask.sum())} masked values; expected one value per row"
        raise InputError(msg)
    if isinstance(values, Mapping | set | frozenset) or hasattr(values, "columns"):
        msg = f"{name} is {described(values)}; expected an array or a list, one value a row"
        raise InputError(msg)
    if getattr(getattr(values, "dtype", None), "kind", "") in ("M", "m"):
        msg = f"{name} holds dates; expected other values"
        raise InputError(msg)
    return list(values) if isinstance(values, Generator) else values


def _shaped(array: NDArray[Any], shape: tuple[int | None, ...], name: str) -> None:
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        want_text = ", ".join("any" if want is None else str(want) for want in shape)
        msg = f"{name} has shape {array.shape}; expected ({want_text})"
        raise InputError(msg)


def _whole(given: NDArray[Any], array: NDArray[Any], name: str) -> None:
    """Refuse values that are others as whole numbers of that width."""
    if given.dtype != array.dtype and given.shape == array.shape and given.dtype.kind in "iuf":
        others = given != array
        bad = others.any(axis=tuple(range(1, array.ndim))) if array.ndim else others.reshape(1)
        refuse(bad, name=name, found=np.atleast_1d(given), expected=f"whole numbers that {array.dtype.name} holds")


def _flags(values: object, name: str) -> NDArray[Any]:
    """Return values that are booleans; a text ("no"), a number and a missing value are none, and would be true."""
    array = np.asarray(values)
    if array.dtype == np.bool_ or not array.size:
        return array.astype(np.bool_)
    array = np.asarray(values, dtype=object)
    wrong = np.array([not isinstance(value, bool | np.bool_) for value in array.ravel()])
    refuse(wrong, name=name, found=array.ravel(), expected="True or False")
    return array


def absent(value: object) -> bool:
    """Return whether a value says nothing: None, NaN, or what pandas calls NA.

    Examples
    --------
    >>> absent(None), absent(float("nan")), absent(""), absent(False)
    (True, True, False, False)
    """
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124 -- only NaN differs from itself
    except (TypeError, ValueError):  # NA has no truth; an array has several
        return type(value).__name__ in ("NAType", "NaTType")


def finite_rows(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return ``(n,)`` whether both numbers of ``(n, 2)`` are finite; a row of two is slow to be reduced by numpy.

    Examples
    --------
    >>> finite_rows(np.array([(1.0, 2.0), (np.nan, 2.0), (1.0, np.inf)])).tolist()
    [True, False, False]
    """
    found: NDArray[np.bool_] = np.isfinite(xy[:, 0]) & np.isfinite(xy[:, 1])
    return found


def extent(xy: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the least and the greatest of each column of ``(n, 2)`` numbers; numpy is slow to reduce rows of two.

    Examples
    --------
    >>> low, high = extent(np.array([(1.0, 9.0), (4.0, 2.0)]))
    >>> low.tolist(), high.tolist()
    ([1.0, 2.0], [4.0, 9.0])
    """
    return np.array([column.min() for column in xy.T]), np.array([column.max() for column in xy.T])


def spans(first: NDArray[Any], many: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows of several spans, one after another: so many from each of the first ones.

    Examples
    --------
    >>> spans(np.array([7, 2]), np.array([3, 2])).tolist()
    [7, 8, 9, 2, 3]
    """
    end = np.cumsum(many)
    rows: NDArray[np.int64] = np.arange(end[-1] if len(end) else 0) + np.repeat(first - (end - many), many)
    return rows


def are_among(ids: NDArray[np.int64], few: ArrayLike) -> NDArray[np.bool_]:
    """Return which ids are among a few others; numpy's own `isin` sorts them all.

    Examples
    --------
    >>> are_among(np.array([7, 2, 9]), [9, 3, 7]).tolist(), are_among(np.array([7]), []).tolist()
    ([True, False, True], [False])
    """
    some = np.unique(np.asarray(few, np.int64))
    if not some.size:
        return np.zeros(len(ids), np.bool_)
    found: NDArray[np.bool_] = some[np.searchsorted(some, ids).clip(max=some.size - 1)] == ids
    return found


def batches(count: int) -> Iterator[slice]:
    """Yield runs of so many rows together: what is worked out of one needs little memory beside the whole.

    Examples
    --------
    >>> list(batches(3)), [rows.stop for rows in batches(2_000_000)]
    ([slice(0, 3, None)], [1048576, 2000000])
    """
    for at in range(0, count, _BATCH):
        yield slice(at, min(at + _BATCH, count))


def meeting_pairs(
    tree: STRtree, predicate: Literal["intersects"] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of a tree's shapes that meet, the first row below the second.

    Parameters
    ----------
    tree
        Of the shapes.
    predicate
        ``intersects``; by their boxes alone if None.

    Raises
    ------
    InputError
        More pairs than any map has, as of a line that is drawn a hundred thousand times: they would fill the memory.

    Examples
    --------
    >>> import shapely
    >>> [rows.tolist() for rows in meeting_pairs(shapely.STRtree(shapely.box([0, 1, 9], 0, [2, 3, 10], 1)))]
    [[0], [1]]
    """
    shapes, found = tree.geometries, [np.empty((2, 0), np.intp)]
    most, count, at, many = _MEETING + _MEETING_EACH * len(shapes), 0, 0, 1 << 5
    while at < len(shapes):
        one, other = tree.query(shapes[at : at + many], predicate=predicate)
        pairs = np.stack([one + at, other])[:, one + at < other]
        count += pairs.shape[1]
        if count > most:
            msg = (
                f"{len(shapes):,} shapes meet one another in more than {most:,} pairs; expected streets or areas side "
                "by side (is one drawn again and again?)"
            )
            raise InputError(msg)
        found.append(pairs)
        at += many
        many = int(np.clip(many * _BATCH // max(len(one), 1), 16, _BATCH))  # next time about a million pairs
    one, other = np.concatenate(found, axis=1)
    return one, other


def starts_of(many: ArrayLike) -> NDArray[np.int64]:
    """Return where spans of so many rows begin when one follows another, and where the last ends.

    Examples
    --------
    >>> starts_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    return np.concatenate([[0], np.cumsum(many, dtype=np.int64)])


def filled(values: object, *, default: object) -> object:
    """Return a list of values with `default` in place of those that say nothing; anything else as it is."""
    found = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if found.ndim != 1 or found.dtype.kind not in "Of":
        return values
    kept = found.astype(object)
    if set(map(type, kept.tolist())) <= {str}:
        return kept
    kept[[absent(value) for value in kept]] = default
    return kept


def as_flags(values: object) -> object:
    """Return numbers that are all 0 or 1, as shapefiles and graphs keep flags, as booleans; anything else as it is."""
    found = np.asarray(values)
    if found.dtype.kind == "b" or found.ndim != 1:
        return values
    told = all(isinstance(value, Real | np.bool_) and value in (0, 1) for value in found)
    return found.astype(np.bool_) if told else values


def read_words(values: object, *, among: Sequence[str], n: int, name: str) -> NDArray[np.str_]:
    """Return a read-only array of texts that are all among some words, judged before they are cut to their width."""
    width = max(map(len, among))
    if isinstance(values, np.ndarray) and values.dtype.kind == "U" and values.shape == (n,):
        known = np.zeros(n, np.bool_)
        for word in among:
            known |= values == word
        if known.all():
            return read_only(values, dtype=f"<U{width}", shape=(n,), name=name)
    given = read_only(values, dtype=object, shape=(n,), name=name)
    listed = given.tolist()
    if not (set(map(type, listed)) <= {str} and set(listed) <= {*among}):
        wrong = np.array([not (isinstance(value, str) and value in among) for value in listed], dtype=np.bool_)
        refuse(wrong, name=name, found=given, expected=f"one of {', '.join(among)}")
    return read_only(given, dtype=f"<U{width}", shape=(n,), name=name)


def number_words(values: object, *, among: Sequence[str], n: int, name: str) -> NDArray[np.uint8]:
    """Return a read-only array of which word each text is, of some words of which there are less than 256.

    Examples
    --------
    >>> number_words(["b", "a"], among=["a", "b"], n=2, name="letter").tolist()
    [1, 0]
    """
    texts = isinstance(values, np.ndarray) and values.dtype.kind == "U" and values.shape == (n,)
    code = np.full(n, len(among), np.uint8)
    for row, word in enumerate(among if texts else ()):
        code[values == word] = row
    if (code == len(among)).any():
        return number_words(read_words(values, among=among, n=n, name=name), among=among, n=n, name=name)
    return locked(code)


def whole_ids(ids: object) -> NDArray[np.integer] | range | None:
    """Return ids as whole numbers, if they are given as an array of such, or as a range, and none stands twice.

    Equal steps are a range, which takes no memory; the others are a read-only array, of 32 bits where these hold all.

    Examples
    --------
    >>> whole_ids(np.array([4, 6, 8])), whole_ids(np.array([4, 8, 6])), whole_ids(np.array([1, 1])), whole_ids([1, 2])
    (range(4, 10, 2), array([4, 8, 6], dtype=int32), None, None)
    """
    given: Any = ids
    if isinstance(given, range):
        return given if max(abs(given.start), abs(given.stop)) < _WIDEST_RANGE else None
    if type(given) is not np.ndarray or given.dtype.kind not in "iu" or given.ndim != 1:
        return None
    if len(given) > 1 and (given[1:] - given[:-1] == given[1:2] - given[:1]).all():
        first, step = int(given[0]), int(given[1]) - int(given[0])
        stop = first + step * len(given)
        if step and int(given[-1]) == stop - step and max(abs(first), abs(stop)) < _WIDEST_RANGE:  # none overflowed
            return range(first, stop, step)
    ordered = np.sort(given)
    if (ordered[1:] == ordered[:-1]).any():
        return None
    small = np.iinfo(np.int32)
    fits = not ordered.size or (small.min <= int(ordered[0]) and int(ordered[-1]) <= small.max)
    return read_only(given, dtype=np.int32 if fits else given.dtype, shape=given.shape, name="ids")


def unique_ids(ids: Iterable[object], *, name: str) -> NDArray[np.object_]:
    """Return `ids` as a read-only array of objects; raise `InputError` where one stands twice."""
    listed = _listed_ids(ids, name)
    array = np.empty(len(listed), dtype=object)
    array[:] = listed
    if len(set(listed)) != len(listed):
        seen: set[object] = set()
        twice = list(dict.fromkeys(i for i in listed if i in seen or seen.add(i)))  # type: ignore[func-returns-value]
        first = ", ".join(repr(i) for i in twice[:10])
        msg = f"{name}: ids that stand more than once ({len(twice)}): {first}; expected unique ids"
        raise InputError(msg)
    array.flags.writeable = False
    return array


def _listed_ids(ids: Iterable[object], name: str) -> list[object]:
    given: Any = _given(ids, name)
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        msg = f"{name} ids are {described(given)}; expected a list of ids"
        raise InputError(msg)
    plain = not isinstance(given, np.ndarray) or given.dtype.kind in "OiuU"
    listed = given.tolist() if plain and hasattr(given, "tolist") else list(given)
    kinds = set(map(type, listed))
    if any(kind.__hash__ is None for kind in kinds):
        loose = [i for i in listed if type(i).__hash__ is None]
        msg = f"{name}: {len(loose)} ids are no single values, first {loose[0]!r}; expected texts or numbers"
        raise InputError(msg)
    if kinds <= {int} or (kinds <= {str} and "" not in listed):
        return listed
    missing = [absent(i) or i == "" for i in listed]
    if any(missing):
        first = missing.index(True)
        msg = f"{name}: {sum(missing)} of {len(listed)} ids are missing, first row {first}; expected an id a row"
        raise InputError(msg)
    return listed


def read_rows(rows: object, n: int, name: str) -> NDArray[Any]:
    """Return rows as a mask of `n` booleans or as positions among them; raise `InputError` for anything else."""
    if isinstance(rows, slice):
        return np.arange(n)[rows]
    found = np.asarray(rows)
    if found.dtype == np.bool_ or not found.size:
        return read_only(found, dtype=np.bool_, shape=(n,), name=name) if found.size else np.empty(0, np.intp)
    found = read_only(rows, dtype=np.intp, shape=(None,), name=name)
    refuse((found < -n) | (found >= n), name=name, found=found, expected=f"positions among {n} rows")
    return found


def refuse(bad: Any, *, name: str, found: NDArray[Any], expected: str) -> None:
    """Raise `InputError` naming the count and the first row where `bad` holds."""
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        first = found[row]
        if isinstance(first, float | np.floating):
            first = spell_number(float(first))
        elif isinstance(first, str):
            first = repr(str(first))
        msg = f"{name}: {int(bad.sum())} of {bad.shape[0]} rows, first row {row} is {first}; expected {expected}"
        raise InputError(msg)


@dataclass(frozen=True, eq=False)
class Same:
    """An array as part of a key: equal to itself alone, and kept alive, so that no other takes its place in memory."""

    value: object

    def __eq__(self, other: object) -> bool:
        """Return whether both are the same object."""
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        """Return the identity of the object."""
        return id(self.value)


class Memo:
    """The last few results of a value, by what they depend on; each is made once, whichever thread asks first.

    A copy or a pickle of the value begins anew: results are large, and follow from the rest.

    Parameters
    ----------
    most
        How many results are kept; the one not asked for longest goes first.

    Examples
    --------
    >>> memo = Memo(most=1)
    >>> [memo.get(key, lambda: made) for key, made in (("a", 1), ("a", 2), ("b", 3), ("a", 4))]
    [1, 1, 3, 4]
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._made: OrderedDict[Hashable, Future[Any]] = OrderedDict()

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        """Return how an empty one is made."""
        return Memo, (self._most,)

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what stands under a key; make it where nothing does, and let others wait for it.

        Parameters
        ----------
        key
            Everything that the result depends on.
        make
            Called without arguments where there is no result yet; what it raises is not kept.
        """
        with self._lock:
            found = self._made.get(key)
            ours = found is None
            if found is None:
                found = self._made[key] = Future()
                if len(self._made) > self._most:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
        if ours:
            try:
                found.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._made.pop(key, None)
                found.set_exception(error)
                raise
        return found.result()
