"""Add a residual branch through a per-sample gate."""
