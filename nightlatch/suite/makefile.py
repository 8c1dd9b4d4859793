"""Makefiles: their rules, what of them a target goes through, and the commands that it runs."""

import re
from collections.abc import Mapping, Sequence

RULE = re.compile(r"^([^\s:#=][^:#=]*?)\s*::?(?!=)\s*([^#=]*?)(?:;(.*))?$")
INCLUDE = re.compile(r"^\s*[-s]?include\s+(.+)$")
VARIABLE = re.compile(r"^\s*(?:export\s+)?([\w.-]+)\s*(?:[:?+!]{0,3})=\s*(.*)$")


def is_makefile(name: str) -> bool:
    return name in ("Makefile", "makefile", "GNUmakefile", "Makefile.inc") or name.endswith(".mk")


def making(text: str, targets: Sequence[str]) -> str:
    """What of a Makefile these targets go through: everything that stands outside a rule, their
    rules, and those that they need."""
    outside, rules = split_makefile(text)
    return "\n".join(
        (*outside, *(line for name in _closure(rules, targets) for line in rules[name]))
    )


def recipes(text: str, targets: Sequence[str]) -> str:
    """The commands of these targets and of what they need, with the file's own variables filled
    in."""
    outside, rules = split_makefile(text)
    values = {found[1]: found[2] for line in outside if (found := VARIABLE.match(line))}
    commands = [
        line.strip().lstrip("@-+") for name in _closure(rules, targets) for line in rules[name][1:]
    ]
    commands += [
        found[3]
        for name in _closure(rules, targets)
        if (found := RULE.match(rules[name][0])) and found[3]
    ]
    script = "\n".join(commands)
    for _ in range(3):
        script = re.sub(
            r"\$[({]([\w.-]+)[)}]", lambda found: values.get(found[1], found[1].lower()), script
        )
    return script.replace("$$", "$")


def split_makefile(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """(lines outside of rules, the lines of each rule by its target)."""
    outside: list[str] = []
    rules: dict[str, list[str]] = {}
    now: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("\t"):
            for name in now:
                rules[name].append(line)
            outside += [] if now else [line]
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        rule = RULE.match(line)
        now = rule[1].split() if rule and not VARIABLE.match(line) else []
        if "%" in line or any(name.startswith(".") for name in now):
            now = []  # patterns and special targets such as .IGNORE concern every rule
        for name in now:
            rules.setdefault(name, []).append(line)
        outside += [] if now else [line]
    return outside, rules


def _closure(rules: Mapping[str, Sequence[str]], targets: Sequence[str]) -> list[str]:
    wanted = [name for name in targets if name in rules] or list(rules)[:1]
    if any(name not in rules for name in targets):
        # a target from somewhere else: a pattern, an include
        wanted += [name for name in rules if name not in wanted]
    found: list[str] = []
    while wanted:
        name = wanted.pop(0)
        if name in found:
            continue
        found.append(name)
        heads = [rule[2] for line in rules[name] if (rule := RULE.match(line))]
        called = [
            word
            for line in rules[name]
            if "MAKE)" in line or "make " in line
            for word in line.split()
        ]
        wanted += [word for head in heads for word in head.split() if word in rules]
        wanted += [word for word in called if word in rules]
    return found
