"""`AuditSettings`: audit's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.record.keys import key_ring_from
from libs.record.signed_notes import is_key_name
from libs.record.sinks import checkpoint_sinks_from
from libs.record.witness_addresses import witness_addresses_from
from libs.store.sealer import sealer_from


class AuditSettings(ServiceSettings):
    """Settings of the audit service."""

    service: ClassVar[str] = "audit"

    audit_metrics_port: int = Field(default=9104, ge=0, le=65535, description="Port of audit's metrics and probes.")
    secret_keys: SecretStr = Field(
        description="Keys of what is encrypted at rest, newest first: `id:base64` of 32 bytes, separated by commas."
    )
    do_not_contact_keys: SecretStr = Field(
        description="Keys of the markers of erasures, newest first; those of console."
    )
    audit_batch: int = Field(default=256, ge=1, le=5000, description="Maximum number of events in one batch.")
    audit_linger: float = Field(default=0.02, ge=0, le=5, description="Seconds to wait for a batch to fill.")

    signing_keys: SecretStr = Field(
        description="Keys that sign checkpoints, the one in use first: `id:base64` of a 32-byte Ed25519 seed, or "
        "`id:public:base64`, then `@time` when it is retired; separated by commas."
    )
    checkpoint_records: int = Field(
        default=1000, ge=1, le=100_000, description="Maximum number of records that one checkpoint covers."
    )
    checkpoint_seconds: float = Field(default=300, ge=1, le=86_400, description="Seconds between checkpoints at most.")
    checkpoint_sink: SecretStr | None = Field(
        default=None,
        description="Where checkpoints are shipped: `file:/path` (JSON lines), `stdout`, or a URL to post them to; "
        "several separated by commas.",
    )

    log_origin: str = Field(
        default="whatsapp-gateway",
        max_length=200,
        description="Name of the cumulative log: the origin line of its checkpoints, best an address without a scheme "
        "such as `gateway.example.com/log`. Witnesses know the log by it: do not change it once it is in use.",
    )
    log_tiles: Path | None = Field(
        default=None,
        description="Folder for the cumulative log as static files (C2SP tlog-tiles); none: it is only in the store.",
    )
    witnesses: str | None = Field(
        default=None,
        description="Witnesses that are asked to cosign the log's checkpoints: `verifier-key address`, separated by "
        "commas.",
    )
    tsa_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of a time stamping authority (RFC 3161) for the log's checkpoints.",
    )
    tsa_roots: Path | None = Field(
        default=None, description="PEM file of the root certificates that the authority's timestamps are checked with."
    )

    sink_keys: SecretStr | None = Field(
        default=None,
        description="Keys that seal customer keys in the sink's lines, newest first, as `GATEWAY_SECRET_KEYS`; none: "
        "no lines about erasures and suppressions are shipped, and a restore loses those after the backup.",
    )

    signer_memory: Path | None = Field(
        default=None,
        description="A folder outside the store for the signer's memory: what each replica signed last. It refuses to "
        "sign what does not extend that. Without one, each start forgets it, which is recorded and alarmed.",
    )

    retention_days: int = Field(
        default=365, ge=1, le=3650, description="Days for which records without an account are kept."
    )
    purge_check_seconds: float = Field(
        default=3600.0, ge=1, le=86_400, description="Seconds between checks whether today's purge is due."
    )

    @field_validator("signing_keys")
    @classmethod
    def _can_sign(cls, value: SecretStr) -> SecretStr:
        if key_ring_from(value.get_secret_value()).signing is None:
            raise ValueError("the first key must be a key that can sign")
        return value

    @field_validator("log_origin")
    @classmethod
    def _is_origin(cls, value: str) -> str:
        if not is_key_name(value):
            raise ValueError("must be a name without spaces and without a plus")
        return value

    @field_validator("witnesses")
    @classmethod
    def _are_witnesses(cls, value: str | None) -> str | None:
        witness_addresses_from(value)
        return value

    @field_validator("checkpoint_sink")
    @classmethod
    def _is_sink(cls, value: SecretStr | None) -> SecretStr | None:
        checkpoint_sinks_from(None if value is None else value.get_secret_value())
        return value

    @field_validator("secret_keys", "sink_keys", "do_not_contact_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            sealer_from(value.get_secret_value())
        return value
