"""Sentences for an agent about what a message holds: a file, a template's values, a caption. Pure.

The details of a refusal are words for programs (`template.body`, `wrong_parameters`); the chat says what to change.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

Details = Mapping[str, Any]
MB: Final = 1024 * 1024
_GONE: Final = "the file is not there any more; send it again"
_ADDRESS: Final = "the file's address cannot be used: it must be public and begin with https"
_DAMAGED: Final = "the file is damaged or of another kind than it says"
FILES: Final[Mapping[str, str]] = {
    "not_found": "there is no file at its address",
    "http_error": "the server that has the file answers with an error",
    "unreachable": "the server that has the file cannot be reached",
    "timeout": "the file did not arrive within 15 seconds",
    "too_many_redirects": "the file's address leads from one to another without end",
    "empty": "the file is empty",
    "type_not_allowed": "WhatsApp takes no files of this kind",
    "type_mismatch": _DAMAGED,
    "unreadable": _DAMAGED,
    "encrypted": "the file is protected by a password",
    "not_8_bit_rgb": "the picture has colours that WhatsApp does not take; save it as an ordinary JPEG",
    "not_mono": "the sound has several channels; WhatsApp takes one",
    "codec_not_allowed": "the film or sound has a format that WhatsApp does not take",
    "unknown_upload": _GONE,
    "upload_ended": _GONE,
    "upload_unreadable": _GONE,
    "audio_takes_no_caption": "WhatsApp shows no text with a sound: send the text by itself",
    **dict.fromkeys(("address_refused", "not_https", "port_refused", "invalid_url"), _ADDRESS),
}
"""What is wrong with a file, by the reason of `invalid_media` and `media_expired`."""
POLICIES: Final[Mapping[str, str]] = {
    "content": "the content policy does not let the text pass; write it in other words",
    "account_paused": "sending is paused for your account; ask your administrator",
    "number_paused": "sending is paused for this number; ask your administrator",
    "account": "WhatsApp has locked the business account; ask your administrator",
    "payment": "the business account has a problem with its payment; ask your administrator",
    "credentials": "WhatsApp refuses the number's access; ask your administrator",
    "registration": "the number is not registered at WhatsApp; ask your administrator",
    "country": "the business account may not write to customers of this country",
    "identity_changed": "somebody else may have the customer's number now; ask your administrator to confirm it",
    "unreachable": "WhatsApp cannot reach this customer",
    "spam": "customers reported the number, so WhatsApp takes no templates from it for now",
    "templates": "WhatsApp takes no templates from the business account for now",
    "template_rest": "WhatsApp takes no more templates for this customer for now; wait until they write",
    "template": "WhatsApp has paused or disabled the template",
}
"""What a rule of WhatsApp's or of ours forbids, by the reason of `policy_violation`."""
_VALUE: Final = re.compile(r"template\.body\.(\d+)")


def file_sentence(details: Details) -> str:
    """Why a file cannot be sent."""
    reason = str(details.get("reason") or details.get("problem") or "")
    if reason == "too_large" and isinstance(limit := details.get("limit"), int):
        return f"the file is larger than {limit // MB} MB"
    if details.get("field") and reason not in FILES:
        return content_sentence(details)
    return FILES.get(reason, "the file cannot be sent")


def content_sentence(details: Details) -> str:
    """Which part of a message cannot be used, and what would be right; without a part, the message has no content."""
    field = str(details.get("field") or "")
    if (value := _VALUE.fullmatch(field)) is not None:
        return _value_sentence(int(value[1]) + 1, details)
    found = next((make for start, make in _PARTS.items() if field.startswith(start)), None)
    return "the message has no text" if found is None else found(details)


def policy_sentence(details: Details) -> str:
    """What forbids the message."""
    reason = str(details.get("reason") or "")
    if reason == "template_not_approved":
        return f"WhatsApp has not approved the template ({str(details.get('status')).lower()})"
    return POLICIES.get(reason, "a rule forbids the message; ask your administrator")


def purpose_sentence(details: Details) -> str:
    """Why the message's purpose does not fit."""
    if details.get("category") == "MARKETING":
        return "templates for marketing are not sent"
    if details.get("category") == "AUTHENTICATION":
        return "this template is for codes alone"
    return "this chat's purpose does not fit the message; ask your administrator (`chat_purpose`)"


def _value_sentence(number: int, details: Details) -> str:
    problem = details.get("problem")
    if problem == "missing":
        return f"value {number} of the template is empty"
    if problem == "too_long":
        return f"value {number} of the template is too long"
    return f"value {number} of the template must be one line, with at most four blanks in a row"


def _body_sentence(details: Details) -> str:
    expected = details.get("expected")
    if isinstance(expected, int):
        takes = "one value" if expected == 1 else f"{expected} values" if expected else "no values"
        return f"the template takes {takes}; write each behind a `|`"
    if isinstance(expected, list | tuple) and expected:
        return f"the template's values have names ({', '.join(map(str, expected))}), which the chat cannot give"
    return "the template's values cannot be used; write each behind a `|`"


def _language_sentence(details: Details) -> str:
    languages = details.get("expected")
    if isinstance(languages, list | tuple) and languages:
        return f"the template is there in {', '.join(map(str, languages))}; write the language behind its name"
    return "the template's language cannot be read; write it as `de` or `pt_BR`"


def _name_sentence(_: Details) -> str:
    return "WhatsApp has no template of this name; ask your administrator which there are"


def _header_sentence(details: Details) -> str:
    if details.get("field") != "template.header.media":
        return "the template's header takes a value, which the chat cannot give"
    kind = details.get("expected")
    article = "an" if kind == "image" else "a"
    return (
        f"the template shows {article} {kind}: send it together with the command"
        if kind
        else "the template shows no file"
    )


def _button_sentence(_: Details) -> str:
    return "the template's buttons take values, which the chat cannot give"


def _caption_sentence(details: Details) -> str:
    return f"the text with a file has at most {details.get('limit', 1024)} characters"


def _files_sentence(_: Details) -> str:
    return "a message has one file, with its address; send several one by one"


def _address_sentence(_: Details) -> str:
    return _ADDRESS


def _question_sentence(details: Details) -> str:
    return f"the question has at most {details.get('limit', 1024)} characters"


def _quote_sentence(_: Details) -> str:
    return "the message that it answers is not of this chat"


_PARTS: Final[Mapping[str, Callable[[Details], str]]] = {
    "media_urls": _files_sentence,
    "media.caption": _caption_sentence,
    "media": _address_sentence,
    "template.body": _body_sentence,
    "template.name": _name_sentence,
    "template.language": _language_sentence,
    "template.header": _header_sentence,
    "template.buttons": _button_sentence,
    "interactive": _question_sentence,
    "reply_to": _quote_sentence,
}
"""Sentences by the beginning of a field's path; the first that fits counts."""
