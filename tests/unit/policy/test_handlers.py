from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from libs.contracts.decisions import Decision, withdrawn
from libs.contracts.errors import ErrorCode, GatewayError
from libs.contracts.events import MessageApproved, SuppressionAdded, SuppressionLifted, WebhookAnswered
from libs.contracts.identity import do_not_contact, keyed_hash
from libs.contracts.results import AnswerStatus
from libs.store.conversations import Suppression, SuppressionKind
from services.policy.domain.content_policy import ContentPolicy
from services.policy.domain.keywords import Keywords
from services.policy.handlers import Hear, Judge, Know
from tests.builders import EVENT_ID, KEY, NOON, PHONE, a_customers_message, a_webhook, an_account, received, stored
from tests.unit.policy.fakes import (
    FakeConversations,
    FakeDecisions,
    FakeDirectory,
    FakeIdentities,
    FakeSuppressions,
)

CONTENT = ContentPolicy.load()
KEYWORDS = Keywords.load()
CUSTOMER_KEY = keyed_hash(KEY, "acc_1", PHONE)


def a_judge(decisions: FakeDecisions | None = None, directory: FakeDirectory | None = None) -> Judge:
    decisions = decisions or FakeDecisions()
    return Judge(directory or FakeDirectory(), decisions, CONTENT, KEY, lambda: 0.0, decisions.turns)


async def test_an_approved_reply_carries_customer_text_and_receipt() -> None:
    said = await a_judge()(received(a_webhook()))

    assert isinstance(said, MessageApproved)
    assert (said.customer, said.customer_key, said.number_id) == (PHONE, CUSTOMER_KEY, "num_1")
    assert said.text == "Your order has arrived."
    assert said.receipt[-1].rule == "speed_is_normal"


async def test_a_refusal_tells_code_and_details_and_who_asked() -> None:
    decisions = FakeDecisions(known=stored(day=100))

    said = await a_judge(decisions)(received(a_webhook()))

    assert isinstance(said, WebhookAnswered)
    assert (said.code, said.reply_to) == (ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED, "ingress-1")
    assert said.details["limit"] == 100


async def test_a_test_is_answered_without_asking_the_store() -> None:
    decisions = FakeDecisions()

    said = await a_judge(decisions)(received(a_webhook(event_type="test")))

    assert isinstance(said, WebhookAnswered)
    assert said.code is AnswerStatus.OK
    assert (decisions.questions, decisions.kept) == ([], {})


async def test_an_event_type_is_read_whatever_its_case() -> None:
    said = await a_judge()(received(a_webhook(event_type=" TEST ")))

    assert isinstance(said, WebhookAnswered)
    assert said.code is AnswerStatus.OK


async def test_a_repeated_approval_is_the_same_event_and_uses_up_quota_once() -> None:
    decisions = FakeDecisions(left=10)
    judge = a_judge(decisions)

    first, second = await judge(received(a_webhook())), await judge(received(a_webhook(), attempt=2))

    assert first == second
    assert first.id_after(EVENT_ID) == second.id_after(EVENT_ID)
    assert decisions.left == 9


async def test_what_was_decided_first_stands_even_when_the_facts_have_changed() -> None:
    decisions = FakeDecisions(known=stored(day=100))
    judge = a_judge(decisions)
    first = await judge(received(a_webhook()))
    decisions.known = stored(day=0)

    second = await judge(received(a_webhook()))

    assert first == second


async def test_an_event_that_ingress_withdrew_is_never_approved() -> None:
    decisions = FakeDecisions(kept={str(EVENT_ID): withdrawn().model_dump_json().encode()})

    said = await a_judge(decisions)(received(a_webhook()))

    assert isinstance(said, WebhookAnswered)
    assert said.code is ErrorCode.GATEWAY_UNAVAILABLE


async def test_an_approval_that_comes_too_late_for_the_quota_is_a_refusal() -> None:
    decisions = FakeDecisions(left=0)

    said = await a_judge(decisions)(received(a_webhook()))

    assert isinstance(said, WebhookAnswered)
    assert said.code is ErrorCode.DAILY_MESSAGE_LIMIT_EXCEEDED
    assert said.receipt[-1].passed is False
    assert Decision.model_validate_json(decisions.kept[str(EVENT_ID)]).refused


async def test_a_store_that_lags_behind_is_waited_for() -> None:
    judge = a_judge(directory=FakeDirectory(integrations={}))

    with pytest.raises(GatewayError) as caught:
        await judge(received(a_webhook()))

    assert caught.value.code is ErrorCode.GATEWAY_UNAVAILABLE


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        pytest.param({"to": PHONE, "from_": "+966598765432"}, PHONE, id="to comes first for a message"),
        pytest.param({"to": "101", "from_": PHONE}, PHONE, id="an extension is passed over"),
        pytest.param({"to": None, "caller": "0512345678"}, PHONE, id="a national number, read with the region"),
        pytest.param({"to": None, "phone": "00966512345678"}, PHONE, id="a number that begins with 00"),
    ],
)
async def test_the_customers_phone_is_found(payload: dict[str, Any], found: str) -> None:
    said = await a_judge()(received(a_webhook(**payload)))

    assert isinstance(said, MessageApproved)
    assert said.customer == found


class Listening:
    """A Hear with its fakes."""

    def __init__(self, **account: Any) -> None:
        self.conversations = FakeConversations()
        self.suppressions = FakeSuppressions()
        directory = FakeDirectory(accounts={"acc_1": an_account(**account)})
        self.know = Know(FakeIdentities(), self.suppressions, KEY)
        self.hear = Hear(directory, self.conversations, self.suppressions, self.know, KEYWORDS, KEY)

    async def __call__(self, text: str | None = "Hello", **changes: Any) -> list[Any]:
        envelope = changes.pop("id", EVENT_ID)
        return list(await self.hear(received(a_customers_message(text=text, **changes), id=envelope)))


async def test_a_customers_message_opens_the_window_from_whatsapps_time() -> None:
    listening = Listening()

    said = await listening(sent_at=NOON - timedelta(hours=3))

    assert said == []
    assert listening.conversations.opened == {("num_1", CUSTOMER_KEY): NOON - timedelta(hours=3)}


async def test_an_opt_out_suppresses_and_is_confirmed_once() -> None:
    listening = Listening()

    said = await listening("Stop!")

    added, confirmation = said
    assert isinstance(added, SuppressionAdded)
    assert added.evidence["word"] == "en.stop.stop"
    assert isinstance(confirmation, MessageApproved)
    assert confirmation.event_type == "opt_out_confirmation"


async def test_nothing_is_sent_to_confirm_an_opt_out_while_the_account_is_paused() -> None:
    [added] = await Listening(paused=True)("Stop!")

    assert isinstance(added, SuppressionAdded)


async def test_an_opt_in_lifts_what_stayed_of_somebody_who_was_erased_and_says_so_again() -> None:
    listening = Listening()
    unnamed = do_not_contact(KEY, CUSTOMER_KEY)
    stayed = Suppression(
        id="sup_1",
        account_id="acc_1",
        customer_key=unnamed,
        masked_phone="",
        kind=SuppressionKind.OPT_OUT,
        source="erasure",
        reason=None,
        actor=None,
        since=NOON - timedelta(days=1),
    )
    await listening.suppressions.suppress(stayed, ())

    said = [await listening("Start", sent_at=NOON) for _ in range(2)]

    assert [[type(event) for event in each] for each in said] == [[SuppressionLifted]] * 2
    assert not listening.suppressions.rows[unnamed, SuppressionKind.OPT_OUT].active


async def test_facts_are_asked_for_what_stayed_of_somebody_who_was_erased_too() -> None:
    decisions = FakeDecisions()

    await a_judge(decisions=decisions)(received(a_webhook()))

    (question,) = decisions.questions
    assert question.customer_keys == (CUSTOMER_KEY, do_not_contact(KEY, CUSTOMER_KEY))


async def test_the_same_opt_out_delivered_again_says_the_same() -> None:
    listening = Listening()

    first, second = await listening("STOP"), await listening("STOP")

    assert first == second
    assert [e.id_after(EVENT_ID) for e in first] == [e.id_after(EVENT_ID) for e in second]


async def test_who_says_stop_twice_is_answered_once() -> None:
    listening = Listening()
    await listening("STOP")

    said = await listening("STOP", message_id="wamid.2", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert said == []


async def test_start_lifts_the_opt_out() -> None:
    listening = Listening()
    await listening("STOP")

    said = await listening("start", message_id="wamid.2", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert [type(event) for event in said] == [SuppressionLifted]


async def test_an_old_stop_that_arrives_after_a_newer_start_changes_nothing() -> None:
    listening = Listening()
    await listening("STOP")
    await listening("START", message_id="wamid.2", sent_at=NOON + timedelta(minutes=2), id=uuid4())

    said = await listening("STOP", message_id="wamid.0", sent_at=NOON + timedelta(minutes=1), id=uuid4())

    assert said == []


async def test_an_account_has_its_own_words() -> None:
    assert await Listening(opt_out_words=("basta ya",))("Basta ya!")


async def test_a_confirmation_is_in_the_words_language() -> None:
    _, confirmation = await Listening()("إيقاف")

    assert "START" in confirmation.text
    assert "لن تصلك" in confirmation.text


async def test_a_customer_known_by_phone_and_user_id_is_suppressed_under_both() -> None:
    listening = Listening()

    await listening("STOP", customer_user_id="SA.77")

    kinds = {key for key, _ in listening.suppressions.rows}
    assert kinds == {CUSTOMER_KEY, keyed_hash(KEY, "acc_1", "SA.77")}


async def test_the_evidence_holds_no_text_and_no_number() -> None:
    listening = Listening()
    await listening("STOP")

    row = next(iter(listening.suppressions.rows.values()))

    assert set(row.evidence) == {"message_id", "at", "word", "language"}
    assert PHONE not in repr(replace(row, masked_phone=""))
