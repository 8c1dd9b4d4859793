"""What the pages show is tried in: a project, and the Python that projects have."""

from tests.io.cli.conftest import project
from tests.stories.conftest import _python

__all__ = ["_python", "project"]
