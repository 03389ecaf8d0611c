"""Files and folders that appear whole or not at all: written aside, flushed to the disk, then put in place at once."""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import platform
import secrets
import shutil
import stat
import sys
import tempfile
import threading
import time
import zlib
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accessibility.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ASIDE = ".accessibility-"
_STALE_S = 86_400.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_EXCHANGE, _HERE = 2, -100  # RENAME_EXCHANGE and AT_FDCWD of Linux
_LOCK = ".lock"
_ON_WINDOWS = os.name == "nt"
_HELD_BY_ANOTHER = (errno.EACCES, errno.EDEADLK)
_ABSENT = "no such file"
_KINDS = {
    stat.S_IFDIR: "a folder, not a file",
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"

_committing = threading.Lock()
_begun: set[Path] = set()
_held: set[Path] = set()


@contextmanager
def write_folder(
    folder: str | os.PathLike[str],
    *,
    stale: Callable[[str], bool] = lambda _: False,
    kept: Path | None = None,
) -> Iterator[Path]:
    """Yield an empty folder to write into; when the block ends well, it takes the place of `folder` in one step.

    Where the system can exchange two folders, whoever looks finds the old one whole or the new one whole, a kill or a
    crash at any moment included. Elsewhere (a mount point, the current folder, other systems) the files move one by
    one, ``manifest.json`` last, and are moved back when one cannot be. What killed runs left aside is swept away first.

    Parameters
    ----------
    folder
        Where the files end up; made where it is missing. What else is in it comes along, but for what is stale.
    stale
        Whether a file or folder in `folder`, told by its name, goes when the new files come.
    kept
        Where the folder as it was is kept; nowhere if None.

    Raises
    ------
    OutputError
        Something could not be written: what, and why.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     with write_folder(out) as aside:
    ...         _ = (aside / "a.txt").write_text("whole")
    ...     [path.name for path in Path(out).iterdir()]
    ['a.txt']
    """
    folder = Path(folder).resolve()
    with _told(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = _begin(folder)
    try:
        with _told(folder):
            yield new
            _flush(new)
            if folder.is_dir():
                _bring(folder, new, stale)
        with _committing:
            if kept is not None:
                with _told(kept):
                    shutil.copytree(folder, new.parent / f"{_ASIDE}kept", symlinks=True, copy_function=_second_name)
                    (new.parent / f"{_ASIDE}kept").rename(kept)
            _put(new, folder, stale)
    finally:
        _end(new.parent)


@contextmanager
def write_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path of the same name to write to; when the block ends well, the file moves to `path` in one step.

    Raises
    ------
    OutputError
        The file could not be written, or the block wrote none; a file that was there is untouched.
    """
    path = Path(path)
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = _aside_in(path.parent) / path.name
    try:
        with _told(path):
            yield aside
            if not aside.is_file():
                msg = f"{_final(path)} cannot be written: nothing was written to it; expected a file"
                raise OutputError(msg)
            _flush(aside)
            with _committing:
                aside.replace(path)
    finally:
        _end(aside.parent)


@contextmanager
def alone(path: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Let no other process, here or on a machine with the same files, be in a block of this path at the same time.

    The system opens the lock when a process ends, however it ends: what a killed one left holds nobody up. Where the
    file system knows no locks, or nothing can be written, everybody goes on.

    Parameters
    ----------
    path
        A file that is there as long as somebody is in the block.
    busy
        Called where another one is in it: raises, or says that this one waits.
    """
    handle = _lock(path, wait=False)
    if handle is None:
        busy()
        handle = _lock(path, wait=True)
    _held.add(path)
    try:
        yield
    finally:
        _unlock(path, handle)
        _held.discard(path)


def lock_of(folder: Path) -> Path:
    """Return the path of `alone` for whoever writes a folder: it lies beside it, and is swept where it was left."""
    whole = folder.resolve()
    return whole.parent / f"{_ASIDE}{whole.name}{_LOCK}"


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text as UTF-8, its lines as they are, as a whole or not at all.

    Raises
    ------
    OutputError
        The file could not be written; a file that was there is untouched.
    """
    with write_aside(path) as aside:
        aside.write_bytes(text.encode("utf-8"))


def abandon() -> None:
    """Remove what this process has written aside and not yet put in place; nothing is put in place any more."""
    _committing.acquire()  # for ever: whoever would put something in place waits until the process ends
    for held in [*_held]:
        with suppress(OSError):  # Windows removes none that is open
            held.unlink()
    for _ in range(20):  # another thread may still be writing there
        for aside in [*_begun]:
            shutil.rmtree(aside, ignore_errors=True)
        if not any(aside.exists() for aside in [*_begun]):
            break
        time.sleep(0.01)


@contextmanager
def passing_folder(inside: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder that is gone at the end, at an interruption too.

    Parameters
    ----------
    inside
        Where it lies, made where it is not there; in the system's temporary folder if None. What killed runs left there
        is swept away first.

    Raises
    ------
    OutputError
        The system's temporary folder cannot be written; or nothing can be written inside `inside`.
    """
    with nullcontext() if inside is None else _told(inside):
        try:
            if inside is not None:
                inside.mkdir(parents=True, exist_ok=True)
            place = _aside_in(inside or Path(tempfile.gettempdir()))
        except OSError as error:
            if inside is None:
                raise no_room(error) from error
            raise
        try:
            yield place
        finally:
            _end(place)


def is_file(path: Path) -> bool:
    """Return whether a regular file is there and may be asked for: not where its name is too long, its folder shut."""
    with suppress(OSError, ValueError):
        return path.is_file()
    return False


def absence(path: Path) -> str:
    """Return what stands where `is_file` finds no regular file: ``no such file``, or what there is instead."""
    with suppress(OSError, ValueError):
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode), _ABSENT)
    return _ABSENT


def is_full(error: BaseException) -> bool:
    """Return whether an error says that a disk, a quota or a file has reached its limit, libraries' words included."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _FULL
    return any(os.strerror(code) in str(error) for code in _FULL)


def no_room(error: BaseException) -> OutputError:
    """Return the error that the system's temporary folder cannot be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(
        f"{tempfile.gettempdir()}: the temporary folder cannot be written ({reason}); expected room there, or another"
        " folder in the variable TMPDIR"
    )


@contextmanager
def spellable(folder: Path) -> Iterator[Path]:
    """Yield a path of the same folder that GDAL can spell: `folder` itself, or a link where Python reads it as no text.

    A system whose encoding is not UTF-8 hands names beyond ASCII over as bytes, which GDAL takes for broken text.
    """
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        with passing_folder() as place:
            link = place / "folder"
            link.symlink_to(folder.absolute(), target_is_directory=True)
            yield link
    else:
        yield folder


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn the system's refusals into an `OutputError` that names `path` and the reason."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        msg = f"{_final(path)} cannot be written: {reason}; files there are untouched; expected a writable place"
        raise OutputError(msg) from error


def _final(path: Path) -> Path:
    """Return where a path ends up: of one inside a folder aside, the place it moves to."""
    return Path(*(part for part in path.parts if not part.startswith(_ASIDE)))


def _begin(folder: Path) -> Path:
    """Return an empty folder of the same name beside `folder`, or one inside it where it cannot change its place."""
    fixed = folder.is_dir() and (folder.is_mount() or folder.samefile(Path.cwd()))
    with suppress(OSError):
        if not fixed and (folder.is_dir() or not folder.exists()):
            new = _aside_in(folder.parent) / folder.name
            new.mkdir()
            return new
    folder.mkdir(parents=True, exist_ok=True)
    new = _aside_in(folder) / f"{_ASIDE}new"
    new.mkdir()
    return new


def _aside_in(folder: Path) -> Path:
    sweep(folder)
    aside = folder / f"{_ASIDE}{os.getpid()}-{_MACHINE}{secrets.token_hex(4)}"
    _begun.add(aside)
    aside.mkdir(0o700)  # it may lie where everybody looks
    return aside


def _end(aside: Path) -> None:
    shutil.rmtree(aside, ignore_errors=True)
    _begun.discard(aside)


def _flush(path: Path) -> None:
    """Bring a file's content, or that of every file in a folder, to the disk: a full disk is told before any move."""
    for file in [path, *path.rglob("*")] if path.is_dir() else [path]:
        if os.name == "posix" or file.is_file():
            with _told(file), _opened(file) as handle:
                os.fsync(handle)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _bring(folder: Path, new: Path, stale: Callable[[str], bool]) -> None:
    """Bring along what is in `folder`, is not stale, and has no namesake in `new`."""
    for path in folder.iterdir():
        if os.path.lexists(new / path.name) and path.is_dir() != (new / path.name).is_dir():
            with _told(path):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if path.name.startswith(_ASIDE) or stale(path.name) or os.path.lexists(new / path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, new / path.name, symlinks=True, copy_function=_second_name)
        else:
            _second_name(path, new / path.name)


def _second_name(path: Any, copy: Any) -> None:
    """Give a file a second name, or a copy where the file system knows no second names."""
    try:
        os.link(path, copy, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, copy, follow_symlinks=False)


def _put(new: Path, folder: Path, stale: Callable[[str], bool]) -> None:
    """Put a folder in the place of another: at once where the system can, file by file elsewhere."""
    if not new.name.startswith(_ASIDE):
        if not folder.exists():
            with _told(folder):
                new.rename(folder)
            return
        if _exchange(new, folder):
            return
    _move(new, folder, stale)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; return whether the system did."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    done = rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
    if done:
        with suppress(OSError), _opened(other.parent) as handle:
            os.fsync(handle)
    return done


def _move(new: Path, folder: Path, stale: Callable[[str], bool]) -> None:
    """Move the entries of `new` into `folder` and what is stale out of it; when one cannot move, undo those before."""
    old = new.parent / f"{_ASIDE}old"
    names = sorted((path.name for path in new.iterdir()), key=lambda name: (name == "manifest.json", name))
    leaving = [path.name for path in folder.iterdir() if stale(path.name) and path.name not in names]
    moved: list[tuple[Path, Path]] = []
    with _told(folder):
        old.mkdir()
    try:
        for name in [*leaving, *names]:
            for source, target in ((folder / name, old / name), (new / name, folder / name)):
                if os.path.lexists(source):
                    with _told(folder / name):
                        source.rename(target)
                    moved.append((source, target))
    except BaseException:
        for source, target in reversed(moved):
            with suppress(OSError):
                target.rename(source)
        raise


def _lock(path: Path, *, wait: bool) -> int | None:
    """Return the handle of a file that is locked, -1 where none can be; None where another one holds it."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return -1
        try:
            if not _grasp(handle, wait=wait):
                os.close(handle)
                return None
        except OSError:
            return handle
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)  # whoever held it has removed it


def _grasp(handle: int, *, wait: bool) -> bool:
    """Lock a file, and return whether that is done; raises `OSError` where none can be locked."""
    if not _ON_WINDOWS:
        import fcntl  # noqa: PLC0415 -- Windows has none

        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    locks: Any = importlib.import_module("msvcrt")  # Windows alone has it
    while True:
        try:
            locks.locking(handle, locks.LK_LOCK if wait else locks.LK_NBLCK, 1)
        except OSError as error:
            if error.errno not in _HELD_BY_ANOTHER:
                raise
            if not wait:
                return False
        else:
            return True
        # It gives up after ten seconds: whoever waits asks again.


def _unlock(path: Path, handle: int | None) -> None:
    if handle is None or handle < 0:
        return
    if _ON_WINDOWS:  # which removes no file that somebody has open
        os.close(handle)
    with suppress(OSError):
        path.unlink()
    if not _ON_WINDOWS:  # where the next one would else remove the file of the one after it
        os.close(handle)


def forget(folder: Path, lock: Path, age_s: float) -> None:
    """Remove a folder into which nothing was put for so long, unless somebody holds its lock.

    Parameters
    ----------
    folder
        What is removed with all in it.
    lock
        The path that whoever works there gives to `alone`.
    age_s
        Seconds.
    """
    with suppress(OSError):
        if time.time() - folder.stat().st_mtime <= age_s:
            return
        handle = _lock(lock, wait=False)
        if handle is not None:
            shutil.rmtree(folder, ignore_errors=True)
            _unlock(lock, handle)
            shutil.rmtree(folder, ignore_errors=True)  # what the lock kept, where it lies inside


def sweep(folder: Path) -> None:
    """Remove what killed runs left aside in a folder.

    What a living process or another machine writes stays, for a day at most.
    """
    for left in folder.glob(f"{_ASIDE}*{_LOCK}"):
        _unlock(left, _lock(left, wait=False))
    for left in folder.glob(f"{_ASIDE}*-*"):
        with suppress(OSError, ValueError, OverflowError):
            process, mark = left.name.removeprefix(_ASIDE).split("-")
            dead = mark.startswith(_MACHINE) and not _alive(int(process))
            if dead or time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 would end the process there; age decides
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
