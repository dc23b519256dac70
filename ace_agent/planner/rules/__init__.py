"""The rule planner: from a request to a plan without a language model."""

HERE = "ace_agent.planner.rules"
"""Where its tables lie."""
