"""English as people type it: tokens, spelling, a tagged lexicon, and the nouns that an image model knows."""
