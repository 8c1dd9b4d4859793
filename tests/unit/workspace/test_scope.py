"""What a candidate may reach."""

import pytest

from nightlatch.git.model import Change
from nightlatch.model.models import Ruling
from nightlatch.util.globs import matcher
from nightlatch.workspace.scope import (
    LARGE,
    TOO_LARGE,
    Rules,
    ScopeResult,
    WorkspaceScan,
    judge,
    leaves,
)


def added(path: str, mode: str = "100644") -> Change:
    return Change(path=path, status="A", new_mode=mode, new_oid="1")


def changed(path: str) -> Change:
    return Change(
        path=path, status="M", old_mode="100644", old_oid="0", new_mode="100644", new_oid="1"
    )


def deleted(path: str, mode: str = "100644") -> Change:
    return Change(path=path, status="D", old_mode=mode, old_oid="0")


def rules_of(judged: ScopeResult) -> dict[str, Ruling]:
    return {reason.rule: reason.ruling for reason in judged.reasons}


def kept(judged: ScopeResult) -> list[str]:
    return [change.path for change in judged.changes]


@pytest.mark.parametrize(
    ("path", "pattern", "named"),
    [
        ("checks/10-tests", "checks/**", True),
        ("checks/deep/er", "checks/**", True),
        ("checks", "checks/**", True),
        ("checks/10-tests", "checks", True),
        ("checks/10-tests", "checks/", True),
        ("other/checks/x", "checks/**", False),
        ("other/checks/x", "**/checks/**", True),
        ("checks/x", "**/checks/**", True),
        ("loop.toml", "loop.toml", True),
        ("loop.toml/x", "loop.toml", True),
        ("loopxtoml", "loop.toml", False),
        ("a/b.snap", "*.snap", False),
        ("a/b.snap", "**/*.snap", True),
        ("b.snap", "**/*.snap", True),
        ("src/one/test_x.py", "src/*/test_?.py", True),
        ("src/one/two/test_x.py", "src/*/test_?.py", False),
        ("a\nb/c", "a?b/**", True),
        ("a[1]", "a[1]", True),
    ],
)
def test_a_pattern_names_files_and_folders_with_all_that_lies_in_them(
    path: str, pattern: str, named: bool
) -> None:
    assert matcher([pattern])(path) is named


def test_no_pattern_names_nothing() -> None:
    assert not matcher([])("a")


def test_protected_files_are_put_back_and_that_refuses_nothing() -> None:
    seen = WorkspaceScan(
        changes=(
            changed("checks/10-tests"),
            deleted("prd.json"),
            added("checks/20-mine"),
            changed("src/a.py"),
        )
    )

    judged = judge(seen, Rules(protected=("checks/**", "prd.json")))

    assert kept(judged) == ["src/a.py"]
    [reason] = judged.reasons
    assert (reason.rule, reason.ruling) == ("scope.protected-path", Ruling.FLAG)
    assert reason.detail == ("checks/10-tests", "checks/20-mine", "prd.json")


def test_a_protected_folder_does_not_become_a_link_or_a_file() -> None:
    seen = WorkspaceScan(
        changes=(deleted("docs/keep.md"), deleted("docs/other.md"), added("docs", "120000")),
        links={"docs": "src"},
    )

    judged = judge(seen, Rules(protected=("docs/keep.md",)))

    assert kept(judged) == ["docs/other.md"]
    assert rules_of(judged) == {"scope.protected-path": Ruling.FLAG}


def test_what_a_feature_may_change_is_held() -> None:
    seen = WorkspaceScan(changes=(changed("checks/10-tests"), changed("checks/20-lint")))

    judged = judge(seen, Rules(protected=("checks/**",), may_change=("checks/20-*",)))

    assert kept(judged) == ["checks/20-lint"]
    assert rules_of(judged) == {
        "scope.may-change": Ruling.HOLD,
        "scope.protected-path": Ruling.FLAG,
    }


def test_a_file_outside_the_project_is_held_also_in_a_folder_named_like_it() -> None:
    seen = WorkspaceScan(changes=(changed("app/a.py"), changed("app2/a.py"), changed("b.py")))

    judged = judge(seen, Rules(project="app"))

    assert kept(judged) == ["app/a.py", "app2/a.py", "b.py"]
    [reason] = judged.reasons
    assert (reason.rule, reason.ruling, reason.detail) == (
        "scope.outside-project",
        Ruling.HOLD,
        ("app2/a.py", "b.py"),
    )


def test_submodules_stay_as_they_are() -> None:
    moved = Change(path="lib", status="M", old_mode="160000", old_oid="0", new_mode="160000")
    became_file = Change(
        path="lib2", status="T", old_mode="160000", old_oid="0", new_mode="100644", new_oid="1"
    )

    judged = judge(
        WorkspaceScan(
            changes=(added("new", "160000"), moved, became_file, deleted("gone", "160000"))
        ),
        Rules(),
    )

    assert kept(judged) == []
    [reason] = judged.reasons
    assert (reason.rule, reason.ruling, reason.detail) == (
        "scope.gitlink",
        Ruling.REJECT,
        ("lib", "lib2", "new"),
    )


@pytest.mark.parametrize(
    ("path", "target", "out"),
    [
        ("a", "b", False),
        ("a", "b/c", False),
        ("d/a", "../b", False),
        ("d/e/a", "../../b", False),
        ("a", "../b", True),
        ("d/a", "../../b", True),
        ("a", "/etc/passwd", True),
        ("d/e/a", "x/../b", True),
        ("a", ".git/config", True),
        ("d/a", "../.GIT/hooks", True),
        ("a", ".gitignore", False),
        ("d/a", "..", False),
        ("a", "..", True),
        ("a", "./b", False),
    ],
)
def test_a_link_stays_in_the_tree_whatever_else_is_a_link(
    path: str, target: str, out: bool
) -> None:
    assert leaves(path, target) is out
    judged = judge(WorkspaceScan(changes=(added(path, "120000"),), links={path: target}), Rules())
    assert (kept(judged) == []) is out
    assert rules_of(judged) == ({"scope.link-leaves-tree": Ruling.REJECT} if out else {})


@pytest.mark.parametrize(
    "path",
    [
        *(
            "pytest.py",
            "src/_pytest/__init__.py",
            "tests/sitecustomize.py",
            "usercustomize/__init__.py",
            "unittest.py",
            "pytest.pyc",
        ),
        *("pytest.cpython-311-x86_64-linux-gnu.so", "lib/python3.11/site-packages/evil.pth"),
        *(
            "encodings/__init__.py",
            "src/encodings.py",
            "re.py",
            "importlib/__init__.py",
            "enum.cpython-313-darwin.so",
        ),
    ],
)
def test_a_new_file_in_place_of_the_runner_is_refused(path: str) -> None:
    judged = judge(WorkspaceScan(changes=(added(path), added("a.py"))), Rules())

    assert kept(judged) == ["a.py"]
    assert rules_of(judged) == {"scope.runner-shadow": Ruling.REJECT}


@pytest.mark.parametrize(
    "change",
    [
        changed("pytest.py"),
        *map(
            added, ("pytest.ini", "test_pytest.py", "weights/model.pth", "shop/types.py", "re.rs")
        ),
    ],
)
def test_a_file_that_only_looks_like_it_is_kept(change: Change) -> None:
    assert judge(WorkspaceScan(changes=(change,)), Rules()).reasons == ()


@pytest.mark.parametrize(
    "change",
    [
        *(
            added(path)
            for path in (
                ".GIT/config",
                "a/git~1/hooks/x",
                "a/.git /x",
                "a/.git.",
                ".git::$INDEX_ALLOCATION/x",
                "a\\.git\\x",
            )
        ),
        *(added(path) for path in (".g\u200cit/config", "b/.Git")),
        *(
            added(path, "120000")
            for path in (".gitmodules", "a/.GITMODULES", "GITMOD~1", "gi7eba~1")
        ),
    ],
)
def test_a_name_that_git_would_not_check_out_again_is_left_out(change: Change) -> None:
    judged = judge(
        WorkspaceScan(changes=(change, added("a.py")), links={change.path: "x"}), Rules()
    )

    assert kept(judged) == ["a.py"]
    assert rules_of(judged) == {"scope.unnamable": Ruling.FLAG}


@pytest.mark.parametrize(
    "path", [".gitignore", ".github/x", "git", "a.git/x", "gitmodules", ".gitmodules"]
)
def test_other_names_with_git_in_them_are_fine(path: str) -> None:
    assert kept(judge(WorkspaceScan(changes=(added(path),)), Rules())) == [path]


def test_what_cannot_be_in_a_candidate_is_named_and_large_files_are_flagged() -> None:
    seen = WorkspaceScan(
        changes=(added("big"), added("small")),
        sizes={"big": LARGE + 1, "small": LARGE, "prd.json": LARGE + 1, "huge": TOO_LARGE + 1},
        too_large=("huge",),
        nested=("sub/",),
        special=("pipe",),
        unreadable=("locked",),
    )

    judged = judge(seen, Rules())

    assert kept(judged) == ["big", "small"]
    assert rules_of(judged) == {
        "scope.nested-repository": Ruling.REJECT,
        "scope.unreadable": Ruling.REJECT,
        "scope.large-file": Ruling.FLAG,
        "scope.too-large": Ruling.FLAG,
        "scope.special-file": Ruling.FLAG,
    }
    assert {r.detail for r in judged.reasons} == {
        ("sub/",),
        ("locked",),
        ("big (1.0 MB)",),
        ("huge (100.0 MB)",),
        ("pipe",),
    }


def test_a_long_list_of_paths_is_cut_and_says_so() -> None:
    [reason] = judge(
        WorkspaceScan(changes=tuple(added(f"checks/{n}") for n in range(50))),
        Rules(protected=("checks/**",)),
    ).reasons

    assert len(reason.detail) == 21
    assert reason.detail[-1] == "and 30 more"
