"""What `ace eval` lets one choose from; no imports, so that its help is instant."""

PRESETS = ("scenes", "ood", "contradictory", "baseline")
"""The scene world's tasks and chains; what was never trained; requests that conflict; answers without a model."""
REFERENCES = ("library", "given", "none")
BASELINES = ("input", "constant", "affine", "shifted", "target")
