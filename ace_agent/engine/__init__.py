"""ACE itself: condition units, packing, the transformer, samplers and the pipeline."""
