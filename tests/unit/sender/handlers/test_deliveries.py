"""MessageApproved to WebhookAnswered, over every outcome, every state of the ledger, and every point of a crash."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from libs.chassis.settlement import RetryLater
from libs.contracts.callback_data import event_id_from
from libs.contracts.decisions import CONFIRMATION
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.identity import Pseudonyms
from libs.contracts.results import AnswerCode, AnswerStatus
from libs.providers.outcomes import Accepted, NotSent, OutcomeUnknown, Refused, SendOutcome
from libs.store.conversations import Suppression, SuppressionKind
from services.sender.domain.results import unknown
from tests.unit.sender.fake_provider import FakeNumbers
from tests.unit.sender.fake_world import NOON
from tests.unit.sender.gateway import EVENT, LEASE, Gateway, a_number, answer_in, approved, received

TAKEN = Accepted(message_id="wamid.A")
ERASED = Pseudonyms(b"k" * 32).do_not_contact_hash("c1")


def refused(code: int | None, *, status: int = 400, retry_after: float | None = None) -> Refused:
    return Refused(code=code, http_status=status, retry_after=retry_after)


DOWN = refused(131000, status=500)


async def test_an_approved_message_is_sent_and_the_caller_is_told_its_id() -> None:
    gateway = Gateway.answering(TAKEN)

    answer = await gateway.answered(approved(customer="+966500000001"))

    assert (answer.code, answer.message_id, answer.details) == (AnswerStatus.SENT, "wamid.A", {})
    assert (answer.event_id, answer.reply_to, answer.purpose) == (EVENT, "ingress-1", "support")
    assert answer.customer == "+966500000001"
    assert gateway.decisions.released == set()
    assert gateway.ledger.entries[str(EVENT)].state == "finished"


def a_stop(kind: SuppressionKind, customer_key: str) -> Suppression:
    return Suppression(
        id="sup_1",
        account_id="a1",
        customer_key=customer_key,
        masked_phone="",
        kind=kind,
        source="keyword",
        reason=None,
        actor=None,
        since=NOON,
    )


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=5)])
@pytest.mark.parametrize("key", [pytest.param("c1", id="known"), pytest.param(ERASED, id="erased since")])
async def test_who_opted_out_since_the_decision_does_not_get_the_message(key: str, age: timedelta) -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.suppressions.rows[key] = a_stop(SuppressionKind.OPT_OUT, key)

    answer = await gateway.answered(approved(received_at=NOON - age))

    assert (answer.code, answer.details["reason"]) == (ErrorCode.RECIPIENT_SUPPRESSED, "opted_out_while_waiting")
    assert gateway.provider.offered == []
    assert gateway.decisions.released == {str(EVENT)}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        pytest.param(SuppressionKind.OPT_OUT, {"event_type": CONFIRMATION}, id="the confirmation of the opt-out"),
        pytest.param(SuppressionKind.MARKETING, {}, id="an answer to somebody who wants no marketing"),
    ],
)
async def test_what_a_suppression_does_not_mean_is_sent_however_long_it_waited(
    kind: SuppressionKind, changes: dict[str, Any]
) -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.suppressions.rows["c1"] = a_stop(kind, "c1")

    answer = await gateway.answered(approved(received_at=NOON - timedelta(minutes=5), **changes))

    assert answer.code is AnswerStatus.SENT


async def test_who_opts_out_between_two_tries_gets_no_second_one() -> None:
    gateway = Gateway.answering(DOWN, TAKEN)
    sleep = gateway.world.sleep

    async def opt_out_meanwhile(seconds: float) -> None:
        gateway.suppressions.rows["c1"] = a_stop(SuppressionKind.OPT_OUT, "c1")
        await sleep(seconds)

    gateway.world.sleep = opt_out_meanwhile  # type: ignore[method-assign]
    answer = await gateway.answered(approved())

    assert (answer.code, answer.details["reason"]) == (ErrorCode.RECIPIENT_SUPPRESSED, "opted_out_while_waiting")
    assert len(gateway.provider.offered) == 1


KEYS = [Pseudonyms(b"k" * 32).customer_key("a1", value) for value in ("+966500000001", "SA.77")]


@pytest.mark.parametrize("changes", [{}, {"event_type": CONFIRMATION}])
@pytest.mark.parametrize("key", ["c1", *KEYS])
async def test_who_was_erased_gets_nothing_that_waited_and_is_named_nowhere(key: str, changes: dict[str, Any]) -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.times[key] = NOON
    message = approved(customer="+966500000001", customer_user_id="SA.77", received_at=NOON, **changes)

    answer, again = await gateway.answered(message, redelivered=True), await gateway.answered(message, attempt=2)

    assert (answer.code, answer.details["reason"]) == (ErrorCode.RECIPIENT_SUPPRESSED, "erased_while_waiting")
    assert (answer.customer, answer.customer_key, answer.message_id) == (None, None, None)
    assert again == answer
    assert [claim.customer_key for claim in gateway.ledger.claims] == ["", ""]
    assert gateway.provider.offered == []
    assert gateway.decisions.released == {str(EVENT)}


async def test_an_erasure_between_the_claim_and_the_call_is_seen() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.next_looks = [None, NOON]

    answer = await gateway.answered(approved(received_at=NOON), attempt=2)

    assert answer.details["reason"] == "erased_while_waiting"
    assert (answer.customer, gateway.provider.offered) == (None, [])


@pytest.mark.parametrize("outcome", [TAKEN, Refused(code=131050, http_status=400), OutcomeUnknown("timeout")])
async def test_the_answer_of_a_message_that_was_sent_before_the_erasure_names_nobody(outcome: SendOutcome) -> None:
    gateway = Gateway.answering(outcome)
    gateway.ledger.met_by_erasures = {str(EVENT)}

    said = await gateway.handler()(received(approved(customer="+966500000001", received_at=NOON)))

    answer = answer_in(said)
    assert len(gateway.provider.offered) == 1
    assert (answer.customer, answer.customer_key, len(said)) == (None, None, 1)
    assert gateway.suppressions.rows == {}


async def test_the_answer_of_a_message_that_is_not_called_for_is_looked_at_again() -> None:
    gateway = Gateway.answering(TAKEN)
    await gateway.answered(approved(customer="+966500000001", received_at=NOON))
    gateway.erased.times["c1"] = NOON

    again = await gateway.answered(approved(customer="+966500000001", received_at=NOON))

    assert (again.code, again.customer, again.customer_key) == (AnswerStatus.SENT, None, None)


async def test_who_was_erased_between_the_look_and_the_claim_does_not_stay_in_the_ledger() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.next_looks = [None, NOON]

    await gateway.answered(approved(received_at=NOON), attempt=2)

    claimed = gateway.ledger.claimed[str(EVENT)]
    assert (claimed.customer_key, claimed.contact, claimed.fallback) == ("", None, None)


async def test_what_is_requested_after_an_erasure_is_sent() -> None:
    gateway = Gateway.answering(TAKEN)
    gateway.erased.times["c1"] = NOON - timedelta(microseconds=1)

    answer = await gateway.answered(approved(received_at=NOON))

    assert answer.code is AnswerStatus.SENT
    assert answer.customer_key == "c1"


async def test_what_whatsapp_echoes_names_our_event_and_stands_in_the_ledger() -> None:
    gateway = Gateway()

    await gateway.process()(approved())

    [offered], [claim] = gateway.provider.offered, gateway.ledger.claims
    assert event_id_from(offered.callback, Pseudonyms(b"k" * 32)) == EVENT
    assert claim.callback_id == offered.callback


async def test_a_claim_that_waits_for_the_store_is_judged_by_the_time_at_which_its_turn_comes() -> None:
    gateway = Gateway.answering(Accepted(message_id="wamid.1"))

    await gateway.process()(approved())
    [claim] = gateway.ledger.claims
    gateway.world.elapsed += 3

    assert claim.as_of_now().now - claim.now >= timedelta(seconds=3)


async def test_nothing_personal_is_kept_in_the_ledger() -> None:
    gateway = Gateway()

    await gateway.process()(approved(customer="+966500000001", text="hello there"))

    kept = gateway.ledger.entries[str(EVENT)].outcome or b""
    assert b"96650" not in kept
    assert b"hello" not in kept


ENDS: list[Any] = [
    pytest.param([DOWN, TAKEN], AnswerStatus.SENT, 2, id="a fault that passes"),
    pytest.param([NotSent("connect_failed"), TAKEN], AnswerStatus.SENT, 2, id="a line that comes back"),
    pytest.param([DOWN] * 3, ErrorCode.GATEWAY_SEND_FAILED, 3, id="a fault that stays"),
    pytest.param([NotSent("dns_failed")] * 3, ErrorCode.GATEWAY_SEND_FAILED, 3, id="a line that stays down"),
    pytest.param([refused(131053)] * 2, ErrorCode.GATEWAY_SEND_FAILED, 2, id="a media fault, tried twice"),
    pytest.param([refused(131026)], ErrorCode.GATEWAY_SEND_FAILED, 1, id="a customer without WhatsApp"),
    pytest.param([refused(424242)], ErrorCode.GATEWAY_SEND_FAILED, 1, id="a code nobody knows"),
    pytest.param([refused(131047)], ErrorCode.CONVERSATION_WINDOW_CLOSED, 1, id="a closed window"),
    pytest.param([refused(131050)], ErrorCode.RECIPIENT_SUPPRESSED, 1, id="a customer who opted out"),
    pytest.param([refused(131048)], ErrorCode.POLICY_VIOLATION, 1, id="a restricted number"),
    pytest.param([refused(131056)], ErrorCode.SENDING_THROTTLED, 1, id="a pair that is too fast"),
    pytest.param([refused(4)], ErrorCode.SENDING_THROTTLED, 1, id="an app that is too fast"),
    pytest.param([refused(130429), TAKEN], AnswerStatus.SENT, 2, id="a throttle short enough to wait for"),
    pytest.param([refused(130429)] * 3, ErrorCode.SENDING_THROTTLED, 3, id="a throttle that goes on"),
    pytest.param(
        [refused(130429, retry_after=9.0)], ErrorCode.SENDING_THROTTLED, 1, id="a throttle too long to wait for"
    ),
    pytest.param([refused(130429), DOWN, DOWN, TAKEN], AnswerStatus.SENT, 4, id="a throttle that used no attempt up"),
]


@pytest.mark.parametrize(("outcomes", "code", "calls"), ENDS)
async def test_an_outcome_comes_to_its_answer(outcomes: list[SendOutcome], code: AnswerCode, calls: int) -> None:
    gateway = Gateway.answering(*outcomes)

    result = await gateway.process()(approved())

    assert result.code == code
    assert len(gateway.provider.offered) == calls
    assert gateway.decisions.times == isinstance(code, ErrorCode)


@pytest.mark.parametrize("reason", ["timeout", "connection_lost", "no_message_id", "server_error"])
async def test_where_whatsapp_may_have_the_message_the_outcome_is_unknown_and_nothing_is_sent_again(
    reason: str,
) -> None:
    gateway = Gateway.answering(OutcomeUnknown(reason))
    deliver = gateway.process()

    first, again = await deliver(approved()), await deliver(approved())

    assert first == again
    assert (first.code, first.details["outcome"]) == (ErrorCode.GATEWAY_SEND_FAILED, "unknown")
    assert len(gateway.provider.offered) == 1
    assert gateway.decisions.released == set()


async def test_a_window_that_whatsapp_calls_closed_is_closed_here_too() -> None:
    gateway = Gateway.answering(refused(131047))

    await gateway.process()(approved())

    assert gateway.conversations.closed == {("n1", "c1"): NOON}


@pytest.mark.parametrize(
    ("code", "bucket", "factor"),
    [
        (130429, "number:n1", 0.5),
        (131056, "pair:n1:c1", 1.0),
        (80007, "waba:n1", 1.0),
        (4, "app:app", 1.0),
    ],
)
async def test_a_throttled_bucket_is_held_for_everybody(code: int, bucket: str, factor: float) -> None:
    gateway = Gateway.answering(refused(code, retry_after=30.0))
    deliver = gateway.process()

    first, next_one = await deliver(approved()), await deliver(approved(event_id=UUID(int=2)))

    told = {"retry_after": 30, "scope": bucket.partition(":")[0]}
    assert gateway.ledger.holds() == {bucket: (30.0, factor)}
    assert (first.details, next_one.details) == (told, told)
    assert len(gateway.provider.offered) == 1


async def test_a_retry_after_is_not_undercut() -> None:
    gateway = Gateway.answering(refused(131000, status=500, retry_after=3.0), TAKEN)

    await gateway.process()(approved())

    assert gateway.world.slept == [3.125]


async def test_a_retry_after_that_is_too_long_ends_the_retries() -> None:
    gateway = Gateway.answering(refused(131000, status=500, retry_after=60.0))

    result = await gateway.process()(approved())

    assert result.code is ErrorCode.GATEWAY_SEND_FAILED
    assert gateway.world.slept == []


async def test_the_eleventh_message_to_a_customer_at_once_is_throttled_and_costs_nothing() -> None:
    gateway = Gateway()
    deliver = gateway.process()

    results = [await deliver(approved(event_id=UUID(int=n))) for n in range(1, 12)]

    assert [r.code for r in results] == [AnswerStatus.SENT] * 10 + [ErrorCode.SENDING_THROTTLED]
    assert results[-1].details["scope"] == "pair"
    assert 5 <= results[-1].details["retry_after"] <= 6
    assert gateway.decisions.released == {str(UUID(int=11))}


async def test_a_short_wait_for_the_numbers_turn_is_smoothed_over() -> None:
    gateway = Gateway(numbers=FakeNumbers((a_number(messages_per_second=1.0),)))
    deliver = gateway.process()

    results = [await deliver(approved(event_id=UUID(int=n), customer_key=f"c{n}")) for n in (1, 2, 3)]

    assert [r.code for r in results] == [AnswerStatus.SENT] * 3
    assert gateway.world.slept == pytest.approx([1.0, 1.0])


async def test_receipts_begin_when_a_reply_waits_visibly_and_when_it_was_sent() -> None:
    gateway = Gateway(numbers=FakeNumbers((a_number(messages_per_second=1.0),)))
    deliver, events = gateway.process(), [UUID(int=n) for n in (1, 2)]

    for event_id in events:
        await deliver(approved(event_id=event_id, customer_key=f"c{event_id.int}"))

    assert gateway.receipts.begun == [(events[0], False), (events[1], True), (events[1], False)]


async def test_no_receipt_begins_for_a_reply_that_was_not_sent() -> None:
    gateway = Gateway.answering(refused(131026))

    await gateway.process()(approved())

    assert gateway.receipts.begun == []


async def test_a_message_that_another_process_calls_for_is_asked_for_later() -> None:
    gateway = Gateway()
    gateway.provider.gate = asyncio.Event()
    elsewhere = asyncio.ensure_future(gateway.process("sender-1")(approved()))
    while not gateway.provider.offered:
        await asyncio.sleep(0)

    with pytest.raises(RetryLater):
        await gateway.process("sender-2")(approved())

    gateway.provider.gate.set()
    assert (await elsewhere).code is AnswerStatus.SENT
    assert (await gateway.process("sender-2")(approved())).message_id == "wamid.1"
    assert len(gateway.provider.offered) == 1


async def test_a_call_whose_process_died_is_unknown_once_its_lease_has_ended() -> None:
    gateway = Gateway()
    gateway.world.dies_at = 3  # the claim is written, the provider not yet asked
    dead = gateway.process("sender-1")

    result = await gateway.until_done(dead, approved())

    assert result == unknown("sender_stopped")
    assert gateway.world.elapsed >= LEASE
    assert gateway.provider.offered == []


async def test_without_a_store_nothing_is_offered() -> None:
    gateway = Gateway()
    gateway.ledger.away = 1

    with pytest.raises(GatewayError):
        await gateway.process()(approved())

    assert gateway.provider.offered == []


SCRIPTS = [
    pytest.param([TAKEN], id="taken at once"),
    pytest.param([DOWN, TAKEN], id="taken at the second try"),
    pytest.param([NotSent("dns_failed")] * 3, id="never reached"),
    pytest.param([refused(131047)], id="window closed"),
    pytest.param([refused(131056)], id="throttled"),
    pytest.param([refused(130429), TAKEN], id="throttled, then taken"),
    pytest.param([OutcomeUnknown("timeout")], id="timed out"),
]
MOST_STEPS = 30


@pytest.mark.parametrize("dies_at", range(1, MOST_STEPS))
@pytest.mark.parametrize("outcomes", SCRIPTS)
async def test_wherever_the_process_dies_the_customer_gets_the_message_at_most_once_and_the_answer_is_true(
    outcomes: list[SendOutcome], dies_at: int
) -> None:
    gateway = Gateway.answering(*outcomes)
    gateway.world.dies_at = dies_at

    result = await gateway.until_done(gateway.process("sender-1"), approved())
    again = await gateway.until_done(gateway.process("sender-0"), approved())

    assert len(gateway.provider.took) <= 1
    assert again == result
    assert gateway.ledger.entries[str(EVENT)].state == "finished"
    if result.code is AnswerStatus.SENT:
        assert len(gateway.provider.took) == 1
    elif not result.unknown:
        assert gateway.provider.took == []
    assert gateway.decisions.times == (1 if result.not_sent else 0)


@pytest.mark.parametrize("outcomes", SCRIPTS)
async def test_the_crash_test_reaches_the_end_of_every_script(outcomes: list[SendOutcome]) -> None:
    gateway = Gateway.answering(*outcomes)

    await gateway.until_done(gateway.process(), approved())

    assert gateway.world.steps < MOST_STEPS
