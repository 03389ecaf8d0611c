"""The data dictionary, held against the files of a real run: no column without an entry, no entry without a column."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import layerworlds
import pandas as pd
import pyarrow.parquet as pq
import pytest

from accessibility.cli.console import Silence
from accessibility.cli.options import Options
from accessibility.cli.pack import run_site
from accessibility.measures.blackspots import ACTIONS
from accessibility.measures.tables import group_record, group_table
from accessibility.present.layers.files import GEOMETRY, write_csv
from accessibility.present.manifest import DICTIONARY_COLUMNS, data_dictionary
from accessibility.standards import Standard
from accessibility.study.proposing import Question
from accessibility.wording import _sentences

if TYPE_CHECKING:
    from pathlib import Path

CSV_TYPES = {"text": "OS", "integer": "i", "number": "fi"}
SQL_TYPES = {
    "TEXT": "text",
    "REAL": "number",
    "INTEGER": "integer",
    "BOOLEAN": "true/false",
    "POINT": "point",
    "MULTIPOLYGON": "multipolygon",
}
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "list": (list,),
    "object": (str, int, float, bool, list, dict),
}


@pytest.fixture(scope="module")
def folder(sample: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of the sample county, with a proposal and its GeoPackage."""
    out = tmp_path_factory.mktemp("run")
    run_site(sample, Question(budget=2.0), out, Options(workers=1, cache=cache), Silence())
    return out


def entries(file: str, layer: str = "") -> pd.DataFrame:
    table = data_dictionary()
    return table[(table["file"] == file) & (table["layer"] == layer)].set_index("column")


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, encoding="utf-8-sig")


def assert_filled(table: pd.DataFrame, said: pd.DataFrame, where: str) -> None:
    """Hold the columns that are never empty to that."""
    for column in said.index[said["empty"] == "never"]:
        assert not table[column].isna().any(), f"{where}: {column}"


@pytest.mark.parametrize("file", ["districts.csv", "sites.csv", "quality.csv"])
def test_csv_files_have_their_columns(file: str, folder: Path) -> None:
    table, said = read(folder / file), entries(file)
    assert table.columns.tolist() == said.index.tolist()
    for column, kind in said["type"].items():
        known = table[column].dropna()
        if len(known):
            expected = CSV_TYPES[kind] + ("bi" if kind == "number" else "")
            assert known.infer_objects().dtype.kind in expected or kind == "text", column
    assert_filled(table, said, file)


def test_people_have_their_columns_and_types(folder: Path) -> None:
    schema, said = pq.read_schema(folder / "demand.parquet"), entries("demand.parquet")
    assert schema.names == said.index.tolist()
    kinds = {"string": "text", "large_string": "text", "double": "number", "bool": "true/false", "binary": "point"}
    assert [kinds[str(t)] for t in schema.types] == said["type"].tolist()
    assert_filled(pq.read_table(folder / "demand.parquet").to_pandas(), said, "demand.parquet")


KEPT = "As the table of the input has it"


@pytest.mark.parametrize("layer", list(GEOMETRY))
def test_layers_have_their_columns_and_types(layer: str, folder: Path) -> None:
    table = read(folder / "dictionary.csv").fillna("")
    said = table[(table["file"] == "coverage.gpkg") & (table["layer"] == layer)].set_index("column")
    assert entries("coverage.gpkg", layer).index.tolist() == said.index[said["meaning"] != KEPT].tolist()
    with closing(sqlite3.connect(folder / "coverage.gpkg")) as file:
        columns = file.execute(f"PRAGMA table_info({layer})").fetchall()
        table = pd.read_sql_query(f"SELECT * FROM {layer}", file)  # noqa: S608
    assert [name for _, name, *_ in columns] == said.index.tolist()
    assert [SQL_TYPES[kind] for _, _, kind, *_ in columns] == said["type"].tolist()
    assert_filled(table, said, layer)
    assert len(table) > 0


def test_every_layer_is_there_and_no_other() -> None:
    table = data_dictionary()
    assert table.loc[table["file"] == "coverage.gpkg", "layer"].unique().tolist() == list(GEOMETRY)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Return the values of a manifest by the path of their key."""
    if not isinstance(value, dict):
        return {path: value}
    return {
        key: inner
        for name, part in value.items()
        for key, inner in leaves(part, f"{path}.{name}" if path else str(name)).items()
    }


def entry_of(path: str, said: pd.DataFrame) -> str | None:
    """Return the entry of a key: the one with the longest fixed text of those that match."""
    whole = [name for name in said.index if re.fullmatch(re.escape(name).replace(r"\*", ".+"), path)]
    return max(whole, key=lambda name: (len(name.replace("*", "")), name.count("."))) if whole else None


def test_manifests_have_their_keys(folder: Path) -> None:
    said = entries("manifest.json")
    found = leaves(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    used = set()
    groups = {"groups": {"60+": dict.fromkeys(group_record_columns(), 1.0)}}
    for path, value in {**leaves(groups), "siting": None, **found}.items():
        name = entry_of(path, said)
        assert name is not None, path
        used.add(name)
        if value is None:
            assert said.loc[name, "empty"] != "never", path
        else:
            assert isinstance(value, JSON_TYPES[str(said.loc[name, "type"])]), path
    assert used == set(said.index)


def group_record_columns() -> list[str]:
    now = layerworlds.county().coverage
    aged = replace(now, demand=replace(now.demand, groups={"60+": now.demand.population}))
    return list(group_record(group_table(aged, aged))["60+"])


def test_every_column_is_told_in_both_languages_and_nothing_is_told_twice() -> None:
    table = data_dictionary()
    assert table.columns.tolist() == list(DICTIONARY_COLUMNS)
    assert not table.duplicated(["file", "layer", "column"]).any()
    for column in ("meaning", "empty", "meaning_zh", "empty_zh", "type"):
        assert (table[column].str.len() > 0).all()
    numbers = table["type"] == "number"
    without = set(table.loc[numbers & (table["unit"] == ""), "column"])
    assert without == {"siting.objective", "siting.bound"}  # they count what the model does


def test_every_sentence_is_used() -> None:
    named = data_dictionary(Standard(rules={"{setting}": "3 km"}))
    told = data_dictionary(doubted=True, held=True, served=True, own=True)
    table = pd.concat([data_dictionary(), data_dictionary(tiled=True), told, named])
    used = set(table["meaning"]) | set(table["empty"]) | {KEPT}
    assert {entry["en"] for entry in _sentences("dictionary").values()} == used


def test_the_actions_are_told() -> None:
    table = data_dictionary()
    told = table.loc[table["column"] == "action", ["meaning", "meaning_zh"]].to_numpy().ravel().tolist()
    assert all(action in text for action in ACTIONS for text in told)


def test_the_dictionary_is_written_as_a_table(tmp_path: Path) -> None:
    write_csv(data_dictionary(), tmp_path / "dictionary.csv")
    found = read(tmp_path / "dictionary.csv").fillna("")
    assert found.astype(str).to_numpy().tolist() == data_dictionary().astype(str).to_numpy().tolist()
