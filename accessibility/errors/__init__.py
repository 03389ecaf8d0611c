"""Every error the package raises.

A message says what was found, where (file, row or feature, with a count), and what was expected.
"""

from __future__ import annotations

import re


class AccessibilityError(Exception):
    """Base of all errors of this package.

    Examples
    --------
    >>> import accessibility as acc
    >>> try:
    ...     acc.Rule.walk(0)
    ... except acc.AccessibilityError as error:
    ...     print(error)
    rule limit is 0.0; expected a positive, finite number
    """

    def __str__(self) -> str:
        """Return the message on one line, with what a terminal would obey spelt out: names come from files."""
        return one_line(super().__str__())


class InputError(AccessibilityError, ValueError):
    """An input does not meet its contract; the message says what was found, where, and what was expected.

    Examples
    --------
    >>> import accessibility as acc
    >>> try:
    ...     acc.Walker(speed_m_s=4.8)
    ... except acc.InputError as error:
    ...     print(error)
    walking speed is 4.8 m/s; expected 0.3 to 3 m/s (is it in km/h?)
    """


class CallError(InputError, TypeError):
    """A public function is called with an argument too many or too few: to Python a ``TypeError``, too."""


class UnknownSiteError(InputError, KeyError):
    """A site id that is not in the study; the message offers the closest ones.

    Examples
    --------
    >>> import accessibility as acc
    >>> sites = acc.Sites(ids=["B017"], xy=[(0, 0)], crs="EPSG:32649")
    >>> try:
    ...     sites.rows(["B17"])
    ... except acc.UnknownSiteError as error:
    ...     print(error)
    no site has the id 'B17' among 1 sites; did you mean B017?
    """

    def __str__(self) -> str:
        """Return the message as written: ``KeyError`` alone would quote it."""
        return one_line(str(self.args[0])) if self.args else ""


class OutputError(AccessibilityError, OSError):
    """A result could not be written; files already there are untouched.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import accessibility as acc
    >>> with TemporaryDirectory() as folder:
    ...     (Path(folder) / "taken").touch()
    ...     try:
    ...         acc.write_scenarios([], Path(folder) / "taken" / "scenarios.toml")
    ...     except acc.OutputError:
    ...         print("no folder of that name can be made")
    no folder of that name can be made
    """


class InfeasibleError(AccessibilityError, RuntimeError):
    """No plan meets the conditions; the message says why, and by how much.

    Examples
    --------
    No site reaches the second demand point, whose people walk for ever:

    >>> import accessibility as acc
    >>> from accessibility.siting import Problem, solve_p_median
    >>> problem = Problem.from_costs([[1.0, float("inf")]], people=[5, 4], cutoff=2)
    >>> try:
    ...     solve_p_median(problem, sites=1)
    ... except acc.InfeasibleError:
    ...     print("nobody reaches the second point")
    nobody reaches the second point
    """


class UnprovenError(AccessibilityError, RuntimeError):
    """A plan does not hold what it claims.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import accessibility as acc
    >>> from accessibility.siting import Problem, solve_mclp, verify_plan
    >>> problem = Problem.from_costs([[1, 9], [9, 1]], people=[5, 4], cutoff=2)
    >>> plan = solve_mclp(problem, sites=1)
    >>> try:
    ...     verify_plan(problem, replace(plan, objective=9.0))
    ... except acc.UnprovenError:
    ...     print("one site covers 5 people and not 9")
    one site covers 5 people and not 9
    """


class SolverError(AccessibilityError, RuntimeError):
    """A solver contradicts what is known: a fault of its own, and no status of a plan."""


class AccessibilityWarning(UserWarning):
    """Something in values given in memory that somebody should look at; files tell it as findings.

    Examples
    --------
    >>> import warnings
    >>> import networkx
    >>> import accessibility as acc
    >>> graph = networkx.Graph(crs="EPSG:32649")
    >>> graph.add_node(1, x=5e5, y=34e5)
    >>> graph.add_node(2, x=501e3, y=34e5)
    >>> graph.add_edge(1, 2, length=1000.0)
    >>> with warnings.catch_warnings(record=True, action="always") as told:
    ...     network = acc.Network.from_networkx(graph)
    >>> [warning.category.__name__ for warning in told]
    ['AccessibilityWarning']
    """


OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys and what turns the reading order around: C0, DEL and C1, Unicode's bidirectional controls."""


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey, or what turns the reading order around, spelt out.

    Tabulators and line feeds stay.

    Examples
    --------
    >>> visible("Town \x1b[31mHall"), visible("safe\u202egnp.exe")
    ('Town \\x1b[31mHall', 'safe\\u202egnp.exe')
    """
    return OBEYED.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 0x100 else f"\\u{ord(m[0]):04x}", text)  # noqa: PLR2004


def one_line(text: str) -> str:
    r"""Return `text` on one line of signs that can be seen: every other is spelt out.

    Examples
    --------
    >>> one_line("Town\tHall\nx\ufeff")
    'Town\\tHall\\nx\\ufeff'
    """
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
