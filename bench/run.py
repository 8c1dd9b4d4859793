"""Measures what the loop itself costs, beside a bare shell loop of the same run: ./init.sh
python -m bench.run [--full]."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from statistics import median

from bench import slow_suite, thousand
from bench.briefs import briefs as measured
from bench.findings import full, took
from bench.ground import ROOT, Ground, Shape, Stamp, ground
from nightlatch.redaction.patterns import Screen
from nightlatch.redaction.patterns_io import guard

OUT = ROOT / "bench/out/bench.json"
COMMANDS = ("suite", "check", "verify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured.

    `inits` are the seconds of an init.sh and how often each is measured cold, `slow` how often the
    slow suite.
    """

    sessions: int
    files: int
    nap_files: float
    past: int
    noise: int
    inits: tuple[tuple[float, int], ...]
    slow: int


SHORT = Scale(
    sessions=4, files=2_000, nap_files=1.5, past=1_000, noise=20_000_000, inits=((0.0, 1),), slow=1
)
FULL = Scale(
    sessions=12,
    files=50_000,
    nap_files=30.0,
    past=10_000,
    noise=200_000_000,
    inits=((0.0, 10), (5.0, 5), (60.0, 2)),
    slow=3,
)
NAP = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; `bare` is the median of the shell loop in the same unit, None
    where there is nothing to compare."""

    what: str
    unit: str
    budget: str
    p50: float
    least: float
    p95: float
    n: int
    bare: float | None = None
    met: bool | None = None


def row(
    what: str,
    values: Sequence[float],
    *,
    unit: str = "ms",
    most: float | None = None,
    budget: str = "",
    bare: float | None = None,
) -> Row:
    """The row of some measured values; `most` is the budget for their median."""
    ranked = sorted(values)
    middle, high = median(ranked), ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
    says = budget or ("" if most is None else f"{most:g} {unit}")
    met = None if most is None else middle <= most
    return Row(
        what=what,
        unit=unit,
        budget=says,
        p50=middle,
        least=ranked[0],
        p95=high,
        n=len(ranked),
        bare=bare,
        met=met,
    )


def between(
    stamps: Sequence[Stamp], start: float, end: float, who: Sequence[str] = COMMANDS
) -> float:
    """Seconds from start to end without those in which a command of the checks ran."""
    inner = [stamp for stamp in stamps if start <= stamp.at <= end and stamp.who in who]
    return end - start - sum(stamp.at if stamp.what == "end" else -stamp.at for stamp in inner)


def told(stamps: Sequence[Stamp], who: str, what: str) -> list[float]:
    return [stamp.at for stamp in stamps if (stamp.who, stamp.what) == (who, what)]


def gaps(stamps: Sequence[Stamp]) -> list[float]:
    """Milliseconds from each agent's end to the next one's begin; the first, in which nothing
    is prepared yet, is left out."""
    ends, begins = told(stamps, "agent", "end"), told(stamps, "agent", "begin")
    return [
        1000 * between(stamps, end, begin) for end, begin in zip(ends[1:], begins[2:], strict=False)
    ]


def night(place: Ground, sessions: int, nap: float) -> list[Stamp]:
    """A run of some sessions, as its commands told it."""
    place.habits(nap)
    place.nightlatch("run", "--sessions", str(sessions))
    return place.stamps()


def bare(shape: Shape, sessions: int) -> float:
    """Milliseconds between two agents of a shell loop on the same project."""
    with ground(shape) as place:
        place.bare(sessions)
        return median(gaps(place.stamps()))


def turns(scale: Scale) -> Iterator[Row]:
    """From one agent's end to the next one's begin, in projects of different sizes."""
    n, small = scale.sessions, Shape()
    plain = bare(small, n)
    with ground(small) as place:
        base = gaps(night(place, n, NAP))
    yield row("agent end to next agent begin, small repository", base, most=60, bare=plain)
    large = Shape(files=scale.files)
    with ground(large) as place:
        yield row(
            f"the same, {scale.files:,} files",
            gaps(night(place, n, scale.nap_files)),
            most=150,
            bare=bare(large, n),
        )
    old = Shape(past=scale.past)
    with ground(old) as place:
        most = 1.2 * median(base)
        yield row(
            f"the same, {scale.past:,} past sessions",
            gaps(night(place, n, NAP)),
            most=most,
            budget="1.2 times",
            bare=plain,
        )
        yield row(
            f"status, {scale.past:,} past sessions",
            [1000 * place.nightlatch("status")[0] for _ in range(n)],
            most=250,
        )
        briefs = [
            file.stat().st_size / 1000
            for file in place.project.glob(".nightlatch/sessions/*/brief.md")
        ]
        yield row(f"brief, {scale.past:,} past sessions", briefs, unit="kB", most=24)
    many = Shape(features=scale.past, done=scale.past // 2)
    with ground(many) as place:
        yield row(
            f"the same, {scale.past:,} features",
            gaps(night(place, n, NAP)),
            most=3 * median(base),
            budget="3 times",
            bare=plain,
        )


def preparations(scale: Scale) -> Iterator[Row]:
    """From a decision to the agent's first event.

    Cold: the first session of a run, with no workspace and no earlier init.sh.
    """
    for seconds, times in scale.inits:
        with ground(Shape(init=seconds)) as place:
            cold = []
            for _ in range(times):
                rmtree(place.folder / "cache", ignore_errors=True)
                stamps = night(place, 1, 0)
                cold.append(
                    between(
                        stamps, place.moments("run.started")[-1], told(stamps, "agent", "begin")[0]
                    )
                )
            yield row(
                f"decision to first agent event, init.sh of {seconds:g} s, cold",
                cold,
                unit="s",
                budget="shown",
            )
            before = len(place.moments("session.ended"))
            stamps = night(place, scale.sessions, NAP)
            decided = place.moments("session.ended")[before:]
            begins = told(stamps, "agent", "begin")
            ready = [
                between(stamps, then, begin)
                for then, begin in zip(decided[1:], begins[2:], strict=False)
            ]
            yield row(
                f"decision to first agent event, init.sh of {seconds:g} s, prepared",
                ready,
                unit="s",
                budget="does not grow",
            )


def suites(scale: Scale) -> Iterator[Row]:
    """How often the whole suite runs for one landed feature, once the base is known."""
    changes = {
        "no test changed": (1, ""),
        "tests changed": (2, 'mkdir -p tests; echo "pass" >"tests/test_$NIGHTLATCH_FEATURE.py"'),
    }
    for what, (most, more) in changes.items():
        with ground(Shape(more=more.replace("US-", "us_"))) as place:
            stamps = night(place, scale.sessions, NAP)
        ends = told(stamps, "agent", "end")
        runs = [
            float(sum(start < at < end for at in told(stamps, "suite", "begin")))
            for start, end in pairwise(ends)
        ]
        yield row(f"suite runs per landed feature, {what}", runs, unit="runs", most=most)


def starts(scale: Scale) -> Iterator[Row]:
    """What a command costs before it does anything."""

    def seconds(argv: Sequence[str]) -> float:
        began = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        return 1000 * (time.perf_counter() - began)

    plain = median(seconds([sys.executable, "-c", "pass"]) for _ in range(scale.sessions))
    times = [seconds([sys.executable, "loop.py", "--help"]) for _ in range(12)]
    yield row("loop.py --help (beside it: python -c pass)", times, most=120, bare=plain)


def memory(scale: Scale) -> Iterator[Row]:
    with ground(Shape()) as place:
        place.habits(0.5, scale.noise)
        _, most = place.nightlatch("run", "--sessions", "1")
    yield row(
        f"memory of the loop, {scale.noise / 1e6:.0f} MB of agent output",
        [most],
        unit="MB",
        most=80,
    )


def findings(scale: Scale) -> Iterator[Row]:
    """Reading 5,000 findings, and telling how each stands beside code that changed and moved."""
    with full(5_000, 500) as top:
        cold, judged, warm = took(top, max(3, scale.sessions))
    yield row(
        "5,000 findings: read and judged",
        [one + two for one, two in zip(cold, judged, strict=True)],
        most=1000,
    )
    yield row("5,000 findings: judged, once they are read", judged, budget="shown")
    yield row("5,000 findings: read at the next commit", warm, budget="shown")


def verdicts(scale: Scale) -> Iterator[Row]:
    """The verdict's own work in a project with a thousand tests, and the runs that it starts;
    mutants and what must fail are runs too."""
    for what, found in thousand.verdicts(scale.sessions):
        own = [1000 * (one.whole - one.commands) for one in found]
        yield row(
            f"verdict on 1,000 tests without its commands, {what}",
            own,
            most=1000 if what == "no test changed" else None,
        )
        yield row(
            f"runs of tests, {what}",
            [float(sum(one.runs.values())) for one in found],
            unit="runs",
            budget="shown",
        )


def slow(scale: Scale) -> Iterator[Row]:
    """The verdict beside a bare run of 300 tests that take ten seconds, and what verify
    commands of earlier features add."""
    for what, found in slow_suite.verdicts(scale.slow):
        plain = min(found.bare)
        times, more = (1.2, 1) if what == "no test changed" else (3, 5)
        budget = f"{times:g} times + {more} s"
        yield row(
            f"verdict on 300 tests of 10 s, {what}",
            found.verdicts,
            unit="s",
            most=times * plain + more,
            budget=budget,
            bare=plain,
        )
    for what, found in slow_suite.with_earlier(scale.slow):
        says = f"the same with {slow_suite.EARLIER} features that pass: {what} (beside it: none)"
        yield row(says, found.verdicts, unit="s", budget="shown", bare=min(found.bare))


def secrets(scale: Scale) -> Iterator[Row]:
    """Looking for keys in a megabyte of what agents print: screened as a stream, and as one
    file."""
    lines = [
        b'{"kind":"tool_result","id":"t1","text":"%d tests passed in src/till.py,'
        b' http://example.org/a"}' % n
        for n in range(10_000)
    ]
    guarded = guard({"SHOP_TOKEN": "t0ps3cret-value"})
    streamed, whole = [], []
    for _ in range(scale.sessions):
        began, screen = time.process_time(), Screen(guarded)
        assert [*(out for raw in lines for out in screen.feed(raw)), *screen.rest()] == lines
        middle = time.process_time()
        guarded.hits(b"\n".join(lines).decode())
        streamed.append(1000 * (middle - began))
        whole.append(1000 * (time.process_time() - middle))
    yield row("secrets: a stream of 10,000 lines, 1 MB", streamed, budget="shown")
    yield row("secrets: the same as one file", whole, budget="shown")


def briefs(scale: Scale) -> Iterator[Row]:
    """A brief beside a short record and beside long ones: its time and its size."""
    for sessions, known in ((10, 10), (1_000, 1_000), (10_000, 5_000)):
        times, sizes = measured(sessions, known, max(5, scale.sessions))
        yield row(f"a brief after {sessions:,} sessions, {known:,} findings", times, budget="shown")
        yield row(
            f"its size after {sessions:,} sessions, {known:,} findings",
            sizes,
            unit="bytes",
            most=24_000,
        )


def reports(scale: Scale) -> Iterator[Row]:
    """The morning after 10,000 sessions, which all belong to one run: its time, and the size of
    its page."""
    with ground(Shape(past=10_000)) as place:
        page = place.folder / "page.html"
        yield row(
            "report, 10,000 sessions",
            [1000 * place.nightlatch("report")[0] for _ in range(scale.sessions)],
            most=1000,
        )
        pages = [
            1000 * place.nightlatch("report", "--html", str(page))[0] for _ in range(scale.sessions)
        ]
        yield row("report --html, 10,000 sessions", pages, most=1000)
        yield row("its page", [page.stat().st_size / 1000], unit="kB", most=300)


def line(one: Row) -> str:
    beside = (f"{one.bare:.4g}", f"{one.p50 / one.bare:.1f}") if one.bare else ("", "")
    numbers = (f"{number:.4g}" for number in (one.p50, one.least, one.p95))
    met = {None: "", True: "yes", False: "no"}[one.met]
    return f"| {' | '.join((one.what, one.budget, *numbers, one.unit, *beside, met))} |"


def machine() -> dict[str, object]:
    def said(*argv: str) -> str:
        return subprocess.run(
            argv, check=False, capture_output=True, text=True, cwd=ROOT
        ).stdout.strip()

    programs = {
        "git": said("git", "--version"),
        "bubblewrap": said("bwrap", "--version"),
        "commit": said("git", "rev-parse", "HEAD"),
    }
    kernel, python, load = platform.release(), platform.python_version(), os.getloadavg()[0]
    return {"cpus": os.cpu_count(), "load": load, "kernel": kernel, "python": python, **programs}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--full",
        action="store_true",
        help="50,000 files, 10,000 sessions and features, init.sh of 60 s",
    )
    parser.add_argument(
        "--only",
        default="",
        help="one part: turns, preparations, suites, verdicts, starts, reports, ...",
    )
    parser.add_argument(
        "--json", type=Path, default=OUT, metavar="FILE", help="where the numbers go"
    )
    options = parser.parse_args()
    scale, rows = FULL if options.full else SHORT, []
    before = os.getloadavg()[0]
    print(
        "| what | budget | p50 | min | p95 | unit | bare loop | times | met"
        " |\n|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for part in (
        starts,
        secrets,
        findings,
        briefs,
        reports,
        memory,
        suites,
        verdicts,
        slow,
        preparations,
        turns,
    ):
        for found in part(scale) if options.only in ("", part.__name__) else ():
            rows.append(found)
            print(line(found), flush=True)
    print(
        f"\n{os.cpu_count()} processors; load {before:.1f} at the start and"
        f" {os.getloadavg()[0]:.1f} at the end",
        flush=True,
    )
    form = "full" if options.full else "short"
    body = {
        "schema": "nightlatch/bench/1",
        "form": form,
        "machine": machine(),
        "rows": [asdict(one) for one in rows],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(body, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
