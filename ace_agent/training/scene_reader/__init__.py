"""Trains and measures the benchmark's scene reader."""
