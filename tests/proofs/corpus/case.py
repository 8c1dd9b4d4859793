"""One case of the corpus: a small project, what somebody did to it, and what the verdict has to
be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nightlatch.model.models import Feature

Edits = Sequence[tuple[str, str]]
Files = Mapping[str, str | Edits | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A project in one language, with the command by which a naive loop would test it; `link`
    is a folder that is installed once."""

    language: str
    files: Mapping[str, str]
    command: str
    needs: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`kind` is the class of the taxonomy, 0 for honest work.

    `files` become what they say: a text, edits (old, new), or nothing.

    `shell` is what else was done in the workspace, `command` how a naive loop would test it where
    that is not the project's usual way. `verdict`: landed, held or refused. `held_back` is a check
    that nobody saw; `outside`: no rule was written with this case in mind.
    """

    name: str
    base: str
    files: Files
    kind: int = 0
    verdict: str = "refused"
    shell: str = ""
    command: str = ""
    verify: str = ""
    supersedes: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()
    held_back: str = ""
    outside: bool = False

    @property
    def feature(self) -> Feature:
        verify = (self.verify,) if self.verify else ()
        return Feature(
            id="US-7",
            title=self.name,
            done=False,
            verify=verify,
            supersedes=self.supersedes,
            criteria=self.criteria,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Cases of one base, written down one after another."""

    base: str
    cases: list[Case] = field(default_factory=list)

    def tampered(
        self, kind: int, name: str, *files: Files, verdict: str = "refused", **more: object
    ) -> None:
        self.cases.append(
            Case(
                name=name,
                base=self.base,
                kind=kind,
                files=joined(files),
                verdict=verdict,
                **more,  # type: ignore[arg-type]  # fields of a case
            )
        )

    def honest(self, name: str, *files: Files, verdict: str = "landed", **more: object) -> None:
        self.cases.append(
            Case(
                name=name,
                base=self.base,
                files=joined(files),
                verdict=verdict,
                **more,  # type: ignore[arg-type]  # fields of a case
            )
        )


def joined(parts: Sequence[Files]) -> Files:
    """Several sets of changes as one; edits of the same file follow one another."""
    files: dict[str, str | Edits | None] = {}
    for path, change in (pair for part in parts for pair in part.items()):
        before = files.get(path)
        both = (
            before
            and not isinstance(before, str)
            and change is not None
            and not isinstance(change, str)
        )
        files[path] = [*before, *change] if both else change  # type: ignore[misc]  # both are edits
    return files


def applied(base: Mapping[str, str], files: Files) -> dict[str, str | None]:
    """The texts after a case's edits, each of which has to find what it replaces."""
    texts: dict[str, str | None] = {}
    for path, change in files.items():
        if change is None or isinstance(change, str):
            texts[path] = change
            continue
        text = base[path]
        for old, new in change:
            assert old in text, f"{path} does not hold {old!r}"
            text = text.replace(old, new)
        texts[path] = text
    return texts
