"""Test files that no grammar reads: each counts as one test, by the words in its lines."""

import posixpath
import re
from collections import Counter

from nightlatch.core.ratchet.grammar import known, matches
from nightlatch.core.ratchet.seen import EXACT, SKIP, Assertion, Source, Test

NAMED = re.compile(r"(?:^|[_.-])(?:tests?|specs?)(?:[_.-]|$)|(?:Tests?|Spec|IT|Cest)\.\w+$|^[Tt]est[_A-Z]|\.(?:t|feature|robot|bats)$")
HELPS = re.compile(r"helper|support|util|fixture|factor(?:y|ies)|conftest|config|setup", re.IGNORECASE)
# How a line of comment begins in the languages that are read by file: what such a line says is not run.
COMMENT = re.compile(r"--|#|//|%|;|\(\*|/\*")
WHOLE = ""


def is_test_file(path: str) -> bool:
    """Does the name of a file say that it is a test, by the customs of any ecosystem, in a language that no grammar reads?"""
    others = known()["others"]
    return matches(others.files, path) and others.words["code"].search(path.lower()) is not None


def says_test(path: str) -> bool:
    """Does the name of the file itself, not of a folder, say that it is a test?"""
    name = posixpath.basename(path)
    return NAMED.search(name) is not None and HELPS.search(name) is None


def read(text: str) -> Source:
    """The whole file as one test without a name; its assertions are the lines in which one stands."""
    words = known()["others"].words
    lines = [" ".join(line.split()) for line in text.splitlines()]
    code = [line for line in lines if not COMMENT.match(line)]
    told = [line for line in code if words["asserts"].search(line) or words["declares"].search(line)]
    skips = sum(len(words["skips"].findall(line)) for line in lines)
    if not any(lines):
        return Source()
    test = Test(
        name=WHOLE, line=1, text="\n".join(lines), marks=Counter({(SKIP, "a word that skips"): skips}), limits={},
        assertions=tuple(Assertion(subject=line, rank=EXACT, text=line) for line in told),
    )  # fmt: skip
    return Source(tests={WHOLE: test})
