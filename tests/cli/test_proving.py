"""What a folder says of its proposal is proved from the inputs, for every model; a forged claim is refused by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import accessibility as acc
from accessibility.cli.proving import prove_told
from accessibility.cli.verification import ToldSiting
from accessibility.study.proposing import MODELS, Question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accessibility.study.proposing import SitingCase

REACH = "partial"


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


def test_each_models_claims_are_proved_and_each_false_one_is_refused(cases: dict[str, SitingCase]) -> None:
    for name, case in cases.items():
        told = case.record()
        proof = prove_told(case, ToldSiting.model_validate(told))
        assert not proof.wrong, (name, proof.wrong)
        assert "counted without a solver" in proof.proved[0]
        if name == "none":
            assert told["status"] == "infeasible"
            continue
        assert told["selected"], name
        assert told["bound_by"] == "solver" or f"({told['status']}), by" in proof.proved[1]
        for forged in forgeries(told):
            wrong = prove_told(case, ToldSiting.model_validate({**told, **forged}))
            assert wrong.wrong, (name, forged)
            assert not wrong.proved
