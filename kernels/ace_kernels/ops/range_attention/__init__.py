"""Softmax attention in which every query row reads at most two contiguous ranges of keys."""
