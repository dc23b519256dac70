"""Any chat model as a planner."""
