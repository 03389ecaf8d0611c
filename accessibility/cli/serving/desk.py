"""`Desk`: the studies of a folder, opened once and asked often; what a page asks for is in its address alone."""

from __future__ import annotations

import re
import shutil
import threading
import tomllib
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from accessibility.cli.options import Options, kept_draws
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.serving.views import Gauge, Narrowed, View, tried_in
from accessibility.cli.starting import begin_study
from accessibility.errors import InputError
from accessibility.present.map.coverage_map import Proposal
from accessibility.study.county import sample_file
from accessibility.study.mapping import MapOptions, draw_study
from accessibility.study.study import read_study
from accessibility.wording import day_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from accessibility.cli.starting import Begun
    from accessibility.study.study import Study
    from accessibility.uncertainty import Uncertainty
    from accessibility.wording import Language

SAMPLE = "sample"
_STUDY, _INPUTS, _PACKS = "study.toml", "inputs", "packs"
_KEPT_PAGES = 12
_NAME = re.compile(r"[^\w.-]+")


class CancelledError(Exception):
    """Somebody who waited for a piece of work waits no longer."""


@dataclass
class Job:
    """How far a piece of work is, for a page that asks again and again, and may ask no longer."""

    steps: int = 1
    done: int = 0
    text: str = ""
    state: Literal["working", "done", "failed", "cancelled"] = "working"
    result: Any = None
    wanted: bool = True
    part_of: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End."""

    def start(self, steps: int) -> None:
        """Say how many steps there will be."""
        self.steps = max(steps, 1)

    def step(self, text: str) -> None:
        """Say which step begins; none does where the work is not wanted any more."""
        if not self.wanted:
            raise CancelledError
        self.done, self.text, self.part_of = self.done + 1, text, None

    def cancel(self) -> None:
        """End the work before its next step."""
        self.wanted = False

    def part(self, done: int, whole: int) -> None:
        """Say how far the step is that has begun; it ends where the work is not wanted any more."""
        if not self.wanted:
            raise CancelledError
        self.part_of = (done, whole)


@dataclass
class Desk:
    """The studies of a folder, and the work that is done on them; nothing of a tab is kept here.

    Parameters
    ----------
    folder
        Where studies are written, each in a folder of its own.
    first
        A study elsewhere that was named on the command line.
    language
        Of what is said.
    """

    folder: Path
    first: Path | None = None
    language: Language = "en"
    _open: dict[str, Study] = field(default_factory=dict)
    _sure: dict[str, Uncertainty] = field(default_factory=dict)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _pages: OrderedDict[tuple[str, View], str] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def studies(self) -> dict[str, Path]:
        """Return the studies by key: the one named first, those of the folder, the sample."""
        own = {path.parent.name: path for path in sorted(self.folder.glob(f"*/{_STUDY}"))}
        if self.first is None or self.first.resolve() in [path.resolve() for path in own.values()]:
            return {**own, SAMPLE: sample_file()}
        return {_free(self.first.resolve().parent.name, {*own, SAMPLE}): self.first, **own, SAMPLE: sample_file()}

    def names(self) -> dict[str, str]:
        """Return the name of each study, by key; those of one name bear their key, too."""
        named = {key: _name_of(path) or key for key, path in self.studies().items()}
        count = Counter(named.values())
        return {key: name if count[name] == 1 else f"{name} ({key})" for key, name in named.items()}

    def runs(self, key: str) -> dict[int, Path]:
        """Return the packs that were written for a study, by number, the last one first."""
        found = {int(path.stem): path for path in self._packs(key).glob("*.zip") if path.stem.isdecimal()}
        return dict(sorted(found.items(), reverse=True))

    def _packs(self, key: str) -> Path:
        return self.folder / key / _PACKS

    def study(self, key: str, progress: Job | None = None) -> Study:
        """Return a study, read once.

        Raises
        ------
        InputError
            No study of that key, or one that cannot be read.
        """
        path = self.studies().get(key)
        if path is None:
            msg = f"no study {key!r}; expected one of {', '.join(self.studies())}"
            raise InputError(msg)
        with self._lock:
            if key not in self._open:
                self._open[key] = read_study(path, progress=None if progress is None else progress.step)
            return self._open[key]

    def begin(self, key: str, files: Sequence[str], progress: Job) -> Begun:
        """Write a study from files that stand in its folder; return what was recognised.

        The folder goes again where the files are not recognised.
        """
        folder = self.folder / key
        try:
            return begin_study(folder, files, progress, language=self.language)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def free_key(self, name: str) -> str:
        """Return a name for a folder that is not there yet: nothing is written over."""
        return _free(name, {*self.studies(), *(path.name for path in self.folder.glob("*"))})

    def inputs(self, key: str) -> Path:
        """Return where the files of a new study are kept."""
        return self.folder / key / _INPUTS

    def page(self, key: str, view: View, progress: Job) -> str:
        """Return the map of a study as a page; the same view is drawn once."""
        with self._lock:
            known = self._pages.get((key, view))
        if known is not None:
            return known
        drawn = self._drawn(key, view, progress)
        with self._lock:
            self._pages[key, view] = drawn
            while len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
        return drawn

    def _drawn(self, key: str, view: View, progress: Job) -> str:
        study = self.study(key, progress)
        tried = bool(view.added or view.moved)
        shown: Any = tried_in(study, view) if tried else study.coverage()
        plan = None
        if view.question is not None:
            progress.step("Proposal")
            found = study.site(budget=view.budget, sites=view.sites)
            plan = Proposal(plan=found, cost_unit=study.settings.siting.cost_unit)
        options = MapOptions(date=day_text(), language=view.language)
        if view.sure:
            today = self._drawn_often(key, study, progress)
            options = replace(options, sure=today)
            if tried:
                progress.step("Drawing the inputs with their errors")
                then = replace(today, trying=replace(today.trying, tell=progress.part)).under(shown.scenario)
                options = replace(options, sure=then, gain=then.over(today))
        progress.step("Map")
        return str(draw_study(study, shown, plan, options).get_root().render())

    def _drawn_often(self, key: str, study: Study, progress: Job) -> Uncertainty:
        """Return how sure today's headline is, drawn once; what is kept of it tells nobody any more."""
        if key not in self._sure:
            progress.step("Drawing the inputs with their errors")
            sure = study.uncertainty(keep=kept_draws(Options()), tell=progress.part)
            self._sure[key] = replace(sure, trying=replace(sure.trying, tell=None))
        return self._sure[key]

    def figure(self, key: str, view: View, narrowed: Narrowed) -> dict[str, float]:
        """Return how many people are counted, and how many of them the sites of a view cover: what a drag is told."""
        study = self.study(key)
        with self._lock:
            gauge = self._gauges.setdefault(key, Gauge(study))
        return gauge.read(view, narrowed)

    def pack(self, key: str, view: View, progress: Job) -> Path:
        """Write the pack of a study into a folder of its own and return it, packed."""
        packs = self._packs(key)
        packs.mkdir(parents=True, exist_ok=True)
        number = next(n for n in range(1, 10_000) if not list(packs.glob(f"{n}*")))
        out = packs / str(number)
        options = Options(language=view.language, uncertainty=view.sure)
        path = self.studies()[key]
        if view.question is None:
            run_cover(path, out, options, progress)
        else:
            run_site(path, view.question, out, options, progress)
        return Path(shutil.make_archive(str(out), "zip", out))


def _free(name: str, taken: set[str]) -> str:
    plain = _NAME.sub("-", name).strip("-.")[:60] or day_text()
    return next(k for n in range(1, 10_000) if (k := plain if n == 1 else f"{plain}-{n}") not in taken)


def _name_of(path: Path) -> str:
    """Return the name that a study gives itself; empty where its file cannot be read, which opening it will say."""
    try:
        return str(tomllib.loads(path.read_text("utf-8-sig")).get("name") or "")
    except (OSError, ValueError):
        return ""


def in_background(work: Callable[[Job], Any]) -> Job:
    """Begin a piece of work in a thread and return how far it is; an error of the inputs is its result."""
    job = Job()

    def run() -> None:
        try:
            job.result = work(job)
            job.state = "done"
        except CancelledError:
            job.state = "cancelled"
        except (InputError, OSError) as error:
            job.result, job.state = str(error), "failed"
        except Exception as error:  # noqa: BLE001 -- the page says so, the server goes on
            job.result, job.state = f"{type(error).__name__}: {error}", "failed"

    threading.Thread(target=run, daemon=True).start()
    return job
