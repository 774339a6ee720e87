"""Signed notes against the examples of C2SP signed-note and tlog-cosignature, and hostile notes."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from libs.record.log_checkpoints import log_checkpoint, log_checkpoint_from, log_keys
from libs.record.signed_notes import (
    COSIGNATURE,
    NoteKey,
    NoteSignature,
    SignedNote,
    cosignature,
    cosigned_at,
    is_signed_by,
    note_from,
    signatures_from,
    signed_note,
)
from tests.unit.record.chains import KEY, KEYS, OTHER_KEY

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZ"
    "XsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of C2SP signed-note."""
WITNESS = NoteKey("witness.example/w1", OTHER_KEY.public, COSIGNATURE)


def test_the_specification_s_example_verifies() -> None:
    key = NoteKey.from_vkey(VKEY)

    assert is_signed_by(note_from(NOTE), key)
    assert key.vkey == VKEY
    assert str(note_from(NOTE)) == NOTE


def test_a_changed_text_or_signature_does_not_verify() -> None:
    key, note = NoteKey.from_vkey(VKEY), note_from(NOTE)
    (signature,) = note.signatures
    broken = NoteSignature(signature.name, signature.raw[:-1] + bytes([signature.raw[-1] ^ 1]))

    assert not is_signed_by(SignedNote("This is another message.\n", note.signatures), key)
    assert not is_signed_by(SignedNote(note.text, (broken,)), key)
    assert not is_signed_by(SignedNote(note.text, (signature, broken)), key)
    assert not is_signed_by(note, NoteKey("example.com/bar", key.public))
    assert not is_signed_by(note, WITNESS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\u2014 name\n",
        "text\n\n- name AAAAAAAA\n",
        "text\n\n\u2014 na+me AAAAAAAA\n",
        "text\n\n\u2014 name AAAAAAAA",
        "text\n\n\u2014 name !!!!\n",
        "text\n\n\u2014 name AAAA\n",
        "te\rxt\n\n\u2014 name AAAAAAAA\n",
        "text\n\n" + "\u2014 name AAAAAAAA\n" * 65,
    ],
)
def test_what_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"note|signature"):
        note_from(text)


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000+AAAA",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("+AekyeR", "+BekyeR"),
        VKEY.replace("example.com/foo", "example.com/fo o"),
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match="verifier key"):
        NoteKey.from_vkey(vkey)


def test_a_cosignature_is_made_as_the_specification_says() -> None:
    checkpoint = log_checkpoint("gateway.example/log", 5, b"r" * 32, KEY)
    added = cosignature(checkpoint.note.text, WITNESS.name, OTHER_KEY, at=1_679_315_147)
    note = checkpoint.note.with_signatures([added])

    root = base64.b64encode(b"r" * 32).decode()
    message = f"cosignature/v1\ntime 1679315147\ngateway.example/log\n5\n{root}\n"
    Ed25519PublicKey.from_public_bytes(OTHER_KEY.public).verify(added.raw[12:], message.encode())
    assert added.raw[4:12] == (1_679_315_147).to_bytes(8, "big")
    assert cosigned_at(note, WITNESS) == 1_679_315_147
    assert cosigned_at(checkpoint.note, WITNESS) is None
    assert cosigned_at(note, NoteKey("gateway.example/log", KEY.public)) is None


def test_a_cosignature_with_another_time_does_not_verify() -> None:
    checkpoint = log_checkpoint("gateway.example/log", 5, b"r" * 32, KEY)
    added = cosignature(checkpoint.note.text, WITNESS.name, OTHER_KEY, at=100)
    later = NoteSignature(added.name, added.raw[:4] + (101).to_bytes(8, "big") + added.raw[12:])

    assert cosigned_at(checkpoint.note.with_signatures([later]), WITNESS) is None
    assert cosigned_at(checkpoint.note.with_signatures([NoteSignature(added.name, added.raw[:-1])]), WITNESS) is None


def test_signatures_of_unknown_keys_are_ignored_and_invalid_ones_of_known_keys_are_not() -> None:
    keys = log_keys("gateway.example/log", KEYS)
    checkpoint = log_checkpoint("gateway.example/log", 5, b"r" * 32, KEY)
    stranger = NoteSignature("somebody", b"1234" + b"x" * 64)
    forged = NoteSignature("gateway.example/log", keys[1].id + b"x" * 64)

    def signed(*added: NoteSignature) -> bool:
        text = str(checkpoint.note.with_signatures(added))
        return log_checkpoint_from(text).is_signed_by_any(keys)

    assert signed(stranger)
    assert not signed(forged)
    assert not log_checkpoint_from(str(signed_note(checkpoint.note.text, "x", KEY))).is_signed_by_any(keys)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "origin\n05\nAAAA\n",
        "origin\n5\nAAAA\n",
        f"origin\n-5\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"origin\n٥\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"\n5\n{base64.b64encode(b'r' * 32).decode()}\n",
        f"origin\n5\n{base64.b64encode(b'r' * 32).decode()}\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_of_a_log_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        log_checkpoint_from(str(signed_note(text, "origin", KEY)))


def test_lines_of_signatures_are_read_without_a_text() -> None:
    line = note_from(NOTE).signatures[0].line

    assert signatures_from(line) == note_from(NOTE).signatures
    with pytest.raises(ValueError, match="signature"):
        signatures_from(line[:-1])
