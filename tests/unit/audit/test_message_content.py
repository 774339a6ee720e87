"""Records name templates and count values; nothing that was written is in them."""

from libs.contracts.content import InteractiveRequest, MediaRequest, TemplateRequest
from services.audit.domain.message_content import interactive_details, media_details, template_details


def hash_of(kind: str, value: str) -> str:
    return f"{kind} of {len(value)}"


def test_a_template_is_named_and_its_values_are_counted_and_hashed() -> None:
    request = TemplateRequest.model_validate(
        {
            "name": "ready",
            "language": "de",
            "header": {"text": ["42"]},
            "body": {"first": "Anna"},
            "buttons": [{"index": 0, "type": "url", "value": "AB"}],
        }
    )

    assert template_details(request, hash_of) == {
        "name": "ready",
        "language": "de",
        "parameters": 3,
        "parameters_hash": "text of 10",
    }
    stored = {"name": "ready", "language": "de", "category": "UTILITY", "parameters": ["Anna"], "header": ["42"]}
    assert template_details(stored, hash_of) == {
        "name": "ready",
        "language": "de",
        "category": "UTILITY",
        "parameters": 2,
        "parameters_hash": "text of 7",
    }
    assert template_details({"name": "ready", "language": "de"}, hash_of)["parameters"] == 0


def test_media_say_their_kind_and_where_they_come_from_and_no_address() -> None:
    media = MediaRequest.model_validate({"kind": "image", "url": "https://secret.example/a", "caption": "Anna"})

    assert media_details(media) == {"kind": "image", "source": "url", "caption_length": 4}


def test_buttons_are_counted() -> None:
    content = InteractiveRequest.model_validate({"text": "When, Anna?", "buttons": [{"id": "1", "title": "Now"}]})

    assert interactive_details(content, hash_of) == {
        "kind": "buttons",
        "items": 1,
        "text_length": 11,
        "text_hash": "text of 11",
    }
