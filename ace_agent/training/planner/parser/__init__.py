"""Train the plan parser: samples of authors and of the corpus, the network, the run, and its export."""
