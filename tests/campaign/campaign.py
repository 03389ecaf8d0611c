"""Everything at once, before a release: `make campaign`, about an hour on two cores."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from determinism import run_determinism
from faults import run_faults
from folders import run_folders
from inputs import run_inputs
from texts import run_texts


def main() -> int:
    """Run the campaign and print its table; return 1 where anything failed."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--inputs", type=int, default=10_000)
    ask.add_argument("--kills", type=int, default=500)
    ask.add_argument("--texts", type=int, default=100)
    ask.add_argument("--forgeries", type=int, default=900)
    ask.add_argument("--seed", type=int, default=1)
    given = ask.parse_args()
    faults = run_faults(given.kills, given.seed)  # first: it forks, before anything has threads
    print(faults.text(), flush=True)
    same, texts = run_determinism(given.seed), run_texts(given.texts, given.seed)
    folders = run_folders(given.forgeries, seed=given.seed)
    print(f"{same.text()}\n{texts.text()}\n{folders.text()}", flush=True)
    inputs = run_inputs(range(given.seed, given.seed + given.inputs))
    print(inputs.text())
    parts = (faults, same, texts, folders, inputs)
    return int(any(part.failures for part in parts))


if __name__ == "__main__":
    sys.exit(main())
