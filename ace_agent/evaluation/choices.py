"""The choices of `ace eval`'s options; imports nothing, so that its help is instant."""

PRESETS = ("scenes", "ood", "contradictory", "baseline")
"""The scene world's tasks and chains; untrained things; conflicting requests; answers without a model."""
REFERENCES = ("library", "given", "none")
BASELINES = ("input", "constant", "affine", "shifted", "target")
