"""What is measured of people, sites and streets: coverage, catchments, tables, areas, explanations."""
