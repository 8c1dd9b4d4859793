"""`python -m nightlatch` is `nightlatch`."""

import sys

from nightlatch.cli import main

if __name__ == "__main__":
    sys.exit(main())
