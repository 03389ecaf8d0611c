"""Where to open next: problems, models, solvers and proofs."""
