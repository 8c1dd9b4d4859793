"""The planner: an agent that answers with features, in a workspace that is thrown away.

What it says is tried out before it is taken.
"""

import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from nightlatch import data
from nightlatch.agents import invoke_io, registry_io
from nightlatch.agents.credentials_io import read_inside
from nightlatch.agents.registry_io import Agent
from nightlatch.errors import BusyError, FaultError, PlanError, PlannerError
from nightlatch.model.models import AgentEnd, End, Feature, Plan
from nightlatch.plan import edit, json_edit
from nightlatch.plan import file as planfile
from nightlatch.planner import proposal as planner
from nightlatch.planner.proposal import Aim
from nightlatch.project.project import Project, templates
from nightlatch.record.progress import line
from nightlatch.report.status_io import ProjectStatus
from nightlatch.suite.evaluate_io import TreeEvaluator
from nightlatch.suite.results import CheckStatus
from nightlatch.util import fs
from nightlatch.util.paths import FILE, PROGRAM
from nightlatch.util.safe_fs import entered, held_entry, parent_of
from nightlatch.util.templates import renderer
from nightlatch.verdict import standalone_io
from nightlatch.verdict.engine_io import VerdictEngine
from nightlatch.verdict.judge_io import LastMessage
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import INIT, Pool
from nightlatch.workspace.workspace import Workspace

TEMPLATE = "plan.md.j2"
NAMES = frozenset(
    (
        "aim",
        "spec",
        "feature",
        "tried",
        "features",
        "more",
        "plan",
        "init",
        "checks",
        "nonce",
        "problems",
    )
)
MOST_ANSWER = 2_000_000
MOST_FILE, MOST_FILES = 64_000, 50
LISTED = 12_000
NAME = re.compile(r"[\w.-]+")
# seconds
VERIFY = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked of the planner: to expand a specification, to split a feature (and what was
    tried on it), or only to prove features."""

    aim: Aim
    spec: str = ""
    feature: Feature | None = None
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What would be written: the plan's text, and new executables by their path in the project.

    `remarks`: what to look at beside it.
    """

    plan: bytes
    files: Mapping[str, bytes]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """One planner at work on a plan, with its workspace; `data` is the plan as it lies in the
    person's checkout."""

    project: Project
    agent: Agent
    task: Task
    plan: Plan
    data: bytes
    base: str
    place: Workspace
    pool: Pool
    engine: VerdictEngine

    def drafted(self) -> Draft:
        """Return what the planner proposes, once all of it holds.

        Raises PlannerError with every reason, after it was told them once.
        """
        problems: tuple[str, ...] = ()
        # Told once what is wrong, most agents mend it; what is wrong twice is for the person to
        # read.
        for turn in (1, 2):
            found = self.examined(self.ask(turn, problems), last=turn == 2)
            if isinstance(found, Draft):
                return found
            problems = found[: planner.MOST_REASONS]
        told = "".join(f"\n  - {problem}" for problem in problems)
        fix = (
            "say more clearly what is wanted, or name another with --agent; what it said is in"
            f" {self.folder}"
        )
        raise PlannerError(
            f"{self.agent.name}'s plan was rejected twice:{told}",
            fix=fix,
        )

    @property
    def folder(self) -> Path:
        return self.project.state / "plan"

    def ask(self, turn: int, problems: tuple[str, ...]) -> bytes:
        """Run the agent, and give its answer, however it ended: the file, else what its last
        message holds."""
        ears, brief = LastMessage(), self.folder / f"brief-{turn}.md"
        fs.make_folder(self.folder)
        for old in self.folder.glob(f"*-[{turn}-9].*"):
            # The folder is what the error points to: answers of an earlier plan would be taken for
            # this one's.
            old.unlink()
        fs.write_private(brief, self.brief(problems))
        sandbox = self.pool.sandbox
        spec = profiles.agent_spec(
            self.project, self.place, sandbox, session=f"plan-s{turn}", feature="plan"
        )
        usual = invoke_io.invocation(self.project, self.place, sandbox, spec, brief)
        invocation = replace(
            usual,
            files=replace(usual.files, transcript=self.folder / f"transcript-{turn}.jsonl"),
            hooks=registry_io.AgentHooks(on_event=ears.hear, stop=ears.flooded),
        )
        end = registry_io.invoke(self.agent, invocation).believed_end
        # One byte more than is allowed, so that too much can be told from just enough.
        said = read_inside(self.place.out, planner.PLACE, MOST_ANSWER + 1)
        if said is None:
            said = planner.answer_in(ears.words).encode("utf-8", "replace")
        if not said:
            self.refuse(end, flooded=ears.flooded())
        return said

    def refuse(self, end: AgentEnd, *, flooded: bool) -> None:
        """Raises what kept the agent from answering, if anything did."""
        name = self.agent.name
        if end.question:
            raise PlannerError(
                f"{name} asked a question instead of planning: {line(end.question)}",
                fix="answer that in the specification, and plan again",
            )
        if end.end is not End.FINISHED:
            says = (
                "output limit exceeded"
                if flooded
                else f"{end.end}{f', {line(end.says)}' if end.says else ''}"
            )
            fault = BusyError if end.end is End.LIMIT else FaultError
            raise fault(
                f"{name} returned no plan: {says}",
                fix="nightlatch doctor tries it; --agent names another",
            )

    def brief(self, problems: tuple[str, ...]) -> str:
        told, room = [], LISTED
        for feature in self.plan.features:
            lacks = [
                name
                for name, held_entry in planner.MAY_ADD.items()
                if not feature.done and not getattr(feature, held_entry)
            ]
            text = line(f"{feature.id}{' (done)' if feature.done else ''} {feature.title}", 200)
            text += f" [lacks {', '.join(lacks)}]" if lacks and self.task.aim is Aim.PROVE else ""
            # Of 10,000 features the first are told, and how many more there are.
            if (room := room - len(text)) < 0:
                break
            told.append(text)
        names = [
            self.engine.evaluator.project_path(path)
            for path in self.engine.evaluator.files(self.base)
        ]
        split = self.task.feature
        return renderer(TEMPLATE, templates(self.project), NAMES)(
            {
                "aim": str(self.task.aim),
                "spec": self.task.spec,
                "tried": self.task.tried,
                "problems": problems,
                "features": told,
                "feature": (
                    json.dumps(planfile.canonical_item(split), indent=2, ensure_ascii=False)
                    if split
                    else ""
                ),
                "init": INIT in names,
                "checks": [name for name in names if name.startswith("checks/")],
                "nonce": secrets.token_hex(8),
                "plan": self.project.plan,
                "more": len(self.plan.features) - len(told),
            }
        )

    def examined(self, said: bytes, *, last: bool) -> Draft | tuple[str, ...]:
        """Return the draft, or why there is none: the answer read, put into the plan's text, and
        tried out at the base.

        Of proofs that were asked for, those that do not hold in the `last` answer are left out, and
        the others are taken.
        """
        made, problems = self.files_written()
        # First of all: a problem is told to the agent with words of its answer.
        if keys := self.with_secrets({planner.PLACE: said, **made}):
            return (
                f"there is a key or a token in {', '.join(keys)}, which is never written anywhere",
            )
        try:
            new, proposal = self.edited(said)
            plan = planfile.read(new, self.project.plan, *self.project.reading)
        except PlanError as error:
            return (*problems, str(error))
        problems += (*proposal.problems, *edit.disturbed(self.plan, plan, proposal.fields))
        if problems:
            return problems
        untrue = dict(self.untrue(plan, proposal.proved, made))
        kept = {name: fields for name, fields in proposal.fields.items() if name not in untrue}
        may_leave_out = last and bool(kept) and self.task.aim is Aim.PROVE
        if untrue and not may_leave_out:
            return tuple(untrue.values())
        if untrue:
            new = edit.with_fields(self.data, self.project.plan, kept)
            plan = planfile.read(new, self.project.plan, *self.project.reading)
        left_out = (f"left out, for it does not hold: {problem}" for problem in untrue.values())
        return Draft(plan=new, files=made, remarks=(*left_out, *self.remarks(plan)))

    def with_secrets(self, files: Mapping[str, bytes]) -> list[str]:
        """Return the names of those of these files that hold something secret."""
        hide = self.project.secrets.hide_bytes
        return [name for name, data in files.items() if hide(data) != data]

    def edited(self, said: bytes) -> tuple[bytes, planner.Proposal]:
        """Return the plan's text with what an answer adds to it. Raises PlanError."""
        if len(said) > MOST_ANSWER:
            return self.data, planner.Proposal(
                problems=(f"{planner.PLACE} has more than {MOST_ANSWER} bytes",)
            )
        target = self.task.feature.id if self.task.feature else ""
        schema = json.loads(data.text("schema", "planner.json"))
        proposal = planner.read(
            json_edit.decode(said, planner.PLACE), self.plan, self.task.aim, schema, target
        )
        new = (
            edit.with_features(self.data, self.project.plan, proposal.items, target)
            if proposal.items
            else self.data
        )
        return edit.with_fields(new, self.project.plan, proposal.fields), proposal

    def files_written(self) -> tuple[dict[str, bytes], tuple[str, ...]]:
        """Return the init.sh and the checks that the planner wrote where there are none, and what
        is wrong with them."""
        made: dict[str, bytes] = {}
        problems: list[str] = []
        with entered(self.place.tree) as top:
            for name in self.written(top):
                with held_entry(top, self.project.path(name)) as grip:
                    if grip.problem == "gone":
                        continue
                    if grip.mode != PROGRAM or grip.size > MOST_FILE:
                        problems.append(
                            f"{name} is not an executable file of at most {MOST_FILE} bytes: chmod"
                            " +x"
                            f" {name}"
                        )
                    else:
                        made[name] = os.read(grip.fd, MOST_FILE)
        return made, tuple(problems)

    def written(self, top: int) -> list[str]:
        """Return the paths at which something new may be: of a planner that begins a project, or a
        part of it."""
        if self.task.aim is not Aim.SPEC:
            return []
        names, there = [INIT], self.engine.evaluator.files(self.base)
        with suppress(OSError), parent_of(top, self.project.path("checks/")) as folder:
            inside = sorted(os.listdir(folder))[:MOST_FILES]  # noqa: PTH208  # never through a link
            names += [f"checks/{name}" for name in inside if NAME.fullmatch(name)]
        return [
            n
            for n in names
            if self.project.path(n) not in there
            and not os.path.lexists(self.project.repo.folder / n)
        ]

    def untrue(
        self, plan: Plan, names: tuple[str, ...], made: Mapping[str, bytes]
    ) -> Iterator[tuple[str, str]]:
        """Yield what does not hold at the base with the new files, by file or feature: init.sh
        fails, a check is red, a verify is not."""
        usual = self.engine.evaluator
        # One that hangs where there is no work yet would else take as long as a check of the night.
        hands = replace(usual.hands, timeout=min(VERIFY, usual.hands.timeout))
        evaluator = replace(usual, hands=hands)
        base = self.base_with(made) if made else self.base
        try:
            if made:
                yield from red_checks(evaluator, base, made)
            for feature in (feature for feature in plan.features if feature.id in names):
                if problem := planner.untrue(feature, evaluator.verify(base, base, feature)):
                    yield feature.id, problem
        except FaultError as error:
            # Of the person's own init.sh it is no news about the answer.
            if INIT not in made:
                raise
            yield INIT, f"{error.place}: {line(error.problem, 600)}"

    def base_with(self, made: Mapping[str, bytes]) -> str:
        """Return a commit of the base with the new files; no branch has it."""
        repo = self.project.repo
        blobs = {
            self.project.path(name): (PROGRAM, repo.write_blob(data)) for name, data in made.items()
        }
        tree = repo.tree_with(self.base, blobs)
        return repo.commit(tree, [self.base], "what a planner made")

    def remarks(self, plan: Plan) -> Iterator[str]:
        """Yield what the person should look at: existing tests that may change, and what was done
        to the plan in the workspace."""
        known = {feature.id: feature.supersedes for feature in self.plan.features}
        for feature in plan.features:
            if feature.supersedes != known.get(feature.id, ()):
                yield (
                    f"{feature.id} may change tests that are there: {', '.join(feature.supersedes)}"
                )
        seen, what = read_inside(self.place.tree, self.project.plan), "it cannot be read any more"
        if seen != self.data:
            with suppress(PlanError):
                what = planfile.describe(
                    self.plan, planfile.read(seen or b"", self.project.plan, *self.project.reading)
                )
            edited = self.project.plan
            yield f"it edited {edited} in its workspace, which counts for nothing ({what})"


def red_checks(
    evaluator: TreeEvaluator, base: str, made: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield those of the new checks that are red before any work, each with what it printed."""
    for check in evaluator.checks(base, base):
        if check.name in made and check.answer not in (CheckStatus.GREEN, CheckStatus.SKIP):
            yield (
                check.name,
                (
                    f"{check.name} is {check.answer} on the untouched project:"
                    f" {line(check.tail[-300:])}"
                ),
            )


def drafted(project: Project, seen: ProjectStatus, agent: Agent, task: Task) -> Draft:
    """Have the agent plan in a fresh checkout of the branch with the plan as it lies in the
    person's checkout."""
    data = project.worktree_plan() or edit.EMPTY
    with standalone_io.opened(project) as (pool, engine):
        tree = project.repo.tree_with(
            seen.tip, {project.plan: (FILE, project.repo.write_blob(data))}
        )
        with pool.checkout(seen.tip, tree) as place:
            plan = planfile.read(data, project.plan, *project.reading)
            return Planning(
                project=project,
                agent=agent,
                task=task,
                plan=plan,
                data=data,
                base=seen.tip,
                place=place,
                pool=pool,
                engine=engine,
            ).drafted()


def write(project: Project, old: bytes | None, draft: Draft) -> None:
    """Write what is new, the plan last and whole.

    Raises BusyError, and nothing is written, where the plan is no longer what it was.
    """
    root = project.repo.folder
    # The agent took minutes: what appeared meanwhile is the person's.
    there = [name for name in draft.files if os.path.lexists(root / name)]
    if project.worktree_plan() != old or there:
        what = ", ".join(there) or project.plan
        raise BusyError(
            f"{what} changed while the planner was at work, so nothing is written",
            fix="look at it, and plan again",
        )
    for name, content in draft.files.items():
        (root / name).parent.mkdir(exist_ok=True)
        # Not through a link, and never over a file that is there.
        with (root / name).open("xb") as file:
            file.write(content)
        (root / name).chmod(0o755)
    fs.replace(project.repo.top / project.plan, draft.plan, mode=0o666)
