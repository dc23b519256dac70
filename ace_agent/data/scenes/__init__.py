"""The scene world: drawn scenes whose every edit has an exact answer."""
