"""A file on a server, read where it is needed: blocks that came once are kept, so that a cut goes on where it was.

Servers that answer with ranges are asked for ranges. Those that send the whole file whatever is asked, as WorldPop's
does (GDAL's ``/vsicurl/`` gives up on it), are read from the beginning as far as something is needed.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from accessibility import __version__
from accessibility.errors import InputError, OutputError
from accessibility.sources.files import write_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 2**18
_AHEAD = 4  # blocks a request brings at least
_WAITS_S = (1.0, 2.0, 4.0)  # after one failure, after two, ...
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_ABSENT = frozenset({404, 410})
_CONNECT_S, _SILENT_S = 20.0, 60.0
_SHORT = re.compile(r"IncompleteRead\(.* (\d+) more expected\)")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Where blocks are kept, and until when servers are waited for."""

    folder: Path  # the folder of all files
    deadline_s: float = 900.0  # seconds for everything together, from now on
    until: float = field(init=False)

    def __post_init__(self) -> None:
        """Let the time begin."""
        object.__setattr__(self, "until", time.monotonic() + self.deadline_s)


class _AbsentError(OutputError):
    """A file that the server does not have; where it had it a moment ago, an error like any other."""

    def __init__(self) -> None:
        super().__init__("the server has the file no more; expected one that stays")


class _CutError(Exception):
    """An answer that did not come, or broke off: to be asked for again."""


@dataclass(kw_only=True)
class _Stream:
    """An answer that is being read: which byte comes next, and which after its last."""

    answer: requests.Response
    at: int
    end: int
    size: int
    mark: str

    @property
    def whole(self) -> bool:
        """Whether the server sends the whole file whatever is asked."""
        return self.answer.status_code == requests.codes.ok


class RemoteFile(io.RawIOBase):
    """A file on a server as a file of bytes; see `open_remote`.

    Parameters
    ----------
    url
        Its address.
    keeper
        Where its blocks are kept.
    stream
        The answer to the first request.
    """

    def __init__(self, url: str, keeper: Keeper, stream: _Stream) -> None:
        super().__init__()
        self.url, self.size = url, stream.size
        self._keeper, self._stream, self._mark, self._at = keeper, stream, stream.mark, 0
        key = f"{url}\n{stream.mark}\n{stream.size}\n{BLOCK}"
        self.folder = keeper.folder / hashlib.sha256(key.encode()).hexdigest()[:16]

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        self._at = max(offset + (0, self._at, self.size)[whence], 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read what fits into a buffer, and return how many bytes that were.

        Raises
        ------
        OutputError
            The server cannot be reached, refuses, keeps breaking off, or has another file by now.
        """
        wanted = max(min(len(buffer), self.size - self._at), 0)
        end = self._at + wanted
        self._bring(self._at // BLOCK, (end - 1) // BLOCK)
        done = 0
        while done < wanted:
            block, start = divmod(self._at, BLOCK)
            part = self._kept(block).read_bytes()[start : start + wanted - done]
            buffer[done : done + len(part)] = part
            done, self._at = done + len(part), self._at + len(part)
        return wanted

    def close(self) -> None:
        """Hang up."""
        self._stream.answer.close()
        super().close()

    def _kept(self, block: int) -> Path:
        return self.folder / f"{block:06d}"

    def _has(self, block: int) -> bool:
        path = self._kept(block)
        return path.is_file() and path.stat().st_size == min(BLOCK, self.size - block * BLOCK)

    def _bring(self, first: int, last: int) -> None:
        """Have these blocks, from the server where they are not kept yet."""
        failures = 0
        end = (self.size - 1) // BLOCK
        while missing := [block for block in range(first, last + 1) if not self._has(block)]:
            until = min(max(last, missing[0] + _AHEAD - 1), end)
            try:
                for block, content in self._blocks(missing[0], until):
                    if not self._has(block):
                        self._keep(block, content)
                        failures = 0
            except _CutError as cut:
                failures += 1
                self._stream.at = self._stream.end  # to be asked anew
                _wait(self.url, failures, cut, self._keeper.until)

    def _blocks(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """Yield blocks as they come, at most until `last` was there; those of a whole answer begin where it stands."""
        start = first * BLOCK
        ended = self._stream.at >= self._stream.end
        if ended or (self._stream.at != start and not (self._stream.whole and self._stream.at < start)):
            self._stream.answer.close()
            self._stream = _ask(self.url, start, last, self._keeper.until)
        stream = self._stream
        if (stream.size, stream.mark) != (self.size, self._mark):
            msg = f"{self.url}: is another file than when it was begun; expected one that stays; run this again"
            raise OutputError(msg)
        while stream.at <= last * BLOCK and stream.at < stream.end:
            block = stream.at // BLOCK
            content = _read(stream.answer, min(BLOCK, self.size - stream.at), self.url, self._keeper.until)
            stream.at += len(content)
            yield block, content

    def _keep(self, block: int, content: bytes) -> None:
        with write_aside(self._kept(block)) as aside:
            aside.write_bytes(content)


def open_remote(url: str, keeper: Keeper) -> RemoteFile | None:
    """Return a file on a server, or None where the server says that there is none.

    Parameters
    ----------
    url
        Its address.
    keeper
        Where its blocks are kept, and until when it is waited for.

    Raises
    ------
    InputError
        An address that is none.
    OutputError
        The server cannot be reached, refuses, or does not say how long the file is.
    """
    failures = 0
    while True:
        try:
            stream = _ask(url, 0, _AHEAD - 1, keeper.until)
        except _CutError as cut:
            failures += 1
            _wait(url, failures, cut, keeper.until)
            continue
        except _AbsentError:
            return None
        return RemoteFile(url, keeper, stream)


def _wait(url: str, failures: int, cut: _CutError, until: float) -> None:
    """Wait before the next try; give up after the last one, or where no time is left."""
    if failures > len(_WAITS_S) or time.monotonic() + _WAITS_S[failures - 1] > until:
        msg = f"{url}: {cut}; expected the internet and another try: what came is kept"
        raise OutputError(msg) from cut
    time.sleep(_WAITS_S[failures - 1])


def _ask(url: str, start: int, last: int, until: float) -> _Stream:
    """Return the answer to a request for the bytes from `start` to the end of block `last`."""
    headers = {
        "Range": f"bytes={start}-{(last + 1) * BLOCK - 1}",
        "Accept-Encoding": "identity",
        "User-Agent": f"outlet-accessibility/{__version__}",
    }
    seconds = (min(_CONNECT_S, max(until - time.monotonic(), 1.0)), _SILENT_S)
    try:
        answer = requests.get(url, headers=headers, stream=True, timeout=seconds)
    except (ValueError, requests.exceptions.InvalidSchema) as error:
        msg = f"{url}: is no address ({error}); expected one that begins with https://"
        raise InputError(msg) from error
    except requests.RequestException as error:
        msg = f"cannot be reached ({reason_of(error)})"
        raise _CutError(msg) from error
    status = answer.status_code
    if status in (requests.codes.ok, requests.codes.partial):
        return _stream(answer, start, url)
    answer.close()
    if status in _ABSENT:
        raise _AbsentError
    if status in _PASSING:
        msg = f"is busy or out of order (status {status})"
        raise _CutError(msg)
    msg = f"{url}: the server refused (status {status}); expected the file"
    raise OutputError(msg)


def _stream(answer: requests.Response, start: int, url: str) -> _Stream:
    mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status_code == requests.codes.ok:
        length, start = answer.headers.get("Content-Length", ""), 0
        end = length
    else:
        length, end = (found[3], str(int(found[2]) + 1)) if found and int(found[1]) == start else ("", "")
    if not length.isdecimal() or length == "0":
        answer.close()
        msg = f"{url}: the server does not say how long the file is; expected a plain file"
        raise OutputError(msg)
    return _Stream(answer=answer, at=start, end=int(end), size=int(length), mark=mark)


def _read(answer: requests.Response, wanted: int, url: str, until: float) -> bytes:
    """Return exactly so many bytes of an answer."""
    content = bytearray()
    while len(content) < wanted:
        if time.monotonic() > until:
            msg = f"{url}: is too slow: not done in time; give it more with --minutes; what came is kept"
            raise OutputError(msg)
        try:
            part = read_some(answer, wanted - len(content))
        except Exception as error:  # urllib3's own, and sockets'
            msg = f"broke off ({reason_of(error)})"
            raise _CutError(msg) from error
        if not part:
            break
        content += part
    if len(content) < wanted:
        msg = f"broke off ({len(content):,} of {wanted:,} bytes)"
        raise _CutError(msg)
    return bytes(content)


def read_some(answer: requests.Response, most: int, *, unpack: bool = False) -> bytes:
    """Return what came of an answer by now, at most so many bytes: a server that drips is no reason to wait for all."""
    read = getattr(answer.raw, "read1", answer.raw.read)  # which older ones lack
    some: bytes = read(most, decode_content=unpack)
    return some


def reason_of(error: Exception) -> str:
    """Return the innermost words of an error of a connection."""
    inner: Any = error
    while inner.args and isinstance(getattr(inner, "reason", inner.args[-1]), Exception):
        inner = getattr(inner, "reason", inner.args[-1])
    short = _SHORT.search(str(inner))
    if short:
        return f"{int(short[1]):,} bytes did not come"
    said = str(inner).rpartition(": ")[2].rpartition("] ")[2]  # without its number, and what it stands in
    return said if "(" in said else said.rstrip(")") or type(inner).__name__
