"""Turns what backing up and restoring raise into sentences and exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager

from libs.chassis.settings import SettingsError
from libs.contracts.errors import GatewayError
from libs.store.backups import BackupRefused
from libs.store.migration import MigrationRefused
from tools.cli.console_client import CommandFailed, ExitCode


@contextmanager
def store_failures(sentence: str) -> Iterator[None]:
    """Raise CommandFailed for a failure of the block; `sentence` begins a refusal, such as `Not restored`."""
    try:
        yield
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    except (BackupRefused, MigrationRefused, RuntimeError, ValueError) as refused:
        raise CommandFailed(f"{sentence}: {refused}.", ExitCode.REFUSED) from refused
    except OSError as error:
        raise CommandFailed(f"{sentence}: {error.strerror}.", ExitCode.REFUSED) from error
    except GatewayError as failure:
        cause = "; ".join(getattr(failure, "__notes__", ()))
        raise CommandFailed(f"The store cannot be used: {cause}.", ExitCode.UNREACHABLE) from failure
