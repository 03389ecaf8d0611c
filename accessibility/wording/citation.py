"""How the program is cited."""

from __future__ import annotations

from typing import Literal

from accessibility.errors.arguments import checked

TITLE = "outlet-accessibility: who lives within a walk of a service outlet, and where the next one should open"
AUTHORS = "The outlet-accessibility authors"


@checked
def cite(form: Literal["text", "bibtex"] = "text") -> str:
    """Return how the program is cited, with its version; `Study.attribution` names the sources of its data.

    Parameters
    ----------
    form
        ``text``, or ``bibtex`` for a bibliography.

    Returns
    -------
    str
        The citation.

    Raises
    ------
    InputError
        Another form.

    Examples
    --------
    >>> import accessibility as acc
    >>> acc.cite().startswith("The outlet-accessibility authors"), acc.cite("bibtex").splitlines()[0]
    (True, '@software{outlet_accessibility,')
    """
    import accessibility  # noqa: PLC0415 -- the version stands at the package's door

    version = accessibility.__version__
    if form == "text":
        return f"{AUTHORS}. {TITLE}. Version {version}."
    given = {"author": f"{{{AUTHORS}}}", "title": f"{{{TITLE}}}", "version": version, "license": "MIT"}
    fields = "".join(f"  {name} = {{{value}}},\n" for name, value in given.items())
    return f"@software{{outlet_accessibility,\n{fields}}}"
