"""The text of a call event's message: the integration's template with its variables replaced.

A template may contain text and the variables in TEMPLATE_VARIABLES only; no expression is evaluated, and values are
never parsed as templates. The console checks templates when they are saved; this check covers stored templates too.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from libs.contracts.decisions import TEMPLATE_VARIABLES

MAX_TEXT: Final = 4096
"""Characters in one WhatsApp text message (Meta, Cloud API, text object); longer texts are cut."""
MAX_VALUE: Final = 256

_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(autoescape=False, keep_trailing_newline=True)

Parts = tuple[tuple[bool, str], ...]
"""The parts of a template: each is a variable's name (True) or literal text (False)."""


@lru_cache(maxsize=4096)
def parts_of(text: str) -> Parts | None:
    """The parts of the template; None when it is invalid."""
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


def rendered_text(text: str, values: Mapping[str, str | None]) -> str | None:
    """The message text, trimmed; a variable without a value is empty. None for an invalid template or an empty text."""
    parts = parts_of(text)
    if parts is None:
        return None
    filled = "".join(single_line(values.get(part)) if is_variable else part for is_variable, part in parts)
    return filled[:MAX_TEXT].strip() or None


def single_line(value: str | None) -> str:
    """A value as one line of at most 256 characters."""
    return " ".join((value or "").split())[:MAX_VALUE]
