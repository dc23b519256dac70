"""LayerNorm and the modulation of its result, one shift and scale per sample."""
