"""The campaign of proofs: every model against every plan there is, `python tests/campaign/proofs.py --questions 5000`.

With `--alone` the solvers go without the look at every plan that small questions get: what is tried is the search and
the solver's word. A question may end right; with a false optimum, a false infeasible or an infeasible one not seen;
with a proof lost; refused by `verify_plan`; or with an error.

On 29 November 2026, with `--alone`, seeds 0 to 4,999 all ended right for each of the eight models: 40,000 questions in
about 880 s of CPU; a day later so did seeds 20,000 to 21,499 and 60,000 to 61,499, another 24,000, but for one max-min,
61,111, that lost its proof to a hamlet of one (`test_max_min` holds it now). Before that two p-centers of 2,200, seeds
171 and 261, had evidence that was refused; `test_truth` holds them now.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from provingworlds import MODELS, Drawn, draw_question, find_truth, objective_of

from accessibility.errors import InfeasibleError, UnprovenError
from accessibility.siting import enumeration, verify_plan

_NEAR = 2e-9


def judge(drawn: Drawn, model: str) -> str:
    """Return how a question ended."""
    truth = find_truth(drawn, model)
    try:
        plan = drawn.solve(model)
    except InfeasibleError:
        return "false infeasible" if truth.feasible else "right"
    except Exception as error:  # noqa: BLE001 -- an error is a row of the table
        return f"{type(error).__name__}: {str(error)[:80]}"
    if plan.status == "infeasible":
        found = "false infeasible" if truth.feasible else "right"
    elif not truth.feasible:
        found = "infeasible not seen"
    else:
        best = objective_of(drawn, model, truth)
        same = abs(plan.objective - best) <= _NEAR * abs(best)
        ends = {("optimal", True): "right", ("optimal", False): "false optimum", ("feasible", True): "proof lost"}
        found = ends.get((plan.status, same), "worse, unproven")
    try:
        verify_plan(drawn.problem, plan)
    except UnprovenError as error:
        return f"refused: {str(error)[:80]}" if found == "right" else found
    return found


def run_proofs(seeds: range, models: tuple[str, ...] = MODELS) -> int:
    """Print a line for each model as it ends; return how many questions did not end right."""
    wrong = 0
    for model in models:
        begun, ends, first = time.monotonic(), Counter[str](), dict[str, int]()
        for seed in seeds:
            end = judge(draw_question(seed), model)
            ends[end] += 1
            first.setdefault(end, seed)
        wrong += len(seeds) - ends["right"]
        told = ", ".join(f"{count} {end} (first {first[end]})" for end, count in ends.items() if end != "right")
        took = f"{time.monotonic() - begun:.0f} s"
        print(f"{model:<11} {len(seeds):>6,} questions, {ends['right']:>6,} right, {took:>7} {told}", flush=True)
    return wrong


def main() -> int:
    """Run the campaign; return 1 where anything ended wrong."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--questions", type=int, default=5_000)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--alone", action="store_true")
    ask.add_argument("models", nargs="*", default=MODELS)
    given = ask.parse_args()
    if given.alone:
        enumeration.FEW = (0, 0.0)
    return int(run_proofs(range(given.seed, given.seed + given.questions), tuple(given.models)) > 0)


if __name__ == "__main__":
    sys.exit(main())
