"""A real agent CLI as the judge, against a scripted model that answers as asked; called in a
network of its own."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlatch.agents import registry_io
from nightlatch.model.models import Usage
from nightlatch.sandbox.find import find_sandbox
from nightlatch.verdict.judge import Judged, asked
from nightlatch.verdict.judge_io import JudgeHooks, JudgeInput, JudgeRoom, JudgeRunner
from tests.proofs.agents.clis import agent_environment
from tests.proofs.agents.model_server import Failure, Json, ModelServer, tools_in
from tests.stories.judges import DONE, FEATURE, in_till, template


@dataclass(slots=True, kw_only=True)
class Model(ModelServer):
    """Says `word` of every criterion, with nonce, digest and a quote of what it was shown."""

    word: str = "met"

    def next_command(self, body: Json) -> str | None:
        text = json.dumps(body).replace('\\\\"', '"').replace('\\"', '"')
        found = re.findall(r'"nonce": "(\w+)", "digest": "(\w+)"', text)
        nonce, digest = found[-1] if found else ("", "")
        said = [{"id": "c1", "answer": self.word, "quote": "return -cents", "why": "it does"}]
        self.last = (
            f"I read it.\n{json.dumps({'nonce': nonce, 'digest': digest, 'criteria': said})}"
        )
        return ModelServer.next_command(self, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """The answer, its cost, and the names of the tools that the model was offered."""

    judged: Judged
    usage: Usage
    tools: Sequence[str]
    journal: Sequence[str]


def judge(
    name: str, folder: Path, programs: Path, word: str = "met", failure: Failure | None = None
) -> Came:
    """One hearing of done work, with a comment in it that calls for a second look."""
    for part in ("me", "heard"):
        (folder / part).mkdir()
    notes: list[str] = []
    with Model(word=word, failure=failure) as server:
        setup = agent_environment(name, server.url, folder / "me", programs)
        os.environ.clear()
        os.environ.update(setup.environ)
        bench = JudgeRunner(
            agent=registry_io.load(name, {name: setup.settings}, judging=True),
            room=JudgeRoom(
                project=folder, sandbox=find_sandbox("bubblewrap"), cache=folder / "cache"
            ),
            hooks=JudgeHooks(note=lambda event, **_fields: notes.append(event)),
            templates=template,
            folder=folder / "heard",
            wall=100,
        )
        brought = JudgeInput(
            feature=FEATURE,
            asked=asked(FEATURE, ()),
            texts=in_till("# all of it is done\n", code=DONE),
            results={},
        )
        judged, usage = bench.hear(brought)
        tools = sorted(
            {
                str(tool["name"])
                for body in server.requests
                for tool in tools_in(body)
                if "name" in tool
            }
        )
    return Came(judged=judged, usage=usage, tools=tools, journal=notes)
