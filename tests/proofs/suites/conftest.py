"""The project that these tests of the command line begin with."""

from tests.io.cli.conftest import project

__all__ = ["project"]
