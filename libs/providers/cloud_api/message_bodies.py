"""The bodies of the Cloud API's messages endpoint, by type (Meta, "Send messages")."""

from typing import Any

from libs.contracts.content import REQUEST_CONTACT_INFO, InteractiveForm, InteractiveRequest, MediaKind
from libs.providers.outgoing import (
    Customer,
    Outgoing,
    OutgoingInteractive,
    OutgoingMedia,
    OutgoingTemplate,
    OutgoingText,
    ReadyMedia,
)


def body_from(outgoing: Outgoing) -> dict[str, Any]:
    """The request body of one message."""
    body: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **_recipient(outgoing.to),
        "biz_opaque_callback_data": outgoing.callback,
    }
    if outgoing.quotes is not None:
        body["context"] = {"message_id": outgoing.quotes}
    match outgoing:
        case OutgoingText():
            content: dict[str, Any] = {"type": "text", "text": {"preview_url": False, "body": outgoing.text}}
        case OutgoingTemplate():
            content = {"type": "template", "template": _template(outgoing)}
        case OutgoingMedia():
            content = _media(outgoing)
        case OutgoingInteractive():
            content = {"type": "interactive", "interactive": _interactive(outgoing.content)}
    return body | content


def components_from(template: OutgoingTemplate) -> list[dict[str, Any]]:
    """The values of a template's placeholders, in Meta's form: header, body, then a component for each button."""
    header = _texts(template.header, template.header_names)
    if template.header_media is not None:
        kind = template.header_media.kind.value
        header = [{"type": kind, kind: _named(template.header_media)}]
    parts = [("header", header), ("body", _texts(template.parameters, template.names))]
    components: list[dict[str, Any]] = [{"type": kind, "parameters": values} for kind, values in parts if values]
    for button in template.buttons:
        value = {"type": "text", "text": button.value} if button.type == "url" else None
        components.append(
            {
                "type": "button",
                "sub_type": button.type,
                "index": str(button.index),
                "parameters": [value or {"type": "payload", "payload": button.value}],
            }
        )
    return components


def _template(template: OutgoingTemplate) -> dict[str, Any]:
    language = {"code": template.language}
    return {"name": template.name, "language": language, "components": components_from(template)}


def _texts(values: tuple[str, ...], names: tuple[str, ...]) -> list[dict[str, Any]]:
    if not names:
        return [{"type": "text", "text": value} for value in values]
    named = zip(names, values, strict=True)
    return [{"type": "text", "parameter_name": name, "text": value} for name, value in named]


def _media(outgoing: OutgoingMedia) -> dict[str, Any]:
    kind = outgoing.media.kind.value
    content = _named(outgoing.media)
    if outgoing.caption is not None:
        content["caption"] = outgoing.caption
    return {"type": kind, kind: content}


def _named(media: ReadyMedia) -> dict[str, Any]:
    content: dict[str, Any] = {"id": media.id or ""} if media.link is None else {"link": media.link}
    if media.kind is MediaKind.DOCUMENT and media.filename is not None:
        content["filename"] = media.filename
    return content


def _interactive(content: InteractiveRequest) -> dict[str, Any]:
    body = {"text": content.text}
    if content.form is InteractiveForm.CONTACT_REQUEST:
        return {"type": REQUEST_CONTACT_INFO, "body": body, "action": {"name": REQUEST_CONTACT_INFO}}
    if content.buttons:
        buttons = [{"type": "reply", "reply": {"id": each.id, "title": each.title}} for each in content.buttons]
        return {"type": "button", "body": body, "action": {"buttons": buttons}}
    rows = [row.model_dump(exclude_none=True) for row in content.rows]
    return {"type": "list", "body": body, "action": {"button": content.button, "sections": [{"rows": rows}]}}


def _recipient(customer: Customer) -> dict[str, str | None]:
    digits = customer.digits
    return {"recipient": customer.user_id} if digits is None else {"to": digits}
