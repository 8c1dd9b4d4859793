"""The Python that the projects of a soak have."""

from tests.stories.conftest import _python

__all__ = ["_python"]
