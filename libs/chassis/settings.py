"""Settings: read once from an explicit mapping, immutable; one error reports every invalid setting."""

import difflib
import os
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from libs.chassis.event_keys import EventKeys, event_keys_from, parsed
from libs.chassis.settlement import RetryDelays
from libs.contracts.connection_urls import require_amqp_url, require_store_url
from libs.contracts.identity import Pseudonyms

PREFIX = "GATEWAY_"


class SettingsError(Exception):
    """The environment is invalid; the text names every setting at fault and no value."""


class Settings(BaseModel):
    """A group of settings; the field `amqp_url` is read from `GATEWAY_AMQP_URL`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the `GATEWAY_*` variables of this group.

        A name ending in `_FILE` gives the path of a file that holds the value (mounted secrets). Raises SettingsError,
        also for a name that resembles one of this group: a typo must not result in a default.
        """
        given = {name.removeprefix(PREFIX).lower(): value for name, value in environ.items() if name.startswith(PREFIX)}
        problems = [
            f"{PREFIX}{name.upper()}: did you mean {PREFIX}{near.upper()}?" for name, near in _typos(cls, given)
        ]
        values = {name: value for name, value in given.items() if name in cls.model_fields}
        for name in cls.model_fields:
            if (path := given.get(f"{name}_file")) is not None and name not in values:
                try:
                    values[name] = Path(path).read_text("utf-8").strip()
                except (OSError, ValueError) as error:
                    problems.append(f"{PREFIX}{name.upper()}_FILE: cannot be read ({type(error).__name__})")
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            problems += [f"{PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        if problems:
            raise SettingsError("; ".join(problems))
        return settings


def _typos(cls: type[Settings], given: Mapping[str, str]) -> list[tuple[str, str]]:
    known = {*cls.model_fields, *(f"{name}_file" for name in cls.model_fields)}
    found = []
    for name in given:
        if name in known or name in FOREIGN_SETTINGS:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.9)
        if near:
            found.append((name, near[0]))
    return found


FOREIGN_SETTINGS = frozenset(
    {"port", "console_port"} | {f"{s}_metrics_port" for s in ("ingress", "policy", "sender", "audit", "console")}
)
"""Settings of other services whose names resemble those of this group."""


_TLS_FILES = ("cafile", "capath", "certfile", "keyfile")
"""Options of the broker's URL that name a file."""


class ServiceSettings(Settings):
    """The settings of every service."""

    service: ClassVar[str] = ""
    """The service that has these settings."""

    amqp_url: SecretStr = Field(
        description="URL of RabbitMQ: `amqp://user:password@host:port/vhost`, with the nodes of a cluster separated by "
        "commas: `host:port,host:port`."
    )
    store_url: SecretStr = Field(description="URL of the store: `mongodb://…` or `sqlite:///path`.")
    hash_key: SecretStr = Field(
        min_length=32, description="Key of the hashes that replace phone numbers; do not change it once it is in use."
    )
    event_keys: SecretStr = Field(
        description="Keys of the codes that prove which service published an event, other ones for each service; "
        "`gateway event-keys` makes them: `service:id:base64`, separated by commas."
    )
    replica: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Name of this replica; generated when not set."
    )
    metrics_host: str = Field(default="0.0.0.0", description="Address on which /metrics and the probes listen.")  # noqa: S104 -- scraped from outside the pod
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="Lowest level that is logged."
    )
    otlp_endpoint: str | None = Field(default=None, description="OTLP/HTTP endpoint for traces; none: no export.")
    trace_ratio: float = Field(
        default=1.0, ge=0, le=1, description="Share of traces that is exported; the collector samples further."
    )
    environment: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Name of the deployment, such as `production`, in traces.",
    )
    prefetch: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Deliveries of a queue that are handled at once; an account has a share of them "
        "while there are others.",
    )
    drain_seconds: float = Field(
        default=25.0, gt=0, description="Seconds that the service waits for work in flight after SIGTERM."
    )
    unknown_event_seconds: float = Field(
        default=900.0,
        ge=0,
        le=86_400,
        description="Seconds for which an event of a class or version that this release does not know waits for a "
        "replica that knows it; then it becomes a dead letter.",
    )

    @field_validator("amqp_url")
    @classmethod
    def _is_broker(cls, value: SecretStr) -> SecretStr:
        options = parse_qs(urlsplit(require_amqp_url(value.get_secret_value())).query)
        for name in _TLS_FILES:
            if any(not os.access(path, os.R_OK) for path in options.get(name, ())):
                raise ValueError(f"the option {name} names a file that cannot be read")
        return value

    @field_validator("store_url")
    @classmethod
    def _is_store(cls, value: SecretStr) -> SecretStr:
        require_store_url(value.get_secret_value())
        return value

    @field_validator("event_keys")
    @classmethod
    def _are_event_keys(cls, value: SecretStr) -> SecretStr:
        parse = partial(event_keys_from, service=cls.service) if cls.service else parsed
        parse(value.get_secret_value())
        return value

    @property
    def authentic_events(self) -> EventKeys:
        """The keys in `event_keys`."""
        return event_keys_from(self.event_keys.get_secret_value(), self.service)

    @property
    def retry_delays(self) -> RetryDelays:
        """The delays of deliveries, with `unknown_event_seconds`."""
        return RetryDelays(unknown_event=timedelta(seconds=self.unknown_event_seconds))

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The keyed hashes made with `hash_key`."""
        return Pseudonyms(self.hash_key.get_secret_value().encode())
