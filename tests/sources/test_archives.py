"""ZIP archives are unpacked under the names that their files have, within bounds, and never outside the folder."""

from __future__ import annotations

import tomllib
import zipfile
from typing import TYPE_CHECKING

import pytest
from rawtowns import write_county

from accessibility.cli.console import Silence
from accessibility.cli.starting import begin_study
from accessibility.errors import InputError
from accessibility.sources import archives
from accessibility.sources.archives import unpack
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from pathlib import Path


def zipped(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def unpacked(path: Path) -> dict[str, bytes]:
    folder = path.parent / "unpacked"
    folder.mkdir(exist_ok=True)
    return {file.name: file.read_bytes() for file in unpack(path, folder)}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("东街网点".encode("gbk"), "东街网点"),
        (b"\xcd\xf8\x81\\\xb5\xe3", b"\xcd\xf8\x81\\\xb5\xe3".decode("gbk")),  # a letter's second half is a backslash
        ("网点A1".encode(), "网点A1"),
        ("Z\u00fcrich 1".encode("cp437"), "Z\u00fcrich 1"),
    ],
)
def test_names_are_told_by_their_bytes_where_the_archive_does_not_say(
    tmp_path: Path, written: bytes, name: str
) -> None:
    path = zipped(tmp_path / "a.zip", {"x" * len(written) + ".csv": b"1"})
    path.write_bytes(path.read_bytes().replace(b"x" * len(written), written))
    assert unpacked(path) == {f"{name}.csv": b"1"}


def test_a_name_that_the_archive_says_is_utf8_is_taken_so(tmp_path: Path) -> None:
    assert unpacked(zipped(tmp_path / "a.zip", {"数据/联通.csv": b"1"})) == {"联通.csv": b"1"}


def test_nothing_is_written_outside_and_what_systems_leave_stays_out(tmp_path: Path) -> None:
    names = ["../../a.csv", "/etc/b.csv", "C:\\x\\c.csv", "dir/", "__MACOSX/._a.csv", "x/.DS_Store", "Thumbs.db"]
    path = zipped(tmp_path / "a.zip", dict.fromkeys(names, b""))
    assert sorted(unpacked(path)) == ["a.csv", "b.csv", "c.csv"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.zip", "unpacked"]


def test_what_is_no_plain_archive_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zipped(tmp_path / "whole.zip", {"a.csv": b"lon,lat\n" * 400}, zipfile.ZIP_STORED)
    content = whole.read_bytes()
    at = content.index(b"PK\x01\x02")
    broken = {
        "cut": (content[:-30], "cannot be read as a ZIP archive"),
        "rotten": (content.replace(b"lon,lat", b"lon,lot", 1), "cannot be read as a ZIP archive .*CRC"),
        "page": (b"<html>log in</html>", "cannot be read as a ZIP archive"),
        "locked": (content[: at + 8] + b"\1" + content[at + 9 :], "locked by a password"),
        "empty": (b"", "the file is empty"),
    }
    for name, (bytes_, said) in broken.items():
        (tmp_path / f"{name}.zip").write_bytes(bytes_)
        with pytest.raises(InputError, match=said):
            unpacked(tmp_path / f"{name}.zip")
    with pytest.raises(InputError, match="packed in an unusual way"):
        unpacked(zipped(tmp_path / "lzma.zip", {"a.csv": b"1"}, zipfile.ZIP_LZMA))
    with pytest.raises(InputError, match="have the same name"):  # on a Mac the two ways to spell a letter are one
        unpacked(zipped(tmp_path / "letters.zip", {"Caf\u00e9.csv": b"1", "Cafe\u0301.csv": b"2"}))
    with pytest.raises(InputError, match="have the same name"):
        unpacked(zipped(tmp_path / "twins.zip", {"x/a.csv": b"1", "y/A.csv": b"2"}))
    with pytest.raises(InputError, match="no file in it"):
        unpacked(zipped(tmp_path / "none.zip", {"__MACOSX/._a.csv": b"1"}))
    monkeypatch.setattr(archives, "_MOST_FILES", 2)
    with pytest.raises(InputError, match="3 files in it; expected at most 2"):
        unpacked(zipped(tmp_path / "many.zip", dict.fromkeys("abc", b"")))


@pytest.mark.parametrize("bound", ["_MOST_BYTES", "_SMALL_BYTES"])
def test_an_archive_that_unpacks_to_far_more_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    path = zipped(tmp_path / "bomb.zip", {f"{n}.csv": b"0" * 300_000 for n in range(4)})
    monkeypatch.setattr(archives, bound, 1_000_000)
    with pytest.raises(InputError, match="MB that unpack to 1 MB"):
        unpacked(path)
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_an_archive_that_lies_about_its_size_gives_no_byte_more(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": b"0" * 300_000})
    size = (300_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(InputError, match="CRC"):
        unpacked(path)
    assert (tmp_path / "unpacked" / "a.csv").stat().st_size <= 10


def test_a_zip_stands_for_the_files_in_it(tmp_path: Path) -> None:
    files = write_county(tmp_path / "raw")
    inside = {f"县局 2024/{file.name}": file.read_bytes() for file in files}
    extra = {"说明.pdf": b"%PDF", "读我.txt": "数据来自县局".encode("gbk")}
    path = zipped(tmp_path / "县局.zip", inside | extra)
    begun = begin_study(tmp_path / "a", [str(path)], Silence())
    apart = begin_study(tmp_path / "b", [str(file) for file in files], Silence())
    assert begun.lines[:2] == (
        "县局.zip: 4 files for the study, unpacked into inputs/县局",
        "县局.zip: left out, as of no use to a study: 说明.pdf, 读我.txt",
    )
    assert begun.lines[2:] == apart.lines
    one, other = (read_study(each.path) for each in (begun, apart))
    assert one.coverage().covered_people == other.coverage().covered_people
    paths = [each["path"] for each in tomllib.loads(begun.path.read_text("utf-8"))["inputs"].values()]
    assert all(path.startswith("inputs/县局/") for path in paths)


def test_a_zip_of_something_else_leaves_nothing(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a.csv": b"1"})
    for name, content in {"inner.zip": inner.read_bytes(), "a.csv": b"name\nx\n"}.items():
        with pytest.raises(InputError, match=name):
            begin_study(tmp_path / "new", [str(zipped(tmp_path / "outer.zip", {name: content}))], Silence())
        assert [one for one in (tmp_path / "new").rglob("*") if one.is_file()] == []
