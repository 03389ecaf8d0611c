"""Areas: whom a site serves, where uncovered people live together, and the walking time everywhere."""
