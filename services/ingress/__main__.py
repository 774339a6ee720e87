"""Start ingress: `python -m services.ingress`."""

import os

from libs.chassis.runtime import run
from services.ingress.app.server import serve
from services.ingress.settings import IngressSettings

if __name__ == "__main__":
    run(serve, IngressSettings, os.environ)
