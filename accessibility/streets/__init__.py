"""Streets, whatever file, table or graph they come from: who may walk where."""
