"""The text of a call event's message: the integration's template with five variables filled in, and nothing run.

The rule: values are put in once and never read as a template; what holds more than text and these variables is no
template. (The console checks the same when a template is saved; this holds for whatever is in the store.)
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from libs.contracts.decisions import TEMPLATE_VARIABLES

LONGEST: Final = 4096
"""Characters in one WhatsApp text message (Meta, Cloud API, text object); what is longer is cut."""
LONGEST_VALUE: Final = 256

_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)

Parts = tuple[tuple[bool, str], ...]
"""A template taken apart: each part is a variable's name (True) or text as it stands."""


@lru_cache(maxsize=4096)
def parts_of(text: str) -> Parts | None:
    """The template taken apart; None when it is none of ours."""
    try:
        parsed = _ENVIRONMENT.parse(text)
    except (TemplateError, RecursionError):
        return None
    parts: list[tuple[bool, str]] = []
    for statement in parsed.body:
        if not isinstance(statement, nodes.Output):
            return None
        for part in statement.nodes:
            if isinstance(part, nodes.TemplateData):
                parts.append((False, part.data))
            elif isinstance(part, nodes.Name) and part.name in TEMPLATE_VARIABLES:
                parts.append((True, part.name))
            else:
                return None
    return tuple(parts)


def rendered(text: str, values: Mapping[str, str | None]) -> str | None:
    """The message, trimmed; a variable without a value is empty. None when the template is none of ours, or empty."""
    parts = parts_of(text)
    if parts is None:
        return None
    said = "".join(line_of(values.get(part)) if is_variable else part for is_variable, part in parts)
    return said[:LONGEST].strip() or None


def line_of(value: str | None) -> str:
    """A value as one line of at most 256 characters."""
    return " ".join((value or "").split())[:LONGEST_VALUE]
