"""The Python that the projects of these nights have."""

from tests.stories.conftest import _python

__all__ = ["_python"]
