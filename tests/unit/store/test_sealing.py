"""Secrets that are kept encrypted."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.store.sealing import seals_from, token_context


def key(name: str, byte: int) -> str:
    return f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}"


OLD, NEW = key("k1", 1), key("k2", 2)


@given(plain=st.text(), context=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_was_sealed_is_opened_again(plain: str, context: str) -> None:
    seals = seals_from(NEW)
    try:
        plain.encode()
    except UnicodeEncodeError:
        return

    assert seals.open(seals.seal(plain, context=context), context=context) == plain


def test_two_seals_of_the_same_secret_differ_and_show_nothing_of_it() -> None:
    seals = seals_from(NEW)

    sealed = {seals.seal("made-up-token", context="number:1") for _ in range(10)}

    assert len(sealed) == 10
    assert not any("made-up-token" in text for text in sealed)


def test_after_a_rotation_the_old_key_still_opens_and_the_new_one_seals() -> None:
    before = seals_from(OLD).seal("secret", context="c")

    rotated = seals_from(f"{NEW}, {OLD}")

    assert rotated.open(before, context="c") == "secret"
    assert not rotated.is_current(before)
    assert rotated.is_current(rotated.seal("secret", context="c"))


def test_what_belongs_to_another_number_is_not_opened() -> None:
    seals = seals_from(NEW)
    sealed = seals.seal("secret", context=token_context("n1"))

    assert seals.open(sealed, context=token_context("n2")) is None


@pytest.mark.parametrize(
    "sealed",
    ["", "k2", "k2:", "k2:@@", "k2:AAAA", "k9:AAAA", "k2:" + base64.b64encode(bytes(64)).decode(), "k2:é"],
)
def test_what_we_did_not_seal_is_not_opened_and_raises_nothing(sealed: str) -> None:
    assert seals_from(NEW).open(sealed, context="c") is None


def test_a_single_flipped_bit_is_noticed() -> None:
    seals = seals_from(NEW)
    name, _, text = seals.seal("secret", context="c").partition(":")
    box = base64.b64decode(text)

    flipped = [base64.b64encode(box[:at] + bytes([box[at] ^ 1]) + box[at + 1 :]).decode() for at in range(len(box))]

    assert [seals.open(f"{name}:{text}", context="c") for text in flipped] == [None] * len(box)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        pytest.param("", 1, id="none at all"),
        pytest.param("k1", 1, id="a name without a key"),
        pytest.param("k1:AAAA", 1, id="a key that is too short"),
        pytest.param(f"{NEW},k1:@", 2, id="a second that is no base64"),
        pytest.param(f"{NEW},{NEW}", 2, id="the same name twice"),
    ],
)
def test_keys_that_cannot_be_used_are_named_by_their_place(keys: str, place: int) -> None:
    with pytest.raises(ValueError, match=f"^secret key {place} must be"):
        seals_from(keys)


def test_no_key_shows_in_a_repr() -> None:
    assert "AESGCM" not in repr(seals_from(NEW))
