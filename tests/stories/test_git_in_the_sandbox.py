"""Tests, checks and verify commands that ask git get the answers that the person gets."""

from pathlib import Path

import pytest

from tests.stories.sample_project import feature, make_project

pytestmark = pytest.mark.sandbox
ASKS = """import subprocess
import unittest


def git(*args):
    return subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout


class Git(unittest.TestCase):
    def test_listed(self):
        self.assertEqual(git("ls-files", "till.py"), "till.py\\n")

    def test_described(self):
        self.assertTrue(git("describe", "--tags").startswith("v1.0"))

    def test_clean(self):
        self.assertEqual(git("status", "--porcelain", "--untracked-files=no"), "")
"""


def test_tests_checks_and_verify_may_ask_git(tmp_path: Path) -> None:
    verify = (
        'test "$(git ls-files new.py)" = new.py && python3 -c "import new; assert new.twice(2)'
        ' == 4"'
    )
    project = make_project(tmp_path, [feature(1, verify=verify)], files={"tests/test_git.py": ASKS})
    project.git("tag", "v1.0")
    project.write(
        "checks/30-git",
        "#!/bin/sh\ngit ls-files --error-unmatch till.py && git log --oneline -1\n",
        mode=0o755,
    )
    project.commit("a check")

    project.night([[{"write": "new.py", "text": "def twice(n):\n    return 2 * n\n"}]])

    assert project.passing() == ["US-001"]
    assert "green, 4 pass, 0 fail" in project.git("show", "HEAD:progress.txt")
