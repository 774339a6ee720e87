"""Starts audit: `python -m services.audit`."""

import os

from libs.chassis.runtime import run
from services.audit.app import serve
from services.audit.settings import AuditSettings

if __name__ == "__main__":
    run(serve, AuditSettings, os.environ)
