"""Keeps what agents land out of the program itself: nothing is imported from the folder of a project.

Only `os` and `sys` may be imported here: Python has loaded both before it looks into any folder, and everything else might come from
the very folder that is about to be left.
"""

import os
import sys

PROGRAMS = ("loop.py", "nightlatch")
LIBRARIES = ("lib", "lib64")


def leave_project() -> None:
    """Take the project's folders off the path where modules are looked for, where this program is what was started."""
    if is_program():
        tops = project_tops()
        sys.path[:] = [place for place in sys.path if is_safe(place, tops)]


def is_program() -> bool:
    """Is this Python running nightlatch, and not somebody's tests or a program that imports a part of it?"""
    # While Python looks for the module that -m names, that is what stands in argv[0].
    by_name = sys.argv[:1] == ["-m"] and any(word == "nightlatch" or word.endswith("mnightlatch") for word in sys.orig_argv)
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return by_name or os.path.basename(script) in PROGRAMS


def project_tops() -> list[str]:
    """The repositories that the current folder and the script that was started lie in: what lands, lands in them."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    starts = [os.path.realpath(script)] if script else []
    try:
        starts.append(os.getcwd())
    except FileNotFoundError:
        return []  # whoever needs the current folder says that it is gone
    return [top for start in starts for top in repository_of(start)]


def repository_of(place: str) -> list[str]:
    """The nearest repository around a place; none where there is none. The one of a home folder is no reason to leave all of it."""
    while place != (above := os.path.dirname(place)):
        if os.path.lexists(os.path.join(place, ".git")):
            return [place]
        place = above
    return []


def is_safe(place: str, tops: list[str]) -> bool:
    """Can nothing that lands come to lie in this folder, or file? Relative names depend on where one is, so they are not."""
    if not os.path.isabs(place):
        return False
    real = os.path.realpath(place)
    kept = [home for home in interpreter_homes() if not any(is_inside(top, home) for top in tops)]
    return not any(is_inside(real, top) for top in tops) or any(is_inside(real, home) for home in kept)


def interpreter_homes() -> list[str]:
    """Where the running Python and what is installed for it lie: of an environment inside the project the loop lets nothing land."""
    active = os.environ.get("VIRTUAL_ENV", "")
    own = [active] if os.path.isfile(os.path.join(active, "pyvenv.cfg")) and os.path.isabs(active) else []
    prefixes = (*own, sys.prefix, sys.exec_prefix, sys.base_prefix)
    # An environment may be the project's very folder: then of it only what Python itself keeps there.
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    libraries = (os.path.join(prefix, lib, version) for prefix in prefixes for lib in LIBRARIES)
    homes = (*prefixes, *libraries, getattr(sys.modules.get("site"), "USER_SITE", None))
    return [os.path.realpath(home) for home in homes if home]


def is_inside(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
