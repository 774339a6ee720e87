"""The store of a stack: the step that makes it what the services need."""

from libs.contracts.errors import GatewayError
from libs.store.factory import migrate_store
from libs.store.migration import MigrationRefused
from tools.stack.processes import StartFailed


async def migrate(url: str) -> None:
    """Build what an earlier release's store lacks, however long it takes. Raises StartFailed.

    A store that is away is left to the services, which wait for it and tell why.
    """
    try:
        await migrate_store(url, _say_builds)
    except (MigrationRefused, RuntimeError) as error:
        raise StartFailed(f"GATEWAY_STORE_URL: {error}.") from error
    except GatewayError:
        return


def _say_builds(line: str) -> None:
    """Print what may take long; the rest takes no time."""
    if "building" in line:
        print(line, flush=True)
