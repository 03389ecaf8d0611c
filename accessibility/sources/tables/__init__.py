"""Tables: people, outlets, bank branches, candidates."""
