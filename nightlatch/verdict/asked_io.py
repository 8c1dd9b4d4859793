"""What a project's tests, checks and verify commands ask, beside what a candidate changes: read
where its code looks like a table of it."""

from posixpath import basename

from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.mutation.lookup_tables import new_tables
from nightlatch.ratchet.static.declared_tests import is_test
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.verdict.comparison_io import Comparison, text_of

# Tests and scripts that are read for what they ask: enough for a project that looks like a table.
MOST_FILES = 400
SCRIPTS = (".sh", ".bash", ".bats")


def asked(evaluator: TreeEvaluator, comparison: Comparison) -> tuple[Text, ...]:
    """Return the unchanged tests, checks and scripts of the base; none where no code has a new
    table."""
    if not any(True for text in comparison.texts for _ in new_tables(text)):
        return ()
    changed = {change.path for change in comparison.changes}
    names = [
        path
        for path in evaluator.files(comparison.base)
        if path not in changed and asks(evaluator.project_path(path))
    ][:MOST_FILES]
    texts = [
        (evaluator.project_path(path), text_of(evaluator.repo.read(comparison.base, path) or b""))
        for path in names
    ]
    return tuple(Text(path=path, old=text, new=text, test=True) for path, text in texts if text)


def commands(evaluator: TreeEvaluator, comparison: Comparison) -> tuple[str, ...]:
    """Return what the features of the plan are proved by."""
    return tuple(
        line
        for feature in (*evaluator.commands.planned(comparison.base), comparison.feature)
        for line in feature.verify
    )


def asks(path: str) -> bool:
    """Does a file ask something of the code, by its name: a test, a check, a script?"""
    return not path.startswith("../") and (
        is_test(path) or path.startswith("checks/") or basename(path).endswith(SCRIPTS)
    )
