"""The command line: what each command does, what it writes, and what it says."""

from accessibility.cli.commands import app, main  # noqa: F401 -- the entry point of the installed command
