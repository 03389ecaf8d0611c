"""A study.toml to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.errors import InputError
from accessibility.sources.files import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from accessibility.wording import Language

_TEMPLATES = Path(__file__).parents[1] / "present" / "templates"
_TEMPLATE_OF: Mapping[Language, str] = {"en": "study.toml", "zh": "study.zh.toml"}


def new_study(folder: Path, language: Language = "en") -> Path:
    """Write a commented study.toml into a folder; an existing one stays as it is.

    Parameters
    ----------
    folder
        The folder; it is made where there is none.
    language
        Of the comments: ``en`` or ``zh``.

    Returns
    -------
    pathlib.Path
        The ``study.toml``.

    Raises
    ------
    InputError
        A study.toml is there already.
    OutputError
        The file cannot be written.

    Examples
    --------
    >>> from accessibility.cli.runs import new_study
    >>> new_study(folder / "mine").name
    'study.toml'
    """
    path = unwritten_study(folder)
    write_text(path, study_template(language))
    return path


def unwritten_study(folder: Path) -> Path:
    """Return where the study of a folder will stand; a study that is there already is an InputError."""
    path = folder / "study.toml"
    if path.exists():
        msg = f"{path} exists; expected a folder without a study"
        raise InputError(msg)
    return path


def study_template(language: Language) -> str:
    """Return the commented study.toml to fill in."""
    return (_TEMPLATES / _TEMPLATE_OF[language]).read_text(encoding="utf-8")
