"""The settings of ingress."""

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.chassis.client_addresses import proxies_from
from libs.chassis.settings import ServiceSettings
from libs.store.posts import post_sealer_from


class IngressSettings(ServiceSettings):
    """Settings of the ingress service."""

    service: ClassVar[str] = "ingress"

    host: str = Field(default="0.0.0.0", description="Address that ingress listens on.")  # noqa: S104 -- it serves the outside
    port: int = Field(default=8080, ge=0, le=65535, description="Port that ingress listens on.")
    ingress_metrics_port: int = Field(default=9101, ge=0, le=65535, description="Port of ingress's metrics and probes.")
    reply_timeout: float = Field(
        default=8.0, gt=0, le=120, description="Seconds that a caller waits for the result before it gets `pending`."
    )
    body_timeout: float = Field(default=10.0, gt=0, le=120, description="Seconds within which a body must arrive.")
    keep_alive_seconds: float = Field(
        default=10.0,
        ge=1,
        le=3600,
        description="Seconds that a connection may be idle, and within which headers must arrive. More than the "
        "edge's idle time.",
    )
    stop_delay_seconds: float = Field(
        default=0.0,
        ge=0,
        le=120,
        description="Seconds that ingress, already unready, accepts connections after SIGTERM: longer than the edge "
        "takes to notice. 0 where a preStop hook waits.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="CIDRs, separated by commas, whose `X-Forwarded-For` is trusted: exactly the edge's addresses.",
    )
    rate_limit_url: SecretStr = Field(
        default=SecretStr("store"),
        description="Where all replicas count requests: `store`, `memory://`, `redis://…` or `mongodb://…`.",
    )
    whatsapp_app_secret: SecretStr = Field(min_length=8, description="Meta's app secret, which signs its webhooks.")
    whatsapp_verify_token: SecretStr = Field(
        min_length=1, description="Token that Meta sends when it verifies the webhook URL."
    )

    post_keys: SecretStr = Field(
        description="Keys that encrypt providers' posts that cannot be read, newest first: `id:base64` of 32 bytes, "
        "separated by commas."
    )

    @field_validator("post_keys")
    @classmethod
    def _parse_post_keys(cls, value: SecretStr) -> SecretStr:
        post_sealer_from(value.get_secret_value())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return proxies_from(value)
