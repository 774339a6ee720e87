"""Values of providers' JSON: every form of an instant and of a code, and what is none."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.providers.json_values import FIRST_SECOND, LAST_SECOND, codes_in, person_in, time_in

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)
SECONDS = int(AT.timestamp())
HALF = AT + timedelta(milliseconds=250)


def halves(number: int, *, signed: bool = False) -> dict[str, Any]:
    low = number & 0xFFFFFFFF
    return {"low": low - 2**32 if signed and low >= 2**31 else low, "high": number >> 32, "unsigned": not signed}


TIMES: dict[str, tuple[object, datetime]] = {
    "seconds": (SECONDS, AT),
    "seconds as text": (str(SECONDS), AT),
    "seconds between blanks": (f" {SECONDS} ", AT),
    "seconds with a fraction": (SECONDS + 0.25, HALF),
    "seconds with a fraction as text": (f"{SECONDS}.250", HALF),
    "seconds with an empty fraction": (f"{SECONDS}.", AT),
    "a whole number with a point": (float(SECONDS), AT),
    "milliseconds": (SECONDS * 1000 + 250, HALF),
    "milliseconds as text": (str(SECONDS * 1000), AT),
    "milliseconds with a fraction": (f"{SECONDS * 1000}.5", AT + timedelta(microseconds=500)),
    "two halves": (halves(SECONDS), AT),
    "two signed halves": (halves(SECONDS, signed=True), AT),
    "milliseconds in two halves": (halves(SECONDS * 1000), AT),
    "milliseconds in two signed halves": (halves(SECONDS * 1000, signed=True), AT),
    "one half": ({"low": SECONDS}, AT),
}


@pytest.mark.parametrize(("value", "expected"), TIMES.values(), ids=TIMES)
def test_an_instant_is_read_in_every_form(value: object, expected: datetime) -> None:
    assert time_in(value) == expected


NO_TIMES: dict[str, object] = {
    "nothing": None,
    "true": True,
    "an empty text": "",
    "a word": "soon",
    "a date": "2026-11-28T10:00:00Z",
    "zero": 0,
    "a small number": 5,
    "a negative number": -SECONDS,
    "before WhatsApp": FIRST_SECOND - 1,
    "after the century": LAST_SECOND,
    "microseconds": SECONDS * 1_000_000,
    "nanoseconds": SECONDS * 10**9,
    "digits without end": "9" * 500,
    "a number that is none": float("nan"),
    "a number without end": float("inf"),
    "an exponent": "1.8e9",
    "other digits": "١٧٩٥٤٣٥٢٠٠",
    "a list": [SECONDS],
    "no halves": {},
    "a half that is text": {"low": str(SECONDS), "high": 0},
    "halves without end": {"low": SECONDS, "high": 2**70},
}


@pytest.mark.parametrize("value", NO_TIMES.values(), ids=NO_TIMES)
def test_an_absurd_instant_is_none(value: object) -> None:
    assert time_in(value) is None


@given(st.integers(FIRST_SECOND, LAST_SECOND - 1), st.integers(0, 999), st.data())
def test_all_forms_of_an_instant_are_the_same_instant(seconds: int, thousandths: int, data: st.DataObject) -> None:
    written = f"{seconds}.{thousandths:03}"
    in_thousandths = seconds * 1000 + thousandths
    form = data.draw(st.sampled_from((written, in_thousandths, str(in_thousandths), halves(in_thousandths))))

    assert time_in(form) == datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=thousandths)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists) | st.dictionaries(
    st.sampled_from(("low", "high")), st.integers() | st.text()
))  # fmt: skip
def test_no_value_breaks_the_reader(value: object) -> None:
    read = time_in(value)

    assert read is None or FIRST_SECOND <= read.timestamp() < LAST_SECOND


@pytest.mark.parametrize(
    ("errors", "codes"),
    [
        pytest.param([{"code": 131026}], (131026,), id="a number"),
        pytest.param([{"code": "131026"}, {"code": " 1 "}], (131026, 1), id="its digits"),
        pytest.param({"code": "131026"}, (131026,), id="one error without a list"),
        pytest.param([{"code": -1}, {"code": "-1"}], (-1, -1), id="below zero"),
        pytest.param([{"code": True}, {"code": None}, {"code": "x"}, {"code": 2**40}, 5, {}], (), id="no code"),
        pytest.param("131026", (), id="no errors"),
    ],
)
def test_codes_are_read_as_numbers_and_as_text(errors: object, codes: tuple[int, ...]) -> None:
    assert codes_in(errors) == codes


@pytest.mark.parametrize(
    ("value", "person"),
    [
        ("966512345678", ("+966512345678", None)),
        ("+966512345678", ("+966512345678", None)),
        (966512345678, ("+966512345678", None)),
        ("SA.900000006", (None, "SA.900000006")),
        ("SA.ENT.900000006", (None, "SA.ENT.900000006")),
        ("anonymous", (None, None)),
        ("SA.", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_a_place_holds_a_phone_or_a_user_id(value: object, person: tuple[str | None, str | None]) -> None:
    assert person_in(value) == person
