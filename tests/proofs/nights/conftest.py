"""The Pythons that the projects of long nights have."""

from tests.stories.conftest import _python, python_with_pytest

__all__ = ["_python", "python_with_pytest"]
