"""Start the command line: `gateway`, or `python -m tools.cli`."""

import os
import sys

from tools.cli.program import run


def main() -> None:
    """Run the command that the program was called with."""
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
