"""What becomes of a webhook: published once, answered with its result, and never both refused and sent."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.contracts.decisions import Decision
from libs.contracts.errors import ErrorCode
from libs.contracts.events import WebhookAnswered, WebhookReceived
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.store.accounts import Integration
from services.ingress.domain.answers import answer_from, answer_from_stored, stored_from
from tests.unit.ingress.world import TEST_EVENT, HttpAnswer, World, http_client, integration

PATH = "/integrations/3cx/webhook/int-1"
OTHER = b'{"event_type":"test","queue":"800"}'


def keyed(key: str = "key-1") -> tuple[tuple[str, str], ...]:
    return (("Content-Type", "application/json"), ("Idempotency-Key", key))


def never(event_id: UUID, event: WebhookReceived) -> AnswerCode | None:
    return None


async def test_an_event_is_published_with_what_the_caller_said() -> None:
    world = World()
    body = b'{"event_type":"outbound_message","to":"+966500000000","message":" hi ","x":1}'

    async with http_client(world) as client:
        answer = await client.post(body)

    [(event_id, event)] = world.broker.taken
    assert isinstance(event, WebhookReceived)
    assert (event.account_id, event.integration_id, event.reply_to) == ("acc-1", "int-1", "ingress-test")
    assert (event.payload.event_type, event.payload.to, event.payload.text) == (
        "outbound_message", "+966500000000", "hi",
    )  # fmt: skip
    assert answer.json == {"success": True, "status": "ok", "event_id": str(event_id)}


RESULTS: dict[str, tuple[AnswerCode, dict[str, Any], int, dict[str, Any], str | None]] = {
    "sent": (
        AnswerStatus.SENT,
        {"message_id": "wamid.1"},
        200,
        {"success": True, "status": "sent", "message_id": "wamid.1"},
        None,
    ),
    "recorded": (AnswerStatus.RECORDED, {}, 200, {"success": True, "status": "recorded"}, None),
    "skipped": (
        AnswerStatus.SKIPPED,
        {"reason": "cooldown"},
        200,
        {"success": True, "status": "skipped", "reason": "cooldown"},
        None,
    ),
    "sent as a template": (
        AnswerStatus.SENT,
        {"message_id": "wamid.2", "details": {"delivery": "template", "template": "reopen"}},
        200,
        {
            "success": True,
            "status": "sent",
            "message_id": "wamid.2",
            "details": {"delivery": "template", "template": "reopen"},
        },
        None,
    ),
    "throttled": (
        ErrorCode.SENDING_THROTTLED,
        {"details": {"retry_after": 5.2}},
        429,
        {
            "success": False,
            "error": "sending_throttled",
            "message": ErrorCode.SENDING_THROTTLED.explanation.message,
            "details": {"retry_after": 5.2},
        },
        "6",
    ),
    "refused": (
        ErrorCode.MISSING_PHONE,
        {},
        422,
        {
            "success": False,
            "error": "missing_phone",
            "message": ErrorCode.MISSING_PHONE.explanation.message,
        },
        None,
    ),
}


@pytest.mark.parametrize(("code", "told", "status", "body", "retry_after"), RESULTS.values(), ids=RESULTS.keys())
async def test_the_caller_is_told_the_result(
    code: AnswerCode, told: dict[str, Any], status: int, body: dict[str, Any], retry_after: str | None
) -> None:
    world = World(policy=never)

    async with http_client(world) as client:
        waiting = asyncio.create_task(client.post())
        event_id, event = await published(world)
        await world.broker.answer(event, event_id, code, **told)
        answer = await waiting

    assert (answer.status, answer.json) == (status, body | {"event_id": str(event_id)})
    assert answer.header("Retry-After") == retry_after


async def published(world: World) -> tuple[UUID, WebhookReceived]:
    """Wait until the broker has the next event."""
    async with asyncio.timeout(5):
        while not world.broker.taken:
            await asyncio.sleep(0.005)
    event_id, event = world.broker.taken[-1]
    assert isinstance(event, WebhookReceived)
    return event_id, event


async def test_without_a_result_in_time_the_caller_asks_later() -> None:
    world = World(policy=never)

    async with http_client(world) as client:
        pending = await client.post()
        event_id = pending.json["event_id"]
        still = await client.get(f"{PATH}/events/{event_id}")
        world.answers.known[event_id, "int-1"] = {"code": "sent", "message_id": "wamid.1"}
        final = await client.get(f"{PATH}/events/{event_id}")
        world.answers.known[event_id, "int-1"] = {"code": "missing_phone", "details": {"field": "to"}}
        refused = await client.get(f"{PATH}/events/{event_id}")

    assert (pending.status, pending.json["status"]) == (202, "pending")
    assert (still.status, still.json) == (202, pending.json)
    assert (final.status, final.json["message_id"]) == (200, "wamid.1")
    assert (refused.status, refused.json["details"]) == (422, {"field": "to"})


STRANGE_IDS = ["00000000-0000-0000-0000-000000000000", "not-an-id", "%00", "1" * 500]


@pytest.mark.parametrize("event_id", STRANGE_IDS)
async def test_an_unknown_event_is_not_found(event_id: str) -> None:
    async with http_client(World()) as client:
        answer = await client.get(f"{PATH}/events/{event_id}")

    assert (answer.status, answer.json["error"]) == (404, "not_found")


async def test_another_integrations_event_is_not_found() -> None:
    world = World()
    event_id = str(uuid4())
    world.answers.known[event_id, "int-strict"] = {"code": "ok"}

    async with http_client(world) as client:
        ours = await client.get(f"/integrations/3cx/webhook/int-strict/events/{event_id}")
        others = await client.get(f"{PATH}/events/{event_id}")

    assert (ours.status, others.status) == (200, 404)


async def test_a_status_is_told_to_nobody_without_the_secret() -> None:
    world = World()
    event_id = str(uuid4())
    world.answers.known[event_id, "int-1"] = {"code": "ok"}

    async with http_client(world) as client:
        status = await client.get(f"{PATH}/events/{event_id}", secret="wrong")
        webhook = await client.post(secret="wrong")

    assert (status.status, status.body) == (401, webhook.body)


async def test_a_repeated_request_gets_the_first_answer() -> None:
    world = World()

    async with http_client(world) as client:
        first = await client.post(headers=keyed())
        second = await client.post(headers=keyed())

    assert (second.status, second.body) == (first.status, first.body)
    assert len(world.broker.of(WebhookReceived)) == 1


async def test_a_refusal_is_repeated_too() -> None:
    world = World(policy=lambda *_: ErrorCode.MISSING_PHONE)

    async with http_client(world) as client:
        first = await client.post(headers=keyed())
        second = await client.post(headers=keyed())

    assert (second.status, second.body) == (422, first.body)
    assert len(world.broker.of(WebhookReceived)) == 1


async def test_a_hundred_twins_at_once_are_one_event() -> None:
    world = World(policy=never)

    async with http_client(world) as client:
        twins = [asyncio.create_task(client.post(headers=keyed())) for _ in range(100)]
        event_id, event = await published(world)
        await world.broker.answer(event, event_id, AnswerStatus.SENT, message_id="wamid.1")
        answers: list[HttpAnswer] = await asyncio.gather(*twins)

    assert {a.body for a in answers} == {answers[0].body}
    assert len(world.broker.of(WebhookReceived)) == 1


async def test_a_twin_of_an_unanswered_request_repeats_the_same_event() -> None:
    world = World(policy=never)

    async with http_client(world) as client:
        pending = await client.post(headers=keyed())
        world.broker.policy = lambda *_: AnswerStatus.OK
        twin = await client.post(headers=keyed())

    assert (pending.status, twin.status) == (202, 200)
    assert [str(id_) for id_, _ in world.broker.taken] == [pending.json["event_id"]] * 2
    assert twin.json["event_id"] == pending.json["event_id"]


async def test_a_key_with_another_body_is_a_conflict() -> None:
    world = World()

    async with http_client(world) as client:
        await client.post(headers=keyed())
        conflict = await client.post(OTHER, headers=keyed())

    assert (conflict.status, conflict.json["error"]) == (409, "idempotency_key_reused")
    assert [e.code for e in world.recorder.of(WebhookAnswered)] == [ErrorCode.IDEMPOTENCY_KEY_REUSED]


async def test_a_key_belongs_to_one_integration() -> None:
    world = World()
    other: Integration = integration(id="int-2")
    world.directory.integrations["int-2"] = other

    async with http_client(world) as client:
        await client.post(headers=keyed())
        answer = await client.post(OTHER, headers=keyed(), to="/integrations/3cx/webhook/int-2")

    assert answer.status == 200


async def test_no_body_is_kept_with_its_key() -> None:
    world = World()

    async with http_client(world) as client:
        await client.post(headers=keyed())

    assert TEST_EVENT.decode() not in str(world.idempotency.owners)


async def test_what_the_broker_does_not_take_is_taken_back_before_the_caller_is_told() -> None:
    world = World()
    world.broker.down = True

    async with http_client(world) as client:
        refused = await client.post(headers=keyed())

    assert (refused.status, refused.json["error"]) == (503, "gateway_unavailable")
    assert refused.header("Retry-After") == "2"
    [(event_id, decision)] = world.decisions.made.items()
    assert event_id == refused.json["event_id"]
    assert decision.code is ErrorCode.GATEWAY_UNAVAILABLE
    [answered] = world.recorder.events
    assert isinstance(answered, WebhookAnswered)
    assert (str(answered.event_id), answered.code) == (event_id, ErrorCode.GATEWAY_UNAVAILABLE)


async def test_a_request_that_was_not_accepted_can_be_repeated_with_its_key() -> None:
    world = World()
    world.broker.down = True

    async with http_client(world) as client:
        refused = await client.post(headers=keyed())
        world.broker.down = False
        again = await client.post(headers=keyed())

    assert again.status == 200
    assert again.json["event_id"] != refused.json["event_id"]


async def test_an_event_that_was_decided_on_although_its_publish_failed_is_waited_for() -> None:
    world = World()

    class Lossy(dict[str, Decision]):
        """Policy was faster: every event has its decision already."""

        def setdefault(self, key: str, default: Decision | None = None) -> Decision:
            return super().setdefault(key, Decision())

    world.decisions.made = Lossy()
    world.broker.down = True

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert world.recorder.events == []


async def test_with_broker_and_store_away_the_caller_is_told_that_nobody_knows() -> None:
    world = World()
    world.broker.down = world.decisions.down = True

    async with http_client(world) as client:
        answer = await client.post()

    assert (answer.status, answer.json["details"]["outcome"]) == (503, "unknown")


async def test_a_request_of_which_nobody_knows_stays_the_same_event_however_often_it_is_repeated() -> None:
    world = World()
    world.broker.down = world.decisions.down = True

    async with http_client(world) as client:
        unknown = await client.post(headers=keyed())
        world.broker.down = world.decisions.down = False
        again = await client.post(headers=keyed())

    assert (unknown.status, unknown.json["details"]["outcome"]) == (503, "unknown")
    assert again.status == 200
    assert again.json["event_id"] == unknown.json["event_id"]


async def test_an_answer_that_comes_after_its_caller_left_harms_nobody() -> None:
    world = World(policy=never)

    async with http_client(world) as client:
        await client.post()
        event_id, event = await published(world)
        await world.broker.answer(event, event_id, AnswerStatus.OK)

    assert world.replies.waiting == 0


@pytest.mark.parametrize("code", [*AnswerStatus, *ErrorCode], ids=str)
def test_every_answer_survives_being_kept(code: AnswerCode) -> None:
    event = WebhookAnswered(event_id=uuid4(), reply_to="x", code=code, details={"retry_after": 3})

    answer = answer_from(event)

    assert answer_from_stored(stored_from(answer)) == answer
