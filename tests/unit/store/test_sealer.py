"""Sealed values can be decrypted for the right owner with a configured key, and in no other way."""

import base64

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.store.sealer import CannotOpen, Sealer, SealingKey, sealer_from

texts = st.text(max_size=200).filter(lambda text: text.isprintable() or text == "")
names = st.text(alphabet="abc:-1", max_size=8)
keys = st.binary(min_size=32, max_size=32)

OLD = SealingKey("2025", b"o" * 32)
NEW = SealingKey("2026", b"n" * 32)


def sealed_by(key: SealingKey, value: str = "EAAB-token", owner: str = "num-1", field_name: str = "token") -> str:
    return Sealer([key]).seal(value, owner=owner, field_name=field_name)


@given(key=keys, value=texts, owner=names, field_name=names)
def test_what_was_sealed_opens_to_the_same(key: bytes, value: str, owner: str, field_name: str) -> None:
    sealer = Sealer([SealingKey("k1", key)])

    sealed = sealer.seal(value, owner=owner, field_name=field_name)

    assert sealer.open(sealed, owner=owner, field_name=field_name) == value


@given(owner=names, field_name=names, other_owner=names, other_field=names)
def test_it_opens_for_no_other_owner_or_field(owner: str, field_name: str, other_owner: str, other_field: str) -> None:
    assume((owner, field_name) != (other_owner, other_field))
    sealed = sealed_by(NEW, owner=owner, field_name=field_name)

    with pytest.raises(CannotOpen):
        Sealer([NEW]).open(sealed, owner=other_owner, field_name=other_field)


@given(key=keys)
def test_it_opens_with_no_other_key_of_the_same_id(key: bytes) -> None:
    assume(key != NEW.key)

    with pytest.raises(CannotOpen):
        Sealer([SealingKey(NEW.kid, key)]).open(sealed_by(NEW), owner="num-1", field_name="token")


@given(data=st.data())
def test_it_opens_no_more_once_any_character_was_changed(data: st.DataObject) -> None:
    sealed = sealed_by(NEW)
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = data.draw(st.characters(codec="utf-8").filter(lambda char: char != sealed[place]))

    with pytest.raises(CannotOpen):
        Sealer([NEW]).open(sealed[:place] + changed + sealed[place + 1 :], owner="num-1", field_name="token")


@given(garbage=st.text(max_size=100))
def test_garbage_is_refused_like_any_other_wrong_value(garbage: str) -> None:
    with pytest.raises(CannotOpen):
        Sealer([NEW]).open(garbage, owner="num-1", field_name="token")


@given(data=st.data())
def test_a_value_has_one_spelling(data: st.DataObject) -> None:
    sealed = sealed_by(NEW, "EAAB-token" * 20)
    other = data.draw(st.sampled_from([sealed + "=", sealed + "==", sealed + "\n", sealed.replace("-", "+", 1)]))
    assume(other != sealed)

    with pytest.raises(CannotOpen):
        Sealer([NEW]).open(other, owner="num-1", field_name="token")


@given(value=texts)
def test_after_a_rotation_old_values_open_and_new_ones_are_sealed_with_the_new_key(value: str) -> None:
    rotated = Sealer([NEW, OLD])
    old = sealed_by(OLD, value)

    new = rotated.seal(rotated.open(old, owner="num-1", field_name="token"), owner="num-1", field_name="token")

    assert (rotated.is_current(old), rotated.is_current(new)) == (False, True)
    assert Sealer([NEW]).open(new, owner="num-1", field_name="token") == value


def test_a_key_that_was_dropped_is_named_in_the_error() -> None:
    with pytest.raises(CannotOpen, match="'2025', which is not listed"):
        Sealer([NEW]).open(sealed_by(OLD), owner="num-1", field_name="token")


def test_equal_values_are_sealed_differently() -> None:
    assert len({sealed_by(NEW) for _ in range(50)}) == 50


def test_keys_show_nowhere() -> None:
    sealer = Sealer([NEW])

    shown = repr(sealer)

    assert "nnnn" not in shown
    assert "EAAB" not in sealed_by(NEW)


KEY = base64.b64encode(b"\xfb\xff" * 16).decode()
URL_KEY = base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode().rstrip("=")


def test_keys_are_read_newest_first_in_either_base64() -> None:
    sealer = sealer_from(f"new:{KEY}, old:{URL_KEY}")

    assert [key.kid for key in sealer.keys] == ["new", "old"]
    assert {key.key for key in sealer.keys} == {b"\xfb\xff" * 16}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "key 1 must be", id="nothing"),
        pytest.param(KEY, "key 1 must be", id="a key without an id"),
        pytest.param(f":{KEY}", "key 1 must be", id="an empty id"),
        pytest.param("new:c2VjcmV0", "key 1 must be", id="a short key"),
        pytest.param(f"new:{KEY},old:secret!", "key 2 must be", id="no base64"),
        pytest.param(f"new:{KEY},", "key 2 must be", id="a comma too many"),
        pytest.param(f"new:{KEY},new:{KEY}", "the same id", id="an id twice"),
        pytest.param(f"new:{KEY}é", "key 1 must be", id="no ascii"),
    ],
)
def test_wrong_keys_are_refused_without_repeating_them(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as raised:
        sealer_from(text)

    assert KEY[:8] not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_sealer_without_keys_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        Sealer([])
