"""A residual branch through a gate, one per sample."""
