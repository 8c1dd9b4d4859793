"""The page as a real browser shows it: on a phone and on a desk, light and dark, without
scripts, to axe, and with nothing fetched."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nightlatch.report import html
from nightlatch.report.model import Report
from tests import PATIENCE
from tests.unit.report.sample_report import NIGHT, RUN, TITLES, entries, items, report
from tests.unit.report.test_report import FAILED, FAULT, HOSTILE, TEMPLATE, hostile

HERE = Path(__file__).parent
CACHE = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME', '')}/.cache"
MODULES = (
    Path(os.environ.get("NIGHTLATCH_TEST_PAGES") or f"{CACHE}/nightlatch-tests/pages")
    / "node_modules"
)
KEPT = os.environ.get("NIGHTLATCH_TEST_PICTURES")
CHROMIUM, NODE = shutil.which("chromium"), shutil.which("node")
DIFF = (
    "diff --git a/till.py b/till.py\n--- a/till.py\n+++ b/till.py\n@@ -1 +1 @@\n-old = '<b>'\n+new"
    " = '<i>'\n" + "+" + "x" * 400
)


def absent() -> str:
    """Why no browser can be had here, "" where one can."""
    if not (CHROMIUM and NODE):
        return "chromium and node are not both installed (apt install chromium nodejs npm)"
    whole = MODULES.with_name("complete")
    return (
        ""
        if whole.is_file() and whole.read_bytes() == (HERE / "package.json").read_bytes()
        else "run tests/proofs/browser/install.sh first"
    )


def pages() -> dict[str, Report]:
    unsaid = (
        "it has no verify and no new test fails without it; +91 -1 in src/part1.py,"
        " tests/test_part1.py"
    )
    held = (
        "3 existing tests were changed along with the code: tests/test_backup.py::test_rotation,"
        " ::test_fourteen, ::test_none"
    )
    waiting = [
        ("US-031", 20, 19, "unproved", 1.12, "", unsaid),
        ("US-032", 57, 36, "held", 2.08, "tests.changed", held),
        *NIGHT[2:],
    ]
    words = hostile("".join(text for text in HOSTILE if len(text) < 100))
    unsure = "the judge cannot tell whether all criteria are met"
    unproved = [
        (name, 20 + 30 * n, 19, "unproved", 1.12, "judge.cannot-tell", unsure)
        for n, name in enumerate(TITLES)
    ]
    return {
        "together": report(items(entries(unproved))),
        "good": report(),
        "bad": report(items(entries(FAILED), stop=FAULT, code="4")),
        "long": hostile("x" * 3_000),
        "decisions": report(items(entries(waiting))),
        "hostile": replace(words, asks=replace(words.asks, pending=words.asks.pending * 30)),
    }


def looks(folder: Path) -> list[dict[str, object]]:
    """Every view of every page.

    With NIGHTLATCH_TEST_PICTURES=FOLDER its pictures are left there, whole, to be looked at.
    """
    out = Path(KEPT or folder)
    for name, told in pages().items():
        (folder / f"{name}.html").write_text(
            html.page(told, TEMPLATE, {f"{RUN}-s{n:02}": DIFF for n in (1, 2, 4)}, {})
        )
    files = [str(folder / f"{name}.html") for name in pages()]
    argv = [
        str(NODE),
        str(HERE / "look.mjs"),
        str(MODULES),
        str(CHROMIUM),
        str(out),
        "whole" if KEPT else "first",
        *files,
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert len([*out.glob("*-first.png")]) == len(done.stdout.splitlines())
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(bool(absent()), reason=absent())
def test_every_page_holds_at_every_width_and_its_first_screen_answers_all_questions(
    tmp_path: Path,
) -> None:
    """One browser for all of it: to start one takes longer than to look."""
    found = looks(tmp_path)
    assert len(found) == len(pages()) * 6
    for look in found:
        where = f"{look['page']} {look['width']} {look['scheme']}"
        findings = look["axe"]
        assert isinstance(findings, list)
        assert [f for f in findings if f["impact"] in ("serious", "critical")] == [], where
        assert (look["overflow"], look["wide"]) == (0, []), where
        assert look["requests"] == [f"file://{look['file']}"], where
        assert (look["styled"], look["links"], look["order"]) == ("none", 0, 0), where
        assert look["page"] not in ("decisions", "together") or {1, 2, 4, 5} <= set(
            look["answers"]
        ), f"{where}: the first decision, whole"  # type: ignore[call-overload]  # a list of numbers
        assert look["page"] not in ("good", "bad") or look["answers"] == [*range(1, 13)], where
