"""The rules about templates, media, buttons and quotes: what is refused before anything is called."""

from dataclasses import replace
from typing import Any

import pytest

from libs.contracts.content_fields import content_from
from libs.contracts.events import MessageApproved, WebhookAnswered
from libs.contracts.known_templates import KnownButton, KnownTemplate
from libs.store.inbound_messages import SEALED_FIELD, InboundMessage
from libs.store.progress import Progress
from libs.store.restrictions import RestrictionKind, of_template
from libs.store.statuses import TrackedMessage
from services.policy.handlers.find_quoted import message_hash
from tests.builders import (
    NOON,
    PHONE,
    PSEUDONYMS,
    SEALER,
    a_number,
    a_restriction,
    a_webhook,
    an_integration,
    received,
    stored,
)
from tests.unit.policy.fakes import (
    FakeConversations,
    FakeDecisions,
    FakeDirectory,
    FakeMessages,
    FakeTemplates,
    gather_requests,
)
from tests.unit.policy.test_decide_webhook import a_decide_webhook

READY = KnownTemplate(
    name="order_ready",
    language="de",
    status="APPROVED",
    category="UTILITY",
    body="Hallo {{1}}, Ihre Bestellung ist ab {{2}} bereit.",
    parameters=("1", "2"),
    buttons=(KnownButton(index=0, type="URL", takes_value=True), KnownButton(index=1, type="QUICK_REPLY")),
)
NAMED = replace(READY, name="named", body="Hi {{first_name}}", parameters=("first_name",), named=True, buttons=())
CODE = replace(READY, name="code", category="AUTHENTICATION", body="{{1}}", parameters=("1",), buttons=())
MARKETING = replace(CODE, name="sale", category="MARKETING")
PAUSED = replace(CODE, name="paused", category="UTILITY", status="PAUSED")
PICTURE = replace(READY, name="picture", body="", parameters=(), header_media="image", buttons=())
HEADED = replace(PICTURE, name="headed", header="Nr. {{1}}", header_parameters=("1",), header_media=None)
OWNER = "num_1"
URL_BUTTON = {"index": 0, "type": "url", "value": "AB12"}
OTHER_KEY = PSEUDONYMS.customer_key("acc_1", "+966500000099")
KEY = PSEUDONYMS.customer_key("acc_1", PHONE)
EVENT, WAMID = "99999999-89ab-4cde-8f01-23456789abcd", "wamid.HBgM"


def content(**body: Any) -> dict[str, Any]:
    """The payload of a message without text."""
    return {"text": None} | content_from(body)


def template(name: str = "order_ready", language: str = "de", **fields: Any) -> dict[str, Any]:
    return content(template={"name": name, "language": language} | fields)


def ready(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"body": ["Anna", "12:30"], "buttons": [URL_BUTTON]}
    return template(**fields | changes)


async def decided(
    payload: dict[str, Any],
    *,
    decisions: FakeDecisions | None = None,
    directory: FakeDirectory | None = None,
    messages: FakeMessages | None = None,
    inbound: FakeConversations | None = None,
) -> MessageApproved | WebhookAnswered:
    known = FakeTemplates(
        {OWNER: [READY, NAMED, CODE, MARKETING, PAUSED, PICTURE, HEADED, replace(READY, language="en")]}
    )
    requests = gather_requests(known, messages, inbound)
    return await a_decide_webhook(decisions, directory, requests=requests)(received(a_webhook(**payload)))


async def test_a_number_that_is_cached_without_its_business_account_has_the_templates_of_that() -> None:
    known = FakeTemplates({"waba_1": [replace(CODE, category="UTILITY")]})
    stored_now = FakeDirectory(row=a_number(business_account_id="waba_1"))
    requests = gather_requests(known, directory=stored_now)

    result = await a_decide_webhook(requests=requests)(received(a_webhook(**template("code", body=["12"]))))

    assert isinstance(result, MessageApproved), result


REFUSED = [
    pytest.param({"text": None}, "missing_message_text", {"field": "message_text"}, id="no content at all"),
    pytest.param(ready() | {"text": "Hello"}, "missing_message_text", {"field": "template"}, id="two contents"),
    pytest.param(
        content(media={"kind": "image", "url": "https://a.example/b"}, interactive={"text": "x"}),
        "missing_message_text",
        {"field": "interactive"},
        id="two contents, one of which cannot be read",
    ),
    pytest.param(
        content(media={"kind": "gif", "url": "https://a.example/b"}),
        "invalid_media",
        {"field": "media.kind", "reason": "unknown_value"},
        id="a kind of media that cannot be sent",
    ),
    pytest.param(
        content(media={"kind": "image", "url": "https://a.example/b", "caption": "c" * 1025}),
        "message_text_too_long",
        {"field": "media.caption", "limit": 1024},
        id="a caption that is too long",
    ),
    pytest.param(
        content(interactive={"text": "x", "buttons": []}),
        "missing_message_text",
        {"field": "interactive"},
        id="neither buttons nor a list",
    ),
    pytest.param(
        template("unknown"), "invalid_reference", {"field": "template.name", "expected": []}, id="an unknown template"
    ),
    pytest.param(
        ready(language="fr"),
        "invalid_reference",
        {"field": "template.language", "expected": ["de", "en"]},
        id="an unknown language",
    ),
    pytest.param(
        ready(body=["Anna"]),
        "missing_message_text",
        {"field": "template.body", "expected": 2},
        id="too few parameters",
    ),
    pytest.param(
        ready(body={"1": "Anna", "2": "x"}),
        "missing_message_text",
        {"field": "template.body"},
        id="named, not numbered",
    ),
    pytest.param(
        template("named", body={"name": "Anna"}),
        "missing_message_text",
        {"field": "template.body", "expected": ["first_name"]},
        id="another name of a parameter",
    ),
    pytest.param(
        ready(body=["An\nna", "12:30"]), "missing_message_text", {"field": "template.body.0"}, id="a line break"
    ),
    pytest.param(ready(body=["Anna", "a\tb"]), "missing_message_text", {"field": "template.body.1"}, id="a tab"),
    pytest.param(
        ready(body=["Anna", "a     b"]), "missing_message_text", {"field": "template.body.1"}, id="five blanks in a row"
    ),
    pytest.param(
        ready(buttons=[]),
        "missing_message_text",
        {"field": "template.buttons", "expected": 0},
        id="no value of a button",
    ),
    pytest.param(
        ready(buttons=[URL_BUTTON, {"index": 1, "type": "url", "value": "x"}]),
        "missing_message_text",
        {"field": "template.buttons.1", "expected": "quick_reply"},
        id="a value for another kind of button",
    ),
    pytest.param(
        template("picture"),
        "missing_message_text",
        {"field": "template.header.media", "expected": "image"},
        id="no picture",
    ),
    pytest.param(
        template("picture", header={"media": {"kind": "video", "url": "https://a.example/b"}}),
        "missing_message_text",
        {"field": "template.header.media", "expected": "image"},
        id="a film in place of a picture",
    ),
    pytest.param(
        template("headed"), "missing_message_text", {"field": "template.header.text", "expected": 1}, id="no header"
    ),
    pytest.param(
        template("sale", body=["1"]),
        "message_purpose_not_allowed",
        {"category": "MARKETING", "allowed": []},
        id="a template for marketing",
    ),
    pytest.param(
        template("code", body=["1234"]),
        "message_purpose_not_allowed",
        {"category": "AUTHENTICATION", "allowed": ["authentication"]},
        id="a code for another purpose",
    ),
    pytest.param(
        ready() | {"message_purpose": "authentication"},
        "message_purpose_not_allowed",
        {"category": "UTILITY"},
        id="the purpose of a code for another template",
    ),
    pytest.param(
        template("paused", body=["1"]),
        "policy_violation",
        {"reason": "template_not_approved", "status": "PAUSED", "expected": "APPROVED"},
        id="a template that is not approved",
    ),
    pytest.param(
        ready(body=["CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now", "bet today"]),
        "policy_violation",
        {"reason": "content"},
        id="a scam in a template's values",
    ),
    pytest.param(
        content(text="Hi") | {"text": "Hi", "reply_to": "wamid.unknown"},
        "invalid_reference",
        {"field": "reply_to"},
        id="an unknown quote",
    ),
]
SCAM = "CASINO!!! You won 1,000,000 USD, claim your jackpot at http://bit.ly/win now, 100% free spins, bet today"


@pytest.mark.parametrize(("payload", "code", "details"), REFUSED)
async def test_a_message_that_whatsapp_would_refuse_is_refused_before(
    payload: dict[str, Any], code: str, details: dict[str, Any]
) -> None:
    result = await decided(payload)

    assert isinstance(result, WebhookAnswered)
    assert (result.code, {name: result.details.get(name) for name in details}) == (code, details)
    assert not result.receipt[-1].passed


async def test_a_template_is_sent_in_the_window_and_outside_it() -> None:
    for wrote in (None, NOON - NOON):
        result = await decided(ready(), decisions=FakeDecisions(stored(wrote=wrote)))

        assert isinstance(result, MessageApproved)
        assert result.text == ""
        assert result.template == {
            "name": "order_ready",
            "language": "de",
            "parameters": ["Anna", "12:30"],
            "category": "UTILITY",
            "buttons": [URL_BUTTON],
        }


async def test_named_values_are_in_the_templates_order_and_have_their_names() -> None:
    result = await decided(template("named", body={"first_name": "Anna"}))

    assert isinstance(result, MessageApproved)
    assert result.template is not None
    assert (result.template["parameters"], result.template["names"]) == (["Anna"], ["first_name"])


async def test_a_code_is_sent_for_authentication() -> None:
    result = await decided(template("code", body=["1234"]) | {"message_purpose": "authentication"})

    assert isinstance(result, MessageApproved)


async def test_a_restricted_template_is_refused() -> None:
    subject = of_template(OWNER, "order_ready", "de")
    row = a_restriction(subject, kind=RestrictionKind.TEMPLATE, cause="132015")
    result = await decided(ready(), decisions=FakeDecisions(stored(restrictions=[row])))

    assert isinstance(result, WebhookAnswered)
    assert (result.code, result.details["scope"], result.details["cause"]) == ("policy_violation", "template", "132015")


@pytest.mark.parametrize(
    "payload",
    [
        content(media={"kind": "image", "url": "https://a.example/b", "caption": SCAM}),
        content(media={"kind": "document", "url": "https://a.example/b", "filename": f"{SCAM}.pdf"}),
        content(interactive={"text": SCAM, "buttons": [{"id": "1", "title": "ok"}]}),
        content(
            interactive={
                "text": "When?",
                "button": "Go",
                "rows": [{"id": "1", "title": "a", "description": "our secret sauce"}],
            }
        ),
        content(interactive={"text": "When?", "buttons": [{"id": "1", "title": "secret sauce"}]}),
    ],
    ids=["caption", "file name", "text above buttons", "description of a row", "title of a button"],
)
async def test_the_content_policy_judges_every_part(payload: dict[str, Any]) -> None:
    directory = FakeDirectory()
    account = directory.accounts["acc_1"]
    directory.accounts["acc_1"] = account.model_copy(update={"blocked_words": ("secret sauce",)})

    result = await decided(payload, directory=directory)

    assert isinstance(result, WebhookAnswered)
    assert (result.code, result.details["reason"]) == ("policy_violation", "content")


@pytest.mark.parametrize(
    "body",
    [
        {"media": {"kind": "image", "url": "https://a.example/b"}},
        {"interactive": {"text": "When?", "buttons": [{"id": "1", "title": "Now"}]}},
    ],
    ids=["media", "interactive"],
)
async def test_media_and_buttons_are_for_an_open_window(body: dict[str, Any]) -> None:
    closed = FakeDecisions(stored(wrote=None))
    refused = await decided(content(**body), decisions=closed)
    assert isinstance(refused, WebhookAnswered)
    assert refused.code == "conversation_window_closed"

    opened = await decided(content(**body))
    assert isinstance(opened, MessageApproved)
    assert (opened.media or opened.interactive) is not None

    fallback = {"name": "hello", "language": "en"}
    integration = an_integration(strict_window=False, window_template=fallback)
    directory = FakeDirectory(integrations={"int_1": integration})
    replaced = await decided(content(**body), decisions=FakeDecisions(stored(wrote=None)), directory=directory)
    assert isinstance(replaced, MessageApproved)
    assert replaced.template is not None
    assert replaced.template["name"] == "hello"


def sent(**changes: Any) -> TrackedMessage:
    known: dict[str, Any] = {
        "event_id": EVENT,
        "account_id": "acc_1",
        "integration_id": "int_1",
        "number_id": "num_1",
        "customer_key": KEY,
        "message_id": WAMID,
        "outcome": b"sent",
        "progress": Progress(()),
    }
    return TrackedMessage(**known | changes)


def told(**changes: Any) -> FakeConversations:
    known: dict[str, Any] = {
        "event_id": EVENT,
        "message_hash": message_hash(PSEUDONYMS, "acc_1", "num_1", WAMID),
        "account_id": "acc_1",
        "number_id": "num_1",
        "customer_key": KEY,
        "sealed_message_id": SEALER.seal(WAMID, owner=EVENT, field_name=SEALED_FIELD),
        "at": NOON,
    }
    message = InboundMessage(**known | changes)
    return FakeConversations(quotable={message.event_id: message, message.message_hash: message})


QUOTES = [
    pytest.param(FakeMessages([sent()]), None, id="a message of ours"),
    pytest.param(None, told(), id="a message of the customer"),
]
FOREIGN = [
    pytest.param(FakeMessages([sent(customer_key=OTHER_KEY)]), None, id="our message to another customer"),
    pytest.param(FakeMessages([sent(number_id="num_2")]), None, id="our message from another number"),
    pytest.param(FakeMessages([sent(account_id="acc_2")]), None, id="another account's message"),
    pytest.param(FakeMessages([sent(customer_key="")]), None, id="our message to an erased customer"),
    pytest.param(FakeMessages([sent(message_id=None)]), None, id="our message that WhatsApp never named"),
    pytest.param(None, told(customer_key=OTHER_KEY), id="another customer's message"),
    pytest.param(None, told(number_id="num_2"), id="a message to another number"),
    pytest.param(None, told(account_id="acc_2"), id="a message to another account"),
]


@pytest.mark.parametrize("reference", [EVENT, EVENT.upper(), WAMID])
@pytest.mark.parametrize(("messages", "inbound"), QUOTES)
async def test_a_message_of_the_conversation_can_be_quoted(
    reference: str, messages: FakeMessages | None, inbound: FakeConversations | None
) -> None:
    result = await decided({"reply_to": reference}, messages=messages, inbound=inbound)

    assert isinstance(result, MessageApproved)
    assert result.reply_to_message_id == WAMID


@pytest.mark.parametrize("reference", [EVENT, WAMID])
@pytest.mark.parametrize(("messages", "inbound"), FOREIGN)
async def test_nothing_is_quoted_to_somebody_else(
    reference: str, messages: FakeMessages | None, inbound: FakeConversations | None
) -> None:
    result = await decided({"reply_to": reference}, messages=messages, inbound=inbound)

    assert isinstance(result, WebhookAnswered)
    assert (result.code, result.details) == ("invalid_reference", {"field": "reply_to"})
