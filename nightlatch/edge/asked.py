"""What a project's tests, checks and verify commands ask, beside what a candidate changes: read
where its code looks like a table of it."""

from posixpath import basename

from nightlatch.core.ratchet.declared import is_test
from nightlatch.core.ratchet.tables import new_tables
from nightlatch.core.ratchet.texts import Text
from nightlatch.edge.case import Case, text_of
from nightlatch.edge.trials import Trials

MOST_FILES = 400
SCRIPTS = (".sh", ".bash", ".bats")


def asked(trials: Trials, case: Case) -> tuple[Text, ...]:
    """The unchanged tests, checks and scripts of the base; none where no code has a new table."""
    if not any(True for text in case.texts for _ in new_tables(text)):
        return ()
    changed = {change.path for change in case.changes}
    names = [
        path for path in trials.files(case.base) if path not in changed and asks(trials.own(path))
    ][:MOST_FILES]
    texts = [
        (trials.own(path), text_of(trials.repo.read(case.base, path) or b"")) for path in names
    ]
    return tuple(Text(path=path, old=text, new=text, test=True) for path, text in texts if text)


def commands(trials: Trials, case: Case) -> tuple[str, ...]:
    """What the features of the plan are proved by."""
    return tuple(
        line for feature in (*trials.planned(case.base), case.feature) for line in feature.verify
    )


def asks(path: str) -> bool:
    """Does a file ask something of the code, by its name: a test, a check, a script?"""
    return not path.startswith("../") and (
        is_test(path) or path.startswith("checks/") or basename(path).endswith(SCRIPTS)
    )
