"""One folder per operation: `api` checks and dispatches, `reference` is the oracle, `cpu` and `triton` are fast."""
