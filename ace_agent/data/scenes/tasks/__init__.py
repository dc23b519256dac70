"""Generators of training turns, one module for each family of tasks."""
