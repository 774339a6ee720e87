"""The record's proof as operators ask for it and see it."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, StringConstraints

from services.console.domain.fields import Id
from services.console.domain.paging import Params, Shown

Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")]


class ChainQuery(Params):
    """Whose chain; none: all that the token covers."""

    account_id: Id | None = None


class FaultShown(Shown):
    """The first fault."""

    chain: str
    """The account, or `-` for records of no account."""
    seq: int | None
    """The place in the chain."""
    record_id: str | None
    kind: str
    checkpoint: int | None = None
    """The number of the checkpoint that shows it."""
    meaning: str


class VerificationShown(Shown):
    """What a verification found; the first fault ends it."""

    ok: bool
    chains: int
    records: int
    sealed: int
    """How many of the records a signed checkpoint vouches for; the others are chained and not sealed yet."""
    checkpoints: int
    first_fault: FaultShown | None
    shipped: int
    """How many checkpoints that were shipped out to a file it was compared with."""


class PublicKeyShown(Shown):
    """A key that checkpoints are checked with."""

    id: str
    algorithm: Literal["Ed25519"]
    public: str
    """32 bytes, base64."""
    retired_at: AwareDatetime | None
    """What it signed later than this does not count."""


class KeysShown(Shown):
    """The public keys, the one in use first."""

    keys: tuple[PublicKeyShown, ...]


class CheckpointShown(Shown):
    """A signed checkpoint, as docs/record-format.md describes it."""

    chain: str
    number: int
    first: int
    last: int
    count: int
    root: Hex
    head: Hex
    previous: Hex
    at: int
    """Microseconds since 1970."""
    key: str
    signature: str


class ProofShown(Shown):
    """That one record stands in the record: `gateway audit check-proof` checks it without a network."""

    proof: str
    seq: int
    previous: Hex
    record: dict[str, Any]
    path: tuple[Hex, ...]
    checkpoint: CheckpointShown


class ExportShown(Shown):
    """One line of an export; the whole is JSON lines, and docs/record-format.md describes each kind."""

    kind: Literal["header", "key", "chain", "checkpoint", "record", "end"]
