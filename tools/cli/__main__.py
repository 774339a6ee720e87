"""Entry point of `gateway` and `python -m tools.cli`."""

import os
import sys

from tools.cli.program import run


def main() -> None:
    """Run the command in `sys.argv`."""
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
