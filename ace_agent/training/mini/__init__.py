"""Trains ace-mini on the scene world."""
