"""The command line: what each command does, what it writes, and what it says."""
