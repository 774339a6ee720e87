"""The simulator's pure parts: what it refuses, what it answers, what its webhooks say, which sends go wrong."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import orjson
import pytest

from tools.simulator.behaviour import Behaviour, PairLimit, StatusPlan
from tools.simulator.faults import Fault, FaultKind, FaultScript, FaultStep, Match
from tools.simulator.history import AcceptedMessage, History, HistoryFilter, journal_messages
from tools.simulator.ids import Ids, user_id_from
from tools.simulator.limits import PairRates, Windows
from tools.simulator.meta_errors import error_from, status_of
from tools.simulator.send_requests import Send, answer_from, error_in, send_from
from tools.simulator.status_payloads import status_changes
from tools.simulator.status_schedule import schedule_from
from tools.simulator.webhook_payloads import (
    Inbound,
    Shape,
    contact_from,
    envelope_from,
    inbound_changes,
    message_from,
    signature_of,
)

NUMBER = "106540352242922"
CUSTOMER = "966500000001"


def send_of(**changes: Any) -> Send:
    """A text that Meta would take, with some fields changed; None leaves a field out."""
    payload: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "to": "+966 50 000 0001",
        "type": "text",
        "text": {"body": "Hello"},
        "biz_opaque_callback_data": "gw1:1",
    }
    told = {key: value for key, value in (payload | changes).items() if value is not None}
    return send_from(NUMBER, orjson.dumps(told))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="a text"),
        pytest.param({"type": None}, id="a text that does not say so"),
        pytest.param({"text": {"body": "x" * 4_096}}, id="a text of the greatest length"),
        pytest.param({"to": None, "recipient": "US.13491208655302741918"}, id="a customer without phone"),
        pytest.param(
            {"type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}},
            id="a template",
        ),
        pytest.param({"status": "read", "message_id": "wamid.abc", "to": None}, id="a mark as read"),
        pytest.param(
            {"status": "read", "message_id": "wamid.abc", "typing_indicator": {"type": "text"}},
            id="a mark as read that shows typing",
        ),
    ],
)
def test_what_meta_takes_is_taken(changes: dict[str, Any]) -> None:
    assert error_in(send_of(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"messaging_product": None}, 100, id="no messaging product"),
        pytest.param({"messaging_product": "telegram"}, 100, id="another messaging product"),
        pytest.param({"to": None}, 100, id="nobody to send to"),
        pytest.param({"to": "nobody"}, 131009, id="a recipient that is no phone"),
        pytest.param({"to": 966500000001}, 131009, id="a phone that is a number"),
        pytest.param({"to": None, "recipient": 7}, 131009, id="a user id that is a number"),
        pytest.param({"type": "poem"}, 100, id="an unknown type"),
        pytest.param({"type": 5}, 100, id="a type that is a number"),
        pytest.param({"type": "image"}, 131008, id="an image without its object"),
        pytest.param({"text": {}}, 131008, id="a text without body"),
        pytest.param({"text": "Hello"}, 131008, id="a text that is a string"),
        pytest.param({"text": {"body": "  "}}, 131009, id="a blank text"),
        pytest.param({"text": {"body": "x" * 4_097}}, 100, id="a text that is too long"),
        pytest.param({"biz_opaque_callback_data": "x" * 513}, 131009, id="callback data that is too long"),
        pytest.param({"type": "template", "template": {"name": "a"}}, 131008, id="a template without language"),
        pytest.param({"type": "template", "template": {}}, 131008, id="a template without name"),
        pytest.param({"status": "read"}, 131008, id="a mark as read without message"),
        pytest.param({"status": "read", "message_id": "x"}, 131009, id="a mark as read of nothing"),
        pytest.param({"status": "seen", "message_id": "wamid.x"}, 100, id="an unknown mark"),
    ],
)
def test_what_meta_refuses_is_refused_with_its_code(changes: dict[str, Any], code: int) -> None:
    error = error_in(send_of(**changes))

    assert error is not None
    assert error.code == code
    told = orjson.loads(error.envelope("trace"))["error"]
    assert told["error_data"] == {"messaging_product": "whatsapp", "details": error.details}
    assert told["fbtrace_id"] == "trace"
    assert told["message"].startswith(f"(#{code})")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    error = error_in(send_from(NUMBER, body))

    assert error is not None
    assert error.code == 100


@pytest.mark.parametrize(
    ("code", "status"),
    [(190, 401), (10, 403), (212, 403), (130429, 400), (131016, 500), (2, 503), (999_999, 400)],
)
def test_a_code_has_the_documented_http_status(code: int, status: int) -> None:
    assert status_of(code) == status
    assert error_from(code).status == status


def test_an_answer_names_input_phone_user_and_message() -> None:
    answer = orjson.loads(answer_from(send_of(), "wamid.1", with_user_id=True))

    assert answer == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+966 50 000 0001", "wa_id": CUSTOMER, "user_id": user_id_from(CUSTOMER)}],
        "messages": [{"id": "wamid.1"}],
    }


def test_an_answer_for_a_customer_without_phone_has_no_wa_id() -> None:
    send = send_of(to=None, recipient="US.123")

    answer = orjson.loads(answer_from(send, "wamid.1", with_user_id=True))

    assert answer["contacts"] == [{"input": "US.123", "user_id": "US.123"}]


def test_only_a_template_is_answered_with_a_message_status() -> None:
    template = send_of(type="template", template={"name": "a", "language": {"code": "en"}})

    answer = orjson.loads(answer_from(template, "wamid.1", with_user_id=False))

    assert answer["messages"] == [{"id": "wamid.1", "message_status": "accepted"}]


def test_no_two_message_ids_are_the_same_even_of_two_runs() -> None:
    first, second = Ids(), Ids()

    made = [ids.wamid() for ids in (first, second) for _ in range(100)]

    assert len(set(made)) == 200


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("text", ("text", "body"), "stop"),
        ("button", ("button", "payload"), "stop"),
        ("interactive", ("interactive", "button_reply", "title"), "stop"),
        ("image", ("image", "caption"), "stop"),
        ("document", ("document", "filename"), "file.pdf"),
        ("sticker", ("sticker", "mime_type"), "image/webp"),
        ("location", ("location", "name"), "stop"),
        ("reaction", ("reaction", "emoji"), "stop"),
        ("order", ("order", "text"), "stop"),
        ("system", ("system", "type"), "user_changed_number"),
    ],
)
def test_a_customer_can_write_in_every_type(kind: str, path: tuple[str, ...], value: str) -> None:
    inbound = Inbound(phone_number_id=NUMBER, sender=CUSTOMER, type=kind, text="stop")

    found: Any = message_from(inbound, wamid="wamid.1", now=5)

    assert (found["type"], found["timestamp"], found["from"]) == (kind, "5", CUSTOMER)
    for step in path:
        found = found[step]
    assert found == value


def test_an_unsupported_message_carries_its_error() -> None:
    inbound = Inbound(phone_number_id=NUMBER, sender=CUSTOMER, type="unsupported")

    assert message_from(inbound, wamid="wamid.1", now=5)["errors"][0]["code"] == 131051


def test_raw_fields_override_everything() -> None:
    raw = {"interactive": {"type": "list_reply", "list_reply": {"id": "1", "title": "T"}}, "group_id": "g"}
    inbound = Inbound(phone_number_id=NUMBER, sender=CUSTOMER, type="interactive", raw=raw, timestamp=7)

    message = message_from(inbound, wamid="wamid.1", now=5)

    assert message["interactive"] == raw["interactive"]
    assert (message["group_id"], message["timestamp"]) == ("g", "7")


def test_a_customer_who_hides_the_phone_shows_only_user_id_and_name() -> None:
    inbound = Inbound(phone_number_id=NUMBER, user_id="US.1", username="sam")

    message, contact = message_from(inbound, wamid="wamid.1", now=5), contact_from(inbound)

    assert "from" not in message
    assert message["from_user_id"] == "US.1"
    assert message["from_parent_user_id"] == "US.ENT.1"
    assert contact == {
        "profile": {"name": "Customer", "username": "sam"},
        "user_id": "US.1",
        "parent_user_id": "US.ENT.1",
    }


@pytest.mark.parametrize(
    ("shape", "changes_by_entry", "messages_by_change"),
    [
        pytest.param("messages", [2], [2, 1], id="one change for each number"),
        pytest.param("changes", [3], [1, 1, 1], id="a change for each message"),
        pytest.param("entries", [1, 1, 1], [1, 1, 1], id="an entry for each message"),
    ],
)
def test_a_batch_takes_the_shape_asked_for(
    shape: Shape, changes_by_entry: list[int], messages_by_change: list[int]
) -> None:
    numbers = ["1", "2", "1"]
    inbounds = [Inbound(phone_number_id=number, sender=CUSTOMER) for number in numbers]
    pairs = [(each, message_from(each, wamid=f"wamid.{n}", now=5)) for n, each in enumerate(inbounds)]

    envelope = envelope_from(inbound_changes(pairs, shape=shape), shape=shape)

    assert envelope["object"] == "whatsapp_business_account"
    assert [len(entry["changes"]) for entry in envelope["entry"]] == changes_by_entry
    values = [change["value"] for entry in envelope["entry"] for change in entry["changes"]]
    assert [len(value["messages"]) for value in values] == messages_by_change
    assert {value["metadata"]["phone_number_id"] for value in values} == {"1", "2"}


def test_a_signature_is_the_hmac_of_the_raw_bytes() -> None:
    expected = hmac.new(b"secret", b'{"a": 1}', hashlib.sha256).hexdigest()

    assert signature_of(b'{"a": 1}', "secret") == f"sha256={expected}"
    assert signature_of(b'{"a":1}', "secret") != f"sha256={expected}"


def test_statuses_follow_in_order_and_echo_the_callback_data() -> None:
    arrivals = schedule_from(StatusPlan(delays=(1, 2, 3)), send_of(), wamid="wamid.1", now=100.5)

    told = [(each.delay, each.status["status"], each.status["timestamp"]) for each in arrivals]
    assert told == [(1, "sent", "101"), (2, "delivered", "102"), (3, "read", "103")]
    assert {each.status["biz_opaque_callback_data"] for each in arrivals} == {"gw1:1"}
    assert {each.status["recipient_id"] for each in arrivals} == {CUSTOMER}


def test_reversed_statuses_keep_their_true_times() -> None:
    plan = StatusPlan(delays=(1, 2, 3), modes=("reversed", "late"), late_seconds=10)

    arrivals = schedule_from(plan, send_of(), wamid="wamid.1", now=100)

    told = [(each.delay, each.status["status"], each.status["timestamp"]) for each in arrivals]
    assert told == [(11, "read", "103"), (12, "delivered", "102"), (13, "sent", "101")]


def test_a_message_that_fails_late_gets_one_failed_status_with_its_error() -> None:
    arrivals = schedule_from(StatusPlan(), send_of(), wamid="wamid.1", now=100, error=error_from(131047))

    assert [each.status["status"] for each in arrivals] == ["failed"]
    assert arrivals[0].status["errors"][0]["code"] == 131047


def test_statuses_of_one_number_share_a_change() -> None:
    changes = status_changes([("1", {"id": "a"}), ("2", {"id": "b"}), ("1", {"id": "c"})])

    assert [change["value"]["statuses"] for change in changes] == [[{"id": "a"}, {"id": "c"}], [{"id": "b"}]]


def kinds_of(script: FaultScript, *sends: Send) -> list[FaultKind | None]:
    """Which kind of fault each send meets."""
    return [fault.kind if fault else None for fault in map(script.fault_for, sends)]


HANG, LATE = Fault(kind="hang"), Fault(kind="late")
OTHER = send_of(to="966500000002")


@pytest.mark.parametrize(
    ("steps", "met"),
    [
        pytest.param([], [None, None, None], id="no script, no faults"),
        pytest.param([FaultStep(fault=HANG)], ["hang", "hang", "hang"], id="a step without match hits everything"),
        pytest.param(
            [FaultStep(match=Match(times=2), fault=HANG)], ["hang", "hang", None], id="a step ends after its times"
        ),
        pytest.param(
            [FaultStep(match=Match(after=1, times=1), fault=HANG)],
            [None, "hang", None],
            id="a step waits until some have passed",
        ),
        pytest.param(
            [FaultStep(match=Match(to="+966500000002"), fault=HANG)],
            [None, None, "hang"],
            id="a step for one customer leaves others alone",
        ),
        pytest.param(
            [FaultStep(match=Match(times=1), fault=HANG), FaultStep(fault=LATE)],
            ["hang", "late", "late"],
            id="the first step that hits wins",
        ),
        pytest.param(
            [FaultStep(match=Match(to=CUSTOMER), fault=Fault(kind="none")), FaultStep(fault=LATE)],
            [None, None, "late"],
            id="a step without fault shields from those below",
        ),
        pytest.param([FaultStep(match=Match(phone_number_id="9"), fault=HANG)], [None] * 3, id="another number"),
        pytest.param([FaultStep(match=Match(callback="gw1:2"), fault=HANG)], [None] * 3, id="other callback data"),
        pytest.param([FaultStep(match=Match(kind="read"), fault=HANG)], [None] * 3, id="only marks as read"),
        pytest.param([FaultStep(match=Match(probability=0), fault=HANG)], [None] * 3, id="no chance"),
    ],
)
def test_a_script_chooses_the_fault(steps: list[FaultStep], met: list[FaultKind | None]) -> None:
    assert kinds_of(FaultScript(steps), send_of(), send_of(), OTHER) == met


def test_a_mark_as_read_does_not_use_up_a_step_for_messages() -> None:
    script = FaultScript([FaultStep(match=Match(times=1), fault=HANG)])

    met = kinds_of(script, send_of(status="read", message_id="wamid.1"), send_of())

    assert met == [None, "hang"]
    assert script.fired == [1]


def test_chance_is_the_same_for_the_same_seed_and_about_as_likely_as_asked() -> None:
    def hits(seed: int) -> list[bool]:
        script = FaultScript([FaultStep(match=Match(probability=0.25, seed=seed), fault=HANG)])
        return [script.fault_for(send_of()) is not None for _ in range(400)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 60 < sum(hits(1)) < 140


@pytest.mark.parametrize(
    ("fault", "accepted"),
    [
        pytest.param(Fault(kind="late"), True, id="a late answer is for a message that was taken"),
        pytest.param(Fault(kind="drop_after"), True, id="a reset comes after the message was taken"),
        pytest.param(Fault(kind="drop_before"), False, id="an early close takes nothing"),
        pytest.param(Fault(kind="hang"), False, id="a hang takes nothing"),
        pytest.param(Fault(kind="hang", accepted=True), True, id="unless it is told to"),
        pytest.param(Fault(kind="http_status", http_status=500, accepted=True), True, id="as a 500 may"),
    ],
)
def test_a_fault_says_whether_the_message_was_taken(fault: Fault, *, accepted: bool) -> None:
    assert fault.accepts is accepted


def test_a_pair_may_send_a_burst_and_then_one_in_six_seconds() -> None:
    rates, limit = PairRates(), PairLimit(seconds=6, burst=3)

    def allowed(now: float, customer: str = CUSTOMER) -> bool:
        return rates.allows(NUMBER, customer, limit=limit, now=now)

    assert [allowed(0), allowed(0), allowed(0), allowed(0)] == [True, True, True, False]
    assert allowed(0, "966500000002")
    assert [allowed(5.9), allowed(6), allowed(6.1), allowed(12)] == [False, True, False, True]


def test_a_window_counts_from_the_latest_message() -> None:
    windows = Windows()

    windows.opened(NUMBER, CUSTOMER, at=1_000)
    windows.opened(NUMBER, CUSTOMER, at=500)

    assert windows.is_open(NUMBER, CUSTOMER, now=1_000 + 86_399)
    assert not windows.is_open(NUMBER, CUSTOMER, now=1_000 + 86_400)
    assert not windows.is_open("9", CUSTOMER, now=1_000)


def test_memory_keeps_the_last_messages_and_counts_them_all(tmp_path: Path) -> None:
    memory = History(2, tmp_path / "journal" / "messages.jsonl")

    for number in range(1, 4):
        memory.add_message(send_of(biz_opaque_callback_data=f"gw1:{number}"), f"wamid.{number}", at=number)

    assert [message.callback for message in memory.messages] == ["gw1:2", "gw1:3"]
    assert memory.accepted == 3
    kept = journal_messages(tmp_path / "journal" / "messages.jsonl")
    assert kept[0] == AcceptedMessage(1, "wamid.1", NUMBER, CUSTOMER, "text", "Hello", "gw1:1", 1)
    assert [message.order for message in kept] == [1, 2, 3]
    memory.close()


def test_a_torn_last_line_of_the_journal_is_left_out(tmp_path: Path) -> None:
    journal = tmp_path / "messages.jsonl"
    memory = History(2, journal)
    memory.add_message(send_of(), "wamid.1", at=1)
    memory.close()

    journal.write_bytes(journal.read_bytes() + b'{"order":2,"id":"wam')

    assert [message.id for message in journal_messages(journal)] == ["wamid.1"]
    assert journal_messages(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("asked", "orders"),
    [
        pytest.param(HistoryFilter(), [1, 2, 3], id="everything"),
        pytest.param(HistoryFilter(to="+966 500 000 001"), [1, 3], id="one customer, however the phone is written"),
        pytest.param(HistoryFilter(callback="b"), [2], id="one callback"),
        pytest.param(HistoryFilter(since=1.0), [2, 3], id="later than a time"),
        pytest.param(HistoryFilter(after=2), [3], id="after an order number"),
        pytest.param(HistoryFilter(limit=2), [2, 3], id="the last two"),
        pytest.param(HistoryFilter(limit=0), [], id="none"),
        pytest.param(HistoryFilter(phone_number_id="9"), [], id="another number"),
    ],
)
def test_a_filter_chooses_messages(asked: HistoryFilter, orders: list[int]) -> None:
    made = [(1, CUSTOMER, "a"), (2, "966500000002", "b"), (3, CUSTOMER, "c")]
    lines = [AcceptedMessage(n, f"wamid.{n}", NUMBER, to, "text", "Hi", callback, n) for n, to, callback in made]

    assert [message.order for message in asked.select(lines)] == orders


def test_behaviour_changes_where_it_is_told_and_nowhere_else() -> None:
    before = Behaviour(webhook_urls=("http://a",))

    after = before.with_changes({"statuses": {"modes": ["doubled"]}, "window": "status"})

    assert after.statuses.modes == ("doubled",)
    assert after.statuses.delays == before.statuses.delays
    assert (after.window, after.webhook_urls) == ("status", ("http://a",))


@pytest.mark.parametrize("changes", [{"statuses": {"mode": "doubled"}}, {"colour": 1}, {"window": "ajar"}])
def test_a_change_that_does_not_exist_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Behaviour().with_changes(changes)
