"""`accessibility verify`: a run's headline and proposal, recomputed from its manifest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from accessibility.errors import UnknownSiteError
from accessibility.verification import Comparison, Verdict, verify_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from accessibility.coverage import Coverage
    from accessibility.runs.options import Options, Progress
    from accessibility.study import Study


def run_verify(folder: Path, options: Options, progress: Progress) -> Verdict:
    """Return whether what a run wrote follows from its inputs as they are now."""
    progress.start(1)
    progress.step("Measuring anew")
    return verify_run(folder, cache=options.cache, check_siting=_proposal)


def _proposal(study: Study, now: Coverage, siting: Mapping[str, Any]) -> Iterator[Comparison]:
    """Yield the people covered with the proposed sites open, walked anew, beside what the plan says."""
    found = None
    with suppress(UnknownSiteError):
        scenario = study.plan_scenario(siting.get("selected", ()), siting.get("closed", ()))
        found = study.coverage(scenario, walker=now.walker, standard=now.standard).covered_people
    yield Comparison(name="people covered by the proposal", told=siting.get("covered_people"), found=found)
