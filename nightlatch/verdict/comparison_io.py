"""One candidate beside its base: what changed, as entries and as texts, and what is put back
where."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff

from nightlatch.git.model import Change
from nightlatch.git.tree_objects import Entry
from nightlatch.model.models import Feature
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.declared_tests import declares, is_test
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.runner_detection import CHECKS, proof_files, supersedes
from nightlatch.suite.suites import Suites
from nightlatch.util.globs import matcher
from nightlatch.util.paths import FILES

# A larger file is data, not code or a test that anybody reads.
MOST_BYTES = 500_000
# No more of a difference than a person would read.
MOST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseVersions:
    """What puts parts of the candidate back as the base has them, by path; None takes a file away.

    `tests` are the base's tests, `proof` all that verify may rest on, `own_harness` what the
    feature's own verify runs through, `harness` what any command runs through.
    """

    tests: Mapping[str, Entry | None]
    proof: Mapping[str, Entry | None]
    own_harness: Mapping[str, Entry] = field(default_factory=dict)
    harness: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One candidate beside its base, with the base's checks.

    `tree` is the candidate's with the checks as the base has them. `sources` are changed files of
    code that are no tests, `touched` the base's tests, helpers and golden files that differ, with
    configuration that is new.
    """

    base: str
    tree: str
    feature: Feature
    suite: Suites
    changes: tuple[Change, ...]
    tests: tuple[Change, ...]
    restored: BaseVersions
    texts: tuple[Text, ...]
    sources: tuple[str, ...]
    touched: tuple[str, ...]


def compare(evaluator: TreeEvaluator, base: str, tree: str, feature: Feature) -> Comparison:
    """Return the candidate beside its base."""
    changes = evaluator.repo.diff(evaluator.tree(base), tree)
    suite = evaluator.suites_of_both(base, tree, changes)
    own = {c.path: evaluator.project_path(c.path) for c in changes}
    named = proof_files(feature.verify, own.values())
    is_check = matcher([CHECKS])
    tests = [c for c in changes if suite.files(own[c.path])]
    # A test that the feature is meant to change stays as the candidate has it.
    kept = [c for c in tests if not supersedes(feature.supersedes, own[c.path])]
    checks = [c for c in changes if is_check(own[c.path])]
    judging = {*tests, *checks}
    remaining = [c for c in changes if c.status != "D" and c not in judging]
    proof = [*tests, *checks, *(c for c in changes if own[c.path] in named)]
    return Comparison(
        base=base,
        tree=evaluator.repo.tree_with(tree, put_back(checks)) if checks else tree,
        feature=feature,
        suite=suite,
        changes=changes,
        tests=tuple(tests),
        restored=BaseVersions(tests=put_back(kept), proof=put_back(proof)),
        texts=tuple(texts_of(evaluator, suite, changes)),
        sources=tuple(c.path for c in remaining if suite.code(own[c.path])),
        touched=tuple(c.path for c in kept if touches_base(evaluator, suite, c)),
    )


def touches_base(evaluator: TreeEvaluator, suite: Suites, change: Change) -> bool:
    """Does a change among the tests bear on what the base has? New configuration does too."""
    return change.status != "A" or is_config(evaluator, suite, change.path)


def texts_of(evaluator: TreeEvaluator, suite: Suites, changes: Iterable[Change]) -> Iterator[Text]:
    """Both versions of every changed file, asked for in one go; what is no text, or too much of
    it, is ""."""
    with evaluator.repo.stand("cat-file", "--batch").talking() as blobs:
        for change in changes:
            sides = ((change.old_mode, change.old_oid), (change.new_mode, change.new_oid))
            old, new = (
                text_of(blobs.object(oid)) if mode in FILES else "" if mode else None
                for mode, oid in sides
            )
            path = evaluator.project_path(change.path)
            named = suite.files(path) or is_test(path)
            yield Text(path=path, old=old, new=new, test=named, declares=declares(path, old, new))


def goldens_of(texts: Iterable[Text], suite: Suites) -> tuple[str, ...]:
    """Return how files of expected output differ: snapshots, golden files, and all else among the
    tests that is no code."""
    both = [text for text in texts if text.test and text.old and text.new and suite.every]
    kept = [text for text in both if not (suite.code(text.path) or suite.config(text.path))]
    return tuple(
        "\n".join([text.path, *difference(text.old or "", text.new or "")]) for text in kept
    )


def difference(old: str, new: str) -> list[str]:
    """Return the lines that differ, and one around them; no more than a person would read."""
    lines = list(unified_diff(old.splitlines(), new.splitlines(), n=1, lineterm=""))[2:]
    return [
        *lines[:MOST_LINES],
        *([f"and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []),
    ]


def text_of(data: bytes) -> str:
    """Return the text of a file; "" for what is binary or too large to be read."""
    return "" if len(data) > MOST_BYTES or b"\0" in data else data.decode("utf-8", "replace")


def is_config(evaluator: TreeEvaluator, suite: Suites, path: str) -> bool:
    """Is this file configuration of a suite?"""
    return suite.config(evaluator.project_path(path))


def put_back(changes: Iterable[Change]) -> dict[str, Entry | None]:
    """Return what undoes these changes: the base's files, and new ones gone."""
    return {
        c.path: (c.old_mode, c.old_oid) if c.old_oid and c.status != "A" else None for c in changes
    }
