"""Where the judge sits: another agent in a room of its own, with nothing in it but what it is
to judge."""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch import data
from nightlatch.agents import registry_io
from nightlatch.agents.registry_io import Agent
from nightlatch.errors import FaultError
from nightlatch.model.models import AgentEnd, End, Event, Feature, Kind, Usage
from nightlatch.project.project import Project
from nightlatch.ratchet.file_diffs import Text
from nightlatch.redaction.patterns import NO_SECRETS, Secrets
from nightlatch.sandbox.base import NetworkAccess, Sandbox, SandboxSpec, environment
from nightlatch.sandbox.process.supervisor import Timeouts
from nightlatch.suite.run_io import bounded
from nightlatch.util.fs import make_folder, mark, write_private
from nightlatch.util.paths import INSIDE
from nightlatch.verdict import judge
from nightlatch.verdict.judge import Judged, JudgePrompt, Met, NoAnswer

PLACE = Path(INSIDE, "case")
# Seconds. A judge reads and answers: it has nothing to build, and nothing to save at its end.
WALL, IDLE, GRACE = 900.0, 300.0, 3.0
MOST_OUTPUT = 4_000_000  # characters: a judge that prints more is ended
LONGEST_WORDS = 64_000  # characters of its last message, in whose end the answer stands
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})
TEXTS = frozenset({".txt", ".md", ".html", ".htm", ".json", ".csv", ".log", ".tap", ""})
# Characters of one text that a check left: enough for a page or a log's end.
LONGEST_TEXT = 20_000
Templates = Callable[[str], tuple[str, str]]


def nothing(*_args: object, **_fields: object) -> None:
    """For whoever has no journal."""


@dataclass(slots=True, kw_only=True)
class LastMessage:
    """The last message of a judge, and whether its output limit was exceeded."""

    words: str = ""
    size: int = 0
    _speaking: bool = False

    def hear(self, event: Event) -> None:
        """Take in an event of the agent."""
        self.size += len(event.raw)
        if event.kind is Kind.MESSAGE:
            self.words = ((self.words if self._speaking else "") + event.text)[-LONGEST_WORDS:]
            self._speaking = event.data.get("part") is True
        elif event.kind in (Kind.TOOL_CALL, Kind.TOOL_RESULT):
            self._speaking = False

    def flooded(self) -> bool:
        """Did it print more than anybody would read?"""
        return self.size > MOST_OUTPUT


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeInput:
    """What is brought before a judge: a feature, the criteria that nothing else proves, what
    changed, and what checks came to and left."""

    feature: Feature
    asked: tuple[judge.Criterion, ...]
    texts: tuple[Text, ...]
    results: Mapping[str, str]
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRoom:
    """Where a judge is heard: in rooms of its own among the workspaces of `cache`.

    Its program is looked for from the folder `project`; `env` names the variables that it gets,
    `hidden` are folders that it must not see.
    """

    project: Path
    sandbox: Sandbox
    cache: Path
    env: tuple[str, ...] = ()
    hidden: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeHooks:
    """How a judge keeps in touch with the run: `note` tells the journal, `limited` of a usage
    limit, and `stop` asks whether it is to end."""

    note: Callable[..., None] = nothing
    limited: Callable[[Agent, datetime | None], None] = nothing
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRunner:
    """A judge, and where it is heard.

    `folder` keeps its transcripts; `off` names what a test leaves out: "second", "fences". `spare`
    are asked where the judge gives no answer that counts, such as at a usage limit.
    """

    agent: Agent
    spare: tuple[Agent, ...] = ()
    room: JudgeRoom
    hooks: JudgeHooks = field(default_factory=JudgeHooks)
    templates: Templates
    folder: Path
    always: bool = False
    secrets: Secrets = NO_SECRETS
    wall: float = WALL
    off: frozenset[str] = field(default_factory=frozenset)

    def hear(self, case: JudgeInput) -> tuple[Judged, Usage]:
        """Return the first answer that counts, and what all of them cost."""
        answer, usage = self.heard(case)
        for agent in self.spare:
            if not isinstance(answer, NoAnswer) or self.hooks.stop():
                break
            why = answer.why
            answer, more = replace(self, agent=agent).heard(case)
            usage += more
            answer = (
                NoAnswer(why=f"{why}; {answer.why}") if isinstance(answer, NoAnswer) else answer
            )
        return answer, usage

    def heard(self, case: JudgeInput) -> tuple[Judged, Usage]:
        """Return the answer of one judge.

        Who says met looks again, where comments, prose or pictures could have talked to it.
        """
        first = JudgePrompt(
            feature=case.feature,
            asked=case.asked,
            exhibits=judge.matter(case.texts, case.results),
            nonce=secrets.token_hex(8),
            pictures=tuple(f"picture-{n}{file.suffix}" for n, file in enumerate(case.pictures, 1)),
            fenced="fences" not in self.off,
        )
        answer, usage = self.look(first, case.pictures)
        if isinstance(answer, Met) and "second" not in self.off:
            again = judge.second(first, case.texts, case.results, secrets.token_hex(8))
            if again is not None:
                answer, more = self.look(again, ())
                usage += more
        return answer, usage

    def look(self, hearing: JudgePrompt, pictures: Iterable[Path]) -> tuple[Judged, Usage]:
        """Return one look; an answer that cannot be read is asked for once more."""
        usage, complaint = Usage(), ""
        schema = json.loads(data.text("schema", "judge.json"))
        # Models forget a bracket now and then; who answers wrongly twice would do so again.
        for _ in range(2):
            said, end = self.ask(
                judge.brief(hearing, self.templates, complaint),
                dict(zip(hearing.pictures, pictures, strict=False)),
            )
            usage += end.usage
            if end.end is not End.FINISHED:
                return (
                    NoAnswer(
                        why=f"{self.agent.name}: {end.end}{f', {end.says}' if end.says else ''}"
                    ),
                    usage,
                )
            answer = judge.heard(said, hearing, schema)
            if not isinstance(answer, str):
                return answer, usage
            complaint = answer
        return (
            NoAnswer(
                why=f"{self.agent.name} answered twice in a way that cannot be read: {complaint}"
            ),
            usage,
        )

    def ask(self, brief: str, pictures: Mapping[str, Path]) -> tuple[str, AgentEnd]:
        """Run the agent on a brief in an empty room, and give its last words."""
        ears = LastMessage()
        number = len([*self.folder.glob("judge-*.md")]) + 1
        make_folder(self.folder)
        text = self.folder / f"judge-{number}.md"
        write_private(text, brief, errors="replace")
        (rooms := self.room.cache / "ws").mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(
            dir=rooms, prefix=f"{mark()}-judge-", ignore_cleanup_errors=True
        ) as name:
            # A checkout would bring the candidate's own instructions for agents.
            place = Path(name)
            for part in ("case", "home", "out"):
                (place / part).mkdir()
            for picture, file in pictures.items():
                (place / "case" / picture).write_bytes(bounded(file) or b"")
            end = self.run(text, place, self.folder / f"judge-{number}.jsonl", ears)
        end = replace(end, end=End.FAULT, says="output limit exceeded") if ears.flooded() else end
        used = end.usage
        self.hooks.note(
            "judge.ended",
            end=end.end.value,
            says=end.says,
            input=used.input,
            cached=used.cached,
            output=used.output,
            usd=used.usd,
        )
        if end.limited:
            self.hooks.limited(self.agent, end.free_at)
        return self.secrets.hide(ears.words), end

    def run(self, brief: Path, place: Path, transcript: Path, ears: LastMessage) -> AgentEnd:
        """Return the agent in its room.

        A program of the project is started from the person's checkout: the room holds nothing of
        it.
        """
        spec = SandboxSpec(
            tree=place / "case",
            at=PLACE,
            home=place / "home",
            env=environment({}, self.room.env),
            hidden=self.room.hidden,
            network=NetworkAccess(shared=True),
        )
        try:
            program = registry_io.find(self.agent, self.room.project, os.environ)
            first, *rest = self.agent.command
            agent = self.agent
            if "/" in first:
                agent = replace(agent, command=(str(program), *rest))
                spec = replace(spec, readable=((program, program),))
            invocation = registry_io.AgentInvocation(
                project=self.room.project,
                files=registry_io.AgentFiles(brief=brief, out=place / "out", transcript=transcript),
                spec=spec,
                sandbox=self.room.sandbox,
                limits=Timeouts(
                    wall=self.wall, idle=min(IDLE, self.wall), tool=self.wall, grace=GRACE
                ),
                secrets=self.secrets,
                hooks=registry_io.AgentHooks(
                    on_event=ears.hear,
                    stop=lambda: ears.flooded() or self.hooks.stop(),
                    on_start=lambda process: self.hooks.note(
                        "judge.started", agent=agent.name, process=process
                    ),
                ),
            )
            return registry_io.invoke(agent, invocation).believed_end
        except FaultError as error:
            return AgentEnd(end=End.FAULT, says=error.problem)


def hired(project: Project, worker: str) -> Agent | None:
    """Return who judges the work of an agent: whom loop.toml names, else the same shipped CLI if it
    is here; None where nobody does."""
    wanted, config = project.config.judge, project.config
    name = wanted.agent or worker
    if wanted.when == "never" or name == "scripted":
        return None
    agent = registry_io.load(name, config.agents, wanted.model, judging=True)
    here = agent.shipped and registry_io.which(agent, project.repo.folder, os.environ)
    return agent if wanted.agent or here else None


def spare(project: Project, worker: str) -> tuple[Agent, ...]:
    """Return who judges where that one gives no answer: the other agents of the run that are here,
    unless loop.toml names a judge."""
    config = project.config
    nobody = bool(config.judge.agent) or config.judge.when == "never"
    names = () if nobody else (name for name in config.agent if name not in (worker, "scripted"))
    others = [registry_io.load(name, config.agents, judging=True) for name in names]
    return tuple(
        agent
        for agent in others
        if agent.shipped and registry_io.which(agent, project.repo.folder, os.environ)
    )


def bench(
    project: Project,
    worker: str,
    sandbox: Sandbox,
    templates: Templates,
    folder: Path,
    *,
    note: Callable[..., None] = nothing,
    limited: Callable[[Agent, datetime | None], None] = nothing,
    stop: Callable[[], bool] = lambda: False,
) -> JudgeRunner | None:
    """Return the bench of one session, None where nobody judges it."""
    agent = hired(project, worker)
    if agent is None:
        return None
    config = project.config
    return JudgeRunner(
        agent=agent,
        spare=spare(project, worker),
        room=JudgeRoom(
            project=project.repo.folder,
            sandbox=sandbox,
            cache=project.cache,
            env=config.workspace.env,
            hidden=(project.held_back,) if project.held_back else (),
        ),
        hooks=JudgeHooks(note=note, limited=limited, stop=stop),
        templates=templates,
        folder=folder,
        always=config.judge.when == "always",
        secrets=project.secrets,
        wall=min(WALL, config.limits.session or WALL),
    )


def left_by_checks(folder: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Return the texts, by a name that says nothing, and the pictures that checks left."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    texts = [
        (bounded(file) or b"").decode("utf-8", "replace")[:LONGEST_TEXT]
        for file in found
        if file.suffix in TEXTS
    ]
    return {f"text {n} that a check left": text for n, text in enumerate(texts, 1)}, tuple(
        f for f in found if f.suffix in PICTURES
    )
