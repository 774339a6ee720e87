"""A media token says what it says only to who has the keys, and is the same for equal claims."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.sealer import SealingKey
from services.sender.domain.media_tokens import MediaClaims, opened, sealed

OLD, NEW = SealingKey("k1", b"o" * 32), SealingKey("k2", b"n" * 32)
CLAIMS = MediaClaims(
    account_id="acc_1",
    integration_id="int_1",
    number_id="num_1",
    media_id="5",
    message_id="wamid.5",
    kind="document",
    sent_at=1,
    expires_at=2,
    customers=("a" * 64, "b" * 64),
    mime_type="application/pdf",
    sha256="c" * 64,
    filename="فاتورة.pdf",
)


@pytest.mark.parametrize(
    "claims",
    [
        CLAIMS,
        replace(CLAIMS, customers=(), mime_type=None, sha256=None, filename=None),
        replace(CLAIMS, url="https://files.example.com/a", size=5),
        replace(CLAIMS, upload_id="upl_1", size=0),
    ],
)
def test_a_token_opens_to_its_claims(claims: MediaClaims) -> None:
    assert opened(sealed(claims, [NEW, OLD]), [NEW, OLD]) == claims


def test_equal_claims_have_equal_tokens_and_others_have_other_nonces() -> None:
    other = sealed(replace(CLAIMS, media_id="6"), [NEW])

    assert sealed(CLAIMS, [NEW]) == sealed(CLAIMS, [NEW])
    assert base64.urlsafe_b64decode(sealed(CLAIMS, [NEW])[:20])[4:] != base64.urlsafe_b64decode(other[:20])[4:]


def test_an_old_key_opens_its_tokens_until_it_is_removed() -> None:
    token = sealed(CLAIMS, [OLD])

    assert opened(token, [NEW, OLD]) == CLAIMS
    assert opened(token, [NEW]) is None


def test_a_token_reveals_nothing_and_fits_into_a_url() -> None:
    token = sealed(CLAIMS, [NEW])
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))

    assert not any(word in raw for word in (b"num_1", b"wamid", b"pdf", b"acc_1"))
    assert len(token) < 1000


@given(st.data())
def test_no_changed_token_opens(data: st.DataObject) -> None:
    token = sealed(CLAIMS, [NEW])
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from("ABCabc019-_=+/\x00é").filter(lambda each: each != token[at]))

    assert opened(token[:at] + character + token[at + 1 :], [NEW, OLD]) is None


@given(st.text(max_size=200))
def test_no_text_is_a_token(text: str) -> None:
    assert opened(text, [NEW, OLD]) is None


def test_a_customers_file_has_the_token_of_before_templates_had_files() -> None:
    raw = base64.urlsafe_b64decode(sealed(CLAIMS, [NEW]) + "==")

    assert (raw[0], CLAIMS.outbound) == (1, False)
    assert replace(CLAIMS, upload_id="upl_1").outbound


def test_a_token_of_another_version_does_not_open() -> None:
    raw = bytearray(base64.urlsafe_b64decode(sealed(CLAIMS, [NEW]) + "=="))
    raw[0] = 2

    assert opened(base64.urlsafe_b64encode(raw).rstrip(b"=").decode(), [NEW]) is None
