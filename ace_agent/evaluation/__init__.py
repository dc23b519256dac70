"""Metrics, trivial baselines, the scene reader, the benchmark and the model card."""
