"""One word to an agent: does it answer now?"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.agents import invoke_io, registry_io
from nightlatch.agents.registry_io import Agent
from nightlatch.model.models import AgentEnd
from nightlatch.project.project import Project
from nightlatch.sandbox.process.supervisor import Timeouts
from nightlatch.workspace import profiles
from nightlatch.workspace.pool import Pool

WORD = "Reply with the single word: ready. Do nothing else.\n"
WALL, IDLE = 180, 120


def knock(project: Project, pool: Pool, agent: Agent, tip: str) -> AgentEnd:
    """Call the agent with one word, on the path that a session takes, in a workspace that is
    thrown away."""
    with pool.checkout(tip, tip) as place, TemporaryDirectory(prefix="nightlatch-") as folder:
        brief = Path(folder) / "brief.md"
        brief.write_text(WORD)
        limits = Timeouts(wall=WALL, idle=min(IDLE, project.config.limits.idle or IDLE))
        spec = profiles.agent_spec(project, place, pool.sandbox, session="doctor", feature="doctor")
        usual = invoke_io.invocation(project, place, pool.sandbox, spec, brief)
        ran = registry_io.invoke(agent, replace(usual, limits=limits))
    # Asked for one word an agent says nothing about a project: its words are believed.
    return ran.doubt or ran.end
