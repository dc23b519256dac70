"""Training the planner's parser."""
