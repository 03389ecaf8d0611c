"""study.toml as planners save it: encodings, full-width signs, backslashes, other names of keys and datums, bombs."""

from __future__ import annotations

import ntpath
from pathlib import PureWindowsPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self, cast

import pytest

from accessibility.cli import starting
from accessibility.errors import InputError
from accessibility.geo.projection import DATUMS, plain_datum
from accessibility.present import manifest
from accessibility.study.schema import read_study_file

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """name = "测试县"  # 名称
[inputs]
network = { path = "数据/roads.osm" }
population = { path = "people.csv", coordinates = "WGS84" }
outlets = { path = "outlets.csv" }
"""


def study(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "study.toml"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_study_of_every_usual_encoding_reads_the_same(tmp_path: Path, encoding: str, ends: str) -> None:
    read = read_study_file(study(tmp_path, TEXT.replace("\n", ends), encoding))
    assert read.name == "测试县"
    assert str(read.inputs.network.path) == "数据/roads.osm"


@pytest.mark.parametrize(
    "written",
    [r'"data\roads.osm"', r'"data\\roads.osm"', r"'data\roads.osm'", '"data/roads.osm"'],
)
def test_backslashes_between_folders_are_slashes(tmp_path: Path, written: str) -> None:
    read = read_study_file(study(tmp_path, TEXT.replace('"数据/roads.osm"', written)))
    assert str(read.inputs.network.path) == "data/roads.osm"


def test_a_path_of_a_drive_is_kept(tmp_path: Path) -> None:
    read = read_study_file(study(tmp_path, TEXT.replace('"people.csv"', r'"C:\Users\人口\new.csv"')))
    assert str(read.inputs.population.path) == "C:/Users/人口/new.csv"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "', 'name ＝ "', "line 1 has the full-width sign ＝; expected ="),  # noqa: RUF001
        ('"测试县"', "“测试县”", 'line 1 has the full-width sign “; expected "'),
        ('people.csv", ', 'people.csv"， ', "line 4 has the full-width sign ，; expected ,"),  # noqa: RUF001
        ("[inputs]", "［inputs］", "line 2 has the full-width sign ［; expected \\["),  # noqa: RUF001
    ],
)
def test_a_full_width_sign_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=f"study.toml: not a TOML file: {said}"):
        read_study_file(study(tmp_path, TEXT.replace(old, new)))


def test_full_width_signs_inside_texts_stay(tmp_path: Path) -> None:
    text = TEXT.replace("测试县", "测试县，“试点”：一").replace("# 名称", "# 名称＝“县”")  # noqa: RUF001
    assert read_study_file(study(tmp_path, text)).name == "测试县，“试点”：一"  # noqa: RUF001


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("outlets =", "outlet =", r"inputs.outlet: unknown key; did you mean outlets\?"),
        ("network =", "roads =", r"inputs.roads: unknown key; did you mean network\?"),
        ("outlets =", '"网点" =', r"inputs.网点: unknown key; did you mean outlets\?"),
        ("outlets =", "网点 =", r"line 5 has 网点 outside quotes"),
        ("coordinates", "coordinate", r"inputs.population.coordinate: unknown key; did you mean coordinates\?"),
        ("[inputs]", 'banks = { path = "b.csv" }\n[inputs]', r"banks: unknown key; banks stands under inputs"),
        ("[inputs]", "zzz = 1\n[inputs]", r"zzz: unknown key; expected some of name, attribution"),
        (
            "[inputs]",
            "[standard]\ntown = { minutes = 3 }\n[inputs]",
            r"minutes: unknown key; did you mean walk_minutes\?",
        ),
        ("[inputs]", "[settlement]\nfrom = { colum = 'a' }\n[inputs]", r"colum: unknown key; did you mean column\?"),
    ],
)
def test_a_key_that_is_none_says_which_was_meant(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_study_file(study(tmp_path, TEXT.replace(old, new)))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[walking]\nspeed_m_s = true", r"walking.speed_m_s: found true; Input should be"),
        ("[standard]\nurban = { walk_minutes = true }", r"standard.urban.walk_minutes: found true; Input should be"),
        ("[siting]\nquotas = { bank = true }", r"siting.quotas: Input should be"),
        ("[siting]\ngenerate_spacing_m = false", r"siting.generate_spacing_m: found false; Input should be"),
        ("[standard]\nurban = { walk_minutes = 1e-9 }", r"rule limit is 6e-08; expected a number from 0.001"),
    ],
)
def test_a_flag_is_no_number_and_nothing_no_limit(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _ = read_study_file(study(tmp_path, TEXT.replace("[inputs]", f"{table}\n[inputs]"))).standard.standard


@pytest.mark.parametrize(
    ("name", "datum"),
    [
        *[(name, "GCJ-02") for name in ("gcj02", "GCJ 02", "高德", "高德坐标系", "火星坐标系", "腾讯地图", "Amap")],
        *[(name, "BD-09") for name in ("bd09", "BD09LL", "百度", "百度坐标系", "baidu")],
        *[(name, "WGS84") for name in ("wgs84", "WGS-84", "WGS 84", "ＷＧＳ８４", "EPSG:4326")],  # noqa: RUF001
        *[(name, "EPSG:4490") for name in ("CGCS2000", "2000国家大地坐标系")],
        ("EPSG:4547", "EPSG:4547"),
        ("mine", "mine"),
    ],
)
def test_datums_have_the_names_that_people_use(tmp_path: Path, name: str, datum: str) -> None:
    assert plain_datum(name) == datum
    read = read_study_file(study(tmp_path, TEXT.replace("WGS84", name)))
    assert read.inputs.population.coordinates == datum


def test_a_datum_has_its_own_name() -> None:
    assert [plain_datum(datum) for datum in DATUMS] == list(DATUMS)


def test_a_number_of_thousands_of_digits_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"study\.toml: not a TOML file"):
        read_study_file(study(tmp_path, "[walking]\nspeed_m_s = 1" + "0" * 5_000))


@pytest.mark.parametrize(
    "text",
    [
        "a." * 20_000 + "a = 1",
        '"a" . ' * 20_000 + "a = 1",
        "[" + "a." * 2_000 + "a]",
        "x = { " + "a." * 2_000 + "a = 1 }",
        "deep = " + "[" * 2_000 + "]" * 2_000,
        "deep = " + "{ a = " * 2_000 + "1" + "}" * 2_000,
    ],
)
def test_a_study_of_many_levels_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"study.toml: nested too deeply"):
        read_study_file(study(tmp_path, text))


def test_a_study_of_megabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"study.toml: 1.5 MB; expected a study"):
        read_study_file(study(tmp_path, "# " + "x" * 1_500_000))


class _WindowsPath(PureWindowsPath):
    """A path as Windows has it, with what is asked of one that is there."""

    def resolve(self) -> Self:
        return self


@pytest.mark.parametrize(
    ("path", "in_the_study", "in_the_manifest"),
    [
        (r"C:\数据\县\网点.csv", "网点.csv", "网点.csv"),
        (r"C:\数据\原始\银行.xlsx", "../原始/银行.xlsx", "../原始/银行.xlsx"),
        (r"C:\people.tif", "C:/people.tif", "C:/people.tif"),
        (r"D:\数据\县\people.tif", "D:/数据/县/people.tif", "D:/数据/县/people.tif"),
        (r"\\server\share\roads.osm.pbf", "//server/share/roads.osm.pbf", "//server/share/roads.osm.pbf"),
    ],
)
def test_paths_of_windows_are_told_with_slashes_and_across_drives_in_full(
    monkeypatch: pytest.MonkeyPatch, path: str, in_the_study: str, in_the_manifest: str
) -> None:
    folder = _WindowsPath(r"C:\数据\县")
    for module in (starting, manifest):
        monkeypatch.setattr(module, "Path", _WindowsPath)
        monkeypatch.setattr(module, "os", SimpleNamespace(path=ntpath))
    assert starting._relative(cast("Path", _WindowsPath(path)), cast("Path", folder)) == in_the_study
    assert manifest._relative(path, cast("Path", folder)) == in_the_manifest
