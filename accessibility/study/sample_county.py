"""The sample county: where its files lie, and its study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from accessibility.errors import InputError, checked
from accessibility.study.study import read_study

if TYPE_CHECKING:
    from accessibility.study.study import Study

_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "sample", _PACKAGE.parent / "data" / "sample")  # of an installed package, of a clone


def sample_study() -> Path:
    """Return the study file of the sample county.

    Returns
    -------
    pathlib.Path
        The ``study.toml``.

    Raises
    ------
    InputError
        It lies in none of the places where it is looked for.

    Examples
    --------
    >>> from accessibility.cli.runs import sample_study
    >>> sample_study().name
    'study.toml'
    """
    for folder in _PLACES:
        if (folder / "study.toml").is_file():
            return folder / "study.toml"
    looked = " and ".join(str(folder) for folder in _PLACES)
    msg = f"the sample county is not there: looked for its study.toml in {looked}; expected it in one of them"
    raise InputError(msg)


@checked
def sample(*, cache: Path | None = None) -> Study:
    """Return the study of a fictional county that comes with the package, to try things on.

    Parameters
    ----------
    cache
        Folder for parsed networks; the user's cache folder where not given.

    Returns
    -------
    Study
        150,000 people in towns and villages, outlets, bank branches and candidates.

    Examples
    --------
    >>> import accessibility as acc
    >>> study = acc.sample()
    >>> study.name, float(study.demand.population.sum().round())
    ('Sample county', 149923.0)
    """
    return read_study(sample_study(), cache=cache)
