"""What an operator can tell audit."""

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.store.sealing import sealer_from


class AuditSettings(ServiceSettings):
    """Settings of the audit service."""

    audit_metrics_port: int = Field(default=9104, ge=0, le=65535, description="Port of audit's metrics and probes.")
    secret_keys: SecretStr = Field(
        description="Keys of what is encrypted at rest, newest first: `id:base64` of 32 bytes, separated by commas."
    )
    audit_batch: int = Field(default=256, ge=1, le=5000, description="Most events written in one step.")
    audit_linger: float = Field(default=0.02, ge=0, le=5, description="Seconds to wait for a batch to fill.")

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        sealer_from(value.get_secret_value())
        return value
