"""One word to an agent: does it answer now?"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from nightlatch.core.models import AgentEnd
from nightlatch.edge import agents, rooms
from nightlatch.edge.agents import Agent
from nightlatch.edge.house import House
from nightlatch.edge.pool import Pool
from nightlatch.edge.process import Limits

WORD = "Reply with the single word: ready. Do nothing else.\n"
WALL, IDLE = 180, 120


def knock(house: House, pool: Pool, agent: Agent, tip: str) -> AgentEnd:
    """Call the agent with one word, on the path that a session takes, in a workspace that is
    thrown away."""
    with pool.checkout(tip, tip) as place, TemporaryDirectory(prefix="nightlatch-") as folder:
        brief = Path(folder) / "brief.md"
        brief.write_text(WORD)
        limits = Limits(wall=WALL, idle=min(IDLE, house.config.limits.idle or IDLE))
        spec = rooms.agent_spec(house, place, pool.sandbox, session="doctor", feature="doctor")
        usual = rooms.invocation(house, place, pool.sandbox, spec, brief)
        ran = agents.invoke(agent, replace(usual, limits=limits))
    return ran.doubt or ran.end
