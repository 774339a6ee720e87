"""`SenderSettings`: the sender's settings."""

from typing import Annotated, ClassVar

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator

from libs.chassis.client_addresses import proxies_from
from libs.chassis.settings import ServiceSettings
from libs.store.sealer import sealer_from


class SenderSettings(ServiceSettings):
    """Settings of the sender service, read from `GATEWAY_*` variables."""

    service: ClassVar[str] = "sender"

    sender_metrics_port: int = Field(default=9103, ge=0, le=65535, description="Port of /metrics and the probes.")
    secret_keys: SecretStr = Field(description="Keys that decrypt the numbers' access tokens, newest first.")
    do_not_contact_keys: SecretStr = Field(
        description="Keys of the hashes that still block messages to erased customers, newest first; those of console."
    )
    whatsapp_api_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("https://graph.facebook.com"), description="Base URL of WhatsApp's Cloud API."
    )
    whatsapp_api_version: str = Field(
        default="v25.0", pattern=r"^v\d{1,3}\.\d{1,2}$", description="Version of the Cloud API."
    )
    provider_timeout: float = Field(
        default=15.0, gt=0, le=120, description="Seconds for one provider call, connecting included."
    )
    provider_connections: int = Field(
        default=128, ge=1, le=10_000, description="Connections to WhatsApp at once; use the prefetch or more."
    )
    allow_private_evolution: bool = Field(
        default=False,
        description="Whether Evolution servers may be at private addresses, http:// and any port; "
        "`GATEWAY_ALLOW_PRIVATE_FORWARD` allows it too.",
    )
    send_attempts: int = Field(
        default=3, ge=1, le=10, description="How often a message is offered to WhatsApp while it is not taken."
    )
    send_retry_seconds: float = Field(default=6.0, ge=0, le=60, description="Seconds within which attempts may begin.")
    smoothing_seconds: float = Field(
        default=2.0,
        ge=0,
        le=10,
        description="Longest wait in seconds for a sending slot of a number or pair; beyond it: sending_throttled.",
    )
    hold_minutes: float = Field(
        default=15.0,
        ge=0,
        le=1440,
        description="Minutes for which an approved message is held while WhatsApp refuses the number's credentials.",
    )
    status_parking_seconds: float = Field(
        default=120.0, ge=0, le=3600, description="Seconds for which a status waits for its message."
    )
    breaker_rate: float = Field(
        default=0.5, gt=0, le=1, description="Share of failed calls that opens a number's circuit."
    )
    breaker_calls: int = Field(default=10, ge=1, le=1000, description="Least number of calls for the share to count.")
    breaker_window_seconds: float = Field(default=30.0, gt=0, description="Seconds for which a call's result counts.")
    breaker_open_seconds: float = Field(
        default=2.0,
        gt=0,
        description="Seconds until a number whose circuit is open is probed; doubles with each failed probe.",
    )
    breaker_longest_seconds: float = Field(default=60.0, gt=0, description="Longest pause between two probes.")

    allow_private_forward: bool = Field(
        default=False, description="Whether forwarding to private addresses, to http:// and to any port is allowed."
    )
    forward_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        default=(443, 80, 8443, 8080, 5001), description="Ports that may be forwarded to, separated by commas."
    )
    forward_timeout: float = Field(
        default=15.0, gt=0, le=60, description="Seconds for one try to deliver a forward, connecting included."
    )
    forward_hours: float = Field(
        default=24.0, gt=0, le=168, description="Hours for which a forward is tried before it becomes a dead letter."
    )
    forward_width: int = Field(default=8, ge=1, le=256, description="Concurrent tries for one integration.")
    forward_prefetch: int = Field(default=256, ge=1, le=10_000, description="Forwards in flight at once.")
    forward_circuit_calls: int = Field(
        default=5, ge=1, le=1000, description="Least number of tries for an integration's circuit to open."
    )
    forward_circuit_seconds: float = Field(
        default=10.0,
        gt=0,
        description="Seconds until an integration whose circuit is open is probed; doubles with each failed probe.",
    )
    forward_circuit_longest_seconds: float = Field(
        default=300.0, gt=0, description="Longest pause between probes of an integration."
    )

    media_url: AnyHttpUrl | None = Field(
        default=None,
        description="Public base URL of the links to customers' files; its path `/media/` leads to the media port. "
        "None: forwards have no links.",
    )
    media_host: str = Field(default="0.0.0.0", description="Address on which links to files are served.")  # noqa: S104 -- the edge is outside the pod
    media_port: int = Field(default=8081, ge=0, le=65535, description="Port on which links to files are served.")
    media_max_bytes: int = Field(
        default=100 * 1024 * 1024, ge=1, le=2**31, description="Bytes of the largest file that a link opens."
    )
    media_seconds: float = Field(
        default=300.0, gt=0, le=3600, description="Seconds after which a file that is still being sent is cut off."
    )
    media_streams: int = Field(
        default=8, ge=1, le=1000, description="Files of one integration that a replica sends at once."
    )
    media_requests_per_minute: int = Field(
        default=60, ge=1, le=100_000, description="Links that one address may open within a minute, on each replica."
    )
    media_download_hosts: tuple[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9.-]{1,253}$")], ...] = Field(
        default=("lookaside.fbsbx.com", "*.fbcdn.net", "*.facebook.com"),
        description="Hosts that the Cloud API's files are fetched from, with the token; separated by commas.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="CIDRs, separated by commas, whose `X-Forwarded-For` is trusted: exactly the edge's addresses.",
    )

    @field_validator("trusted_proxies", "media_download_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return proxies_from(value)

    @field_validator("forward_ports", mode="before")
    @classmethod
    def _ports_are_listed(cls, ports: object) -> object:
        return tuple(ports.split(",")) if isinstance(ports, str) else ports

    @field_validator("secret_keys", "do_not_contact_keys")
    @classmethod
    def _keys_can_be_read(cls, keys: SecretStr) -> SecretStr:
        sealer_from(keys.get_secret_value())
        return keys
