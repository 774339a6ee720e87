"""`AuditSettings`: audit's settings."""

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.record.keys import key_ring_from
from libs.record.sinks import checkpoint_sinks_from
from libs.store.sealer import sealer_from


class AuditSettings(ServiceSettings):
    """Settings of the audit service."""

    service: ClassVar[str] = "audit"

    audit_metrics_port: int = Field(default=9104, ge=0, le=65535, description="Port of audit's metrics and probes.")
    secret_keys: SecretStr = Field(
        description="Keys of what is encrypted at rest, newest first: `id:base64` of 32 bytes, separated by commas."
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

    sink_keys: SecretStr | None = Field(
        default=None,
        description="Keys that seal customer keys in the sink's lines, newest first, as `GATEWAY_SECRET_KEYS`; none: "
        "no lines about erasures and suppressions are shipped, and a restore loses those after the backup.",
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

    @field_validator("checkpoint_sink")
    @classmethod
    def _is_sink(cls, value: SecretStr | None) -> SecretStr | None:
        checkpoint_sinks_from(None if value is None else value.get_secret_value())
        return value

    @field_validator("secret_keys", "sink_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            sealer_from(value.get_secret_value())
        return value
