"""The rule planner: from a request to a plan without a language model."""
