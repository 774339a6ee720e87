"""Start policy: `python -m services.policy`."""

import os

from libs.chassis.runtime import run
from services.policy.app import serve
from services.policy.settings import PolicySettings

if __name__ == "__main__":
    run(serve, PolicySettings, os.environ)
