"""What every test stands on: a quiet git, a home of its own, and reasons where a machine lacks
something."""

import os
import shutil
import signal
import subprocess
from collections.abc import Generator
from compileall import compile_dir
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import nightlatch
from nightlatch.errors import SandboxError
from nightlatch.sandbox.find import find_sandbox
from tests.proofs.corpus import table
from tests.pythons import make_pytest, make_python

GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}
with suppress(ValueError):  # only the main thread can, and it is the one that starts processes
    # as a shell starts what is in its background: every child would ignore it too
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
NO_SKIPS = pytest.StashKey[bool]()
# How often a property is tried: a few times by default, so that a change is checked in minutes; as
# often as hypothesis would by itself in CI; until little is left to chance with NIGHTLATCH_FULL.
# Properties are about truth, not about time: a busy machine fails none.
TRIES = 1000 if os.environ.get("NIGHTLATCH_FULL") else 100 if os.environ.get("CI") else 20
settings.register_profile("nightlatch", max_examples=TRIES, deadline=None)
settings.load_profile("nightlatch")


def tries(in_ci: int) -> int:
    """How often a property is tried that CI tries so often."""
    return max(in_ci * TRIES // 100, 1)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the home, the cache or the git configuration of the person who
    runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in [n for n in os.environ if n.startswith(("GIT_", "NIGHTLATCH_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        **GIT_ENVIRONMENT,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def plain_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a Python that has only the standard library."""
    return make_python(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def slim_pytest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a Python that has pytest without plugins."""
    return make_pytest(tmp_path_factory.mktemp("pytest"))


def pytest_xdist_auto_num_workers() -> int:
    """Start more workers than there are processors: most tests of a night wait for processes."""
    processors = len(os.sched_getaffinity(0))
    return processors + min(processors, 4)


def pytest_configure(config: pytest.Config) -> None:
    """The program is compiled once, as an installed one is: it is started a thousand times,
    also where Python may not write bytecode."""
    if not hasattr(config, "workerinput"):
        compile_dir(Path(nightlatch.__file__).parent, quiet=1)
    config.stash[NO_SKIPS] = bool(os.environ.get("NIGHTLATCH_NO_SKIPS"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be skipped, a skip is a failure that tells its reason."""
    report = yield
    if item.config.stash[NO_SKIPS] and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = (
            "failed",
            f"skipped, and NIGHTLATCH_NO_SKIPS is set: {report.longrepr}",
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if collector.config.stash[NO_SKIPS] and report.skipped:
        report.outcome, report.longrepr = (
            "failed",
            f"skipped, and NIGHTLATCH_NO_SKIPS is set: {report.longrepr}",
        )
    return report


def no_sandbox() -> str:
    """Why there is no sandbox here, "" where there is one."""
    try:
        find_sandbox("auto")
    except SandboxError as error:
        return error.problem
    return ""


def no_mounts() -> str:
    """Why nothing can be mounted in a namespace of one's own here, "" where it can."""
    words = ["sh", "-c", "unshare -Urm mount -t tmpfs tmpfs /mnt"]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)
    return tried.stderr


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reasons = {
        "sandbox": no_sandbox(),
        "strace": "" if shutil.which("strace") else "there is no strace",
        "mounts": no_mounts(),
    }
    for item in items:
        for mark, reason in reasons.items():
            if reason and item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What became of the corpus of tests/proofs/corpus, as far as it was run; its cases come from all
    workers."""
    reports = [
        report
        for group in terminalreporter.stats.values()
        for report in group
        if isinstance(report, pytest.TestReport)
    ]
    rows: list[Any] = [
        row
        for report in reports
        if report.when == "call"
        for name, row in report.user_properties
        if name == "ratchet"
    ]
    if rows:
        terminalreporter.section("the corpus of the ratchet")
        terminalreporter.write_line("\n".join(table.lines(rows)))


@pytest.fixture(scope="session")
def first_commit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one empty commit on `main`, which those of the tests are copies of."""
    folder = tmp_path_factory.mktemp("first")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env = {**plain, **GIT_ENVIRONMENT}
    for args in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "start"]):
        subprocess.run(["git", *args], cwd=folder, env=env, check=True)
    return folder


@pytest.fixture
def repository(tmp_path: Path, first_commit: Path) -> Path:
    """An empty repository with one commit on `main`."""
    return Path(shutil.copytree(first_commit, tmp_path / "project"))
