"""ACE-0.6B, the released model."""
