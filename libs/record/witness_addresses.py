"""`WitnessAddress`: a witness of `GATEWAY_WITNESSES`, and the check of a setting that lists them."""

from dataclasses import dataclass, field

from libs.record.signed_notes import COSIGNATURE, NoteKey


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """The key of a witness, and where it takes checkpoints (the submission prefix of C2SP tlog-witness)."""

    key: NoteKey
    address: str = field(repr=False)


def witness_addresses_from(text: str | None) -> tuple[WitnessAddress, ...]:
    """The witnesses of the setting's text: `vkey address`, separated by commas. Raises ValueError."""
    found = []
    for number, part in enumerate(text.split(",") if text else [], start=1):
        vkey, _, address = part.strip().partition(" ")
        if not address.startswith(("https://", "http://")):
            raise ValueError(f"witness {number} must be a verifier key, a space, and an http:// or https:// address")
        key = NoteKey.from_vkey(vkey)
        if key.type != COSIGNATURE:
            raise ValueError(f"witness {number} must have a key for cosignatures (type 4)")
        found.append(WitnessAddress(key, address.strip()))
    if len({each.key.name for each in found}) != len(found):
        raise ValueError("two witnesses have the same name")
    return tuple(found)
