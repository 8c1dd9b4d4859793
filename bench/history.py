"""Replays releases of well-tested projects through the ratchet, one commit a release: ./init.sh
python -m bench.history [--full].

A release step is coarse: all that was done in weeks, with no feature that names what it supersedes.
So much is held or refused that a person would have named beforehand; what counts is that no honest
refactoring is refused. Every refusal is explained in history.toml: one that is not, or a fault,
ends this with 1.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from shutil import rmtree

from bench.ground import ROOT

OUT = ROOT / "bench/out/history.json"
PROJECTS = Path(__file__).with_name("history.toml")
BUILD = (
    "setuptools>=77",
    "wheel",
    "setuptools_scm",
    "flit_core",
    "hatchling",
    "hatch-vcs",
    "hatch-fancy-pypi-readme",
    "pdm-backend",
)
RUNNER = ("pytest<9",)
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{role}_{part}": "ada@example.org"
    for role in ("AUTHOR", "COMMITTER")
    for part in ("NAME", "EMAIL")
}
MADE = re.compile(r"\A[^/]*\Z|\.egg-info/|/PKG-INFO\Z")
ASIDE = re.compile(r"\A[^/]*/\.(?:github|circleci|gitlab|ci|pre-commit-config|travis|appveyor)")
WORDS = {"accept": "lands", "hold": "held", "reject": "refused"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What the ratchet said of the way from one release to the next; `said` are rule, sentence
    and details of each reason."""

    project: str
    old: str
    new: str
    verdict: str
    seconds: float
    said: tuple[tuple[str, str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one project is rebuilt: its distributions, a Python that can run its tests, a
    repository with a commit a release."""

    name: str
    folder: Path
    env: dict[str, str]

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def git(self, *args: str) -> str:
        return subprocess.run(
            ["git", *args],
            cwd=self.repository,
            env=self.env,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


def pythons(folder: Path, *packages: str) -> Path:
    """A virtual environment with these packages, made once."""
    program = folder / "bin/python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [str(program), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *packages], check=True, stderr=subprocess.DEVNULL)
        (folder / "complete").touch()
    return program


def fetch(pip: Path, name: str, release: str, into: Path) -> Path | None:
    """The source distribution of a release, downloaded once; None where it cannot be had."""
    into.mkdir(parents=True, exist_ok=True)
    if not (found := list(into.glob(f"{name}-{release}.tar.gz"))):
        options = ("-q", "--no-deps", "--no-build-isolation", "--no-binary", name, "-d", str(into))
        said = subprocess.run(
            [pip, "-m", "pip", "download", *options, f"{name}=={release}"],
            check=False,
            capture_output=True,
            text=True,
        )
        found = list(into.glob(f"{name}-{release}.tar.gz"))
        if not found:
            print(f"{name} {release}: {said.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    return found[0] if found else None


def rebuild(place: Place, archives: Sequence[tuple[str, Path]]) -> list[tuple[str, str]]:
    """(release, commit) of every archive, one commit each.

    Files of CI are left out: they would hold nearly every step.
    """
    rmtree(place.repository, ignore_errors=True)
    place.repository.mkdir(parents=True)
    place.git("init", "-q", "-b", "main")
    made = []
    for release, archive in archives:
        place.git("rm", "-r", "-q", "-f", "--ignore-unmatch", ".")
        with tarfile.open(archive) as tar:
            files = (member for member in tar.getmembers() if member.isfile())
            members = [
                file for file in files if not (MADE.search(file.name) or ASIDE.match(file.name))
            ]
            for member in members:
                member.name = member.name.partition("/")[2]
            tar.extractall(place.repository, members=members, filter="data")
        place.git("add", "-A", "-f")
        place.git("commit", "-q", "--allow-empty", "-m", f"{place.name} {release}")
        made.append((release, place.git("rev-parse", "HEAD").strip()))
    return made


def set_up(
    name: str, about: dict[str, object], cache: Path, most: int
) -> tuple[Place, list[tuple[str, str]]]:
    """The place of a project and its releases as commits."""
    folder = cache / name
    pip = pythons(cache / "pip", *BUILD)
    releases = str(about["releases"]).split()
    archives = [
        (release, file)
        for release in releases[-most:]
        if (file := fetch(pip, name, release, cache / "sdists"))
    ]
    needs = about.get("needs", [])
    python = pythons(folder / "venv", *RUNNER, *(needs if isinstance(needs, list) else []))
    place = Place(
        name=name,
        folder=folder,
        env={**os.environ, **GIT, "PATH": f"{python.parent}:{os.environ['PATH']}"},
    )
    made = rebuild(place, archives)
    lib = next((folder / "venv/lib").glob("python*/site-packages"))
    # an editable install, in a few lines
    (lib / "history.pth").write_text(f"{place.repository}/src\n{place.repository}\n")
    (lib / f"{name}-1.dist-info").mkdir(exist_ok=True)
    (lib / f"{name}-1.dist-info/METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    )
    return place, made


def explanations() -> dict[str, str]:
    """What a person found in the steps that are refused, by project and step."""
    projects = tomllib.loads(PROJECTS.read_text())
    return {
        f"{name} {step}": why
        for name, about in projects.items()
        for step, why in about.get("explained", {}).items()
    }


def touches_tests(place: Place, old: str, new: str) -> bool:
    return any("test" in path for path in place.git("diff", "--name-only", old, new).splitlines())


def replay(place: Place, old: tuple[str, str], new: tuple[str, str]) -> Step:
    """One step through `nightlatch ratchet`, which knows of no plan and of nothing that is
    superseded."""
    program = [sys.executable, "-m", "nightlatch"]
    env = {**place.env, "PYTHONPATH": str(ROOT)}
    began = os.times().elapsed
    argv = [*program, "ratchet", f"{old[1]}..{new[1]}", "--json"]
    done = subprocess.run(
        argv, cwd=place.repository, env=env, check=False, capture_output=True, text=True
    )
    try:
        body = json.loads(done.stdout)
        reasons = [
            (r["rule"], r["says"], tuple(r["detail"][:12]))
            for r in body["reasons"]
            if r["verdict"] != "accept"
        ]
        word = WORDS[body["verdict"]]
    except (ValueError, KeyError):
        word, reasons = (
            "fault",
            [("fault", f"exit {done.returncode}", (done.stdout[-500:], done.stderr[-500:]))],
        )
    return Step(
        project=place.name,
        old=old[0],
        new=new[0],
        verdict=word,
        seconds=os.times().elapsed - began,
        said=tuple(reasons),
    )


def steps(cache: Path, *, full: bool, only: str) -> Iterator[Step]:
    """Every step that touches tests, of every project."""
    projects = {
        name: about
        for name, about in tomllib.loads(PROJECTS.read_text()).items()
        if not only or name in only.split(",")
    }
    for name, about in projects.items() if full or only else list(projects.items())[:1]:
        place, made = set_up(name, about, cache, 1000 if full else 4)
        pairs = [(old, new) for old, new in pairwise(made) if touches_tests(place, old[1], new[1])]
        with ThreadPoolExecutor(2) as workers:
            yield from workers.map(lambda pair, place=place: replay(place, *pair), pairs)


def table(found: Sequence[Step]) -> str:
    """The counts by project, and what was said of each step that does not land by itself."""
    words = ("lands", "held", "refused", "fault")
    lines = ["| project | steps | land | held | refused | fault |", "|---|---|---|---|---|---|"]
    for name in (*dict.fromkeys(step.project for step in found), "all"):
        mine = Counter(step.verdict for step in found if name in ("all", step.project))
        lines.append(
            f"| {name} | {mine.total()} | {' | '.join(str(mine[word]) for word in words)} |"
        )
    lines += ["", "| step | verdict | rules | what was done |", "|---|---|---|---|"]
    why = explanations()
    lines += [
        f"| {called(s)} | {s.verdict} | {rules(s)} | {why.get(called(s), '')} |"
        for s in found
        if s.verdict != "lands"
    ]
    return "\n".join(lines)


def called(step: Step) -> str:
    return f"{step.project} {step.old} to {step.new}"


def rules(step: Step) -> str:
    return ", ".join(rule for rule, _, _ in step.said)


def unexplained(found: Sequence[Step]) -> list[str]:
    """The faults, and the refusals that nobody has looked into."""
    known = explanations()
    return [
        called(step)
        for step in found
        if step.verdict == "fault" or (step.verdict == "refused" and called(step) not in known)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--full", action="store_true", help="every release of every project; else a few of one"
    )
    parser.add_argument("--only", default="", help="names of projects, with commas between them")
    parser.add_argument("--json", type=Path, default=OUT)
    known = os.environ.get("XDG_CACHE_HOME") or f"{os.environ.get('HOME', '')}/.cache"
    parser.add_argument("--cache", type=Path, default=Path(known, "nightlatch-bench/history"))
    args = parser.parse_args()
    found = []
    for step in steps(args.cache.resolve(), full=args.full, only=args.only):
        found.append(step)
        print(
            f"{called(step)}: {step.verdict} ({step.seconds:.0f} s) {rules(step)}", file=sys.stderr
        )
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    print(table(found))
    for name in (missing := unexplained(found)):
        print(f"not explained in bench/history.toml: {name}", file=sys.stderr)
    return 1 if missing or not found else 0


if __name__ == "__main__":
    sys.exit(main())
