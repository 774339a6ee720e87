"""The settings of policy."""

from pydantic import Field

from libs.chassis.settings import ServiceSettings


class PolicySettings(ServiceSettings):
    """Settings of the policy service."""

    policy_metrics_port: int = Field(default=9102, ge=0, le=65535, description="Port of policy's metrics and probes.")
