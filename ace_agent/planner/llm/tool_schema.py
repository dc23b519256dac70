"""The plan as a tool of a chat model: a JSON schema of no more than every provider reads."""

from __future__ import annotations

from functools import cache
from typing import Any

from ace_agent.planner.proposal import ProposedPlan


@cache
def plan_tool() -> dict[str, Any]:
    """The tool in OpenAI's form, which LangChain puts into every provider's.

    Providers refuse references, tuples (`prefixItems`) and alternatives with null, so the schema has none of them.
    """
    schema = ProposedPlan.model_json_schema()
    parameters = _plain(schema, schema.get("$defs", {}))
    description = "Hands over the plan of the request."
    return {
        "type": "function",
        "function": {"name": "ProposedPlan", "description": description, "parameters": parameters},
    }


def _plain(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    if "anyOf" in node:
        (kind,) = (kind for kind in node["anyOf"] if kind.get("type") != "null")
        node = {**kind, **node}
    if "prefixItems" in node:
        node = {**node, "items": node["prefixItems"][0]}
    kept = (
        "type",
        "description",
        "enum",
        "required",
        "minItems",
        "maxItems",
        "maxLength",
        "additionalProperties",
    )
    plain = {key: node[key] for key in kept if key in node}
    if "items" in node:
        plain["items"] = _plain(node["items"], definitions)
    if "properties" in node:
        plain["properties"] = {name: _plain(field, definitions) for name, field in node["properties"].items()}
    return plain
