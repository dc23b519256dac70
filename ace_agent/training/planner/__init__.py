"""Training the planner's language model."""
