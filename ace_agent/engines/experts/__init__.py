"""Experts: exact operators and small specialists that work on a picture of any size, without a model of pictures."""
