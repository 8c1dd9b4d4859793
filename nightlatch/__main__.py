"""`python -m nightlatch`, and what the installed program starts."""

import sys


def main() -> int:
    """The command line; a Python that lacks a library is no answer to any question, so it does
    not end like one."""
    try:
        from nightlatch.cli import main as program
    except ImportError as missing:
        sys.stderr.write(
            f"nightlatch: this Python cannot import {missing.name}\nfix: pip install nightlatch,"
            " with what it needs\n"
        )
        return 70
    return program()


if __name__ == "__main__":
    sys.exit(main())
