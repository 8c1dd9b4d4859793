"""Paths and modes of files as git names them, and the places that this program has inside a
project."""

import re
from collections.abc import Iterator

# Modes of entries in a git tree.
FILE, PROGRAM = "100644", "100755"
LINK, GITLINK = "120000", "160000"
FOLDER = "040000"
# The folder in which the loop shows a sandboxed command what is the loop's own: the person has
# nothing of this name.
INSIDE = "/run/nightlatch"
# The modes whose blob is the content of a file: a link's is its target, a submodule's is in another
# repository.
FILES = (FILE, PROGRAM)


def folders(path: str) -> Iterator[str]:
    """Return the folders above a path, the outermost first."""
    yield from (path[:at] for at, letter in enumerate(path) if letter == "/")


BYTECODE = ("**/__pycache__/**", "**/*.pyc")


ENVIRONMENT = (
    *(".venv/**", "venv/**", "node_modules/**", "**/.npmrc", "**/site-packages/**"),
    *(
        f"{folder}*.{kind}"
        for folder in ("", "src/")
        for kind in ("pth", "dist-info/**", "egg-info/**")
    ),
)


# Folders whose manifests belong to somebody else, or to the tests themselves: a person names what
# is a suite all the same.
NOT_SUITES = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|\.[^/]+|venv|site-packages|dist|build|target|"
    r"[^/]*(?:fixtures?|testdata|test_data|examples?|samples?|templates?|snapshots?)[^/]*)/",
    re.IGNORECASE,
)
