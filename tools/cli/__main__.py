"""Entry point of `gateway` and `python -m tools.cli`."""

import os
import sys
from io import TextIOWrapper

from tools.cli.program import run


def main() -> None:
    """Run the command in `sys.argv`."""
    if isinstance(sys.stdout, TextIOWrapper):
        # The name of a file need not be UTF-8: it is printed with escapes, as on standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
