"""Range attention: softmax attention in which a query row reads at most two runs of keys."""
