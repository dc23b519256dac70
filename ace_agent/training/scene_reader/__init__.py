"""Trains the scene reader that the benchmark judges with, and measures it."""
