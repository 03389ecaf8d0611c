"""The planner's page on this computer: from files to map, what-if, proposal and pack in a browser."""
