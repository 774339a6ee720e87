"""Whether the values of a message fit the template that it asks for, before WhatsApp is called.

WhatsApp refuses a wrong number of values, a line break, a tab or more than four blanks (132000, 132012) for each
message; the gateway says which value it is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from libs.contracts.content import TemplateButton, TemplateRequest
from libs.contracts.known_templates import KnownButton, KnownTemplate
from services.policy.domain.message_parts import body_values

_BREAKS = re.compile(r"[\n\r\t]| {5,}")
_SENT_AS = {"URL": "url", "OTP": "url", "QUICK_REPLY": "quick_reply"}


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The first value that does not fit: `field` is its path, `expected` what the template takes there."""

    field: str
    problem: str
    expected: str | int | list[str] | None = None


def mismatch_of(request: TemplateRequest, known: KnownTemplate) -> Mismatch | None:
    """The first mismatch; None when the values fit."""
    return next(_mismatches(request, known), None)


def template_fields(request: TemplateRequest, known: KnownTemplate | None) -> dict[str, object]:
    """The template as `MessageApproved.template` holds it."""
    named = known is not None and known.named
    header = request.header
    fields: dict[str, object] = {
        "name": request.name,
        "language": request.language,
        "parameters": list(body_values(request, known)),
        "category": "" if known is None else known.category,
    }
    if named and known is not None:
        fields |= {"names": list(known.parameters), "header_names": list(known.header_parameters)}
    if header is not None and header.text is not None:
        fields["header"] = list(header.text)
    if header is not None and header.media is not None:
        fields["header_media"] = header.media.model_dump(mode="json", exclude_none=True)
    if request.buttons:
        fields["buttons"] = [button.model_dump() for button in request.buttons]
    return fields


def _mismatches(request: TemplateRequest, known: KnownTemplate) -> Iterator[Mismatch]:
    yield from _in_body(request, known)
    yield from _in_header(request, known)
    yield from _in_buttons(request, known)


def _in_body(request: TemplateRequest, known: KnownTemplate) -> Iterator[Mismatch]:
    expected: list[str] | int = list(known.parameters) if known.named else len(known.parameters)
    is_named = isinstance(request.body, dict)
    given = set(request.body) if isinstance(request.body, dict) else len(request.body)
    wanted = set(known.parameters) if is_named else len(known.parameters)
    if given != wanted or (known.parameters and is_named != known.named):
        yield Mismatch("template.body", "wrong_parameters", expected)
        return
    yield from _breaks("template.body", body_values(request, known))


def _in_header(request: TemplateRequest, known: KnownTemplate) -> Iterator[Mismatch]:
    texts = request.header.text if request.header is not None and request.header.text is not None else ()
    if len(texts) != len(known.header_parameters):
        yield Mismatch("template.header.text", "wrong_parameters", len(known.header_parameters))
    kind = None if request.media is None else request.media.kind.value
    if kind != known.header_media:
        yield Mismatch("template.header.media", "wrong_kind", known.header_media)
    yield from _breaks("template.header.text", texts)


def _in_buttons(request: TemplateRequest, known: KnownTemplate) -> Iterator[Mismatch]:
    buttons = {button.index: button for button in known.buttons}
    for position, value in enumerate(request.buttons):
        button = buttons.get(value.index)
        if button is None or not _takes(button, value):
            expected = None if button is None else _SENT_AS.get(button.type)
            yield Mismatch(f"template.buttons.{position}", "wrong_button", expected)
    given = {value.index for value in request.buttons}
    missing = [button.index for button in known.buttons if button.takes_value and button.index not in given]
    if missing:
        yield Mismatch("template.buttons", "missing", missing[0])
    yield from _breaks("template.buttons", tuple(value.value for value in request.buttons))


def _takes(button: KnownButton, value: TemplateButton) -> bool:
    if value.type == "quick_reply":
        return button.type == "QUICK_REPLY"
    return button.takes_value and _SENT_AS.get(button.type) == "url"


def _breaks(path: str, values: tuple[str, ...]) -> Iterator[Mismatch]:
    for position, value in enumerate(values):
        if _BREAKS.search(value):
            yield Mismatch(f"{path}.{position}", "line_break_or_blanks", "one line, at most four blanks in a row")
