"""Tells what is to be told, as a process of its own: whatever a receiver does, or fails to do,
the run neither waits nor fails for it.

Started with the settings and the notices as JSON on standard input; prints a line of JSON for each
channel and notice.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

LONGEST = {"command": 20.0, "webhook": 10.0, "ping": 10.0, "urls": 20.0}
MISSING = "the notify extra is not installed; fix: pip install 'nightlatch[notify]'"


class Refused(Exception):  # noqa: N818  # not an error of this program
    """A channel did not take a notice; why, without addresses, which hold keys."""


class NoRedirect(HTTPRedirectHandler):
    """A redirect is an answer like any other that is no success: what was to be told goes to
    nobody else."""

    def redirect_request(self, *_args: object, **_kinds: object) -> None:
        return None


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Enforce a total timeout in seconds, also on slow responses. Raises TimeoutError."""

    def late(_number: int, _frame: FrameType | None) -> NoReturn:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def http(address: str, body: bytes | None = None) -> str:
    """Ask an address, or post JSON to it; what it answers is not read, only whether it took it."""
    if urlsplit(address).scheme not in ("http", "https"):
        raise Refused("not an http(s) URL")
    request = Request(  # noqa: S310  # checked above
        address, data=body, headers={"Content-Type": "application/json", "User-Agent": "nightlatch"}
    )
    with build_opener(NoRedirect).open(request) as answer:
        return f"it answered {answer.status}"


def command(line: str, folder: str, body: bytes) -> str:
    from nightlatch.sandbox.process import supervisor
    from nightlatch.sandbox.process.supervisor import supervised

    done = supervisor.run(
        supervised(["sh", "-c", line], env=os.environ, cwd=Path(folder)),
        stdin=body,
        timeout=LONGEST["command"] - 1,
    )
    if done.timed_out:
        raise TimeoutError
    if done.exit != 0:
        raise Refused(f"it exited with {done.exit or done.signal}")
    return "it exited with 0"


def by_apprise(addresses: list[str], text: str) -> str:
    try:
        apprise: Any = import_module("apprise")
    except ImportError:
        raise Refused(MISSING) from None
    box = apprise.Apprise()
    if bad := sum(not box.add(address) for address in addresses):
        raise Refused(f"apprise does not recognise {bad} of {len(addresses)} URLs")
    if not box.notify(title="nightlatch", body=text):
        raise Refused("a service rejected the notification")
    return f"{len(addresses)} took it"


def channels(
    job: dict[str, Any], notice: dict[str, Any] | None
) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the channels that a notice goes through; without one, the dead-man address alone."""
    if notice is None:
        yield from [("ping", partial(http, job["ping"]))] if job["ping"] else []
        return
    body = json.dumps(notice).encode()
    if job["command"]:
        yield "command", partial(command, job["command"], job["folder"], body)
    if job["webhook"]:
        yield "webhook", partial(http, job["webhook"], body)
    if job["urls"]:
        yield "urls", partial(by_apprise, job["urls"], str(notice["text"]))


def tried(channel: str, send: Callable[[], str], longest: float) -> dict[str, object]:
    """Return what came of one channel; of an error only what holds no address."""
    try:
        with within(longest):
            return {"channel": channel, "ok": True, "says": send()}
    except Refused as refused:
        says = str(refused)
    except HTTPError as answer:
        says = f"it answered {answer.code}"
    except TimeoutError:
        says = f"it did not answer within {longest:.0f} s"
    except URLError as error:
        says = (
            error.reason.strerror or "it cannot be reached"
            if isinstance(error.reason, OSError)
            else "it cannot be reached"
        )
    except (HTTPException, ValueError):
        says = "invalid URL or malformed response"
    except OSError as error:
        says = error.strerror or "it cannot be reached"
    # an extra of somebody else's may raise anything, and the next channel is still to be tried
    except Exception as bug:  # noqa: BLE001
        says = type(bug).__name__
    return {"channel": channel, "ok": False, "says": says}


def wait_for(sender: int) -> None:
    """Notices arrive in the order of what they tell of: an earlier sender ends first, or has
    had its time."""
    with suppress(OSError):
        select.select([os.pidfd_open(sender)], [], [], sum(LONGEST.values()))


def main() -> None:
    job = json.load(sys.stdin)
    if job["after"]:
        wait_for(job["after"])
    for notice in job["notices"]:
        for channel, send in channels(job, notice):
            print(json.dumps(tried(channel, send, LONGEST[channel])), flush=True)
