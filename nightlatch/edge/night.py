"""The former name of nightlatch.loop, for every loop.py that was written by an earlier `init`."""

from nightlatch import loop


def __getattr__(name: str) -> object:
    return getattr(loop, name)
