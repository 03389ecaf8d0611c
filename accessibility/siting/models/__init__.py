"""The models: each a question with its solver, as the paper it comes from poses it."""
