"""Training of ace-mini: data stream, objective, optimisers, trainer."""
