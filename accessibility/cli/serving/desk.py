"""`Desk`: the studies of a folder, opened once and asked often; what a page asks for is in its address alone."""

from __future__ import annotations

import re
import shutil
import threading
import tomllib
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.cli.comparing import run_compare
from accessibility.cli.fetching import run_fetch
from accessibility.cli.options import FetchOptions, Options, kept_draws
from accessibility.cli.pack import run_cover, run_site
from accessibility.cli.starting import Begun, begin_study, reconcile_study
from accessibility.errors import InputError
from accessibility.sources.files import passing_folder, sweep
from accessibility.study.answers import Answers
from accessibility.study.sample_county import sample_study
from accessibility.study.study import read_study
from accessibility.wording import Wording, day_text, message_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from accessibility.study.answers import Job
    from accessibility.study.study import Study
    from accessibility.study.views import View
    from accessibility.wording import Language

SAMPLE = "sample"
_STUDY, _PACKS = "study.toml", "packs"
_LONGEST = 60  # letters of a name
_NAME = re.compile(r"[^\w.-]+")


@dataclass
class Desk:
    """The studies of a folder, and the work that is done on them; nothing of a tab is kept here."""

    folder: Path  # where studies are written, each in a folder of its own
    first: Path | None = None  # a study elsewhere that was named on the command line
    language: Language = "en"  # of what is said
    basemap: bool = False  # whether maps load the tiles that a study names from the internet
    fetching: FetchOptions = field(default_factory=FetchOptions)  # who is asked for a place by its name, and for what
    _open: dict[str, Study] = field(default_factory=dict)
    _answers: dict[str, Answers] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        """Remove what killed programs left aside."""
        for folder in (self.folder, *self.folder.glob(f"*/{_PACKS}")):
            sweep(folder)

    def studies(self) -> dict[str, Path]:
        """Return the studies by key: the one named first, those of the folder, the sample."""
        own = {path.parent.name: path for path in sorted(self.folder.glob(f"*/{_STUDY}"))}
        if self.first is None or self.first.resolve() in [path.resolve() for path in own.values()]:
            return {**own, SAMPLE: sample_study()}
        return {_free(self.first.resolve().parent.name, {*own, SAMPLE}): self.first, **own, SAMPLE: sample_study()}

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
        path = self._file(key)
        with self._lock:
            if key not in self._open:
                self._open[key] = read_study(path, progress=None if progress is None else progress.step)
            return self._open[key]

    def _file(self, key: str) -> Path:
        path = self.studies().get(key)
        if path is None:
            msg = f"no study {key!r}; expected one of {', '.join(self.studies())}"
            raise InputError(msg)
        return path

    @contextmanager
    def draft(self) -> Iterator[Path]:
        """Yield an empty folder for a new study, which is gone at the end where `begin` has not put it in place."""
        with passing_folder(self.folder) as place:
            draft = place / "study"
            draft.mkdir()
            yield draft

    def begin(self, name: str, draft: Path, files: Sequence[str], progress: Job) -> tuple[str, Begun]:
        """Write a study from files in a draft and put it in place; return its key and what was recognised.

        What makes no study that can be read is not put in place, and has no key.
        """
        called = "".join(letter for letter in name if letter.isprintable()).strip()[:_LONGEST]
        begun = begin_study(draft, files, progress, language=self.language, name=called)
        if begun.error:
            return "", begun
        with self._lock:
            key = self.free_key(name)
            draft.rename(self.folder / key)
        return key, begun

    def fetch(self, place: str, progress: Job) -> tuple[str, Begun]:
        """Fetch a place by its name from the servers of the internet; return its key and what came from where."""
        say = Wording("console", self.language)
        with self.draft() as draft:
            facts = run_fetch(place, draft, replace(self.fetching, language=self.language), progress)
            with self._lock:
                key = self.free_key(place)
                draft.rename(self.folder / key)
        lines = [say("fetched", **{name: facts[name] for name in ("place", "outlets", "banks")})]
        for name, origin in facts["sources"].items():
            told = {part: message_text(text, self.language) for part, text in origin.items()}
            lines.append(say("fetched_from", **{**told, "file": name}))
        notes = tuple(message_text(note, self.language) for note in facts["notes"])
        return key, Begun(path=self.folder / key / _STUDY, lines=tuple(lines), warnings=notes)

    def reconcile(self, key: str, progress: Job, *, on: bool) -> Begun:
        """Multiply the people of a study that was begun here to the official totals of districts, or take that back.

        Raises
        ------
        InputError
            No study of that key in the folder, or one that cannot be read so: it stays as it was.
        """
        own = [known for known, path in self.studies().items() if path.parent.parent == self.folder]
        if key not in own:
            msg = f"no study {key!r}; expected one of {', '.join(own)}"
            raise InputError(msg)
        path = self.folder / key / _STUDY
        with self._lock:
            begun = reconcile_study(path, progress, on=on, language=self.language)
            for known in (self._open, self._answers):
                known.pop(key, None)
        return begun

    def free_key(self, name: str) -> str:
        """Return a name for a folder that is not there yet: nothing is written over. One without a name has its day."""
        unnamed = f"{Wording('page', self.language)('unnamed')}-{day_text()}"
        return _free(_plain(name) or unnamed, {*self.studies(), *(path.name for path in self.folder.glob("*"))})

    def answers(self, key: str, progress: Job | None = None) -> Answers:
        """Return what answers the page of a study."""
        study = self.study(key, progress)
        with self._lock:
            if key not in self._answers:
                file = self._file(key).with_name("scenarios.toml")
                known = Answers(study, keep=kept_draws(Options()), basemap=self.basemap, scenario_file=file)
                self._answers[key] = known
            return self._answers[key]

    def pack(self, key: str, view: View, progress: Job, scenarios: str = "") -> Path:
        """Write the pack of a study, or of scenarios of it, into a folder of its own and return it, packed.

        Scenarios are TOML, as the command line reads them from a file.

        Raises
        ------
        InputError
            No study of that key: no folder is made of it.
        """
        path = self._file(key)
        packs = self._packs(key)
        options = Options(language=view.language, uncertainty=view.sure, overwrite=True)
        with passing_folder(packs) as out, passing_folder(packs) as aside:
            if scenarios:
                tried = out / "scenarios.toml"
                tried.write_text(scenarios, encoding="utf-8")
                run_compare(path, tried, out, replace(options, layers=True), progress)
            elif view.question is None:
                run_cover(path, out, options, progress)
            else:
                run_site(path, view.question, out, options, progress)
            packed = Path(shutil.make_archive(str(aside / "pack"), "zip", out))
            with self._lock:  # two that end together are two packs
                number = next(n for n in range(1, 10_000) if not list(packs.glob(f"{n}*")))
                out.rename(packs / f"{number}")
                return packed.replace(packs / f"{number}.zip")


def _plain(name: str) -> str:
    return _NAME.sub("-", name).strip("-.")[:_LONGEST]


def _free(name: str, taken: set[str]) -> str:
    plain = _plain(name) or day_text()
    return next(k for n in range(1, 10_000) if (k := plain if n == 1 else f"{plain}-{n}") not in taken)


def _name_of(path: Path) -> str:
    """Return the name that a study gives itself; empty where its file cannot be read, which opening it will say."""
    try:
        return str(tomllib.loads(path.read_text("utf-8-sig")).get("name") or "")
    except (OSError, ValueError):
        return ""
