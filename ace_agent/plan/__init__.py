"""The typed plan: its schema and validation, its YAML form, and the task catalogue."""

from ace_agent.plan.schema import (
    MAX_SEED,
    MAX_SIDE,
    MAX_STEPS,
    MIN_SIDE,
    PICTURE_ENDINGS,
    ImageRef,
    Plan,
    Problem,
    Region,
    Step,
    first_problem,
    form_problems,
    parse_reference,
    plan_schema,
)
from ace_agent.plan.validation import allowed_file, check, problems

__all__ = [
    "MAX_SEED",
    "MAX_SIDE",
    "MAX_STEPS",
    "MIN_SIDE",
    "PICTURE_ENDINGS",
    "ImageRef",
    "Plan",
    "Problem",
    "Region",
    "Step",
    "allowed_file",
    "check",
    "first_problem",
    "form_problems",
    "parse_reference",
    "plan_schema",
    "problems",
]
