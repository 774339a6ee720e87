"""A webhook without a result is answered `pending`; refused credentials of the number are a cause of its own."""

import asyncio
from uuid import UUID, uuid4

import pytest

from libs.chassis.clock import Clock
from libs.contracts.events import WebhookReceived
from libs.contracts.results import AnswerCode
from libs.store.restrictions import Restriction, RestrictionKind, of_number
from services.ingress import metrics
from services.ingress.domain.answers import AnswerCause
from services.ingress.handlers.pending_answers import PendingAnswers
from tests.unit.ingress.world import NOW, FakeAnswers, FakeRestrictions, World, http_client, integration

CLOCK: Clock = lambda: NOW  # noqa: E731 -- one line


def never(event_id: UUID, event: WebhookReceived) -> AnswerCode | None:
    return None


def a_restriction(kind: RestrictionKind, number_id: str = "num-1") -> Restriction:
    return Restriction(id="res-1", account_id="acc-1", subject=of_number(number_id), kind=kind, cause="190", since=NOW)


@pytest.mark.parametrize("kind", [RestrictionKind.CREDENTIALS, RestrictionKind.REGISTRATION])
async def test_the_cause_is_credentials_while_the_number_s_are_refused(kind: RestrictionKind) -> None:
    restrictions = FakeRestrictions([a_restriction(kind)])
    answer = PendingAnswers(answers=FakeAnswers(), restrictions=restrictions, clock=CLOCK)

    assert (await answer(integration(), uuid4())).cause is AnswerCause.CREDENTIALS


@pytest.mark.parametrize(
    "restrictions",
    [
        FakeRestrictions(),
        FakeRestrictions([a_restriction(RestrictionKind.SPAM)]),
        FakeRestrictions([a_restriction(RestrictionKind.CREDENTIALS, "num-2")]),
        FakeRestrictions(down=True),
    ],
    ids=["no restriction", "another kind", "another number", "the store is down"],
)
async def test_any_other_pending_answer_is_the_gateway_s_own(restrictions: FakeRestrictions) -> None:
    answers, event_id = FakeAnswers(), uuid4()
    answer = PendingAnswers(answers=answers, restrictions=restrictions, clock=CLOCK)

    pending = await answer(integration(), event_id)

    assert (pending.status, pending.code, pending.cause) == (202, "pending", AnswerCause.NONE)
    assert (str(event_id), "int-1") in answers.known


async def test_what_the_store_could_not_take_is_known_at_the_status_address_once_it_is_back() -> None:
    answers = FakeAnswers(failures=5)
    answer = PendingAnswers(answers=answers, restrictions=FakeRestrictions(), clock=CLOCK, pauses=(0.0,))
    event_ids = [uuid4() for _ in range(3)]

    told = [await answer(integration(), event_id) for event_id in event_ids]
    await asyncio.gather(*answer.marking)

    assert [each.code for each in told] == ["pending"] * 3
    assert [await answers.find(str(event_id), "int-1") for event_id in event_ids] == [{}, {}, {}]
    assert not answer.unmarked
    assert not answer.marking


async def test_the_answer_s_cause_is_a_label_of_its_count() -> None:
    world = World(policy=never)
    world.restrictions.rows.append(a_restriction(RestrictionKind.CREDENTIALS))
    counter = metrics.WEBHOOKS.labels("pending", "credentials")
    before = counter._value.get()

    async with http_client(world) as client:
        await client.post()

    assert counter._value.get() == before + 1
