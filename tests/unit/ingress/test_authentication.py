"""The five checks: every failure has its reason, in order, and nothing a caller sends breaks them."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.client_addresses import address_from
from libs.contracts.webhook_secrets import SecretDigest, digest_of
from services.ingress.domain.addresses import allowlist_from
from services.ingress.domain.authentication import (
    BEARER_REASONS,
    PresentedCredentials,
    RejectionReason,
    WebhookCredentials,
    caller_rejection,
    expected_signature,
    message_rejection,
    timestamp_from,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "right-secret"
BODY = b'{"event_type":"test"}'
CREDENTIALS = WebhookCredentials(
    enabled=True,
    allowlist=allowlist_from(()),
    secrets=(SecretDigest(digest_of(SECRET)),),
    signature_required=False,
)
STRICT = replace(CREDENTIALS, signature_required=True)


def signature_of(timestamp: str, body: bytes = BODY, secret: str = SECRET) -> str:
    """Written out as a caller would, apart from the code under test."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


GOOD = signature_of(STAMP)


def attempt(
    *,
    secrets: Sequence[str] = (SECRET,),
    timestamps: Sequence[str] = (),
    signatures: Sequence[str] = (),
    address: str = "192.0.2.7",
) -> PresentedCredentials:
    return PresentedCredentials(address_from(address), secrets, timestamps, signatures)


def objection(
    made: PresentedCredentials, credentials: WebhookCredentials | None = CREDENTIALS, body: bytes = BODY
) -> RejectionReason | None:
    mac = expected_signature(made)
    mac.update(body)
    first = caller_rejection(made, credentials, now=NOW)
    second = message_rejection(made, credentials, now=NOW, digest=mac.digest())
    return first or second


OFF = replace(CREDENTIALS, enabled=False)
ELSEWHERE = replace(CREDENTIALS, allowlist=allowlist_from(("198.51.100.0/24",)))
UNREADABLE = replace(CREDENTIALS, allowlist=allowlist_from(("nonsense",)))
HERE = replace(CREDENTIALS, allowlist=allowlist_from(("192.0.2.0/24", "nonsense")))

CASES: dict[str, tuple[PresentedCredentials, WebhookCredentials | None, RejectionReason | None]] = {
    "the right secret alone is enough in mode secret": (attempt(), CREDENTIALS, None),
    "an unknown integration is refused whatever is sent": (attempt(), None, RejectionReason.UNKNOWN_INTEGRATION),
    "a disabled integration comes before address and secret": (
        attempt(secrets=()),
        replace(ELSEWHERE, enabled=False),
        RejectionReason.INTEGRATION_DISABLED,
    ),
    "a disabled integration is refused": (attempt(), OFF, RejectionReason.INTEGRATION_DISABLED),
    "the address comes before the secret": (attempt(secrets=()), ELSEWHERE, RejectionReason.IP_NOT_ALLOWED),
    "an allowed address passes beside an unreadable entry": (attempt(), HERE, None),
    "a list of unreadable entries admits nobody": (attempt(), UNREADABLE, RejectionReason.IP_NOT_ALLOWED),
    "an unknown address is on no list": (attempt(address="unknown"), HERE, RejectionReason.IP_NOT_ALLOWED),
    "an unknown address is anyone on an empty list": (attempt(address="unknown"), CREDENTIALS, None),
    "no secret": (attempt(secrets=()), CREDENTIALS, RejectionReason.MISSING_SECRET),
    "an empty secret is none": (attempt(secrets=("",)), CREDENTIALS, RejectionReason.MISSING_SECRET),
    "a wrong secret": (attempt(secrets=("wrong",)), CREDENTIALS, RejectionReason.WRONG_SECRET),
    "the right secret twice is wrong": (attempt(secrets=(SECRET, SECRET)), CREDENTIALS, RejectionReason.WRONG_SECRET),
    "the right secret beside an empty one is wrong": (
        attempt(secrets=("", SECRET)),
        CREDENTIALS,
        RejectionReason.WRONG_SECRET,
    ),
    "a secret that is not ASCII is wrong": (
        attempt(secrets=("s\udcffcret",)),
        CREDENTIALS,
        RejectionReason.WRONG_SECRET,
    ),
    "the secret comes before the timestamp": (
        attempt(secrets=("wrong",), timestamps=("0",)),
        STRICT,
        RejectionReason.WRONG_SECRET,
    ),
    "a timestamp without signature passes in mode secret": (attempt(timestamps=(STAMP,)), CREDENTIALS, None),
    "a stale timestamp is refused in mode secret too": (
        attempt(timestamps=("0",)),
        CREDENTIALS,
        RejectionReason.STALE_TIMESTAMP,
    ),
    "a signature without timestamp": (attempt(signatures=(GOOD,)), CREDENTIALS, RejectionReason.MISSING_TIMESTAMP),
    "mode secret_hmac demands a timestamp": (attempt(), STRICT, RejectionReason.MISSING_TIMESTAMP),
    "mode secret_hmac demands a signature": (
        attempt(timestamps=(STAMP,)),
        STRICT,
        RejectionReason.MISSING_SIGNATURE,
    ),
    "the timestamp comes before the signature": (
        attempt(timestamps=("0",), signatures=("00",)),
        STRICT,
        RejectionReason.STALE_TIMESTAMP,
    ),
    "a good signature in bare hex": (attempt(timestamps=(STAMP,), signatures=(GOOD,)), STRICT, None),
    "a good signature with its prefix": (
        attempt(timestamps=(STAMP,), signatures=("sha256=" + GOOD,)),
        STRICT,
        None,
    ),
    "a good signature in capitals": (
        attempt(timestamps=(STAMP,), signatures=(GOOD.upper(),)),
        STRICT,
        None,
    ),
    "a wrong signature is refused in mode secret too": (
        attempt(timestamps=(STAMP,), signatures=("0" * 64,)),
        CREDENTIALS,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "a signature made with another secret": (
        attempt(timestamps=(STAMP,), signatures=(signature_of(STAMP, secret="other"),)),
        STRICT,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "a signature over another body": (
        attempt(timestamps=(STAMP,), signatures=(signature_of(STAMP, body=b"{}"),)),
        STRICT,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "a signature over another spelling of the timestamp": (
        attempt(timestamps=("0" + STAMP,), signatures=(GOOD,)),
        STRICT,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "an empty signature was sent and is wrong": (
        attempt(timestamps=(STAMP,), signatures=("",)),
        CREDENTIALS,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "a good signature twice is wrong": (
        attempt(timestamps=(STAMP,), signatures=(GOOD, GOOD)),
        STRICT,
        RejectionReason.INVALID_SIGNATURE,
    ),
    "a good timestamp twice is wrong": (
        attempt(timestamps=(STAMP, STAMP), signatures=(GOOD,)),
        STRICT,
        RejectionReason.STALE_TIMESTAMP,
    ),
    "a signature that is not ASCII": (
        attempt(timestamps=(STAMP,), signatures=("٠" * 64,)),
        STRICT,
        RejectionReason.INVALID_SIGNATURE,
    ),
}


@pytest.mark.parametrize(("made", "credentials", "expected"), CASES.values(), ids=CASES.keys())
def test_the_first_failed_check_is_the_reason(
    made: PresentedCredentials, credentials: WebhookCredentials | None, expected: RejectionReason | None
) -> None:
    assert objection(made, credentials) is expected


def test_every_reason_has_a_case() -> None:
    of_chat = set(BEARER_REASONS.values())  # test_threecx_chat.py

    assert {expected for _, _, expected in CASES.values()} == {None, *RejectionReason} - of_chat


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param(NOW + timedelta(seconds=1), None, id="the old secret holds during the overlap"),
        pytest.param(NOW, RejectionReason.WRONG_SECRET, id="the old secret ends with the overlap"),
        pytest.param(NOW - timedelta(days=1), RejectionReason.WRONG_SECRET, id="the old secret stays ended"),
    ],
)
def test_rotation_leaves_the_old_secret_its_overlap(ends: datetime, expected: RejectionReason | None) -> None:
    credentials = replace(CREDENTIALS, secrets=(SecretDigest(digest_of("new")), SecretDigest(digest_of(SECRET), ends)))

    assert objection(attempt(), credentials) is expected
    assert objection(attempt(secrets=("new",)), credentials) is None


def test_a_door_without_secrets_opens_to_nobody() -> None:
    credentials = replace(CREDENTIALS, secrets=())

    assert objection(attempt(), credentials) is RejectionReason.WRONG_SECRET


TIMES = {
    "now": (STAMP, True),
    "300 s ago": (str(int(NOW.timestamp()) - 300), True),
    "301 s ago": (str(int(NOW.timestamp()) - 301), False),
    "300 s ahead": (str(int(NOW.timestamp()) + 300), True),
    "301 s ahead": (str(int(NOW.timestamp()) + 301), False),
    "RFC 3339 with Z": ("2026-11-23T12:00:00Z", True),
    "RFC 3339 in small letters": ("2026-11-23t12:00:00z", True),
    "RFC 3339 with a space": ("2026-11-23 12:00:00Z", True),
    "RFC 3339 with an offset": ("2026-11-23T15:00:00+03:00", True),
    "RFC 3339 with nanoseconds": ("2026-11-23T12:00:00.123456789Z", True),
    "RFC 3339 an hour off": ("2026-11-23T12:00:00+01:00", False),
    "RFC 3339 without offset": ("2026-11-23T12:00:00", False),
    "a leap second": ("2026-11-23T11:59:60Z", True),
    "a date that does not exist": ("2026-02-30T12:00:00Z", False),
    "the last second there is": ("9999-12-31T23:59:60Z", False),
    "the first second there is": ("0001-01-01T00:00:00+23:59", False),
    "an offset beyond a day": ("2026-11-23T12:00:00+99:99", False),
    "a fraction of Unix seconds": (STAMP + ".0", False),
    "Unix milliseconds": (STAMP + "000", False),
    "a negative number": ("-5", False),
    "a signed number": ("+" + STAMP, False),
    "an exponent": ("1e9", False),
    "infinity": ("inf", False),
    "five thousand digits": ("9" * 5000, False),
    "digits that are not ASCII": ("١٧٦٤", False),
    "bytes that are not UTF-8": ("\udcff", False),
    "nothing": ("", False),
    "words": ("yesterday", False),
}


@pytest.mark.parametrize(("text", "fresh"), TIMES.values(), ids=TIMES.keys())
def test_a_timestamp_is_fresh_within_300_seconds(text: str, *, fresh: bool) -> None:
    expected = None if fresh else RejectionReason.STALE_TIMESTAMP

    assert objection(attempt(timestamps=(text,))) is expected


@given(st.text(max_size=60))
def test_no_timestamp_raises(text: str) -> None:
    timestamp_from(text)


@given(st.integers(-(2**35), 2**35), st.integers(-1439, 1439))
def test_every_offset_spells_the_same_moment(seconds: int, minutes: int) -> None:
    moment = NOW + timedelta(seconds=seconds)

    spelled = moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat()

    assert timestamp_from(spelled) == moment


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_only_the_signed_body_verifies(signed: bytes, sent: bytes) -> None:
    made = attempt(timestamps=(STAMP,), signatures=(signature_of(STAMP, signed),))

    assert (objection(made, STRICT, sent) is None) == (signed == sent)


HEADER = st.binary(max_size=80).map(lambda sent: sent.decode("utf-8", "surrogateescape"))  # as aiohttp does
HEADERS = st.lists(HEADER, max_size=3)


@given(HEADERS, HEADERS, HEADERS, st.sampled_from([CREDENTIALS, STRICT, OFF, HERE, None]))
def test_made_up_headers_never_pass_and_never_raise(
    secrets: list[str], timestamps: list[str], signatures: list[str], credentials: WebhookCredentials | None
) -> None:
    made = attempt(secrets=secrets, timestamps=timestamps, signatures=signatures)

    assert isinstance(objection(made, credentials), RejectionReason)


def test_no_secret_shows_in_a_representation() -> None:
    shown = repr(attempt()) + repr(CREDENTIALS)

    assert SECRET not in shown
    assert digest_of(SECRET).hex()[:8] not in shown
