"""Every error the package raises.

A message says what was found, where (file, row or feature, with a count), and what was expected.
"""

from accessibility.controls import one_line


class AccessibilityError(Exception):
    """Base of all errors of this package."""

    def __str__(self) -> str:
        """Return the message on one line, with what a terminal would obey spelt out: names come from files."""
        return one_line(super().__str__())


class InputError(AccessibilityError, ValueError):
    """An input does not meet its contract."""


class CallError(InputError, TypeError):
    """A public function is called with an argument too many or too few: to Python a ``TypeError``, too."""


class UnknownSiteError(InputError, KeyError):
    """A site id that is not in the study."""

    def __str__(self) -> str:
        """Return the message as written: ``KeyError`` alone would quote it."""
        return one_line(str(self.args[0])) if self.args else ""


class OutputError(AccessibilityError, OSError):
    """A result could not be written; files already there are untouched."""


class InfeasibleError(AccessibilityError, RuntimeError):
    """No plan meets the conditions."""


class UnprovenError(AccessibilityError, RuntimeError):
    """A plan does not hold what it claims."""


class SolverError(AccessibilityError, RuntimeError):
    """A solver contradicts what is known: a fault of its own, and no status of a plan."""


class AccessibilityWarning(UserWarning):
    """Something in values given in memory that somebody should look at; files tell it as findings."""
