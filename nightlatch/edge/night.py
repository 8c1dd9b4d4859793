"""The verbs of the loop, in one place, and fetched when the loop first uses one: `--help` needs
none of them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightlatch.core.models import LANDS as LANDS
    from nightlatch.core.models import AgentEnd as AgentEnd
    from nightlatch.core.models import SessionEnded as SessionEnded
    from nightlatch.core.policy import Choice as Choice
    from nightlatch.core.policy import Stop as Stop
    from nightlatch.core.policy import Wait as Wait
    from nightlatch.edge.deciding import decide as decide
    from nightlatch.edge.deciding import wait as wait
    from nightlatch.edge.landing import carry as carry
    from nightlatch.edge.landing import land as land
    from nightlatch.edge.morning import close as close
    from nightlatch.edge.running import opened as opened
    from nightlatch.edge.session import again as again
    from nightlatch.edge.session import already_green as already_green
    from nightlatch.edge.session import brief as brief
    from nightlatch.edge.session import collect as collect
    from nightlatch.edge.session import examine as examine
    from nightlatch.edge.session import provision as provision
    from nightlatch.edge.session import work as work
    from nightlatch.edge.settle import record as record
    from nightlatch.edge.settle import settle as settle
    from nightlatch.edge.site import Candidate as Candidate
    from nightlatch.edge.site import Options as Options
    from nightlatch.edge.site import Site as Site
    from nightlatch.edge.site import Started as Started

HOMES = {
    "nightlatch.core.models": ("LANDS", "AgentEnd", "SessionEnded"),
    "nightlatch.core.policy": ("Choice", "Stop", "Wait"),
    "nightlatch.edge.deciding": ("decide", "wait"),
    "nightlatch.edge.landing": ("carry", "land"),
    "nightlatch.edge.morning": ("close",),
    "nightlatch.edge.running": ("opened",),
    "nightlatch.edge.session": (
        "again",
        "already_green",
        "brief",
        "collect",
        "examine",
        "provision",
        "work",
    ),
    "nightlatch.edge.settle": ("record", "settle"),
    "nightlatch.edge.site": ("Candidate", "Options", "Site", "Started"),
}


def __getattr__(name: str) -> object:
    for home, names in HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"the loop has no verb {name!r}")
