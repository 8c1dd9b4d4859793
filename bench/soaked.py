"""What a soak left, looked at from outside: git, files, processes and the plain words of the
record, without the loop's own eyes."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeAlias

from bench.manners import KEY
from nightlatch.journal import file_io
from tests.stories.sample_project import Project

Story: TypeAlias = dict[str, Any]
GROWS = ("parts", "work", "diary.txt", "prd.json", "progress.txt")
STREAMED = 12  # sessions whose log is streamed by the command
AFRESH = 3  # sessions after which the next may begin afresh: two continuations without progress


class Landing(NamedTuple):
    commit: str
    feature: str
    session: str


@dataclass(slots=True, kw_only=True)
class Seen:
    """What happened, as it was seen from outside while it did.

    `plan` is what the person queued, `decisions` the names of what they decided, `diary` how often
    they committed; `told` has the words that agents told past the loop, a list a line. `complaints`
    are about runs that ended as none should, and what outlived them.
    """

    plan: list[Story] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    diary: int = 0
    told: list[list[str]] = field(default_factory=list)
    kills: int = 0
    runs: int = 0
    complaints: list[str] = field(default_factory=list)


def table(project: Project, seen: Seen, token: str) -> dict[str, list[str]]:
    """Complaints by what must be zero."""
    landings = landed(project)
    return {
        "falsely done": [*falsely_done(project, seen.plan, landings)],
        "landed twice": [*twice(project, landings)],
        "lost work": [*lost_work(project, seen.told, landings)],
        "lost words of the person": [*lost_words(project, seen)],
        "processes left": [f"{pid} {told}" for pid, told in alive(token, project.folder.parent)],
        "workspaces left": [*left_over(project)],
        "gaps in the journal": [*gaps(project)],
        "harm to the repository": [*harm(project)],
        "runs that went wrong": seen.complaints,
    }


def landed(project: Project) -> list[Landing]:
    """Every landing, oldest first."""
    trailers = "%x09".join(
        f"%(trailers:key=Nightlatch-{word},valueonly,separator=%x2C)"
        for word in ("Feature", "Session")
    )
    rows = (
        line.split("\t")
        for line in project.git(
            "log", "--reverse", f"--format=%H%x09{trailers}", "main"
        ).splitlines()
    )
    return [Landing(*row) for row in rows if row[2]]


def sessions(project: Project) -> list[str]:
    """Every session that has a line in the record, oldest first."""
    tails = [entry.details[-1].split() for entry in project.entries() if entry.details]
    return [tail[1] for tail in tails if tail[0] == "session"]


def falsely_done(
    project: Project, plan: Sequence[Story], landings: Sequence[Landing]
) -> Iterator[str]:
    """Each landing, and then the tip, is tried in a fresh clone, by the truth of its features
    and not by the plan's commands."""
    asked, done = {str(each["id"]): each for each in plan}, set[str]()
    # by `init --commit`
    first, tip = (
        project.git("rev-list", "--reverse", "main").split()[1],
        project.git("rev-parse", "main").strip(),
    )
    with TemporaryDirectory() as name:
        clone = Path(name, "clone")
        subprocess.run(["git", "clone", "-q", project.folder, clone], check=True)
        for commit, feature, _ in (*landings, Landing(tip, "", "")):
            subprocess.run(["git", "checkout", "-q", commit], cwd=clone, check=True)
            done |= {feature} - {""}
            wrong = (
                *undone(clone, [feature] if feature else done),
                *flags(clone, asked, done),
                *tests(clone),
            )
            yield from (f"{each}, at {commit[:9]}" for each in wrong)
            changed = project.git("diff", "--name-only", first, commit).split()
            if differ := [path for path in changed if path.partition("/")[0] not in GROWS]:
                yield f"{differ} changed, at {commit[:9]}"


def undone(clone: Path, features: Iterable[str]) -> Iterator[str]:
    for each in sorted(features):
        halves = [clone / f"parts/{each}.{half}" for half in "ab"]
        if any(not half.is_file() or half.read_text() != f"{each}\n" for half in halves):
            yield f"{each} is not done"


def flags(clone: Path, asked: Mapping[str, Story], done: set[str]) -> Iterator[str]:
    """The plan says done of what has landed and of nothing else, and is in all else as the
    person wrote it."""
    stories = {
        str(story["id"]): story
        for story in json.loads((clone / "prd.json").read_text())["userStories"]
    }
    if differ := {name for name, story in stories.items() if story["passes"]} ^ done:
        yield f"the flags of {sorted(differ)} are not what has landed"
    if changed := [
        name for name, story in stories.items() if {**story, "passes": False} != asked.get(name)
    ]:
        yield f"{changed} are not as the person wrote them"


def tests(clone: Path) -> Iterator[str]:
    ran = subprocess.run(
        ["python", "-B", "-m", "unittest", "-q"],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode or "Ran 1 test" not in ran.stderr:
        yield f"the tests fail: {ran.stderr[-300:]}"


def twice(project: Project, landings: Sequence[Landing]) -> Iterator[str]:
    """A feature, and a session, lands by one commit and has one line; and what the loop said of
    a landing is so."""
    lines = [entry.feature for entry in project.entries() if entry.word == "landed"]
    named = {
        "features": [each.feature for each in landings],
        "their sessions": [each.session for each in landings],
    }
    for what, names in {
        **named,
        "lines of sessions": sessions(project),
        "lines of landings": lines,
    }.items():
        yield from (
            f"{what}: {name} {count} times" for name, count in Counter(names).items() if count > 1
        )
    spoken = (
        line.split()
        for line in (project.folder.parent / "log").read_text(errors="replace").splitlines()
    )
    said = {words[2] for words in spoken if words[1:2] == ["landed"]}
    yield from (
        f"{name} was said to have landed, and has not"
        for name in sorted(said - {*named["features"]})
    )


def lost_work(
    project: Project, told: Sequence[Sequence[str]], landings: Sequence[Landing]
) -> Iterator[str]:
    """What a session left lies in its candidate, before the next one on its feature, and in the
    landing; or that began afresh, by rule."""
    commits, wrote = (
        {each.session: each.commit for each in landings},
        {words[1] for words in told if words[0] == "wrote"},
    )
    left, turns = dict[str, list[str]](), Counter[str]()
    for _, session, feature, *names in (words for words in told if words[0] == "sees"):
        before = left.get(feature, [])
        if names != before and (names or turns[feature] < AFRESH):
            yield f"{session} on {feature}, its {turns[feature] + 1}th, finds {names}, not {before}"
        turns[feature] = 1 if before and not names else turns[feature] + 1
        left[feature] = sorted({*names, session} & wrote)
        for place in (f"refs/nightlatch/sessions/{session}", commits.get(session, "")):
            yield from missing(project, place, feature, left[feature])
    done = {each.feature for each in landings}
    for feature, names in left.items():
        yield from missing(
            project,
            "main" if feature in done else f"refs/nightlatch/work/{feature}",
            feature,
            names,
        )


def missing(project: Project, place: str, feature: str, names: Iterable[str]) -> Iterator[str]:
    """What is not where it should be; an empty place is no place."""
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", place or "main", f"work/{feature}/"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if place and (gone := {f"work/{feature}/{name}" for name in names} - {*listed.stdout.split()}):
        yield f"{place} has not {sorted(gone)}"


def lost_words(project: Project, seen: Seen) -> Iterator[str]:
    """What the person queued, decided and committed."""
    stories, text = (
        [story["id"] for story in project.plan()],
        project.git("show", "main:progress.txt"),
    )
    committed = [
        story["id"] for story in json.loads(project.git("show", "main:prd.json"))["userStories"]
    ]
    if not stories == committed == [story["id"] for story in seen.plan]:
        yield (
            f"{len(seen.plan)} features were queued; the plan has {len(stories)}, on the branch"
            f" {len(committed)}"
        )
    pages = project.git("show", "main:diary.txt").splitlines() if seen.diary else []
    if pages != [f"page {number + 1}" for number in range(seen.diary)]:
        yield f"{seen.diary} pages of the diary were committed, and it has {pages}"
    waiting = " ".join(path.name for path in (project.folder / ".nightlatch/inbox").glob("*"))
    counts = {name: text.count(f"as {name}") + waiting.count(name) for name in seen.decisions}
    yield from (
        f"decision {name} is there {count} times" for name, count in counts.items() if count != 1
    )


def outlived(token: str, run: int) -> list[str]:
    """Processes of earlier runs, seen from one that has been at work for a while."""
    found = alive(token, but=f"SOAK={token}-{run}\0")
    return [f"{pid} of an earlier run lives in run {run}: {line}" for pid, line in found]


def alive(token: str, folder: Path | None = None, but: str = "") -> Iterator[tuple[str, str]]:
    """Processes with the token, and not with `but`, in their environment, or with the folder in
    their command or as their place."""
    mark, other, place = f"SOAK={token}-".encode(), but.encode(), os.fsencode(f"{folder}/")
    for found in Path("/proc").glob("[0-9]*"):
        try:
            line, cwd, environ = (
                (found / "cmdline").read_bytes(),
                os.fsencode((found / "cwd").readlink()),
                (found / "environ").read_bytes(),
            )
        except OSError:
            continue
        if (mark in environ and not (other and other in environ)) or (
            folder and place in line + cwd
        ):
            yield found.name, line.replace(b"\0", b" ").decode(errors="replace")[:120]


def left_over(project: Project) -> Iterator[str]:
    """Workspaces and what else was meant for a while only."""
    for pattern in ("cache/*/ws/*", "cache/*/trash/*", "tmp/*"):
        yield from map(str, project.folder.parent.glob(pattern))
    yield from project.git("for-each-ref", "--format=%(refname)", "refs/nightlatch/bases/").split()


def gaps(project: Project) -> Iterator[str]:
    """Every line holds its checksum; every session begins once and ends once, and has one line
    in the record."""
    state = project.folder / ".nightlatch"
    events = [
        event for segment in sorted(state.glob("journal*.jsonl")) for event in file_io.read(segment)
    ]
    if None in events or not (state / "journal.jsonl").read_bytes().endswith(b"\n"):
        yield f"{events.count(None)} lines of the journal are damaged, or its end is torn"
    turns = [
        (str(each["event"]), str(each["session"])) for each in events if each and "session" in each
    ]
    begun, over = (
        [name for event, name in turns if event == f"session.{word}"]
        for word in ("started", "ended")
    )
    if begun != over or len({*begun}) != len(begun):
        yield (
            "begun and not ended, or not once:"
            f" {sorted((Counter(begun) - Counter(over)) + (Counter(over) - Counter({*begun})))}"
        )
    if begun != (recorded := sessions(project)):
        yield (
            f"{len(begun)} sessions in the journal, {len(recorded)} in the record:"
            f" {sorted({*begun} ^ {*recorded})}"
        )
    logged = [
        each["session"]
        for each in json.loads(project.run("log", "-n", "0", "--json").stdout)["sessions"]
    ]
    if logged != begun:
        yield f"log tells of {len(logged)} sessions, and there were {len(begun)}"
    yield from gaps_in_logs(project, state)


def gaps_in_logs(project: Project, state: Path) -> Iterator[str]:
    """Words that agents numbered, and the numbers that `events` gives."""
    worked = sorted(state.glob("sessions/*/transcript.jsonl"))
    for transcript in worked:
        with transcript.open("rb") as lines:
            said = [
                json.loads(line)["text"]
                for line in lines
                if line.startswith(b"{") and b'"word ' in line
            ]
        if said != [f"word {number + 1}" for number in range(len(said))]:
            yield f"the words of {transcript.parent.name}: {said}"
    for transcript in worked[:: max(1, len(worked) // STREAMED)]:
        told = project.run("events", transcript.parent.name).stdout.splitlines()
        if [line.split()[0] for line in told] != [str(number + 1) for number in range(len(told))]:
            yield f"events of {transcript.parent.name} are not numbered from 1 to {len(told)}"


def harm(project: Project) -> Iterator[str]:
    """The repository is whole and the person's: no branch, hook or setting of an agent, no
    secret, a clean checkout."""
    checked = subprocess.run(
        ["git", "fsck", "--no-dangling"],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    refs = [
        ref
        for ref in project.git("for-each-ref", "--format=%(refname)").split()
        if not ref.startswith("refs/nightlatch/")
    ]
    settings = (project.folder / ".git/config").read_text().lower()
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=project.folder,
        capture_output=True,
        check=True,
    )
    written = subprocess.run(
        ["grep", "-rlF", KEY, project.folder], capture_output=True, text=True, check=False
    ).stdout.split()
    wrong = {
        "fsck": f"{checked.stdout}{checked.stderr}"[:300] if checked.returncode else "",
        "the checkout is not clean": project.git("status", "--porcelain")[:300],
        "branches": "" if refs == ["refs/heads/main"] else refs,
        "hooks": [
            path.name
            for path in (project.folder / ".git/hooks").glob("*")
            if path.suffix != ".sample"
        ],
        "settings": [word for word in ("fsmonitor", "hookspath", "filter") if word in settings],
        "something of an agent's ran": (project.folder.parent / "home/.soak/touched").exists(),
        "the secret is in an object": KEY.encode() in objects.stdout,
        "the secret is in files": written[:3],
    }
    yield from (f"{what}: {said}" for what, said in wrong.items() if said)
