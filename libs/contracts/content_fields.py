"""Reads what an agent's message holds besides text: `template`, `media`, `interactive` and `reply_to` of a body.

A value that breaks a rule of `libs.contracts.content` leaves a `ContentProblem`, which policy answers and records.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from libs.contracts.content import ContentProblem, InteractiveRequest, MediaRequest, TemplateRequest
from libs.contracts.events import MAX_NAME
from libs.contracts.text import without_controls

READERS: Final[Mapping[str, type[BaseModel]]] = {
    "template": TemplateRequest,
    "media": MediaRequest,
    "interactive": InteractiveRequest,
}
MAX_PATH: Final = 80
OURS: Final = frozenset(
    {
        *READERS,
        *("kind", "url", "upload_id", "caption", "filename", "name", "language", "header", "text", "body", "buttons"),
        *("index", "type", "value", "id", "title", "button", "rows", "description"),
    }
)
"""Names that a path may show; keys that a caller made up are not repeated."""
COLLECTIONS: Final = frozenset({"Tuple", "List", "Dictionary"})
PROBLEMS: Final[Mapping[str, str]] = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "too_long": "too_long",
    "string_pattern_mismatch": "invalid",
    "enum": "unknown_value",
    "literal_error": "unknown_value",
}


def content_from(read: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the payload; `content_problem` names the first value that cannot be used."""
    found: dict[str, Any] = {}
    for name, model in READERS.items():
        if read.get(name) is None:
            continue
        try:
            found[name] = model.model_validate(_cleaned(read[name]), extra="forbid")
        except ValidationError as error:
            found.setdefault("content_problem", _problem_from(name, error.errors(include_input=False)[0]))
    if read.get("reply_to") is not None:
        found |= _reply_from(read["reply_to"])
    return found


def _reply_from(value: object) -> dict[str, Any]:
    """WhatsApp's id of a message or an event's id; anything else refers to nothing."""
    text = value.strip() if isinstance(value, str) else ""
    return {"reply_to": text if 0 < len(text) <= MAX_NAME and text.isascii() and text.isprintable() else "-"}


def _cleaned(value: Any) -> Any:
    """The value without control characters; `3` and `true` stay no texts."""
    match value:
        case str():
            return without_controls(value)
        case list():
            return tuple(_cleaned(each) for each in value)
        case dict():
            return {name: _cleaned(each) for name, each in value.items()}
        case _:
            return value


def _problem_from(name: str, error: ErrorDetails) -> ContentProblem:
    """The problem in words of ours: neither the value nor a key that a caller made up is repeated."""
    steps = [str(step) if isinstance(step, int) or step in OURS else "…" for step in error["loc"] if not _is_tag(step)]
    given = error.get("ctx", {})
    limit = given.get("limit", given.get("max_length"))
    problem = given.get("problem") or PROBLEMS.get(error["type"], "invalid")
    problem = "too_many" if given.get("field_type") in COLLECTIONS else problem
    path = ".".join((name, *steps))[:MAX_PATH]
    return ContentProblem(field=path, problem=str(problem), limit=limit if isinstance(limit, int) else None)


def _is_tag(step: int | str) -> bool:
    """Whether a step of a path names one of two types that a value may have, and no part of the value."""
    return isinstance(step, str) and step.startswith(("tuple[", "dict["))
