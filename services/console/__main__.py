"""Start console: `python -m services.console`."""

import os

from libs.chassis.runtime import run
from services.console.app.server import serve
from services.console.settings import ConsoleSettings

if __name__ == "__main__":
    run(serve, ConsoleSettings, os.environ)
