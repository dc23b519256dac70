"""What a provider's error means for the person, in one line without keys, ids and raw answers."""

from __future__ import annotations

import re

from ace_agent.errors import PlanError

_RULES = "plan with --planner rules"
_SECRET = re.compile(r"[\w-]{20,}|https?://\S+|['\"]")


def provider_failure(name: str, error: Exception) -> PlanError:
    """The error of a planner's model as one line with a way out."""
    provider = name.partition(":")[0]
    status = _status(error)
    text = f"{type(error).__name__} {error}".lower()
    if status in (401, 403) or "api key" in text or "api_key" in text or "authentication" in text:
        return PlanError(f"{provider} refused the key", f"set {provider.upper()}_API_KEY anew, or {_RULES}")
    if status == 404 or "not found" in text:
        return PlanError(f"{provider} has no model of that name: {name}", "check the name after the colon")
    if status == 429 or "rate limit" in text or "quota" in text:
        return PlanError(
            f"{provider} is asked too often, or the quota is used up", f"wait a little, or {_RULES}"
        )
    if status is not None and status >= 500:
        return PlanError(f"{provider} has a fault of its own ({status})", f"try again later, or {_RULES}")
    if status == 413 or "context length" in text or "too long" in text:
        return PlanError(f"the conversation is too long for {name}", f"begin a new one, or {_RULES}")
    if isinstance(error, TimeoutError) or "timeout" in text or "timed out" in text:
        return PlanError(f"{name} did not answer in time", f"try again, or {_RULES}")
    if isinstance(error, ConnectionError) or "connect" in text or "refused" in text:
        return PlanError(
            f"{provider} cannot be reached", f"is it running, and is there a network? or {_RULES}"
        )
    line = re.split(r"[{\[]", (str(error).splitlines() or [""])[0], maxsplit=1)[
        0
    ]  # what follows is a raw answer
    said = " ".join(_SECRET.sub(" ", line).split())[:100]
    return PlanError(f"{name} does not answer ({type(error).__name__}{f': {said}' if said else ''})", _RULES)


def _status(error: Exception) -> int | None:
    """The HTTP status of a provider's error, wherever its client keeps it."""
    for holder in (error, getattr(error, "response", None), error.__cause__):
        for field in ("status_code", "status", "code", "http_status"):
            value = getattr(holder, field, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    found = re.search(r"\b(?:error code|status|http)[:= ]+([45]\d\d)\b", str(error), re.IGNORECASE)
    return int(found[1]) if found else None
