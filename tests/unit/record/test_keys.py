"""Keys are read strictly, shown without their secret, and found again."""

import base64
import re

import pytest

from libs.record.keys import SigningKey, key_ring_from, public_keys_from
from libs.record.sinks import CheckpointSinks, checkpoint_sinks_from

SEED = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(range(1, 33))).decode()
PUBLIC = base64.b64encode(SigningKey("k1", bytes(range(32))).public).decode()


def test_the_first_key_signs_and_all_are_known() -> None:
    ring = key_ring_from(f"k2:{OTHER}, k1:{SEED}@2026-11-23T12:00:00Z")

    assert ring.signing is not None
    assert ring.signing.kid == "k2"
    assert ring.keys["k1"].retired_at == 1_795_435_200_000_000
    assert ring.keys["k2"].verifies(b"message", ring.signing.sign(b"message"))
    assert not ring.keys["k1"].verifies(b"message", ring.signing.sign(b"message"))


def test_a_public_key_can_be_checked_against_and_cannot_sign() -> None:
    ring = key_ring_from(f"k1:public:{PUBLIC}")

    assert ring.signing is None
    assert ring.keys == key_ring_from(f"k1:{SEED}").keys


def test_a_retired_key_does_not_sign() -> None:
    assert key_ring_from(f"k1:{SEED}@2026-11-23T12:00:00+00:00").signing is None


def test_keys_come_back_from_what_is_shown() -> None:
    keys = key_ring_from(f"k2:{OTHER},k1:{SEED}@2026-11-23T12:00:00Z").keys

    assert public_keys_from([key.as_json() for key in keys.values()]) == keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        f":{SEED}",
        "k1:short",
        f"k1:{SEED}@yesterday",
        f"k1:{SEED}@2026-11-23T12:00:00",
        f"k1:{SEED},k1:{OTHER}",
        f"k1:public:{SEED[:-8]}",
        f"k1:{SEED},",
    ],
)
def test_keys_that_cannot_be_used_are_told_without_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"key") as raised:
        key_ring_from(text)

    assert not re.search(r"[A-Za-z0-9+/]{20}", str(raised.value))


@pytest.mark.parametrize("told", [None, [1], [{}], [{"id": "k1", "public": "x"}], [{"id": "k1", "public": 7}]])
def test_what_is_no_list_of_keys_is_refused(told: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        public_keys_from(told)  # type: ignore[arg-type]


def test_a_private_key_never_shows() -> None:
    ring = key_ring_from(f"k1:{SEED}")

    assert SEED not in repr(ring)
    assert str(bytes(range(32))) not in repr(ring)


def test_sinks_are_files_addresses_and_the_log() -> None:
    found = checkpoint_sinks_from("file:/var/lib/a.jsonl, stdout,https://example.com/x?token=1,file:b.jsonl")

    assert [str(path) for path in found.files] == ["/var/lib/a.jsonl", "b.jsonl"]
    assert found.addresses == ("https://example.com/x?token=1",)
    assert found.log
    assert "token" not in repr(found)
    assert checkpoint_sinks_from(None) == CheckpointSinks()


@pytest.mark.parametrize("text", ["ftp://x", "file:", "somewhere", "stdout,", "https://", "file://host/path"])
def test_a_sink_that_is_none_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as raised:
        checkpoint_sinks_from(text)

    assert "host" not in str(raised.value)
