"""Everything that a night uses is imported in the evening: what lands meanwhile, here or in
what is installed, changes nothing of it."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import nightlatch
from nightlatch.ratchet.languages import grammar

# What these import late, on their first use, is named too: it would be read from a disk that has
# changed, or through a path that an agent could write to.
LIBRARIES = (
    "attrs",
    "jinja2",
    "jinja2.meta",
    "jinja2.sandbox",
    "jsonschema",
    "jsonschema._format",
    "jsonschema.validators",
    "pexpect",
    "jsonschema_specifications",
    "markupsafe",
    "referencing.jsonschema",
    "rich.console",
    "rich.live",
    "rich.status",
    "rich.text",
    "tomli_w",
    "yaml",
    "tree_sitter",
)
ENCODINGS = (
    "ascii",
    "charmap",
    "cp1252",
    "idna",
    "latin_1",
    "punycode",
    "raw_unicode_escape",
    "unicode_escape",
    "utf_8_sig",
    "utf_16",
    "utf_16_be",
    "utf_16_le",
    "utf_32",
)
STANDARD = (
    "_strptime",
    "bz2",
    "concurrent.futures.process",
    "concurrent.futures.thread",
    "ctypes",
    "decimal",
    "fractions",
    "html.entities",
    "logging",
    "lzma",
    "multiprocessing",
    "pickle",
    "pprint",
    "pty",
    "queue",
    "runpy",
    "traceback",
    "tty",
    "unicodedata",
    "xml.etree.ElementTree",
    "xml.parsers.expat",
    "zipfile",
    "zoneinfo",
    *(f"encodings.{name}" for name in ENCODINGS),
)
# These are started, never imported.
PROGRAMS = ("nightlatch.agents.note_cli", "nightlatch.agents.scripted")
# Commands are imported where they are given; the former names of modules are for people's files.
NOT_IN_THE_NIGHT = (
    *PROGRAMS,
    "nightlatch.__main__",
    "nightlatch.cli",
    "nightlatch.edge",
    "nightlatch.suite.runners",
    "nightlatch.shipped",
)


def preload() -> None:
    for name in (*STANDARD, *LIBRARIES, *own_modules()):
        import_module(name)
    grammar.preload()


def own_modules() -> Iterator[str]:
    """Yield the modules of this program that work in the night; commands are imported where they
    are given."""
    found = (module.name for module in walk_packages(nightlatch.__path__, "nightlatch."))
    for name in found:
        if not any(f"{name}.".startswith(f"{other}.") for other in NOT_IN_THE_NIGHT):
            yield name
