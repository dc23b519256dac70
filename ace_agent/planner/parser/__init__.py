"""The plan parser: a small transformer that reads a request beside its pictures and writes a plan as tokens."""
