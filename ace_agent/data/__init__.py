"""Training pairs: a world of scenes whose every edit has an exact answer."""
