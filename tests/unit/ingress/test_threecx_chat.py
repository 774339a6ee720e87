"""The endpoint of 3CX's chat: who may write, what becomes of a message, and an answer that 3CX takes as sent."""

import hashlib
import re
from typing import Any
from uuid import UUID

import orjson
import pytest

from libs.contracts.errors import ErrorCode
from libs.contracts.events import ChatParties, WebhookAnswered, WebhookReceived, WebhookRejected
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.store.accounts import SecretHash
from libs.store.callers import Caller, CredentialKind
from services.ingress.http.threecx_webhooks import MAX_BODY_BYTES
from tests.unit.ingress.world import NOW, SECRET, HttpAnswer, HttpClient, World, http_client, integration

PATH = "/integrations/3cx/chat/"
KEY = "chat-key"
JSON = ("Content-Type", "application/json")
GENERIC = b'{"success": false, "error": "invalid_3cx_webhook", "message": "Invalid 3CX webhook request."}'
MESSAGE = {"from": "+4930123456", "to": "+491701234567", "text": "Your order is ready."}


def hashed(secret: str) -> SecretHash:
    return SecretHash(sha256=hashlib.sha256(secret.encode()).hexdigest())


def chat(**changes: Any) -> Any:
    chosen = {
        "id": "int-chat",
        "chat_enabled": True,
        "chat_keys": (hashed(KEY),),
        "chat_numbers": {"+4930123456": "num-1"},
        "path_tokens": (hashed("path-token"),),
    }
    return integration(**(chosen | changes))


def a_world(policy: Any = None, **changes: Any) -> World:
    world = World() if policy is None else World(policy=policy)
    for each in (chat(**changes), chat(id="int-off", chat_enabled=False), chat(id="int-dark", enabled=False)):
        world.directory.integrations[each.id] = each
    return world


def answering(code: AnswerCode) -> Any:
    def policy(event_id: UUID, event: WebhookReceived) -> AnswerCode:
        return code

    return policy


async def write(
    client: HttpClient, message: Any = None, *, to: str = "int-chat", bearer: tuple[str, ...] = (f"Bearer {KEY}",)
) -> HttpAnswer:
    body = message if isinstance(message, bytes) else orjson.dumps(MESSAGE if message is None else message)
    headers = [JSON, *(("Authorization", each) for each in bearer)]
    return await client.post(body, to=PATH + to, secret=None, headers=headers)


REJECTED = {
    "no header": ("int-chat", (), "missing_bearer"),
    "another scheme": ("int-chat", ("Basic dTpw",), "missing_bearer"),
    "an empty token": ("int-chat", ("Bearer ",), "missing_bearer"),
    "a wrong key": ("int-chat", ("Bearer wrong",), "wrong_bearer"),
    "the right key twice": ("int-chat", (f"Bearer {KEY}", f"Bearer {KEY}"), "wrong_bearer"),
    "the webhook secret": ("int-chat", (f"Bearer {SECRET}",), "wrong_bearer"),
    "the path token": ("int-chat", ("Bearer path-token",), "wrong_bearer"),
    "the chat is off": ("int-off", (f"Bearer {KEY}",), "wrong_bearer"),
    "the integration is off": ("int-dark", (f"Bearer {KEY}",), "integration_disabled"),
    "no such integration": ("nobody", (f"Bearer {KEY}",), "unknown_integration"),
}


@pytest.mark.parametrize(("to", "bearer", "reason"), REJECTED.values(), ids=REJECTED)
async def test_who_is_not_authenticated_gets_the_one_answer_and_the_record_the_reason(
    to: str, bearer: tuple[str, ...], reason: str
) -> None:
    world = a_world()

    async with http_client(world) as client:
        answer = await write(client, to=to, bearer=bearer)

    assert (answer.status, answer.body) == (401, GENERIC)
    assert [each.reason for each in world.rejections.of(WebhookRejected)] == [reason]
    assert world.broker.of(WebhookReceived) == []


async def test_all_rejections_have_the_same_headers_and_cost_one_read_each() -> None:
    world = a_world()
    heads, reads = set(), []

    async with http_client(world) as client:
        for to, bearer, _ in REJECTED.values():
            before = world.directory.reads
            answer = await write(client, to=to, bearer=bearer)
            heads.add(re.sub(rb"Date: [^\r]*", b"Date:", answer.head))
            reads.append(world.directory.reads - before)

    assert len(heads) == 1
    assert set(reads) == {1}


async def test_a_chat_key_opens_no_other_endpoint() -> None:
    async with http_client(a_world()) as client:
        as_secret = await client.post(to="/integrations/3cx/webhook/int-chat", secret=KEY)
        as_path_token = await client.post(to=f"/integrations/3cx/webhook/int-chat/{KEY}", secret=None)

    assert (as_secret.status, as_path_token.status) == (401, 401)


async def test_an_old_key_is_accepted_within_its_overlap() -> None:
    old = hashed("old-key").model_copy(update={"valid_until": NOW})
    world = a_world(chat_keys=(hashed(KEY), old))

    async with http_client(world) as client:
        world.seconds = -1
        within = await write(client, bearer=("Bearer old-key",))
        world.seconds = 1
        after = await write(client, bearer=("Bearer old-key",))

    assert (within.status, after.status) == (200, 401)


async def test_a_message_is_an_outbound_message_with_the_integrations_purpose() -> None:
    world = a_world(chat_purpose="transactional")

    async with http_client(world) as client:
        await write(client)

    [received] = world.broker.of(WebhookReceived)
    payload = received.payload
    assert (payload.event_type, payload.message_purpose) == ("outbound_message", "transactional")
    assert (payload.from_, payload.to, payload.text) == (MESSAGE["from"], MESSAGE["to"], MESSAGE["text"])
    assert received.chat == ChatParties(customer=MESSAGE["to"], main_number=MESSAGE["from"])
    assert (received.dialect, received.call_events_only) == ("threecx_chat", False)


@pytest.mark.parametrize("code", [AnswerStatus.SENT, AnswerStatus.RECORDED], ids=str)
async def test_a_success_is_200_with_a_body_that_3cx_takes_as_sent(code: AnswerStatus) -> None:
    async with http_client(a_world(answering(code))) as client:
        answer = await write(client)

    event_id = answer.json["event_id"]
    assert answer.status == 200
    assert answer.json["data"] == {"record_type": "message", "id": event_id, "payload": {"id": event_id}}
    assert (answer.json["success"], answer.json["status"]) == (True, code.value)


async def test_pending_is_200_too() -> None:
    async with http_client(a_world(lambda _, __: None)) as client:
        answer = await write(client)

    assert (answer.status, answer.json["status"]) == (200, "pending")
    assert answer.json["data"]["id"] == answer.json["event_id"]


async def test_a_refusal_keeps_code_status_and_body_and_tells_it_as_errors_too() -> None:
    code = ErrorCode.CONVERSATION_WINDOW_CLOSED
    async with http_client(a_world(answering(code))) as client:
        answer = await write(client)

    [error] = answer.json["errors"]
    assert answer.status == code.explanation.status
    assert (answer.json["success"], answer.json["error"]) == (False, code.value)
    assert error == {"code": code.value, "title": code.explanation.message, "detail": code.explanation.fix}


UNREADABLE = {
    "not JSON": (b"{'from'", [JSON]),
    "a list": (b"[]", [JSON]),
    "a string": (b'"text"', [JSON]),
    "a key twice": (b'{"to":"+491701234567","to":"+491701234568"}', [JSON]),
    "another content type": (orjson.dumps(MESSAGE), [("Content-Type", "text/plain")]),
    "no content type": (orjson.dumps(MESSAGE), []),
    "a compressed body": (orjson.dumps(MESSAGE), [JSON, ("Content-Encoding", "gzip")]),
}


@pytest.mark.parametrize(("body", "headers"), UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_no_json_object_is_invalid_json(body: bytes, headers: list[tuple[str, str]]) -> None:
    world = a_world()
    key = ("Authorization", f"Bearer {KEY}")

    async with http_client(world) as client:
        answer = await client.post(body, to=f"{PATH}int-chat", secret=None, headers=[*headers, key])

    assert (answer.status, answer.json["error"]) == (400, "invalid_json")
    assert answer.json["errors"][0]["code"] == "invalid_json"
    assert [each.code for each in world.recorder.of(WebhookAnswered)] == [ErrorCode.INVALID_JSON]
    assert world.broker.of(WebhookReceived) == []


async def test_a_body_above_the_limit_is_413_for_the_holder_of_the_key_alone() -> None:
    body = orjson.dumps(MESSAGE | {"text": "x" * MAX_BODY_BYTES})

    async with http_client(a_world()) as client:
        known, unknown = await write(client, body), await write(client, body, bearer=("Bearer wrong",))

    assert (known.status, known.json["error"]) == (413, "payload_too_large")
    assert (unknown.status, unknown.body) == (401, GENERIC)


async def test_a_chat_has_a_limit_of_its_own() -> None:
    world = a_world(chat_per_minute=2)

    async with http_client(world) as client:
        statuses = [(await write(client, MESSAGE | {"text": f"{n}"})).status for n in range(2)]
        refused = await write(client, MESSAGE | {"text": "third"})
        webhook = await client.post(to="/integrations/3cx/webhook/int-chat")

    assert statuses == [200, 200]
    assert (refused.status, refused.json["error"]) == (429, "webhook_rate_limited")
    assert refused.json["details"] == {"limit": 2, "retry_after": 13}
    assert refused.header("Retry-After") == "13"
    assert webhook.status == 200


async def test_a_request_that_the_gateway_fails_to_accept_does_not_count() -> None:
    world = a_world()
    world.broker.down = True

    async with http_client(world) as client:
        answer = await write(client)

    assert (answer.status, answer.json["errors"][0]["code"]) == (503, "gateway_unavailable")
    assert answer.header("Retry-After") is not None
    assert world.rate_limits.counted[Caller("int-chat", CredentialKind.CHAT_KEY)] == 0
    [withdrawn] = world.recorder.of(WebhookAnswered)
    assert withdrawn.chat == ChatParties(customer=MESSAGE["to"], main_number=MESSAGE["from"])


async def test_the_same_message_within_three_seconds_is_one_event() -> None:
    world = a_world(answering(AnswerStatus.SENT))

    async with http_client(world) as client:
        first = await write(client)
        world.seconds = 2.9
        again = await write(client)
        other_text = await write(client, MESSAGE | {"text": "Something else"})
        other_chat = await write(client, MESSAGE | {"to": "+491701234568"})
        world.seconds = 3
        later = await write(client)

    ids = [answer.json["event_id"] for answer in (first, other_text, other_chat, later)]
    assert again.body == first.body
    assert len(set(ids)) == 4
    assert len(world.broker.of(WebhookReceived)) == 4


async def test_repeat_detection_can_be_switched_off() -> None:
    world = a_world(chat_repeat_seconds=0)

    async with http_client(world) as client:
        first, again = await write(client), await write(client)

    assert first.json["event_id"] != again.json["event_id"]
    assert world.idempotency.owners == {}


async def test_other_methods_are_not_allowed() -> None:
    async with http_client(a_world()) as client:
        answer = await client.get(f"{PATH}int-chat", secret=None)

    assert (answer.status, answer.header("Allow")) == (405, "POST")
