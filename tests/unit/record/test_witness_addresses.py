"""The setting that lists witnesses is checked when audit starts."""

import pytest

from libs.record.signed_notes import COSIGNATURE, NoteKey
from libs.record.witness_addresses import witness_addresses_from
from tests.unit.record.chains import KEY, OTHER_KEY

ONE = NoteKey("w1.example", KEY.public, COSIGNATURE).vkey
TWO = NoteKey("w2.example", OTHER_KEY.public, COSIGNATURE).vkey


def test_witnesses_are_keys_with_addresses() -> None:
    found = witness_addresses_from(f"{ONE} https://w1.example/, {TWO} http://10.0.0.1:8080")

    assert [(each.key.vkey, each.address) for each in found] == [
        (ONE, "https://w1.example/"),
        (TWO, "http://10.0.0.1:8080"),
    ]
    assert witness_addresses_from(None) == ()


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        "https://w1.example/",
        f"{ONE} ftp://w1.example/",
        f"{ONE} https://w1.example/,",
        f"{ONE} https://w1.example/, {ONE} https://w2.example/",
        f"{NoteKey('w1.example', KEY.public).vkey} https://w1.example/",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"witness|verifier key"):
        witness_addresses_from(text)
