"""ZIP archives, as offices pass files on: unpacked within bounds, each file under its own name, none outside."""

from __future__ import annotations

import re
import shutil
import struct
import zipfile
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING
from unicodedata import normalize

from accessibility.errors import InputError
from accessibility.sources.decoding import decode_text
from accessibility.sources.tables.reading import checked_path

if TYPE_CHECKING:
    from pathlib import Path

_MOST_FILES = 1_000
_MOST_BYTES = 4_000_000_000
_SMALL_BYTES, _MOST_TIMES = 500_000_000, 100  # unpacked, and as a multiple of what is packed
_DAMAGES = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, ValueError, struct.error)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NAMED_IN_UTF8, _ENCRYPTED = 0x800, 0x1  # flags of an entry
_OF_SYSTEMS = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]*$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)
_PAIRS = re.compile(rb"[\x81-\xfe]{2}")  # as letters of Chinese are; one of Latin with an accent stands alone
_NO_LETTERS = re.compile(r'[<>:"|?*\x00-\x1f]')  # of a name, on Windows
_LONGEST = 200  # bytes


def plain_name(name: str) -> str:
    r"""Return the name of a file from elsewhere without any folder.

    Raises
    ------
    InputError
        A name that is none, or begins with a point.

    Examples
    --------
    >>> plain_name("C:\\数据\\网点 清单.xlsx"), plain_name("../../study.toml")
    ('网点 清单.xlsx', 'study.toml')
    """
    plain = name.replace("\\", "/").rpartition("/")[2].strip()
    if not plain or plain.startswith(".") or len(plain.encode()) > _LONGEST or not plain.isprintable():
        msg = f"a file is named {name!r}; expected a plain name"
        raise InputError(msg)
    return plain


def unpack(path: Path, folder: Path) -> list[Path]:
    """Unpack a ZIP archive into a folder, without the folders in it, and return the files.

    What systems leave beside files (``__MACOSX``, ``Thumbs.db``, names that begin with a point) stays out. Names are
    in UTF-8 where the archive says so or they are valid in it, else in GB 18030, as Windows writes them in China.

    Raises
    ------
    InputError
        No ZIP archive or a damaged one, a locked one, one packed in an unusual way; one that holds more than an upload
        may, an archive, or two files of one name.
    """
    checked_path(path)
    try:
        opened = zipfile.ZipFile(path)
    except OSError as error:
        msg = f"{path.name}: cannot be read ({error.strerror})"
        raise InputError(msg) from error
    except _DAMAGES as error:
        raise _damaged(path, error) from error
    try:
        with opened as archive:
            named = _named(path, archive)
            for name, entry in named.items():
                with archive.open(entry) as packed, (folder / name).open("xb") as kept:
                    shutil.copyfileobj(packed, kept)  # as many bytes as the archive says, then an error
    except InputError:
        raise
    except _DAMAGES as error:
        raise _damaged(path, error) from error
    return [folder / name for name in named]


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path.name}: cannot be read as a ZIP archive ({error}); expected a whole one")


def _named(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = [(_name(entry), entry) for entry in archive.infolist() if not entry.is_dir()]
    entries = [(name, entry) for name, entry in entries if not _OF_SYSTEMS.search(name)]
    _refuse(path, [entry for _, entry in entries])
    named = {_NO_LETTERS.sub("_", plain_name(name)): entry for name, entry in entries}
    if len({normalize("NFC", name).casefold() for name in named}) < len(entries):
        msg = f"{path.name}: files in several folders of it have the same name; expected each once: unpack it"
        raise InputError(msg)
    return named


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the path of an entry; letters are told before what parts folders, which may be half of a letter."""
    name = entry.orig_filename
    with suppress(InputError, UnicodeEncodeError):
        plain = b"" if entry.flag_bits & _NAMED_IN_UTF8 else name.encode("cp437")
        if _PAIRS.search(plain):
            name, _ = decode_text(plain, None, name)
    return name.replace("\\", "/")


def _refuse(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    size, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
    told = ""
    if not entries:
        told = "no file in it; expected the files of a study"
    elif len(entries) > _MOST_FILES:
        told = f"{len(entries):,} files in it; expected at most {_MOST_FILES:,}"
    elif unpacked > min(_MOST_BYTES, max(_SMALL_BYTES, _MOST_TIMES * size)):
        told = f"{size / 1e6:.1f} MB that unpack to {unpacked / 1e6:,.0f} MB; expected the files of a study"
    elif any(entry.flag_bits & _ENCRYPTED for entry in entries):
        told = "locked by a password; expected an archive without one: unpack it first"
    elif any(entry.compress_type not in _METHODS for entry in entries):
        told = "packed in an unusual way; expected an ordinary .zip: unpack it first"
    if told:
        msg = f"{path.name}: {told}"
        raise InputError(msg)
