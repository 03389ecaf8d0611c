"""From a checked ``study.toml`` to loaded, located inputs: one module an input, what they found beside it."""
