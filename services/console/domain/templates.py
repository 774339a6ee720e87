"""Validates the text of a template: plain text and five variables, no expressions.

The text is parsed, never rendered: a sandbox alone would still let `{{ 'a' * 10**9 }}` build a gigabyte.
"""

from collections.abc import Iterator
from typing import Final

from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from libs.contracts.decisions import TEMPLATE_VARIABLES

VARIABLES: Final = TEMPLATE_VARIABLES
MAX_LENGTH: Final = 1024  # WhatsApp's limit for the body of a template message


def template_problem(text: str) -> str | None:
    """What is wrong with a template's text, for its author; None when it may be saved."""
    try:
        parsed = ImmutableSandboxedEnvironment(autoescape=False).parse(text)
    except TemplateSyntaxError as error:
        return f"is no valid template: line {error.lineno}"
    except RecursionError:
        return "is no valid template"
    return next(_problems(parsed), None)


def _problems(parsed: nodes.Template) -> Iterator[str]:
    allowed = ", ".join(f"{{{{{name}}}}}" for name in VARIABLES)
    for statement in parsed.body:
        if not isinstance(statement, nodes.Output):
            yield f"may hold text and variables alone ({allowed})"
            continue
        for part in statement.nodes:
            if isinstance(part, nodes.Name):
                if part.name not in VARIABLES:
                    yield f"has an unknown variable {{{{{part.name[:64]}}}}}; allowed: {allowed}"
            elif not isinstance(part, nodes.TemplateData):
                yield f"may hold text and variables alone ({allowed})"
