"""Does code only know the inputs of its tests?

Neighbouring ones are tried where both stand in what the feature wrote.
"""

from collections.abc import Collection

from nightlatch.ratchet.mutation.neighbour_inputs import Probes, python_probes
from nightlatch.ratchet.mutation.tree_neighbour_inputs import tree_probes
from nightlatch.suite.cache_io import digest
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.results import file_of, function_of
from nightlatch.suite.suites import holders
from nightlatch.util.paths import FILE
from nightlatch.verdict.comparison_io import Comparison
from nightlatch.verdict.evidence import Evidence, new_passing
from nightlatch.verdict.proof_strength_io import added

SHARE = 0.05  # of limits.check
# Test files that get probes: each is a run of its own.
MOST_FILES = 4


def known_only(evaluator: TreeEvaluator, comparison: Comparison, e: Evidence) -> tuple[str, ...]:
    """Return the lines of new tests whose inputs are the only ones that the code gives anything
    for."""
    ids = (e.probes.proof or new_passing(e)) - e.runs.flakiness.ids
    written = wrote(evaluator, comparison)
    if not ids or not written:
        return ()
    name = f"q{digest(comparison.base, comparison.tree)[:8]}"
    found = list[str]()
    for probes in probed(comparison, ids, written, name)[:MOST_FILES]:
        entry = (
            FILE,
            evaluator.repo.write_blob(probes.text.encode("utf-8", "surrogateescape")),
        )
        tree = evaluator.repo.tree_with(comparison.tree, {evaluator.repo_path(probes.path): entry})
        beside = [one for one in ids if belongs(one, probes.path)]
        wanted = {own: probe_id(beside[0], probes.path, own) for own in probes.says}
        ran = evaluator.run(
            comparison.base,
            tree,
            comparison.suite,
            sorted(wanted.values()),
            SHARE * evaluator.hands.timeout,
        )
        found += [probes.says[own] for own, one in wanted.items() if one in ran.failing]
    return tuple(found)


def wrote(evaluator: TreeEvaluator, comparison: Comparison) -> str:
    """Return the lines that the candidate added to files which are no tests: code and data."""
    tests = {evaluator.project_path(change.path) for change in comparison.tests}
    texts = [text for text in comparison.texts if text.path not in tests and text.new]
    lines = []
    for text in texts:
        new = (text.new or "").splitlines()
        lines += [
            new[number - 1]
            for number in sorted(added(text.old or "", text.new or ""))
            if number <= len(new)
        ]
    return "\n".join(lines)


def probed(comparison: Comparison, ids: Collection[str], written: str, name: str) -> list[Probes]:
    """Test files with probes in them."""
    found = []
    for text in comparison.texts:
        names = [
            function_of(one).split("::", 1)[1]
            for one in ids
            if "::" in one and belongs(one, text.path)
        ]
        if not (text.test and text.new and names):
            continue
        if not holders(comparison.suite.every, text.path):
            continue
        if text.path.endswith(".py"):
            probes = python_probes(text.path, text.new, names, written, name)
        else:
            probes = tree_probes(text.path, text.new, written, name)
        found += [probes] if probes else []
    return found


def belongs(name: str, path: str) -> bool:
    """Is this id of this file? Go's ids name the package."""
    file = file_of(name)
    folder = path.rpartition("/")[0]
    in_package = path.endswith("_test.go") and (
        f"/{file}/".endswith(f"/{folder}/") if folder else "/" not in file
    )
    return file == path or in_package


def probe_id(beside: str, path: str, own: str) -> str:
    """Return the id of a probe, like those of the tests beside it."""
    if path.endswith("_test.go"):
        return f"{file_of(beside)}::Test_{own}"
    return f"{path}::{own}"
