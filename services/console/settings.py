"""What an operator can tell console."""

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.store.sealing import sealer_from


class ConsoleSettings(ServiceSettings):
    """Settings of the console service."""

    console_host: str = Field(default="0.0.0.0", description="Address that console listens on.")  # noqa: S104 -- it serves the outside
    console_port: int = Field(default=8090, ge=0, le=65535, description="Port that console listens on.")
    console_metrics_port: int = Field(default=9105, ge=0, le=65535, description="Port of console's metrics and probes.")
    admin_token: SecretStr = Field(min_length=8, description="Bearer token of the operators' API.")
    secret_keys: SecretStr = Field(
        description="Keys of what is encrypted at rest, newest first: `id:base64` of 32 bytes, separated by commas."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Where 3CX systems reach ingress from outside; none: this machine's address and GATEWAY_PORT.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port that ingress listens on.")
    allow_private_forward: bool = Field(
        default=False, description="Whether forwarding to private addresses and to http:// is allowed."
    )
    outbox_seconds: float = Field(
        default=3.0, gt=0, le=300, description="How often changes that could not be published are tried again."
    )

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        sealer_from(value.get_secret_value())
        return value

    @property
    def webhook_origin(self) -> str:
        """What webhook URLs begin with."""
        return self.public_url or f"http://127.0.0.1:{self.port}"
