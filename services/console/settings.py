"""What an operator can tell console."""

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.record.keys import key_ring_from
from libs.record.sinks import sinks_in
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
    allow_private_evolution: bool = Field(
        default=False,
        description="Whether Evolution servers may be at private addresses and http://; "
        "`GATEWAY_ALLOW_PRIVATE_FORWARD` allows it too.",
    )
    outbox_seconds: float = Field(
        default=3.0, gt=0, le=300, description="How often changes that could not be published are tried again."
    )

    dead_letter_days: float = Field(
        default=14.0, gt=0, le=365, description="Days for which a dead letter is kept, sealed, and can be replayed."
    )

    signing_keys: SecretStr | None = Field(
        default=None,
        description="The record's signing keys, as audit has them; public ones (`id:public:base64`) are enough to "
        "verify, and a private one signs reports too.",
    )
    checkpoint_sink: SecretStr | None = Field(
        default=None, description="As audit's: what was shipped to a file is compared with when the record is verified."
    )
    report_verify_seconds: float = Field(
        default=20.0, gt=0, le=600, description="How long a report waits for the record's verification."
    )
    report_seconds: float = Field(
        default=60.0, gt=0, le=600, description="How long compiling one report may take, its turn included."
    )
    report_dir: str | None = Field(
        default=None, description="Directory for last month's report of every account; none: not written."
    )
    report_webhook_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="Where last month's report of every account is posted as JSON; none: not posted.",
    )
    report_webhook_secret: SecretStr | None = Field(
        default=None, description="Signs posted reports, as 3CX webhooks are signed; none: unsigned."
    )
    report_formats: str = Field(
        default="json,html,pdf",
        pattern=r"^(json|csv|html|pdf)(,(json|csv|html|pdf))*$",
        description="Forms in which scheduled reports are written, separated by commas.",
    )
    report_check_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="How often it is looked whether a scheduled report is due."
    )

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        sealer_from(value.get_secret_value())
        return value

    @field_validator("signing_keys")
    @classmethod
    def _are_signing_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_ring_from(value.get_secret_value())
        return value

    @field_validator("checkpoint_sink")
    @classmethod
    def _is_sink(cls, value: SecretStr | None) -> SecretStr | None:
        sinks_in(None if value is None else value.get_secret_value())
        return value

    @property
    def webhook_origin(self) -> str:
        """What webhook URLs begin with."""
        return self.public_url or f"http://127.0.0.1:{self.port}"
