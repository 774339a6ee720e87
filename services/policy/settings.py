"""The settings of policy."""

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.store.sealer import sealer_from


class PolicySettings(ServiceSettings):
    """Settings of the policy service."""

    service: ClassVar[str] = "policy"

    secret_keys: SecretStr = Field(
        description="Keys that encrypt the addresses of customers, newest first; those of console and sender."
    )
    do_not_contact_keys: SecretStr = Field(
        description="Keys of the hashes that still block messages to erased customers, newest first; those of console."
    )
    policy_metrics_port: int = Field(default=9102, ge=0, le=65535, description="Port of policy's metrics and probes.")

    @field_validator("secret_keys", "do_not_contact_keys")
    @classmethod
    def _keys_can_be_read(cls, keys: SecretStr) -> SecretStr:
        sealer_from(keys.get_secret_value())
        return keys
