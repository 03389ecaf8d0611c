"""Streets and places asked of servers."""
