"""Request and reply: who waits is told, once, and nobody is left waiting in memory."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from libs.chassis.replies import Replies
from libs.chassis.subscriptions import Received
from libs.contracts.events import Event, WebhookAnswered, WebhookPayload, WebhookReceived
from libs.contracts.results import AnswerStatus

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def answered(event_id: UUID) -> Received[Event]:
    event = WebhookAnswered(event_id=event_id, reply_to="ingress-1", code=AnswerStatus.OK)
    return Received(event=event, id=uuid4(), at=NOW)


async def test_everybody_who_waits_for_an_event_is_told() -> None:
    replies, event_id = Replies(), uuid4()
    first, second, other = replies.expect(event_id), replies.expect(event_id), replies.expect(uuid4())

    await replies.deliver(answered(event_id))

    assert (await first).event_id == event_id
    assert (await second).event_id == event_id
    assert not other.done()
    assert replies.waiting == 1


async def test_the_same_answer_again_is_no_error() -> None:
    replies, event_id = Replies(), uuid4()
    expected = replies.expect(event_id)
    await replies.deliver(answered(event_id))

    await replies.deliver(answered(event_id))

    assert (await expected).event_id == event_id


async def test_an_answer_that_nobody_waits_for_and_an_event_that_is_none_are_left_alone() -> None:
    replies = Replies()
    event = WebhookReceived(reply_to="ingress-1", payload=WebhookPayload())

    await replies.deliver(answered(uuid4()))
    await replies.deliver(Received(event=event, id=uuid4(), at=NOW))

    assert replies.waiting == 0


async def test_who_gives_up_leaves_nothing_behind_and_the_others_still_wait() -> None:
    replies, event_id = Replies(), uuid4()
    first, second = replies.expect(event_id), replies.expect(event_id)

    replies.forget(event_id, first)
    replies.forget(event_id, first)
    still = replies.waiting
    await replies.deliver(answered(event_id))

    assert still == 1
    assert not first.done()
    assert second.done()
    assert replies.waiting == 0


async def test_an_answer_to_somebody_who_was_cancelled_reaches_the_others() -> None:
    replies, event_id = Replies(), uuid4()
    first, second = replies.expect(event_id), replies.expect(event_id)
    first.cancel()

    await replies.deliver(answered(event_id))

    assert second.done()


async def test_who_waits_gets_the_answer_as_soon_as_it_comes() -> None:
    replies, event_id = Replies(), uuid4()
    waiting = asyncio.create_task(replies.answer(replies.expect(event_id), seconds=60))
    await asyncio.sleep(0)

    await replies.deliver(answered(event_id))

    assert (await waiting).event_id == event_id


async def test_an_answer_that_does_not_come_in_time_is_a_time_out_and_may_come_later() -> None:
    replies, event_id = Replies(), uuid4()
    expected = replies.expect(event_id)

    with pytest.raises(TimeoutError):
        await replies.answer(expected, seconds=0.01)
    await replies.deliver(answered(event_id))

    assert replies.waiting == 0


async def test_who_is_cancelled_while_it_waits_is_told_so_at_once() -> None:
    replies, event_id = Replies(), uuid4()
    expected = replies.expect(event_id)
    waiting = asyncio.create_task(replies.answer(expected, seconds=0.02))
    await asyncio.sleep(0)

    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.05)  # its time would be over

    assert waiting.cancelled()
    assert expected.cancelled()
