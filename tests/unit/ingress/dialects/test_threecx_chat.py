"""What an agent writes in 3CX's chat becomes: a text, a template, a file or a command."""

from datetime import UTC, datetime
from typing import Any

import pytest

from libs.contracts.content import ContentProblem, InteractiveRequest, MediaRequest, TemplateRequest
from libs.store.accounts import Integration
from services.ingress.domain.dialects.threecx_chat import ChatMessage, chat_message_from

NOW = datetime(2026, 11, 28, tzinfo=UTC)
CHAT = {"from": "+4930123456", "to": "+491701234567"}


def integration(**changes: Any) -> Integration:
    chosen = {"chat_numbers": {"+4930123456": "num-1"}, "chat_commands": True} | changes
    return Integration(id="int-1", account_id="acc-1", instance_id="num-1", created_at=NOW, updated_at=NOW, **chosen)


def written(text: Any, *, commands: bool = True, **fields: Any) -> ChatMessage:
    return chat_message_from(CHAT | {"text": text} | fields, integration(chat_commands=commands))


@pytest.mark.parametrize("text", ["", "  \n", "\x00\x07", "\ufffd \x07\ufffd", None, 7, ["hello"]], ids=repr)
def test_what_is_no_text_is_absent(text: Any) -> None:
    assert not written(text).payload.text


def test_control_characters_are_removed_from_a_text() -> None:
    assert written(" Hello\x00\nyou\x07 ").payload.text == "Hello\nyou"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("+4930123456", "+4930123456"),
        ("4930123456", "+4930123456"),
        (4930123456, "+4930123456"),
        (" +4930123456 ", "+4930123456"),
        ("+4930999", "+4930999"),
        (None, None),
    ],
    ids=str,
)
def test_a_main_number_may_lack_its_plus(sent: Any, read: str | None) -> None:
    assert chat_message_from(CHAT | {"from": sent, "text": "x"}, integration()).payload.from_ == read


def test_nothing_else_of_a_body_is_read() -> None:
    payload = written("x", phone="+15550000000", template={"name": "x", "language": "de"}, user_id="DE.1").payload

    assert (payload.phone, payload.template, payload.user_id) == (None, None, None)


TEMPLATES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "/template reopen": ("reopen", "en", ()),
    "/template reopen de": ("reopen", "de", ()),
    "/template order_ready pt_BR | Anna | 12:30": ("order_ready", "pt_BR", ("Anna", "12:30")),
    "  /template order_ready|Anna ": ("order_ready", "en", ("Anna",)),
    "/Template order_ready pt-BR | Anna": ("order_ready", "pt_BR", ("Anna",)),
}


@pytest.mark.parametrize(("text", "expected"), TEMPLATES.items(), ids=TEMPLATES)
def test_a_template_is_asked_for_by_name(text: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    payload = written(text).payload
    name, language, body = expected

    assert payload.template == TemplateRequest(name=name, language=language, body=body)
    assert (payload.text, payload.command) == (None, None)


def test_a_template_has_the_language_that_the_integration_names_with_it() -> None:
    own = integration(window_template={"name": "reopen", "language": "tr"})

    assert chat_message_from(CHAT | {"text": "/template reopen"}, own).payload.template == TemplateRequest(
        name="reopen", language="tr"
    )


def test_an_empty_value_of_a_template_is_told() -> None:
    payload = written("/template order_ready | ").payload

    assert payload.content_problem is not None
    assert payload.content_problem.field == "template.body.0"


COMMANDS = {
    "/stop": "stop",
    " /why ": "why",
    "/Stop": "stop",
    "/WHY": "why",
    "/Template": "unknown",
    "/Contact": "unknown",
    "/stop now": "unknown",
    "/tempalte reopen": "unknown",
    "/template": "unknown",
    "/template reopen in German": "unknown",
    "/contact": "unknown",
    "/contact \n ": "unknown",
    "/help": "unknown",
}


@pytest.mark.parametrize(("text", "command"), COMMANDS.items(), ids=COMMANDS)
def test_commands_are_recognised_and_mistyped_ones_go_to_nobody(text: str, command: str) -> None:
    payload = written(text).payload

    assert (payload.command, payload.text) == (command, None)


def test_a_question_for_the_phone_number_has_the_agents_words() -> None:
    payload = written(" /contact May we\nhave your number? ").payload

    assert payload.interactive == InteractiveRequest(type="request_contact_info", text="May we\nhave your number?")
    assert (payload.command, payload.text, payload.content_problem) == (None, None, None)


def test_a_question_of_more_than_1024_characters_is_told() -> None:
    payload = written(f"/contact {'a' * 1025}").payload

    assert payload.content_problem is not None
    assert (payload.content_problem.field, payload.content_problem.limit) == ("interactive", 1024)


@pytest.mark.parametrize("text", ["/stop", "/template reopen", "/contact Your number?", "/help"])
def test_with_commands_off_everything_is_text(text: str) -> None:
    payload = written(text, commands=False).payload

    assert (payload.command, payload.template, payload.text) == (None, None, text)


@pytest.mark.parametrize("text", ["/etc/passwd is a path", "/ 2 = 3", "3 /stop", "/Stopped", "/Help"])
def test_a_slash_alone_makes_no_command(text: str) -> None:
    assert (written(text).payload.command, written(text).payload.text) == (None, text)


KINDS = {
    "https://pbx.example.com/a/photo.JPG?x=1": "image",
    "https://pbx.example.com/clip.mp4": "video",
    "https://pbx.example.com/voice.ogg": "audio",
    "https://pbx.example.com/offer.pdf": "document",
    "https://pbx.example.com/download": "document",
    "https://[": "document",
}


@pytest.mark.parametrize(("url", "kind"), KINDS.items(), ids=KINDS)
def test_a_file_is_sent_as_the_kind_that_its_address_shows(url: str, kind: str) -> None:
    payload = written("", media_urls=[url]).payload

    assert payload.media is not None
    assert (payload.media.kind, payload.media.url, payload.media.caption) == (kind, url, None)
    assert not payload.text


def test_the_text_beside_a_file_is_its_caption() -> None:
    url = "https://pbx.example.com/offer.pdf"

    assert written(" Our offer ", media_urls=[url]).payload.media == MediaRequest(
        kind="document", url=url, caption="Our offer"
    )


def test_several_files_are_refused_and_none_is_dropped() -> None:
    payload = written("", media_urls=["https://a.example.com/1.png", "https://a.example.com/2.png"]).payload

    assert payload.content_problem == ContentProblem(field="media_urls", problem="too_long", limit=1)


@pytest.mark.parametrize("given", [7, {"url": "https://a"}, [None], [["https://a.example.com/1.png"]]], ids=repr)
def test_a_file_that_cannot_be_read_is_refused_and_the_text_is_not_sent_without_it(given: Any) -> None:
    payload = written("Our offer", media_urls=given).payload

    assert payload.content_problem == ContentProblem(field="media_urls", problem="invalid", limit=1)


def test_one_address_need_not_be_a_list_and_none_is_no_file() -> None:
    url = "https://pbx.example.com/offer.pdf"

    assert written("", media_urls=url).payload.media == MediaRequest(kind="document", url=url)
    for nothing in (None, "", list[str]()):
        assert written("x", media_urls=nothing).payload.content_problem is None


def test_a_file_beside_a_template_is_shown_in_its_header_and_beside_a_question_refused() -> None:
    url = "https://pbx.example.com/bill.pdf"

    shown = written("/template bill | 7", media_urls=[url]).payload.template
    asked = written("/contact Your number?", media_urls=[url]).payload

    assert shown is not None
    assert shown.media == MediaRequest(kind="document", url=url)
    assert asked.content_problem == ContentProblem(field="media_urls", problem="invalid", limit=1)


@pytest.mark.parametrize("other", [{"to": "+491701234568"}, {"from": "+49301"}, {"text": "y"}, {"media_urls": ["u"]}])
def test_messages_that_differ_are_no_repetitions(other: dict[str, Any]) -> None:
    first = chat_message_from(CHAT | {"text": "x"}, integration())
    same = chat_message_from(CHAT | {"text": "x", "id": "other"}, integration())

    assert first.key == same.key
    assert first.key != chat_message_from(CHAT | {"text": "x"} | other, integration()).key
