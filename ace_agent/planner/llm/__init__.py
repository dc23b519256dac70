"""Planners that ask a language model: the embedded one, or any chat model."""
