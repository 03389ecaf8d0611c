"""What a run writes: tables, layers, manifest."""
