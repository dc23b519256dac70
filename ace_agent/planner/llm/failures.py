"""What a provider's error means for the person, in one line without keys, ids and raw answers."""

from __future__ import annotations

import re

from ace_agent.errors import PlanError

_RULES = "plan with --planner rules"
_SECRET = re.compile(r"[\w-]{20,}|\b(?:sk|key|req|org|proj)[-_]\S+|\bhttps?://\S+|['\"`]")
_KEYS = {"google_genai": "GOOGLE_API_KEY", "google_vertexai": "GOOGLE_API_KEY", "huggingface": "HF_TOKEN"}
_LOCAL = {"ollama": "ollama serve"}


def provider_failure(name: str, error: Exception) -> PlanError:
    """The error of a planner's model as one line with a way out."""
    provider, _, model = name.partition(":")
    status = status_of(error)
    text = f"{type(error).__name__} {error}".lower()
    if status in (401, 403) or re.search(r"api[ _]key|authenticat|credentials", text):
        key = _KEYS.get(provider, f"{provider.upper()}_API_KEY")
        return PlanError(f"{provider} refused the key, or there is none", f"set {key}, or {_RULES}")
    if status == 402 or re.search(r"insufficient|credit balance|billing", text):
        return PlanError(f"{provider} has no credit left", f"add some, or {_RULES}")
    if status == 429 or re.search(r"rate ?limit|quota|too many requests", text):
        way_out = f"wait a little, or {_RULES}"
        return PlanError(f"{provider} is asked too often, or the quota is used up", way_out)
    if status == 413 or re.search(r"context.{0,8}(?:length|window)|too long|too many tokens", text):
        return PlanError(f"the conversation is too long for {name}", f"begin a new one, or {_RULES}")
    if status is not None and status >= 500:
        return PlanError(f"{provider} has a fault of its own ({status})", f"try again later, or {_RULES}")
    if isinstance(error, TimeoutError) or re.search(r"time[d ]?-?out", text):
        return PlanError(f"{name} did not answer in time", f"try again, or {_RULES}")
    if isinstance(error, ConnectionError) or re.search(r"connect|name or service|name resolution", text):
        begin = f"start it with {_LOCAL[provider]}" if provider in _LOCAL else "check the network"
        return PlanError(f"{provider} cannot be reached", f"{begin}, or {_RULES}")
    if status == 404 or "not found" in text:
        fetch = f"ollama pull {model}" if provider == "ollama" else "check the name after the colon"
        return PlanError(f"{provider} has no model of that name: {model or name}", f"{fetch}, or {_RULES}")
    line = (str(error).splitlines() or [""])[0][:500]
    line = re.split(r"[{\[]", line, maxsplit=1)[0]  # what follows is a raw answer
    said = " ".join(_SECRET.sub(" ", line).split())[:100].strip(" -:,")
    code = f" {status}" if status else ""
    return PlanError(
        f"{name} does not answer ({type(error).__name__}{code}{f': {said}' if said else ''})", _RULES
    )


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a provider's error, wherever its client keeps it."""
    for holder in (error, getattr(error, "response", None), error.__cause__):
        for field in ("status_code", "status", "code", "http_status"):
            value = getattr(holder, field, None)
            if isinstance(value, int) and 400 <= value < 600:
                return value
    said = re.compile(
        r"\b(?:error code|status|status code|http)[:= ]+([45]\d\d)\b|^([45]\d\d)\b", re.IGNORECASE
    )
    found = said.search(str(error))
    return int(found[1] or found[2]) if found else None
