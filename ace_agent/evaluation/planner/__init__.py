"""Scoring planners on requests whose right plans are known."""
