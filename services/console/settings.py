"""Settings of console."""

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from libs.chassis.settings import ServiceSettings
from libs.record.keys import key_ring_from
from libs.record.sinks import checkpoint_sinks_from
from libs.store.posts import post_sealer_from
from libs.store.sealer import sealer_from


class ConsoleSettings(ServiceSettings):
    """The settings of the console service, read from the environment."""

    service: ClassVar[str] = "console"

    console_host: str = Field(default="0.0.0.0", description="Address that console listens on.")  # noqa: S104 -- operators call it from other machines
    console_port: int = Field(default=8090, ge=0, le=65535, description="Port that console listens on.")
    console_metrics_port: int = Field(default=9105, ge=0, le=65535, description="Port of console's metrics and probes.")
    admin_token: SecretStr = Field(min_length=8, description="Bearer token of the operators' API.")
    secret_keys: SecretStr = Field(
        description="Keys for encryption at rest, newest first: `id:base64` of 32 bytes, separated by commas."
    )
    do_not_contact_keys: SecretStr = Field(
        description="Keys of the hashes that still block messages to erased customers, and of the markers of erasures, "
        "newest first, as `GATEWAY_SECRET_KEYS`. Keep an old key: entries that it made are found with it alone."
    )
    post_keys: SecretStr = Field(
        description="As in ingress: finds what a person wrote in providers' posts that could not be read."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="URL at which 3CX systems reach ingress; none: http://127.0.0.1 with GATEWAY_PORT.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port that ingress listens on.")
    allow_private_forward: bool = Field(
        default=False, description="Whether forwarding to private addresses and to http:// is allowed."
    )
    allow_private_evolution: bool = Field(
        default=False,
        description="Whether Evolution servers may have private addresses and http://; "
        "`GATEWAY_ALLOW_PRIVATE_FORWARD` allows it too.",
    )
    phone_lookups_per_hour: int = Field(
        default=60,
        ge=1,
        le=3_600,
        description="Persons that one token may look up by phone or user id within an hour, on all replicas together.",
    )
    second_person: bool = Field(
        default=True,
        description="Whether legal holds, retention, lifting a customer's own opt-out and erasing more than 100 "
        "persons need the approval of a second person. False under `make run`.",
    )
    approval_hours: float = Field(
        default=72.0,
        gt=0,
        le=720,
        description="Hours after which a request that no second person decided about ends without effect.",
    )
    outbox_seconds: float = Field(
        default=3.0,
        gt=0,
        le=300,
        description="Seconds between two attempts to publish changes that could not be published.",
    )
    dead_letter_days: float = Field(
        default=14.0,
        gt=0,
        le=365,
        description="Days for which a dead letter is stored, encrypted, and can be replayed.",
    )
    signing_keys: SecretStr | None = Field(
        default=None,
        description="Signing keys of the audit record, as in audit. Public keys (`id:public:base64`) verify it; "
        "a private key also signs reports.",
    )
    checkpoint_sink: SecretStr | None = Field(
        default=None,
        description="As in audit: a verification compares the record with the checkpoints in the sink's files.",
    )
    sink_keys: SecretStr | None = Field(
        default=None,
        description="As in audit: seals the customer keys of erased persons for the sink, so that a restore erases "
        "them again.",
    )
    verify_new_seconds: float = Field(
        default=300.0,
        ge=1,
        le=86_400,
        description="Seconds between verifications of the newest records; needs `GATEWAY_SIGNING_KEYS`.",
    )
    verify_whole_seconds: float = Field(
        default=86_400.0,
        ge=1,
        le=2_592_000,
        description="Seconds between verifications of the whole record; needs `GATEWAY_SIGNING_KEYS`.",
    )
    verify_whole_hour: int = Field(
        default=2, ge=0, le=23, description="Hour (UTC) at which the whole record is verified, when that is daily."
    )
    report_seconds: float = Field(
        default=60.0, gt=0, le=600, description="Seconds that one report may take, including its wait for a turn."
    )
    report_dir: str | None = Field(
        default=None, description="Directory for last month's report of every account; none: no files."
    )
    report_webhook_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="URL to which last month's report of every account is posted as JSON; none: no posts.",
    )
    report_webhook_secret: SecretStr | None = Field(
        default=None, description="Secret that signs posted reports, as 3CX webhooks are signed; none: unsigned."
    )
    report_formats: str = Field(
        default="json,html,pdf",
        pattern=r"^(json|csv|html|pdf)(,(json|csv|html|pdf))*$",
        description="Formats of scheduled reports, separated by commas.",
    )
    report_check_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="Seconds between two checks for scheduled reports that are due."
    )

    @field_validator("secret_keys", "sink_keys", "do_not_contact_keys")
    @classmethod
    def _parse_secret_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            sealer_from(value.get_secret_value())
        return value

    @field_validator("post_keys")
    @classmethod
    def _parse_post_keys(cls, value: SecretStr) -> SecretStr:
        post_sealer_from(value.get_secret_value())
        return value

    @field_validator("signing_keys")
    @classmethod
    def _parse_signing_keys(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_ring_from(value.get_secret_value())
        return value

    @field_validator("checkpoint_sink")
    @classmethod
    def _parse_checkpoint_sink(cls, value: SecretStr | None) -> SecretStr | None:
        checkpoint_sinks_from(None if value is None else value.get_secret_value())
        return value

    @property
    def webhook_origin(self) -> str:
        """The beginning of webhook URLs."""
        return self.public_url or f"http://127.0.0.1:{self.port}"
