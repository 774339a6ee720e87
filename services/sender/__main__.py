"""Start sender: `python -m services.sender`."""

import os

from libs.chassis.runtime import run
from services.sender.app.server import serve
from services.sender.settings import SenderSettings

if __name__ == "__main__":
    run(serve, SenderSettings, os.environ)
