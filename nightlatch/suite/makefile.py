"""Makefiles: their rules, what of them a target goes through, and the commands that it runs."""

import re
from collections.abc import Iterator, Mapping, Sequence

RULE = re.compile(r"^([^\s:#=][^:#=]*?)\s*::?(?!=)\s*([^#=]*?)(?:;(.*))?$")
INCLUDE = re.compile(r"^\s*[-s]?include\s+(.+)$")
VARIABLE = re.compile(r"^\s*(?:export\s+)?([\w.-]+)\s*(?:[:?+!]{0,3})=\s*(.*)$")


def is_makefile(name: str) -> bool:
    """Is a file of this name one for make?"""
    return name in ("Makefile", "makefile", "GNUmakefile", "Makefile.inc") or name.endswith(".mk")


def making(text: str, targets: Sequence[str]) -> str:
    """Return what of a Makefile these targets go through: everything that stands outside a rule,
    their rules, and those that they need."""
    outside, rules = split_makefile(text)
    return "\n".join(
        (*outside, *(line for name in _closure(rules, targets) for line in rules[name]))
    )


def recipes(text: str, targets: Sequence[str]) -> str:
    """Return the commands of these targets and of what they need, with the file's own variables
    filled in."""
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
    # A variable may name others; three steps are deeper than Makefiles nest them.
    for _ in range(3):
        script = re.sub(
            r"\$[({]([\w.-]+)[)}]", lambda found: values.get(found[1], found[1].lower()), script
        )
    return script.replace("$$", "$")


def split_makefile(text: str) -> tuple[list[str], dict[str, list[str]]]:
    """(lines outside of rules, the lines of each rule by its target)."""
    outside: list[str] = []
    rules: dict[str, list[str]] = {}
    targets: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        is_recipe = line.startswith("\t")
        if not is_recipe and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if not is_recipe:
            targets = targets_of(line)
        for name in targets:
            rules.setdefault(name, []).append(line)
        outside += [] if targets else [line]
    return outside, rules


def targets_of(line: str) -> list[str]:
    """Return the targets whose rule begins with this line; none where it concerns every rule."""
    rule = RULE.match(line)
    # RULE takes `A := b` for a rule of A too
    if not rule or VARIABLE.match(line):
        return []
    targets = rule[1].split()
    # Patterns and special targets such as .IGNORE steer every rule, so they stand outside of all.
    if "%" in line or any(name.startswith(".") for name in targets):
        return []
    return targets


def _closure(rules: Mapping[str, Sequence[str]], targets: Sequence[str]) -> list[str]:
    """Return the targets that are made for these, in the order in which they are come upon."""
    ahead = [name for name in targets if name in rules] or list(rules)[:1]
    if any(name not in rules for name in targets):
        # a target from somewhere else, such as a pattern or an include: any rule may be part of it
        ahead += [name for name in rules if name not in ahead]
    closure: list[str] = []
    while ahead:
        name = ahead.pop(0)
        if name not in closure:
            closure.append(name)
            ahead += [word for word in _needs(rules[name]) if word in rules]
    return closure


def _needs(rule: Sequence[str]) -> Iterator[str]:
    """Yield the words of a rule that may be targets: its prerequisites, and what it calls make
    for."""
    heads = [head[2] for line in rule if (head := RULE.match(line))]
    for words in heads:
        yield from words.split()
    for line in rule:
        if "MAKE)" in line or "make " in line:
            yield from line.split()
