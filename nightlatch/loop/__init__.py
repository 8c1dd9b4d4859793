"""The verbs of the loop, in one place, and fetched when the loop first uses one: `--help` needs
none of them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightlatch.landing.landing import carry as carry
    from nightlatch.landing.landing import land as land
    from nightlatch.loop.finish import close as close
    from nightlatch.loop.recovery import record as record
    from nightlatch.loop.recovery import settle as settle
    from nightlatch.loop.run import opened as opened
    from nightlatch.loop.schedule import decide as decide
    from nightlatch.loop.schedule import wait as wait
    from nightlatch.loop.session import again as again
    from nightlatch.loop.session import already_green as already_green
    from nightlatch.loop.session import brief as brief
    from nightlatch.loop.session import collect as collect
    from nightlatch.loop.session import examine as examine
    from nightlatch.loop.session import provision as provision
    from nightlatch.loop.session import work as work
    from nightlatch.model.models import LANDS as LANDS
    from nightlatch.model.models import AgentEnd as AgentEnd
    from nightlatch.model.models import SessionEnded as SessionEnded
    from nightlatch.run.context import Candidate as Candidate
    from nightlatch.run.context import Options as Options
    from nightlatch.run.context import RunContext as RunContext
    from nightlatch.run.context import Started as Started
    from nightlatch.scheduler.policy import Choice as Choice
    from nightlatch.scheduler.policy import Stop as Stop
    from nightlatch.scheduler.policy import Wait as Wait

HOMES = {
    "nightlatch.model.models": ("LANDS", "AgentEnd", "SessionEnded"),
    "nightlatch.scheduler.policy": ("Choice", "Stop", "Wait"),
    "nightlatch.loop.schedule": ("decide", "wait"),
    "nightlatch.landing.landing": ("carry", "land"),
    "nightlatch.loop.finish": ("close",),
    "nightlatch.loop.run": ("opened",),
    "nightlatch.loop.session": (
        "again",
        "already_green",
        "brief",
        "collect",
        "examine",
        "provision",
        "work",
    ),
    "nightlatch.loop.recovery": ("record", "settle"),
    "nightlatch.run.context": ("Candidate", "Options", "RunContext", "Started"),
}


def __getattr__(name: str) -> object:
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"nightlatch.loop has no attribute {name!r}")
