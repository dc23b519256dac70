"""Training data: a world of drawn scenes, pairs made from images, and shards."""
