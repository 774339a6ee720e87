"""Request and response models of the cumulative log."""

from typing import Annotated

from pydantic import Field, StringConstraints

from services.console.domain.pagination import QueryParams, View

Hex = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$")]


class ConsistencyQuery(QueryParams):
    """From which older size the log is to be proven."""

    old: int = Field(ge=0, le=2**53)


class LogView(View):
    """The cumulative log as it was signed last; docs/record-format.md describes it."""

    origin: str
    size: int
    """Entries under the checkpoint."""
    at: int
    """When it was signed, microseconds since 1970."""
    checkpoint: str
    """The signed note with the witnesses' cosignatures."""
    vkeys: tuple[str, ...]
    """The verifier keys of the log."""
    witnesses: tuple[str, ...]
    """The names of the witnesses that cosigned it."""
    timestamp: str | None
    """The answer of the time stamping authority (RFC 3161), in hexadecimal."""


class ConsistencyView(View):
    """The proof that the checkpoint's tree extends that of the older size (RFC 9162, 2.1.4)."""

    old: int
    size: int
    path: tuple[Hex, ...]
    checkpoint: str


class LogProofView(View):
    """The proof that a record is an entry of the cumulative log."""

    index: int
    """The entry's place in the log, from 0."""
    entry: str
    path: tuple[Hex, ...]
    checkpoint: str
    timestamp: Hex | None = None


class LogFindings(View):
    """What a verification found of the log."""

    origin: str
    entries: int
    signed: int
    """The size of the largest checkpoint."""
    at: int | None
    """The time in the log's last entry, microseconds since 1970."""
    unlogged: int
    """Records that are not in the log yet."""
