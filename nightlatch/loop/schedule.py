"""What is next: the policy asked with what the branch, the journal and the disk say."""

import os
from datetime import datetime
from math import ceil

from nightlatch.agents.registry_io import load
from nightlatch.journal import control_io, inbox_io
from nightlatch.loop.reverify import confirm
from nightlatch.model.budget import Budget
from nightlatch.model.models import Plan
from nightlatch.run.context import RunContext, Stopped
from nightlatch.scheduler import policy
from nightlatch.scheduler.budget import purses_of
from nightlatch.scheduler.policy import Choice, Stop, Wait
from nightlatch.util.units import show_duration

STOPPED = "stopped between two sessions, as you asked by nightlatch stop"


def decide(context: RunContext) -> Choice | Wait | Stop:
    """Return the next feature by the rules, with what must hold before any agent is paid for."""
    context.notice_sleep()
    tip = context.tip()
    plan = context.plan(tip)
    if plan is None:
        return Stop(code=2, why=f"{context.project.plan} is no longer on the branch")
    answer = policy.decide(plan, context.history(tip), limits_of(context, tip), context.now())
    # after the policy: a night that is over anyway ends with its own reason
    if isinstance(answer, Choice) and (short := context.sandbox.bounds.short()):
        return Stop(code=4, why=short)
    if isinstance(answer, Choice):
        try:
            with context.signals.idle():
                context.engine.require_green(
                    tip, plan, accept=context.options.accept_red, fresh=not context.memory.base_seen
                )
        except Stopped:
            context.pool.stop.set()  # what is prepared for agents is not waited for either
            return decide(context)
        context.memory.base_seen = True
    # the one sentence that must never be wrong is asked about once more
    if isinstance(answer, Stop) and says_it_passes(answer):
        return confirmed(context, tip, plan, answer)
    return answer


def says_it_passes(stop: Stop) -> bool:
    """Does this reason to stop say of a feature, or of all, that it passes?"""
    return stop.code == 0 and (
        stop.why in (policy.ALL_DONE, policy.REST_SKIPPED) or stop.why.endswith(policy.PASSES)
    )


def confirmed(context: RunContext, tip: str, plan: Plan, stop: Stop) -> Choice | Wait | Stop:
    """Return the same reason to stop, once all of that has been seen at this commit; what has
    slipped is decided about anew."""
    only = context.options.feature
    wrong = confirm(
        context, tip, [feature for feature in plan.features if only in ("", feature.id)]
    )
    # what slipped was committed: there is something to do again
    if context.tip() != tip or context.signals.asked:
        return decide(context)
    return wrong or stop


def limits_of(context: RunContext, tip: str) -> policy.RunLimits:
    """Return what this run may use and has used, replayed from the branch and the journal."""
    context.take_lifted()
    limits, history, options = context.project.config.limits, context.history(tip), context.options
    own = history.spending.run == context.run
    wish = context.memory.wish = control_io.asked(context.project, os.getpid())
    # faults of an earlier run may have been mended since: each run tries for itself
    faults = history.faults if own else ()
    return policy.RunLimits(
        feature=policy.feature_limits(limits),
        budget=policy.RunBudget(
            sessions=limits.sessions,
            used=context.sessions_used(tip),
            once=options.once,
            purses=purses(context, tip),
            until=context.memory.times.until,
            wall=context.memory.times.wall,
        ),
        troubles=policy.RunTroubles(
            stop=needs_the_person(context, faults),
            faults=faults,
            barren=history.barren if own else 0,
            limited_until=first_reset(context),
        ),
        wishes=policy.RunWishes(
            only=options.feature,
            stop=asked_to_stop(context, wish),
            paused=wish == control_io.PAUSE,
            stay=options.stay,
        ),
    )


def first_reset(context: RunContext) -> datetime | None:
    """Return when the first agent may work again, None where one may now, or all of them need the
    person."""
    able = [agent for agent in context.agents if agent.name not in context.memory.out]
    resets = [until for agent in able if (until := context.limited(agent))]
    return min(resets) if resets and len(resets) == len(able) else None


def asked_to_stop(context: RunContext, wish: str) -> Stop | None:
    """Return the stop that the person asked for, by signal or by command."""
    if context.signals.asked:
        return Stop(code=context.signals.code, why=f"stopped by {context.signals.asked}")
    return Stop(code=0, why=STOPPED) if wish == control_io.STOP else None


def purses(context: RunContext, tip: str) -> tuple[Budget, ...]:
    """Return what pays for the sessions of this run."""
    limits, tokens = context.project.config.limits, context.journal.state.tokens
    return purses_of(limits, context.history(tip), context.now(), run=context.run, tokens=tokens)


def needs_the_person(context: RunContext, faults: tuple[str, ...]) -> Stop | None:
    """Return the stop for a login or a credit that is missing, which does not come back by trying
    again: other agents go on, and the run ends with the last one."""
    says = {
        "agent.login": "is not logged in",
        "agent.credit": "has no credit left, or met its spend limit",
    }
    if not faults or faults[-1] not in says:
        return None
    agent, out = (
        load(context.journal.state.agent or context.agents[0].name, context.project.config.agents),
        context.memory.out,
    )
    why = f"{agent.name} {says[faults[-1]]}; fix: {agent.login or 'see its account'}"
    others = [
        other.name
        for other in context.agents
        if other.name not in (*out, agent.name) and not context.limited(other)
    ]
    if agent.name not in out and others:
        context.console.say("agent", f"{why}; {others[0]} goes on meanwhile")
    out[agent.name] = why
    return None if others else Stop(code=4, why="; ".join(out.values()))


def wait(context: RunContext, until: Wait) -> None:
    """Sleep until a limit is over, with a sign of life, and no longer than a person lets it, or
    wants something else."""
    if until.why != context.memory.waiting:
        context.console.say("waiting", until.why)
        if any(map(context.limited, context.agents)):
            context.console.say("limit", "to go on at once: nightlatch resume")
    context.memory.waiting, began = until.why, context.now()
    context.notifier.needs(context.asked(until.waits))
    while (
        (left := (until.until - context.now()).total_seconds()) > 0
        and not context.signals.asked
        and not news(context)
    ):
        more = (
            "" if until.until == policy.FOREVER else f"; {show_duration(60 * ceil(left / 60))} left"
        )
        context.console.alive((context.now() - began).total_seconds(), f"{until.why}{more}")
        context.notifier.ping()
        context.notice_sleep()
        # short, so that an edit of the plan or a command is noticed within a second
        context.signals.pause(min(left, 1.0))


def news(context: RunContext) -> bool:
    """Return whether a person did something that the last decision did not know of."""
    project, memory = context.project, context.memory
    if (
        project.plan_stat() != memory.plan_stat
        or control_io.asked(project, os.getpid()) != memory.wish
    ):
        return True
    return control_io.are_lifted(project) or any(inbox_io.folder(project).glob("*.json"))
