"""One folder an operation: `api` checks and chooses, `reference` is the oracle, `triton` and `cpu` are fast."""
