"""Every sample of `samples.toml`, and what holds for whatever anybody sends."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.events import WebhookPayload
from libs.store.accounts import Integration
from services.ingress.domain.dialects import Dialect, Translation, translation_from
from tests.unit.ingress.world import integration

SAMPLES = tomllib.loads((Path(__file__).parent / "samples.toml").read_text("utf-8"))["sample"]
MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)
WEEK = ["sunday", "monday", "tuesday", "wednesday", "thursday"]
OFFICE: dict[str, Any] = {
    "extension_roles": {
        "101": "ext",
        "800": "queue",
        "801": "queue_callback",
        "809": "ivr",
        "850": "voicemail",
        "966500000099": "ext",
    },
    "business_hours": {
        "zone": "Asia/Riyadh",
        "weekly": {day: [{"opens": "09:00", "closes": "17:00"}] for day in WEEK},
        "holidays": ["2026-12-01"],
    },
}


def said(body: dict[str, Any], at: datetime = MORNING, **changes: Any) -> Translation:
    return translation_from(body, integration(**(OFFICE | changes)), now=at)


def missed(**changes: Any) -> dict[str, Any]:
    known = {
        "event": "incoming",
        "callerid": "966512345678",
        "user": "101",
        "finishtype": "Missed",
        "id": "261123120000_41-0",
    }
    return known | changes


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s["id"])
def test_what_real_systems_send_means(sample: dict[str, Any]) -> None:
    told = said(sample["says"], sample.get("at", MORNING))

    assert told.payload == WebhookPayload(**sample["means"])
    assert told.dialect == sample["dialect"]
    assert told.record_only == sample.get("internal", False)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s["dialect"] != "native"], ids=lambda s: s["id"])
def test_a_sample_means_the_same_whatever_its_case_and_when_its_dialect_is_pinned(sample: dict[str, Any]) -> None:
    at = sample.get("at", MORNING)
    shouted = {key.upper(): v.upper() if key.casefold() in WORDS else v for key, v in sample["says"].items()}

    pinned = said(shouted, at, dialect=sample["dialect"])

    assert pinned.payload == said(sample["says"], at).payload
    assert pinned.dialect == sample["dialect"]


WORDS = {"event", "finishtype", "usertype", "call_type", "calltype"}


@pytest.mark.parametrize("dialect", Dialect)
def test_a_test_in_our_own_words_is_understood_whatever_is_pinned(dialect: Dialect) -> None:
    told = said({"event_type": "test"}, dialect=dialect.value)

    assert (told.payload.event_type, told.dialect) == ("test", "native")


def test_a_pinned_dialect_does_not_understand_another() -> None:
    told = said(missed(), dialect="native")

    assert told.dialect == "native"
    assert told.payload.event_type == "incoming"


def test_a_word_that_a_generator_does_not_have_is_no_event_of_ours() -> None:
    assert said(missed(event="hangup")).payload.event_type == "hangup"
    assert said({"call_type": "Parked", "number": "1"}, dialect="crm_template").payload.event_type is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(missed(), missed(FILES=[], title="again"), True, id="the end of one call, told twice"),
        pytest.param(missed(), missed(id="261123120000_42-0"), False, id="two calls"),
        pytest.param(missed(), missed(FILES=["x.wav"]), False, id="the end, and its recording"),
        pytest.param(missed(), missed(event="pickupincoming"), False, id="the end, and the start"),
        pytest.param(missed(id=""), missed(id=None), True, id="no id: the same number in the same minute"),
        pytest.param(missed(id=""), missed(id="", callerid="966512345679"), False, id="no id: two numbers"),
        pytest.param(missed(id=""), missed(id="", callerid="+966 51 234 5678"), True, id="no id: one number, spaced"),
        pytest.param(
            {"call_type": "Missed", "number": "0512345678", "call_start_time_utc": "2026-11-23T09:00:00Z"},
            {"call_type": "Missed", "number": "0512345678", "call_start_time_utc": "2026-11-23T09:00:05Z"},
            False,
            id="CRM template: two calls in one minute",
        ),
        *(
            pytest.param(
                {"CallType": "Missed", "Number": "0512345678", name: "11/28/2026 10:00:00 AM"},
                {"CallType": "Missed", "Number": "0512345678", name: f"11/28/2026 10:00:{second} AM"},
                second == "00",
                id=f"CRM template: {name}, second {second}",
            )
            for name in (
                *("CallStartTimeUTC", "CallStartTimeLocal", "CallEstablishedTimeUTC", "CallEstablishedTimeLocal"),
                *("CallEndTimeUTC", "CallEndTimeLocal", "DateTime"),
            )
            for second in ("00", "05")
        ),
    ],
)
def test_what_tells_of_the_same_thing_has_the_same_subject(
    one: dict[str, Any],
    other: dict[str, Any],
    same: bool,  # noqa: FBT001 -- a table's column
) -> None:
    assert (said(one).deduplication_key == said(other).deduplication_key) is same


def test_without_an_id_the_next_minute_is_another_call() -> None:
    assert said(missed(id="")).deduplication_key != said(missed(id=""), MORNING.replace(minute=1)).deduplication_key


def test_what_is_told_in_our_own_words_has_no_subject_of_its_own() -> None:
    assert said({"event_type": "missed_call", "caller": "+966512345678"}).deduplication_key is None


def test_without_a_calendar_it_is_never_after_hours() -> None:
    night = MORNING.replace(hour=23)

    assert said(missed(), night, business_hours=None).payload.event_type == "missed_call"


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        pytest.param(datetime(2026, 11, 23, 6, 0, tzinfo=UTC), True, id="nine sharp in Riyadh"),
        pytest.param(datetime(2026, 11, 23, 5, 59, 59, tzinfo=UTC), False, id="a second before"),
        pytest.param(datetime(2026, 11, 23, 13, 59, 59, tzinfo=UTC), True, id="the last second"),
        pytest.param(datetime(2026, 11, 23, 14, 0, tzinfo=UTC), False, id="five sharp"),
        pytest.param(datetime(2026, 11, 21, 22, 0, tzinfo=UTC), False, id="Sunday there while it is Saturday here"),
        pytest.param(datetime(2026, 11, 27, 9, 0, tzinfo=UTC), False, id="Friday"),
    ],
)
def test_the_calendar_is_read_in_its_own_zone(at: datetime, open_: bool) -> None:  # noqa: FBT001 -- a table's column
    assert said(missed(), at).payload.event_type == ("missed_call" if open_ else "after_hours")


@pytest.mark.parametrize(
    ("zone", "at", "open_"),
    [
        pytest.param("Europe/Berlin", datetime(2026, 3, 30, 7, 0, tzinfo=UTC), True, id="summer: nine is seven UTC"),
        pytest.param("Europe/Berlin", datetime(2026, 3, 27, 7, 0, tzinfo=UTC), False, id="winter: seven UTC is eight"),
    ],
)
def test_the_calendar_follows_daylight_saving(zone: str, at: datetime, open_: bool) -> None:  # noqa: FBT001 -- a table's column
    hours = {"zone": zone, "weekly": {"monday": DAY, "friday": DAY}}

    told = said(missed(), at, business_hours=hours)

    assert told.payload.event_type == ("missed_call" if open_ else "after_hours")


DAY = [{"opens": "09:00", "closes": "12:00"}, {"opens": "13:00", "closes": "24:00"}]


@pytest.mark.parametrize(
    "hours", [{}, {"zone": "Mars/Base"}, {"zone": "../etc", "weekly": {}}, {"zone": 7, "weekly": []}]
)
def test_hours_that_make_no_sense_are_none(hours: dict[str, Any]) -> None:
    assert said(missed(), business_hours=hours).payload.event_type == "missed_call"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("101", id="an extension"),
        pytest.param("966500000099", id="a number with a role of its own"),
        pytest.param("Anonymous", id="anonymous"),
        pytest.param("[Number]", id="a variable that was not filled"),
        pytest.param("", id="nothing"),
        pytest.param(None, id="null"),
        pytest.param(["966512345678"], id="a list"),
    ],
)
def test_a_number_that_is_no_customers_is_none(number: object) -> None:
    assert said(missed(callerid=number)).payload.caller is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["event", "Event", "callerid", "Callerid", "user", "id", "did", "inbound_did", "finishtype", "FILES", "usertype",
     "call_type", "CallType", "number", "agent", "event_type", "direction"]
)  # fmt: skip
VALUES = JSON | st.sampled_from(
    ["ringing", "incoming", "outgoing", "recording", "Missed", "Ok", "Inbound", "Notanswered", "999999999999_1", "test"]
)


def _anywhere(hours: Any, roles: Any, dialect: str) -> Integration:
    return integration(business_hours=hours, extension_roles=roles, dialect=dialect)


@given(
    body=st.dictionaries(KEYS | st.text(max_size=10), VALUES, max_size=8),
    hours=st.none() | st.dictionaries(st.sampled_from(["zone", "weekly", "holidays"]), JSON, max_size=3),
    roles=st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
    dialect=st.sampled_from(["auto", "native", "creomate", "k2m", "crm_template", "nonsense"]),
)
def test_whatever_comes_it_never_raises_and_repeats_itself(body: Any, hours: Any, roles: Any, dialect: str) -> None:
    row = _anywhere(hours, roles, dialect)

    told = translation_from(body, row, now=MORNING)

    assert told == translation_from(body, row, now=MORNING)
    assert told.dialect in {dialect.value for dialect in Dialect}
    assert told.payload.caller is None or any(c.isdigit() for c in told.payload.caller) or told.dialect == "native"


@pytest.mark.parametrize(
    ("callerid", "kept"),
    [
        pytest.param("sip:+966512345678@pbx.example", True, id="a SIP address"),
        pytest.param('"Kim" <sip:966512345678@192.0.2.1:5060>', True, id="a name and a SIP address"),
        pytest.param("tel:+966-51-234-5678;ext=2", True, id="a tel address with an extension"),
        pytest.param("%2B966512345678", True, id="an encoded plus"),
        pytest.param("٠٥١٢٣٤٥٦٧٨", True, id="Arabic digits"),
        pytest.param("sip:101@192.0.2.110", False, id="an extension in a SIP address"),
        pytest.param("sip:966500000099@pbx.example", False, id="a number with a role in a SIP address"),
        pytest.param("tel:+966112000000;ext=2", False, id="the dialled number in an address"),
        pytest.param("anonymous", False, id="a word"),
    ],
)
def test_a_customers_number_may_stand_in_an_address(callerid: str, kept: bool) -> None:  # noqa: FBT001 -- a case
    told = said(missed(callerid=callerid, did="0112000000"))

    assert told.payload.caller == (callerid if kept else None)


def test_a_call_has_one_key_however_its_number_is_written() -> None:
    spellings = ("966512345678", "+966 51 234 5678", "sip:+966512345678@pbx.example", "tel:+966512345678;ext=2")
    reported = {"call_type": "Missed", "agent": "101", "call_start_time_utc": "2026-11-23T09:00:00Z"}

    keys = {said(reported | {"number": number}).deduplication_key for number in spellings}

    assert len(keys) == 1


UNFILLED = [
    "",
    " ",
    "[Number]",
    "[Contact::FirstName]",
    "[CallStartTimeUTC]",
    '[[CallStartTimeUTC].ToString("yyyy-MM-ddTHH:mm:ssZ")]',
    '[[CallStartTimeUTC].ToString("O")] ',
    '[[CallStartTimeUTC].ToString("O")]\nlater',
    "[[Number].Replace([Prefix], [Nothing])]",
    "[[DateTime].AddHours(3).ToString(" + "y" * 300,
    "[Contact::FirstName] [Contact::LastName]",
    "%CallerNumber%",
    "%Caller Number%",
    "0001-01-01T00:00:00Z",
    "0001-01-01",
    "0001-01-01 03:00:00 +03:00",
    "01/01/0001 00:00:00",
    "1/1/0001 12:00:00 AM",
    "01.01.0001 00:00",
]
FILLED = [
    "101",
    "%2B966512345678",
    "+966512345678",
    "[Sales] 101",
    "sip:101@pbx",
    "2026-11-28T07:00:00Z",
    "11/28/2026",
    "100%",
]


@pytest.mark.parametrize("value", UNFILLED)
def test_a_variable_that_was_not_filled_in_is_empty_in_every_form(value: str) -> None:
    crm = said({"call_type": "Missed", "number": value, "agent": value, "date_time": value})
    native = said({"event_type": "missed_call", "from": value, "queue": value})

    assert (crm.payload.caller, crm.payload.agent_extension, crm.payload.call_time) == (None, None, None)
    assert not (native.payload.from_ or "").strip()
    assert not (native.payload.queue or "").strip()


@pytest.mark.parametrize("value", FILLED)
def test_what_looks_a_little_like_a_variable_stays(value: str) -> None:
    assert said({"event_type": "missed_call", "queue": value}).payload.queue == value


NO_TIMES = [None, 0, "0", "00:00:00", "0000-00-00 00:00:00", "1970-01-01T00:00:00Z", "1/1/1970 12:00:00 AM"]


@pytest.mark.parametrize("start", [*UNFILLED, *NO_TIMES])
def test_two_calls_without_a_start_are_two_events(start: str | int | None) -> None:
    def key(ended: str | int | None, at: datetime) -> tuple[str, ...] | None:
        call = {"call_type": "Missed", "number": "966512345678", "call_start_time_utc": start, "date_time": ended}
        return said(call, at).deduplication_key

    later = MORNING.replace(hour=15)
    assert key("11/28/2026 10:00:00 AM", MORNING) != key("11/28/2026 4:00:00 PM", MORNING)
    assert key(start, MORNING) != key(start, later)
    assert key(start, MORNING) == key(start, MORNING.replace(second=59))


@pytest.mark.parametrize(
    "word", ["Notanswered", "Not Answered", "not answered", "NOT-ANSWERED", "Not_Answered", "not  answered"]
)
def test_not_answered_is_read_however_it_is_written(word: str) -> None:
    told = said({"call_type": word, "number": "966512345678"})

    assert (told.dialect, told.payload.event_type, told.payload.answered) == ("crm_template", "call_ended", False)


@pytest.mark.parametrize(
    "number",
    [
        "tel:+966512345678;ext=2",
        "sip:+966512345678@pbx.example.com",
        "sips:+966512345678@pbx.example.com;transport=tls",
        "%2B966512345678",
        '"Kim" <sip:+966512345678@pbx.example.com>',
        966512345678,
        966512345678.0,
    ],
)
def test_a_number_reaches_its_reader_as_it_was_written(number: str | float) -> None:
    written = str(int(number)) if isinstance(number, int | float) else number

    assert said({"call_type": "Missed", "number": number}).payload.caller == written
    assert said({"event": "incoming", "callerid": number, "finishtype": "Missed"}).payload.caller == written
    assert said({"event_type": "missed_call", "from": number}).payload.from_ == written


@pytest.mark.parametrize(
    "body",
    [
        {"FILES": ["https://pbx.example.com/1.wav"]},
        {"FILES": "https://pbx.example.com/1.wav", "id": "261128100000_7-0"},
        {"files": {"0": "https://pbx.example.com/1.wav"}},
        {"FILES": [{"url": "https://pbx.example.com/1.wav"}], "callerid": "966512345678"},
    ],
)
def test_recordings_alone_are_recorded(body: dict[str, Any]) -> None:
    told = said(body)

    assert (told.dialect, told.payload.event_type, told.record_only) == ("creomate", "recording_available", True)


def test_k2ms_recordings_alone_are_recorded_and_unfilled_ones_are_none() -> None:
    alone, unfilled = said({"FileUrls": ["https://pbx.example.com/1.wav"]}), said({"FILES": ["[RecordingUrl]", ""]})

    assert (alone.dialect, alone.payload.event_type, alone.record_only) == ("k2m", "recording_available", True)
    assert (unfilled.payload.event_type, unfilled.record_only) == (None, False)
