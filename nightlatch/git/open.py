"""The person's repository, found from a folder in it."""

import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from nightlatch.errors import RepoError
from nightlatch.git.command import HOOKLESS, QUIET, GitCommand, words
from nightlatch.git.repo import Ident, PersonalRules, Repo
from nightlatch.util import outside

PERSONS = (
    "GIT_AUTHOR_",
    "GIT_COMMITTER_",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
)
KEYS = r"^(core\.(excludesfile|attributesfile)|remote\..*\.promisor)$"


def open_repo(folder: Path) -> Repo:
    """Return the repository that a folder is in.

    Raises RepoError for none, a bare one, a partial clone, and a folder inside .git.

    One without commits, or with a detached HEAD, opens, because it can be looked at;
    `checkout.take_branch` refuses it.
    """
    env = environment_of(folder)
    places = ("--path-format=absolute", "--git-dir", "--git-common-dir", "--show-toplevel")
    done = looking(
        folder, env, "rev-parse", "--is-bare-repository", "--show-object-format", *places
    ).finish()
    answers = os.fsdecode(done.stdout).split("\n")[:-1]
    if done.returncode or len(answers) != 5:
        raise no_checkout(folder, answers, done.stderr.decode("utf-8", "replace"))
    _, object_format, git_dir, common_dir, top = answers
    settings = words(
        looking(folder, env, "config", "-z", "--type=path", "--get-regexp", KEYS).finish().stdout
    )
    known = {key: value for key, _, value in (item.partition("\n") for item in settings)}
    refuse_partial(known, top)
    idents = dict(idents_of(folder, env))
    usual = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/"), ".config"), "git")
    return Repo(
        top=Path(top),
        folder=Path(top),
        git_dir=Path(git_dir),
        common_dir=Path(common_dir),
        objects=Path(common_dir, "objects"),
        object_format=object_format,
        rules=PersonalRules(
            ignores=(
                Path(known.get("core.excludesfile") or usual / "ignore"),
                Path(common_dir, "info/exclude"),
            ),
            attributes=(
                Path(known.get("core.attributesfile") or usual / "attributes"),
                Path(common_dir, "info/attributes"),
            ),
        ),
        idents=idents,
        env={**env, **ident_variables(idents)},
    )


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of every git command, without what a hook or an editor of the
    person's has set for another repository."""
    safe = outside.environment(None, folder)
    kept = {
        name: value
        for name, value in safe.items()
        if not name.startswith("GIT_") or name.startswith(PERSONS)
    }
    return kept | QUIET


def ident_variables(idents: Mapping[str, Ident]) -> dict[str, str]:
    """Return who commits as git reads it from the environment."""
    return {
        f"GIT_{role}_{word}": value
        for role, ident in idents.items()
        for word, value in (("NAME", ident.name), ("EMAIL", ident.email))
    }


def refuse_partial(settings: Mapping[str, str], top: str) -> None:
    """Raise RepoError for a partial clone: its objects come over the network, and agents have no
    remote."""
    lazy = next(
        (key.removesuffix(".promisor") for key in settings if key.endswith(".promisor")), None
    )
    if lazy:
        fix = (
            f"git config --unset {lazy}.partialclonefilter; git fetch --refetch && git config"
            f" --unset {lazy}.promisor"
        )
        raise RepoError(
            "this is a partial clone: agents work offline and would miss what it has not fetched",
            place=top,
            fix=fix,
        )


def looking(folder: Path, env: Mapping[str, str], *args: str) -> GitCommand:
    """Return a git command in a folder of which nothing is known yet."""
    # A folder with HEAD, objects and refs in it would be a repository to git, with a configuration
    # that an agent wrote.
    return GitCommand(
        args=args, settings=(*HOOKLESS, "safe.bareRepository=explicit"), env=env, cwd=folder
    )


def idents_of(folder: Path, env: Mapping[str, str]) -> Iterator[tuple[str, Ident]]:
    """Yield what git knows about who commits; nothing where the person never said."""
    for role in ("AUTHOR", "COMMITTER"):
        done = looking(folder, env, "var", f"GIT_{role}_IDENT").finish()
        name, _, rest = done.stdout.decode("utf-8", "surrogateescape").rpartition(" <")
        if done.returncode == 0:
            yield role, Ident(name=name, email=rest.partition(">")[0])


def no_checkout(folder: Path, answers: list[str], said: str) -> RepoError:
    """Return the error that says why a folder has no checkout to work from."""
    if "dubious ownership" in said:
        fix = f"git config --global --add safe.directory {shlex.quote(str(folder))}"
        return RepoError(
            "git does not trust this folder, because it belongs to another user",
            place=str(folder),
            fix=fix,
        )
    if "not a git repository" in said:
        fix = "git init && git add -A && git commit --allow-empty -m start"
        return RepoError("not inside a git repository", place=str(folder), fix=fix)
    explicit = "safe.bareRepository" in said
    if explicit and ".git" in folder.resolve().parts:
        return RepoError("this folder is inside .git", place=str(folder), fix="cd to the checkout")
    if explicit or answers[:1] == ["true"]:
        return RepoError(
            "this is a bare repository, without a checkout to work from",
            place=str(folder),
            fix=f"git clone {folder}",
        )
    if "must be run in a work tree" in said:
        return RepoError("this folder is inside .git", place=str(folder), fix="cd to the checkout")
    if len(answers) > 5:
        return RepoError(
            "the repository path contains a newline",
            place=repr(str(folder)),
            fix="rename the folder",
        )
    return RepoError(
        f"git cannot open this repository: {said.strip()}", place=str(folder), fix="git status"
    )
