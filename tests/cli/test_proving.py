"""What a folder says of its proposal is proved from the inputs, for every model; a forged claim is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import accessibility as acc
from accessibility.cli.proving import PROOF, prove_told, write_proof
from accessibility.cli.verification import RecordedSiting
from accessibility.siting.plan import Prices
from accessibility.study.proposing import MODELS, Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accessibility.study.proposing import SitingCase

REACH = "partial"
NO_LINES: dict[str, Any] = {"start": [0], "row": [], "value": []}


@pytest.fixture
def cases(town: Path, cache: Path) -> dict[str, SitingCase]:
    """Return a proposal by each model."""
    study = acc.read_study(town, cache=cache)
    asked: dict[str, dict[str, Any]] = {name: {"model": name, "budget": 1.0} for name in MODELS}
    asked |= {REACH: {"reach": 0.6}, "lscp": {"model": "lscp"}, "none": {"budget": 0.0, "floor": 1.0}}
    return {name: study.siting_case(Question(**question)) for name, question in asked.items()}


def forgeries(told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield false claims of each field."""
    for name in ("objective", "bound", "cost", "covered_people"):
        yield {name: told[name] * 1.01 + 0.01}
        yield {name: told[name] * 0.99 - 0.01}
        yield {name: None}
    yield {"gap": 0.01}
    yield {"objective": told["objective"] * 0.9, "bound": told["objective"] * 0.9}
    yield {"status": "feasible"}
    yield {"status": "feasible", "ended_by": "time"}
    yield {"status": "infeasible"}
    yield {"status": "infeasible", "message": "no plan does that"}
    yield {"selected": ["nowhere"]}
    yield {"selected": []}
    yield {"selected": told["selected"] * 2}
    yield {"closed": told["selected"]}
    yield {"closed": ["nowhere"]}
    yield {"ended_by": "work"}
    yield {"model": "p-center" if told["model"] != "p-center" else "mclp"}
    yield {"bound_by": "certificate" if told["bound_by"] != "certificate" else "enumeration", "bound": 1e6}


def spoilt(told: dict[str, Any]) -> Iterator[Any]:
    """Yield what is no evidence for the same bound."""
    yield []
    yield {}
    yield {**told, "multipliers": "all"}
    yield {**told, "multipliers": [0.5]}
    yield {**told, "prices": {**told["prices"], "site": -1.0}}
    yield {**told, "prices": {**told["prices"], "unheard": 1.0}}
    yield {**told, "prices": {**told["prices"], "apart": [[["nowhere"], 1.0]]}}
    yield {**told, "trees": [{}]}
    yield {**told, "trees": [*told["trees"], {"split": [-1], "rows": 0, "price": NO_LINES, "halves": NO_LINES}]}
    yield {**told, "short_people": {"nowhere": 5.0}}
    if told["multipliers"] is not None:
        yield {**told, "multipliers": [-1.0] * len(told["multipliers"])}
        yield {**told, "multipliers": told["multipliers"][1:]}


def needed(told: dict[str, Any], by: str) -> Iterator[dict[str, Any]]:
    """Yield the evidence without what the bound rests on."""
    if by == "certificate":
        yield {**told, "multipliers": None}
    if by == "tree":
        yield {**told, "trees": []}
        first = told["trees"][0]
        yield {**told, "trees": [{**first, "split": first["split"][1:]}, *told["trees"][1:]]}


def test_the_folder_holds_the_evidence_for_each_models_bound(cases: dict[str, SitingCase], tmp_path: Path) -> None:
    by = set()
    for name, case in cases.items():
        told, bare = RecordedSiting.model_validate(case.record()), replace(case.plan, multipliers=None, trees=())
        write_proof(case.plan, tmp_path / PROOF)
        evidence = json.loads((tmp_path / PROOF).read_text(encoding="utf-8"))
        # The plan that the repeated run found is of no use: what is proved, the folder proves.
        alone = replace(case, plan=replace(bare, prices=Prices()))
        proof = prove_told(case, told, tmp_path)
        assert not proof.wrong, (name, proof.wrong)
        by.add(case.plan.bound_by)
        if case.plan.bound_by in ("certificate", "tree") and case.plan.status != "infeasible":
            assert "which the folder holds" in proof.proved[1]
            assert prove_told(alone, told).wrong
            assert prove_told(alone, told, tmp_path) == proof
        for false in (*spoilt(evidence), *needed(evidence, case.plan.bound_by)):
            (tmp_path / PROOF).write_text(json.dumps(false), encoding="utf-8")
            wrong = prove_told(case, told, tmp_path).wrong
            assert [text for text in wrong if text.startswith(PROOF)], (name, false)
        (tmp_path / PROOF).unlink()
        assert prove_told(case, told, tmp_path).wrong
    assert by >= {"certificate"}


def test_each_models_claims_are_proved_and_each_false_one_is_refused(cases: dict[str, SitingCase]) -> None:
    for name, case in cases.items():
        told = case.record()
        proof = prove_told(case, RecordedSiting.model_validate(told))
        assert not proof.wrong, (name, proof.wrong)
        assert "counted without a solver" in proof.proved[0]
        if name == "none":
            assert told["status"] == "infeasible"
            continue
        assert told["selected"], name
        assert told["bound_by"] == "solver" or f"({told['status']}), by" in proof.proved[1]
        for forged in forgeries(told):
            wrong = prove_told(case, RecordedSiting.model_validate({**told, **forged}))
            assert wrong.wrong, (name, forged)
            assert not wrong.proved
