"""The table of docs/red-team.md: `python -m bench.redteam`.

Tampered and honest changes of the whole corpus, by class and language.

What reading decides is decided at once. `--all` also runs what needs the runners themselves, for
half an hour and more; without it, and where a runner is not installed, those cases are counted as
not run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attack import Ground, called, prepared
from bench.parts import BY_EXIT_CODE, NO_SUITE, Files, from_sample
from nightlatch.model.models import Reason, Ruling
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.declared_tests import beside, declares, is_test
from nightlatch.ratchet.static.examine import static_reasons
from nightlatch.verdict.checkers_io import shipped
from tests.io.verdict import test_checks_loosened
from tests.proofs.corpus import corpus
from tests.proofs.corpus.bases import BASES
from tests.proofs.verdict import test_harness, test_proof_strength
from tests.unit.ratchet import (
    test_answer_tables,
    test_evasions,
    test_refactorings,
    test_test_awareness,
    test_test_intent,
    test_unknown_languages,
)
from tests.unit.ratchet.declared_samples import SAMPLES, Sample

VERDICTS = ("landed", "held", "refused")
NOT_RUN = "not run"
LANGUAGES = {
    "py": "python",
    "cfg": "python",
    "ini": "python",
    "toml": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "tsx": "typescript",
    "go": "go",
    "rs": "rust",
    "java": "java",
    "kt": "kotlin",
    "cs": "csharp",
    "rb": "ruby",
    "php": "php",
    "swift": "swift",
    "ex": "elixir",
    "exs": "elixir",
    "cpp": "c++",
    "cc": "c++",
    "scala": "scala",
    "sh": "bash",
    "bats": "bash",
    "lua": "lua",
    "t": "perl",
    "pl": "perl",
    "R": "r",
}
ALIKE = {
    "rspec": "ruby",
    "minitest": "ruby",
    "phpunit": "php",
    "pest": "php",
    "xctest": "swift",
    "swift-testing": "swift",
    "googletest": "c++",
    "catch2": "c++",
    "munit": "scala",
    "scalatest": "scala",
    "bats": "bash",
    "tsx": "typescript",
    "pytest": "python",
    "node:test": "javascript",
    "vitest": "javascript",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One change: what it is a case of, in which language, and what became of it."""

    group: str
    language: str
    tampered: bool
    verdict: str
    name: str = ""


def language_of(paths: Iterable[str]) -> str:
    """The language of the first file that has one; `other` for configuration that belongs to
    none."""
    found = (LANGUAGES.get(path.rsplit(".", 1)[-1]) for path in paths)
    return next((name for name in found if name), "other")


def ruled(reasons: Sequence[Reason]) -> str:
    """What a verdict would come to with these reasons alone."""
    rulings = {reason.ruling for reason in reasons}
    if Ruling.REJECT in rulings:
        return "refused"
    return "held" if Ruling.HOLD in rulings else "landed"


def read(old: Mapping[str, str], new: Mapping[str, str | None]) -> str:
    """What reading alone says of a change, where no run gives ids."""
    texts = [
        Text(
            path=path,
            old=old.get(path),
            new=new.get(path),
            test=is_test(path),
            declares=declares(path, old.get(path), new.get(path)),
        )
        for path in sorted({*old, *new})
    ]
    return ruled(beside(static_reasons(texts), texts, (), ()))


def changes(sample: Sample) -> Iterator[tuple[str, bool, Files]]:
    """What is done to a sample: its name, whether it is tampering, and the files."""
    yield "the file deleted", True, {sample.path: None}
    yield "the file emptied", True, {sample.path: ""}
    yield "the file renamed away", True, {sample.path: None, sample.away: sample.text}
    for what in sample.weaker:
        yield what, True, {sample.path: sample.weakened(what)}
        yield (
            f"{what}, and moved",
            True,
            {sample.path: None, sample.moved: sample.there(sample.weakened(what))},
        )
    yield "moved as it is", False, {sample.path: None, sample.moved: sample.there(sample.text)}


def declared_tests(ground: Ground) -> Iterator[Row]:
    """Whole verdicts on the samples, with the suite known by its exit code and with none."""
    for sample in SAMPLES:
        language = ALIKE.get(sample.language, sample.language)
        for mode in (BY_EXIT_CODE, NO_SUITE):
            project = from_sample(sample, mode)
            for what, tampered, files in changes(sample):
                verdict = called(ground.verdict(project, files))
                verdict = "landed" if verdict == "unproved" else verdict
                name = f"{sample.language}: {what}"
                yield Row(
                    group=f"test files, {mode}",
                    language=language,
                    tampered=tampered,
                    verdict=verdict,
                    name=name,
                )


def by_reading() -> Iterator[Row]:
    """The groups that reading alone decides."""
    for cases, tampered in ((test_evasions.HIDDEN, True), (test_evasions.HONEST, False)):
        for language, what, edits in cases:
            sample = test_evasions.BY_LANGUAGE[language]
            verdict = read(
                {sample.path: sample.text}, {sample.path: test_evasions.edited(language, edits)}
            )
            yield Row(
                group="ways around",
                language=ALIKE.get(language, language),
                tampered=tampered,
                verdict=verdict,
                name=what,
            )
    for one in test_refactorings.REFACTORINGS:
        for new, tampered in ((one.new, False), (one.lesser, True)):
            verdict = read(one.old, {**dict.fromkeys(one.old), **new})
            yield Row(
                group="refactorings",
                language=language_of(one.old),
                tampered=tampered,
                verdict=verdict,
                name=one.name,
            )
    loosened = {name: files for name, (_, files) in test_checks_loosened.TAMPERED.items()}
    for known, tampered in ((loosened, True), (test_checks_loosened.HONEST, False)):
        for name, files in known.items():
            texts = [
                Text(path=path, old=old, new=new, test=path.startswith("tests/"))
                for path, (old, new) in files.items()
            ]
            same = [text for text in texts if text.old == text.new]
            reasons = static_reasons(
                [text for text in texts if text not in same], checkers=shipped(), beside=same
            )
            yield Row(
                group="checks loosened",
                language=language_of(files),
                tampered=tampered,
                verdict=ruled(reasons),
                name=name,
            )
    for sources, tampered in (
        (test_test_awareness.KNOWING, True),
        (test_test_awareness.HONEST, False),
    ):
        for path, source in sources:
            verdict = ruled(
                static_reasons([Text(path=path, old=None, new=source, test=False)], (), "any")
            )
            yield Row(
                group="code that knows its judge",
                language=language_of([path]),
                tampered=tampered,
                verdict=verdict,
                name=source[:60],
            )
    yield from claimed_and_tabled()


def claimed_and_tabled() -> Iterator[Row]:
    """Expectations and units that are bent, lines of test files that no grammar reads, and
    tables of the tests' own values."""
    for module, known in (
        (test_test_intent, ("BENT", "HONEST")),
        (test_unknown_languages, ("REWRITTEN", "ADDED")),
    ):
        for name, tampered in zip(known, (True, False), strict=True):
            for language, what, edits in getattr(module, name):
                path, old, new = module.edited(language, edits)
                verdict = read({path: old}, {path: new})
                yield Row(
                    group="bent claims",
                    language=ALIKE.get(language, language),
                    tampered=tampered,
                    verdict=verdict,
                    name=what,
                )
    for moved, tampered in ((test_test_intent.COPIES, True), (test_test_intent.MOVES, False)):
        for what, before, after in moved:
            verdict = read(before, {**dict.fromkeys(before), **after})
            yield Row(
                group="copies of the unit",
                language=language_of(before),
                tampered=tampered,
                verdict=verdict,
                name=what,
            )
    asked = [
        Text(
            path="tests/test_cart.py",
            old=test_answer_tables.TEST,
            new=test_answer_tables.TEST,
            test=True,
        )
    ]
    for tables, tampered in ((test_answer_tables.TABLES, True), (test_answer_tables.HONEST, False)):
        for path, source in tables:
            verdict = ruled(
                static_reasons(
                    [Text(path=path, old=None, new=source, test=False)], (), "any", asked=asked
                )
            )
            yield Row(
                group="code that knows its judge",
                language=language_of([path]),
                tampered=tampered,
                verdict=verdict,
                name=source[:60],
            )


def needing_runners(told: Mapping[tuple[str, str], str]) -> Iterator[Row]:
    """The groups that are run by their tests; `told` are the verdicts that those tests left, by
    group and name."""
    for case in corpus.CASES:
        language = ALIKE.get(BASES[case.base].language, BASES[case.base].language)
        tampered = bool(case.kind)
        verdict = told.get((BASES[case.base].language, f"{case.kind} {case.name}"), NOT_RUN)
        yield Row(
            group="the corpus, by id",
            language=language,
            tampered=tampered,
            verdict=verdict,
            name=case.name,
        )
    for name, form in test_harness.FORMS.items():
        for function, tampered in (
            ("test_what_is_done_falsely_by_what_its_verify_runs_through_never_lands", True),
            ("test_the_same_feature_done_honestly_lands", False),
        ):
            verdict = told.get((function, name), NOT_RUN)
            yield Row(
                group="what a verify runs through",
                language=f"by {form.needs}",
                tampered=tampered,
                verdict=verdict,
                name=name,
            )
    for known, function, tampered in (
        (test_proof_strength.HOLLOW, "test_a_hollow_proof_proves_nothing", True),
        (test_proof_strength.HONEST, "test_an_honest_proof_lands", False),
    ):
        for name in known:
            yield Row(
                group="hollow proofs",
                language="python",
                tampered=tampered,
                verdict=told.get((function, name), NOT_RUN),
                name=name,
            )


def run_tests() -> dict[tuple[str, str], str]:
    """Runs the tests of what needs runners, and reads what each case came to."""
    files = (
        "tests/proofs/corpus/test_corpus.py",
        "tests/proofs/verdict/test_harness.py",
        "tests/proofs/verdict/test_proof_strength.py",
    )
    with TemporaryDirectory() as name:
        report = Path(name, "report.xml")
        env = {**os.environ, "NIGHTLATCH_FULL": "1"}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *files],
            env=env,
            check=False,
        )
        return dict(told_by(ET.parse(report).getroot()))  # noqa: S314  # our own pytest wrote it a moment ago


def told_by(report: ET.Element) -> Iterator[tuple[tuple[str, str], str]]:
    """(group and name) and verdict of each test case of a report of pytest."""
    for case in report.iter("testcase"):
        function, _, rest = case.get("name", "").partition("[")
        for told in (
            one.get("value", "") for one in case.iter("property") if one.get("name") == "ratchet"
        ):
            language, kind, verdict, _, name, *_ = map(str, literal_eval(told))
            yield (language, f"{kind} {name}"), verdict
        if case.find("skipped") is None:
            failed = case.find("failure") is not None or case.find("error") is not None
            honest = "honest" in function
            good, bad = ("landed", "refused") if honest else ("refused", "landed")
            yield (function, rest.removesuffix("]")), bad if failed else good


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """The tables, and each change that came out otherwise than it should."""
    yield from table("class", rows, lambda row: row.group)
    yield ""
    yield from table("language", rows, lambda row: row.language)
    for row in rows:
        if row.tampered and row.verdict == "landed":
            yield f"landed: {row.group}, {row.language}: {row.name}"
        if not row.tampered and row.verdict not in {"landed", NOT_RUN}:
            yield (
                f"not landed, though honest: {row.group}, {row.language}: {row.name}: {row.verdict}"
            )


def table(title: str, rows: Sequence[Row], key: Callable[[Row], str]) -> Iterator[str]:
    """Tampered and honest changes by what `key` says of them, and all of them together."""
    yield (
        f"| {title} | tampered | landed | held | refused | not run | honest | landed | not landed |"
        " not run |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name in (*sorted({key(row) for row in rows}), ""):
        mine = [row for row in rows if name in ("", key(row))]
        bad, good = (
            Counter(row.verdict for row in mine if row.tampered is tampered)
            for tampered in (True, False)
        )
        tampered = " | ".join(str(bad[word]) for word in (*VERDICTS, NOT_RUN))
        honest = f"{good['landed']} | {good['held'] + good['refused']} | {good[NOT_RUN]}"
        yield f"| {name or 'all'} | {bad.total()} | {tampered} | {good.total()} | {honest} |"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.redteam", description=__doc__)
    parser.add_argument("--all", action="store_true", help="run what needs the runners too")
    parser.add_argument("--json", type=Path, help="the file that every case is written to")
    given = parser.parse_args(argv)
    with prepared(()) as ground:
        rows = [
            *declared_tests(ground),
            *by_reading(),
            *needing_runners(run_tests() if given.all else {}),
        ]
    print("\n".join(lines(rows)))
    missing = sorted(
        {
            name
            for base in BASES.values()
            for name in base.needs.split()
            if shutil.which(name) is None
        }
    )
    if not given.all:
        print("not run: what needs runners; --all runs it")
    elif missing:
        print(f"not run for want of {', '.join(missing)}")
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return int(any(row.tampered and row.verdict == "landed" for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
