"""What an operator can tell audit."""

from pydantic import Field

from libs.chassis.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """Settings of the audit service."""

    audit_metrics_port: int = Field(default=9104, ge=0, le=65535, description="Port of audit's metrics and probes.")
    audit_batch: int = Field(default=256, ge=1, le=5000, description="Most events written in one step.")
    audit_linger: float = Field(default=0.02, ge=0, le=5, description="Seconds to wait for a batch to fill.")
