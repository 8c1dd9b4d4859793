"""New tampering, composed from parts: `python -m bench.attack --seed N --rounds K`.

Ends with 1 where any of it landed.

Each round takes a project, a way to weaken what guards it, a way to hide that and honest work
beside it, all by the seed, and asks for the verdict on it in a real repository. What counts as
tampered is seen to be weaker first: where the suite can be run, it stays green over a fault that it
was red for before; elsewhere the words that asserted are gone, or what keeps them from running is
there. The same work without the weakening has to land.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.parts import (
    BY_EXIT_CODE,
    BY_ID,
    HIDDEN,
    NO_SUITE,
    SURROUNDED,
    Files,
    Project,
    Weakening,
    after,
    projects,
    rebased,
    told,
    weakenings,
)
from nightlatch.git.open import open_repo
from nightlatch.git.repo import Repo
from nightlatch.model.models import Feature, Outcome, Verdict
from nightlatch.project.config.settings import Protect
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.none import NoSandbox
from nightlatch.suite.cache_io import ResultCache
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.evaluation import Layout, ProjectCommands
from nightlatch.suite.run_io import CommandRunner
from nightlatch.suite.test_command import Named
from nightlatch.util.globs import matcher
from nightlatch.verdict.engine_io import VerdictEngine
from tests.conftest import GIT_ENVIRONMENT
from tests.io.git.sample_repo import export
from tests.proofs.corpus.fixtures import put
from tests.pythons import make_pytest

WORK = Feature(id="US-7", title="Discounts", done=False)
WORDS = {Outcome.LANDED: "landed", Outcome.UNPROVED: "unproved", Outcome.HELD: "held"}
LANDS = ("landed", "unproved")
PUT_BACK = matcher(Protect().paths)
FOLDER = "services/till"
# So many compositions are tried for one round before it is given up: not every weakening outlives
# every way to hide it.
TRIES = 40
PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One candidate: what it changes, and the same work without the weakening."""

    project: Project
    weakening: Weakening
    hidden: str
    surrounded: str
    covers: bool
    files: Files
    honest: Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one round.

    `control` is what became of the honest part of it, "" where there was none.
    """

    round: int
    language: str
    mode: str
    weakening: str
    hidden: str
    surrounded: str
    covers: bool
    verdict: str
    rules: tuple[str, ...]
    control: str
    control_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One repository for all projects; each is a commit of its own.

    What is known of a base, and of honest work, is kept.
    """

    repo: Repo
    folder: Path
    env: Mapping[str, str]
    bases: dict[str, str] = field(default_factory=dict)
    controls: dict[tuple[str, str, str], tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def tree(self, files: Mapping[str, str]) -> str:
        """A tree of these files, scripts executable."""
        entries = {}
        for path, text in files.items():
            mode = "100755" if text.startswith("#!") else "100644"
            entries[path] = (mode, self.repo.write_blob(text.encode()))
        empty = self.repo.tree_of("HEAD")
        return self.repo.tree_with(empty, entries)

    def base(self, project: Project) -> str:
        tree = self.tree(project.files)
        if tree not in self.bases:
            self.bases[tree] = self.repo.commit(tree, [], "a shop")
        return self.bases[tree]

    def engine(self, project: Project) -> VerdictEngine:
        passing = Feature(id="US-1", title="Add", done=True, verify=(project.verify,))
        planned = (passing, WORK) if project.verify else (WORK,)
        cache = self.folder / "known" / project.mode.replace(" ", "-")
        cache.mkdir(parents=True, exist_ok=True)
        evaluator = TreeEvaluator(
            repo=self.repo,
            hands=CommandRunner(sandbox=NoSandbox(), timeout=PATIENCE),
            open_room=self.open_room,
            cache=ResultCache(cache),
            layout=Layout(aside=("prd.json", "progress.txt", "progress", "findings")),
            commands=ProjectCommands(
                planned=lambda _base: planned,
                tests="true" if project.mode == BY_EXIT_CODE else "",
                named=(Named(folder=""),) if project.mode == NO_SUITE else (),
            ),
        )
        return VerdictEngine(evaluator=evaluator, most_mutants=4)

    @contextmanager
    def open_room(self, _base: str, tree: str) -> Iterator[SandboxSpec]:
        """A plain checkout of a tree, gone afterwards."""
        with TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as name:
            place, home = Path(name, "tree"), Path(name, "home")
            home.mkdir()
            export(self.repo, tree, place)
            yield SandboxSpec(tree=place, at=self.repo.top, home=home, env=self.env)

    def verdict(self, project: Project, files: Files) -> Verdict:
        base, tree = self.base(project), self.tree(after(project.files, landing(files)))
        return self.engine(project).examine(base, tree, WORK)

    def control(self, one: Composed) -> tuple[str, tuple[str, ...]]:
        """What becomes of the honest work of a round; nothing where it changes nothing."""
        if not one.honest:
            return "", ()
        key = (f"{one.project.name} {one.project.path}", one.hidden, one.surrounded)
        if key not in self.controls:
            found = self.verdict(one.project, one.honest)
            self.controls[key] = called(found), tuple(reason.rule for reason in found.reasons)
        return self.controls[key]

    def exit_code(self, files: Mapping[str, str], command: str) -> int:
        """What a command of the project ends with on these files."""
        with TemporaryDirectory(dir=self.folder, ignore_cleanup_errors=True) as name:
            for path, text in files.items():
                put(Path(name, path), text)
            ran = subprocess.run(
                ["sh", "-c", command],
                cwd=name,
                env=self.env,
                check=False,
                capture_output=True,
                timeout=PATIENCE,
            )
        return ran.returncode

    def is_weaker(self, one: Composed) -> bool:
        """Is what guarded the base really weaker in this candidate?"""
        project, weakening = one.project, one.weakening
        files = after(project.files, landing(one.files))
        if project.mode != BY_ID:
            return told(project, weakening, files)
        if project.source in weakening.files:
            # The code itself is wrong, and the suite does not say so.
            wrong = self.exit_code(files, project.truth) != 0
            return wrong and self.exit_code(files, weakening.guard) == 0
        faulty = after(files, broken(project, files))
        return self.exit_code(faulty, weakening.guard) == 0


def landing(files: Files) -> Files:
    """The changes without those that every run puts back before it looks at a candidate."""
    return {path: text for path, text in files.items() if not PUT_BACK(path)}


def broken(project: Project, files: Mapping[str, str]) -> Files:
    """The source of some files with the project's fault in it, if it is not there yet."""
    old, new = project.fault
    text = files[project.source]
    return {} if new in text else {project.source: text.replace(old, new)}


def called(verdict: Verdict) -> str:
    return WORDS.get(verdict.outcome, "refused")


def composed(rng: Random, choice: Sequence[Project]) -> Composed:
    """One candidate, by chance. The languages come equally often, however many projects each
    has."""
    language = rng.choice(sorted({project.language for project in choice}))
    project = rng.choice([one for one in choice if one.language == language])
    if project.mode != BY_ID and rng.random() < 0.3:
        project = rebased(project, FOLDER)
    weakening = rng.choice(list(weakenings(project)))
    hidden, surrounded = rng.choice(list(HIDDEN)), rng.choice(list(SURROUNDED))
    covers = project.source not in weakening.files and (
        weakening.name == "expected bent" or rng.random() < 0.5
    )
    more = SURROUNDED[surrounded](project)
    files = {**more, **HIDDEN[hidden](project, weakening.files)}
    if project.source in weakening.files:
        files[project.source] = weakening.files[project.source]
    if covers:
        files |= broken(project, after(project.files, files))
    honest = {**more, **HIDDEN[hidden](project, {})}
    return Composed(
        project=project,
        weakening=weakening,
        hidden=hidden,
        surrounded=surrounded,
        covers=covers,
        files=files,
        honest=honest,
    )


def play(
    ground: Ground, seed: int, number: int, choice: Sequence[Project]
) -> tuple[Found, Composed] | None:
    """One round, None where nothing that was composed is weaker."""
    rng = Random(f"{seed}/{number}")  # noqa: S311  # to be repeated, not to be secret
    tried = (composed(rng, choice) for _ in range(TRIES))
    one = next((candidate for candidate in tried if ground.is_weaker(candidate)), None)
    if one is None:
        return None
    verdict = ground.verdict(one.project, one.files)
    control, why = ground.control(one)
    found = Found(
        round=number,
        language=one.project.language,
        mode=one.project.mode,
        weakening=one.weakening.name,
        hidden=one.hidden,
        surrounded=one.surrounded,
        covers=one.covers,
        verdict=called(verdict),
        rules=tuple(reason.rule for reason in verdict.reasons),
        control=control,
        control_rules=why,
    )
    return found, one


@contextmanager
def prepared(choice: Iterable[Project]) -> Iterator[Ground]:
    """The repository that everything is tried in, gone afterwards."""
    with TemporaryDirectory(prefix="nightlatch-attack-", ignore_cleanup_errors=True) as name:
        folder, top = Path(name), Path(name, "shop")
        top.mkdir()
        runs = any(project.mode == BY_ID and project.language == "python" for project in choice)
        python = make_pytest(folder / "python") if runs else Path(sys.executable).parent
        own = {name: str(folder / name) for name in ("home", "go-build", "go")}
        for place in own.values():
            Path(place).mkdir()
        go = {
            "GOCACHE": own["go-build"],
            "GOPATH": own["go"],
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
        }
        env = {**environment({"HOME": own["home"]}), **go, "PATH": f"{python}:{os.environ['PATH']}"}
        os.environ.update(GIT_ENVIRONMENT)
        for args in (
            ["init", "-q", "-b", "main"],
            ["commit", "-q", "--allow-empty", "-m", "nothing yet"],
        ):
            subprocess.run(["git", *args], cwd=top, check=True)
        yield Ground(repo=open_repo(top), folder=folder, env=env)


def lines(found: Sequence[Found], seed: int) -> Iterator[str]:
    """The table by weakening and language, and what landed though it should not, or did not
    though it should."""
    by_verdict = Counter(one.verdict for one in found)
    told = ", ".join(
        f"{by_verdict[word]} {word}" for word in ("landed", "unproved", "held", "refused")
    )
    yield f"seed {seed}: {len(found)} tampered: {told}"
    controls = {
        (one.language, one.mode, one.hidden, one.surrounded): one for one in found if one.control
    }
    late = [one for one in controls.values() if one.control not in LANDS]
    yield f"honest work beside them: {len(controls)} kinds, {len(controls) - len(late)} land"
    yield from ("", *table(found))
    for one in found:
        if one.verdict in LANDS:
            yield f"{one.verdict}: --seed {seed} --only {one.round}  {says(one)}"
    for one in late:
        yield (
            f"not landed, though honest: --seed {seed} --only {one.round}  {says(one)}:"
            f" {one.control} {' '.join(one.control_rules)}"
        )


def says(one: Found) -> str:
    cover = ", over a fault" if one.covers else ""
    return (
        f"{one.language}, {one.mode}: {one.weakening}; hidden: {one.hidden}; beside:"
        f" {one.surrounded}{cover}"
    )


def table(found: Sequence[Found]) -> Iterator[str]:
    """Each weakening in each language: landed/held/refused."""
    languages = sorted({one.language for one in found})
    yield f"| {'weakening':<32} | " + " | ".join(languages) + " |"
    yield "|---" * (len(languages) + 1) + "|"
    for weakening in sorted({one.weakening for one in found}):
        mine = [one for one in found if one.weakening == weakening]
        yield (
            f"| {weakening:<32} | "
            + " | ".join(
                cell([one for one in mine if one.language == language]) for language in languages
            )
            + " |"
        )


def cell(found: Sequence[Found]) -> str:
    """So many landed, were held, were refused."""
    if not found:
        return ""
    words = Counter(one.verdict for one in found)
    return f"{words['landed'] + words['unproved']}/{words['held']}/{words['refused']}"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument(
        "--only", type=int, help="this round alone, with its difference and its reasons"
    )
    parser.add_argument(
        "--language",
        action="append",
        default=[],
        help="a language or runner, may be given more than once",
    )
    parser.add_argument(
        "--static", action="store_true", help="only projects in which nothing is run"
    )
    parser.add_argument("--running", action="store_true", help="only projects whose suite is run")
    parser.add_argument("--minutes", type=float, default=0.0, help="no new round after so long")
    parser.add_argument("--json", type=Path, help="the file that every round is written to")
    given = parser.parse_args(argv)
    every = projects(given.language, static=given.static)
    if given.running:
        every = tuple(one for one in every if one.mode == BY_ID)
    choice = [one for one in every if all(map(shutil.which, one.needs.split()))]
    for one in every:
        if one not in choice:
            print(f"not run: {one.name}: {one.needs} is not installed")
    if not choice:
        parser.error("there is no such language")
    numbers = [given.only] if given.only is not None else range(given.rounds)
    found, void, began = list[Found](), 0, time.monotonic()
    with prepared(choice) as ground:
        for number in numbers:
            if given.minutes and time.monotonic() - began > 60 * given.minutes:
                break
            played = play(ground, given.seed, number, choice)
            if played is None:
                void += 1
                continue
            found.append(played[0])
            if played[0].verdict in LANDS:
                print(
                    f"{played[0].verdict}: {number}: {says(played[0])}", file=sys.stderr, flush=True
                )
            if given.only is not None:
                shown(ground, played[1])
    print("\n".join(lines(found, given.seed)))
    print(f"{void} rounds composed nothing that is weaker; {time.monotonic() - began:.0f} s")
    if given.json:
        given.json.write_text(
            json.dumps({"seed": given.seed, "rounds": [asdict(one) for one in found]}, indent=1)
            + "\n"
        )
    return ended(found)


def ended(found: Sequence[Found]) -> int:
    """The exit code: 1 where anything that was tampered with landed."""
    return int(any(one.verdict in LANDS for one in found))


def shown(ground: Ground, one: Composed) -> None:
    """What a round changes, and all that the verdict says of it."""
    base, tree = ground.base(one.project), ground.tree(after(one.project.files, one.files))
    subprocess.run(["git", "diff", base, tree], cwd=ground.repo.top, check=True)
    for name, files in (("the candidate", one.files), ("the honest part of it", one.honest)):
        verdict = ground.verdict(one.project, files)
        print(f"\n{name}: {verdict.outcome}")
        for reason in verdict.reasons:
            print(f"  {reason.ruling} {reason.rule}: {reason.says} {list(reason.detail)}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
