"""Request and response models of the audit record's verification, export and proofs."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from services.console.domain.fields import Id, Reason, RequestBody
from services.console.domain.log import Hex, LogFindings, LogProofView
from services.console.domain.pagination import QueryParams, View


class ChainQuery(QueryParams):
    """The account whose chain is meant; absent: all chains that the token covers."""

    account_id: Id | None = None


class FaultView(View):
    """The first fault that a verification found."""

    chain: str
    """The account, or `-` for records of no account."""
    seq: int | None
    """The position in the chain, from 1."""
    record_id: str | None
    kind: str
    checkpoint: int | None = None
    """The number of the checkpoint that disagrees."""
    meaning: str


class RestoreRequest(RequestBody):
    """That the record of an account was restored from a backup; `gateway audit restored` computes it."""

    account_id: Id | None = None
    """Absent: the records of no account."""
    up_to: int = Field(ge=0, le=2**53)
    """The last position that a shipped checkpoint confirms."""
    replaced: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...] = Field(
        min_length=1, max_length=100
    )
    """The hashes of the last shipped checkpoints of what is lost."""
    reason: Reason
    """Why, for the record; it must not identify a person."""


class RestoreView(View):
    """What was recorded; audit signs it when it writes the record."""

    chain: str
    up_to: int
    replaced: tuple[str, ...]
    reason: str


class RestoredView(View):
    """A signed statement that explains why shipped checkpoints are not in the record."""

    chain: str
    seq: int
    at: int
    """Microseconds since 1970."""
    reason: str


class VerificationView(View):
    """The result of a verification; it stops at the first fault."""

    ok: bool
    chains: int
    records: int
    sealed: int
    """How many of the records a signed checkpoint covers; the others are chained, and not covered yet."""
    checkpoints: int
    state: Literal["sealed", "unsealed", "unshipped"]
    """`sealed`: checkpoints cover every record, and the newest of each chain was shipped. `unsealed`: records have no
    checkpoint yet. `unshipped`: the newest checkpoint of a chain is not among the shipped ones."""
    unshipped: int
    """Chains whose newest checkpoint is not among the shipped ones."""
    backdated: int
    """Records whose event said that it was more than an hour older than what came before it."""
    first_fault: FaultView | None
    restored: tuple[RestoredView, ...] = ()
    """The statements of restored chains that the comparison with shipped checkpoints relies on."""
    log: LogFindings | None = None
    """The cumulative log; absent when one account was verified, and before the log begins."""
    shipped: int
    """How many checkpoints from files outside the database were compared."""


class PublicKeyView(View):
    """A key that verifies checkpoints."""

    id: str
    algorithm: Literal["Ed25519"]
    public: str
    """32 bytes, base64."""
    retired_at: AwareDatetime | None
    """Signatures later than this are invalid."""


class PublicKeysView(View):
    """The public keys, the current one first."""

    keys: tuple[PublicKeyView, ...]


class CheckpointView(View):
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


class RecordProofView(View):
    """The proof that a record is in the audit record; `gateway audit check-proof` verifies it offline."""

    proof: str
    seq: int
    previous: Hex
    record: dict[str, Any]
    path: tuple[Hex, ...]
    checkpoint: CheckpointView
    log: LogProofView | None = None
    """That the cumulative log has the record; absent while it has not."""


class ExportLineView(View):
    """One line of an export in JSON lines; docs/record-format.md describes each kind."""

    kind: Literal["header", "key", "log_checkpoint", "log", "chain", "checkpoint", "record", "end"]
