"""What is next: the policy asked with what the branch, the journal and the disk say."""

import os
from dataclasses import replace
from math import ceil

from nightlatch.core import policy
from nightlatch.core.models import Plan
from nightlatch.core.policy import Choice, Stop, Wait
from nightlatch.core.spending import Purse, purses_of
from nightlatch.core.units import show_duration
from nightlatch.edge import inbox, proving, wishes
from nightlatch.edge.agents import load
from nightlatch.edge.site import Site, Stopped

STOPPED = "stopped between two sessions, as you asked by nightlatch stop"


def decide(site: Site) -> Choice | Wait | Stop:
    """The next feature by the rules, with what must hold before any agent is paid for."""
    site.notice_sleep()
    tip = site.tip()
    plan = site.plan(tip)
    if plan is None:
        return Stop(code=2, why=f"{site.house.plan} is no longer on the branch")
    answer = policy.decide(plan, site.history(tip), budget(site, tip), site.now())
    if isinstance(answer, Choice) and (short := site.sandbox.bounds.short()):
        return Stop(code=4, why=short)
    if isinstance(answer, Choice):
        try:
            with site.signals.idle():
                site.engine.require_green(
                    tip, plan, accept=site.options.accept_red, fresh=not site.memory.base_seen
                )
        except Stopped:
            site.pool.stop.set()  # what is prepared for agents is not waited for either
            return decide(site)
        site.memory.base_seen = True
    if isinstance(answer, Stop) and says_it_passes(answer):
        return confirmed(site, tip, plan, answer)
    return answer


def says_it_passes(stop: Stop) -> bool:
    """Does this reason to stop say of a feature, or of all, that it passes?"""
    return stop.code == 0 and (
        stop.why in (policy.ALL_DONE, policy.REST_SKIPPED) or stop.why.endswith(policy.PASSES)
    )


def confirmed(site: Site, tip: str, plan: Plan, stop: Stop) -> Choice | Wait | Stop:
    """The same reason to stop, once all of that has been seen at this commit; what has slipped
    is decided about anew."""
    only = site.options.feature
    wrong = proving.confirm(
        site, tip, [feature for feature in plan.features if only in ("", feature.id)]
    )
    if site.tip() != tip or site.signals.asked:
        return decide(site)
    return wrong or stop


def budget(site: Site, tip: str) -> policy.Budget:
    """What this run may use and has used, replayed from the branch and the journal."""
    site.take_lifted()
    limits, history, options = site.house.config.limits, site.history(tip), site.options
    held_back = [site.limited(agent) for agent in site.agents if agent.name not in site.memory.out]
    own = history.run == site.run
    wish = site.memory.wish = wishes.asked(site.house, os.getpid())
    return replace(
        policy.budget_of(limits),
        used=site.sessions_used(tip),
        purses=purses(site, tip),
        until=site.memory.until,
        wall=site.memory.wall,
        faults=history.faults if own else (),
        barren=history.barren if own else 0,
        fault=needs_the_person(site, history.faults if own else ()),
        limited_until=(
            min((until for until in held_back if until), default=None)
            if held_back and all(held_back)
            else None
        ),
        only=options.feature,
        once=options.once,
        stop_asked=(
            f"stopped by {site.signals.asked}"
            if site.signals.asked
            else STOPPED
            if wish == wishes.STOP
            else ""
        ),
        stop_code=site.signals.code,
        paused=wish == wishes.PAUSE,
        stay=options.stay,
    )


def purses(site: Site, tip: str) -> tuple[Purse, ...]:
    """Return what pays for the sessions of this run."""
    limits, tokens = site.house.config.limits, site.journal.state.tokens
    return purses_of(limits, site.history(tip), site.now(), run=site.run, tokens=tokens)


def needs_the_person(site: Site, faults: tuple[str, ...]) -> Stop | None:
    """A login or a credit that is missing does not come back by trying again: other agents go
    on, and the run ends with the last one."""
    says = {
        "agent.login": "is not logged in",
        "agent.credit": "has no credit left, or met its spend limit",
    }
    if not faults or faults[-1] not in says:
        return None
    agent, out = (
        load(site.journal.state.agent or site.agents[0].name, site.house.config.agents),
        site.memory.out,
    )
    why = f"{agent.name} {says[faults[-1]]}; fix: {agent.login or 'see its account'}"
    others = [
        other.name
        for other in site.agents
        if other.name not in (*out, agent.name) and not site.limited(other)
    ]
    if agent.name not in out and others:
        site.console.say("agent", f"{why}; {others[0]} goes on meanwhile")
    out[agent.name] = why
    return None if others else Stop(code=4, why="; ".join(out.values()))


def wait(site: Site, until: Wait) -> None:
    """Sleep until a limit is over, with a sign of life, and no longer than a person lets it, or
    wants something else."""
    if until.why != site.memory.waiting:
        site.console.say("waiting", until.why)
        if any(map(site.limited, site.agents)):
            site.console.say("limit", "to go on at once: nightlatch resume")
    site.memory.waiting, began = until.why, site.now()
    site.notifier.needs(site.asked(until.waits))
    while (
        (left := (until.until - site.now()).total_seconds()) > 0
        and not site.signals.asked
        and not news(site)
    ):
        more = (
            "" if until.until == policy.FOREVER else f"; {show_duration(60 * ceil(left / 60))} left"
        )
        site.console.alive((site.now() - began).total_seconds(), f"{until.why}{more}")
        site.notifier.ping()
        site.notice_sleep()
        site.signals.pause(min(left, 1.0))


def news(site: Site) -> bool:
    """Whether a person did something that the last decision did not know of."""
    house, memory = site.house, site.memory
    if house.plan_stat() != memory.plan_stat or wishes.asked(house, os.getpid()) != memory.wish:
        return True
    return wishes.are_lifted(house) or any(inbox.folder(house).glob("*.json"))
