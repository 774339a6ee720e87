"""`gateway migrate`: makes the store what this release needs. It talks to the store, not to the console."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Self

from cyclopts import Parameter
from pydantic import Field, SecretStr, field_validator

from libs.chassis.backoff import backoff
from libs.chassis.settings import Settings, SettingsError
from libs.contracts.connection_urls import require_store_url
from libs.contracts.errors import GatewayError
from libs.store.factory import migrate_store
from libs.store.migration import Migrated, MigrationRefused
from tools.cli.commands.session import CurrentSession
from tools.cli.console_client import CommandFailed, ExitCode
from tools.cli.output import Output

WAIT_SECONDS = 60.0
"""How long the command waits for a store that cannot be reached."""
PAUSES = (0.5, 1.0, 2.0, 5.0)
QUIET_SECONDS = 10.0
"""How long nothing is printed before a line tells that the step is still going on."""


class MigrateSettings(Settings):
    """The settings of `gateway migrate`."""

    store_url: SecretStr = Field(description="URL of the store: `mongodb://…` or `sqlite:///path`.")

    @field_validator("store_url")
    @classmethod
    def _is_store(cls, value: SecretStr) -> SecretStr:
        require_store_url(value.get_secret_value())
        return value


def command_from(environ: Mapping[str, str]) -> Callable[..., None]:
    """The command, with the store's URL from `environ`."""

    def migrate(
        *,
        wait: Annotated[float, Parameter(help="Seconds to wait for a store that cannot be reached.")] = WAIT_SECONDS,
        session: CurrentSession,
    ) -> None:
        """Build the indexes and the schema that this release needs, however long that takes.

        Run it before the services of a new release start. Safe to repeat, to run twice at once, and to stop at any
        moment. Needs GATEWAY_STORE_URL alone. While an index of a SQLite file is built, services cannot write to it.
        """
        try:
            settings = MigrateSettings.from_environ(environ)
        except SettingsError as error:
            raise CommandFailed(str(error), ExitCode.USAGE) from error
        signal.signal(signal.SIGTERM, _end_at_once)
        with Progress(hidden=session.output.as_json) as progress:
            migrated = asyncio.run(_migrated(settings.store_url.get_secret_value(), wait, progress))
        _show(migrated, session.output)

    return migrate


class Progress:
    """Prints the steps, and every ten seconds that the last one is still going on."""

    def __init__(self, *, hidden: bool) -> None:
        self.last = ""
        self._hidden = hidden
        self._began = time.monotonic()
        self._ended = threading.Event()

    def __call__(self, line: str) -> None:
        """Print a step."""
        self.last, self._began = line, time.monotonic()
        self._print(line)

    def __enter__(self) -> Self:
        threading.Thread(target=self._tell, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _tell(self) -> None:
        while not self._ended.wait(QUIET_SECONDS):
            if "building" in self.last:
                self._print(f"… {time.monotonic() - self._began:.0f} s")

    def _print(self, line: str) -> None:
        if not self._hidden:
            print(line, flush=True)


async def _migrated(url: str, wait: float, progress: Progress) -> Migrated:
    """The result, after as many tries as the store needs that goes away and comes back; each goes on where it was."""
    pauses, done = backoff(*PAUSES), progress.last
    lost_at = time.monotonic()
    while True:
        try:
            return await migrate_store(url, progress)
        except MigrationRefused as refused:
            code = ExitCode.NO_ACCESS if refused.no_access else ExitCode.REFUSED
            raise CommandFailed(f"Not migrated: {refused}.", code) from refused
        except (ValueError, RuntimeError) as error:
            raise CommandFailed(f"GATEWAY_STORE_URL: {error}", ExitCode.REFUSED) from error
        except GatewayError as failure:
            if progress.last != done:  # it got further than the last time
                pauses, done, lost_at = backoff(*PAUSES), progress.last, time.monotonic()
            pause = next(pauses)
            if time.monotonic() + pause > lost_at + wait:
                cause = "; ".join(getattr(failure, "__notes__", ()))
                raise CommandFailed(f"The store cannot be used: {cause}.", ExitCode.UNREACHABLE) from failure
        await asyncio.sleep(pause)


def _end_at_once(*_: object) -> None:
    """End without waiting for a step, which the next run repeats. The first process of a pod needs a handler to end."""
    sys.stdout.flush()
    os._exit(128 + signal.SIGTERM)


def _show(migrated: Migrated, output: Output) -> None:
    output.item({"schema_version": migrated.version, "made": list(migrated.done)})
