"""LayerNorm followed by a per-sample shift and scale."""
