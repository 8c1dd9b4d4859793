"""Where the real agent CLIs are, or why they cannot be run here."""

from pathlib import Path

import pytest

from tests.proofs.agents import clis, loopback


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the installed CLIs; read before any test hides the person's home."""
    found, reason = clis.folder(), loopback.missing()
    if found is None:
        pytest.skip("the agent CLIs are not installed: run tests/proofs/agents/install.sh")
    if reason:
        pytest.skip(reason)
    return found
