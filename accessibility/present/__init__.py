"""What planners see: maps, the report, layers, and the words, numbers and styles they share."""
