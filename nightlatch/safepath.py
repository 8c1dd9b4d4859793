"""Keeps what agents land out of the program itself: nothing is imported from the folder of a
project.

Only `os` and `sys` may be imported here: Python has loaded both before it looks into any folder,
and everything else might come from the very folder that is about to be left.
"""

import os
import sys

PROGRAMS = ("loop.py", "nightlatch")
LIBRARIES = ("lib", "lib64")
# Variables with a list of places where programs, libraries and modules are looked for, and what
# stands between them.
LISTS = {
    "PATH": ":",
    "LD_LIBRARY_PATH": ":;",
    "LD_PRELOAD": ": ",
    "LD_AUDIT": ":",
    "DYLD_LIBRARY_PATH": ":",
    "DYLD_FRAMEWORK_PATH": ":",
    "DYLD_INSERT_LIBRARIES": ":",
    "GCONV_PATH": ":",
    "PYTHONPATH": ":",
    "PERL5LIB": ":",
    "RUBYLIB": ":",
    "NODE_PATH": ":",
    "CLASSPATH": ":",
    "LUA_PATH": ";",
    "LUA_CPATH": ";",
    "GIT_EXEC_PATH": ":",
}
# Those that the loader and Python itself follow in this very process: whoever changes them has to
# start it again.
FOLLOWED = (
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "LD_AUDIT",
    "DYLD_LIBRARY_PATH",
    "DYLD_FRAMEWORK_PATH",
    "DYLD_INSERT_LIBRARIES",
    "PYTHONPATH",
)
FOLLOWED_PLACES = ("PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX")
GIVEN = "_NIGHTLATCH_GIVEN_"
CUSTOMIZE = ("sitecustomize", "usercustomize")
BY_HAND = 2


def leave_project() -> None:
    """Take the project's folders off the path where modules are looked for, where this program
    is what was started.

    What the loader, or Python itself, follows into the project is followed already: then this
    process is started once more without it.
    """
    if not is_program():
        return
    tops = project_tops()
    stop_where_loaded(tops)
    start_again_without(tops)
    sys.path[:] = [place for place in sys.path if is_safe(place, tops)]


def start_again_without(tops: list[str]) -> None:
    """Put another start of this program in this one's place where a variable that was followed
    already leads into the project."""
    followed = {
        name: os.environ[name] for name in (*FOLLOWED, *FOLLOWED_PLACES) if os.environ.get(name)
    }
    safe = {name: safe_part(name, value, tops) for name, value in followed.items()}
    if safe == followed or not sys.executable:
        return
    rest = {name: value for name, value in os.environ.items() if name not in followed}
    rest |= {name: value for name, value in safe.items() if value}
    rest |= {f"{GIVEN}{name}": value for name, value in followed.items() if safe[name] != value}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], rest)  # noqa: S606  # the very program that runs here


def stop_where_loaded(tops: list[str]) -> None:
    """End where Python took a module of its own from the project before any line of this
    program could run."""
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        is_own = name.partition(".")[0] in sys.stdlib_module_names or name in CUSTOMIZE
        if is_own and file and name != "__main__" and not is_safe(os.path.abspath(file), tops):
            sys.stderr.write(
                f"nightlatch: Python loaded {name} from the project before this program could run:"
                f" {file}\nfix: see who wrote that file, and start again without PYTHONPATH, or"
                " whatever leads Python there\n"
            )
            sys.exit(BY_HAND)


def safe_part(name: str, value: str, tops: list[str]) -> str:
    """A variable without what would lead into the project, or into whatever folder a program is
    started in; "" where nothing is left."""
    if name not in LISTS:
        return value if is_safe(value, tops) else ""
    return LISTS[name][0].join(
        place
        for place in split(value, LISTS[name])
        if is_safe(place, tops) or is_library(name, place)
    )


def split(value: str, between: str) -> list[str]:
    for mark in between[1:]:
        value = value.replace(mark, between[0])
    return value.split(between[0])


def is_library(name: str, place: str) -> bool:
    """A library without a slash is looked for in the system's folders, and in those of
    LD_LIBRARY_PATH."""
    return name in ("LD_PRELOAD", "LD_AUDIT") and bool(place) and "/" not in place


def given_environment() -> dict[str, str]:
    """The environment as it was given, before anything was taken out of it: for what runs in a
    sandbox."""
    names = [name for name in os.environ if name.startswith(GIVEN)]
    return {**os.environ, **{name[len(GIVEN) :]: os.environ[name] for name in names}}


def is_program() -> bool:
    """Is this Python running nightlatch, and not somebody's tests or a program that imports a
    part of it?"""
    # While Python looks for the module that -m names, that is what stands in argv[0].
    by_name = sys.argv[:1] == ["-m"] and any(
        word == "nightlatch" or word.endswith("mnightlatch") for word in sys.orig_argv
    )
    script = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return by_name or os.path.basename(script) in PROGRAMS


def project_tops() -> list[str]:
    """The repositories that the current folder and the script that was started lie in: what
    lands, lands in them."""
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    starts = [os.path.realpath(script)] if script else []
    try:
        starts.append(os.getcwd())
    except FileNotFoundError:
        return []  # whoever needs the current folder says that it is gone
    return [top for start in starts for top in repository_of(start)]


def repository_of(place: str) -> list[str]:
    """The nearest repository around a place; none where there is none.

    The one of a home folder is no reason to leave all of it.
    """
    while place != (above := os.path.dirname(place)):
        if os.path.lexists(os.path.join(place, ".git")):
            return [place]
        place = above
    return []


def is_safe(place: str, tops: list[str]) -> bool:
    """Can nothing that lands come to lie in this folder, or file?

    Relative names depend on where one is, so they are not.
    """
    if not os.path.isabs(place):
        return False
    real = os.path.realpath(place)
    kept = [home for home in interpreter_homes() if not any(is_inside(top, home) for top in tops)]
    return not any(is_inside(real, top) for top in tops) or any(
        is_inside(real, home) for home in kept
    )


def interpreter_homes() -> list[str]:
    """Where the running Python and what is installed for it lie: of an environment inside the
    project the loop lets nothing land."""
    active = os.environ.get("VIRTUAL_ENV", "")
    own = (
        [active]
        if os.path.isfile(os.path.join(active, "pyvenv.cfg")) and os.path.isabs(active)
        else []
    )
    prefixes = (*own, sys.prefix, sys.exec_prefix, sys.base_prefix)
    # An environment may be the project's very folder: then of it only what Python itself keeps
    # there.
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    libraries = (os.path.join(prefix, lib, version) for prefix in prefixes for lib in LIBRARIES)
    homes = (*prefixes, *libraries, getattr(sys.modules.get("site"), "USER_SITE", None))
    return [os.path.realpath(home) for home in homes if home]


def is_inside(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)
