"""How all findings stand at a commit: read by one `git cat-file`, with renames looked up once
for all of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256

from nightlatch.git.command import words
from nightlatch.git.repo import Repo
from nightlatch.record.findings.findings import Cite, Finding
from nightlatch.record.findings.staleness import Blob, Freshness, judge

Lookup = Callable[[str], Blob | None]
# Each step reads a file: whoever changed it longer ago than this is no help to anybody.
MOST_STEPS = 50


def standings(repo: Repo, tip: str, findings: Iterable[Finding]) -> dict[str, Freshness]:
    """Return the worst of each finding's cites and evidence files; what cites nothing is not among
    them."""
    asked = [finding for finding in findings if finding.standing_cites or evidence_files(finding)]
    files = {file for finding in asked for file in evidence_files(finding)}
    cites = [cite for finding in asked for cite in finding.standing_cites]
    at_tip = blobs(repo, tip, files.union(cite.path for cite in cites))
    gone = [cite for cite in cites if at_tip.get(cite.path) is None]
    # Renames are looked for only then: that is a diff of two whole trees.
    moved = renames(repo, tip, gone) if gone else {}
    at_tip |= blobs(repo, tip, moved.values())
    return {finding.id: worst(finding, at_tip.get, moved) for finding in asked}


def evidence_files(finding: Finding) -> list[str]:
    """Return the files whose bytes a finding vouches for."""
    return [proof.file for proof in finding.grounds.evidence if proof.sha256]


def worst(finding: Finding, at_tip: Lookup, moved: Mapping[tuple[str, str], str]) -> Freshness:
    found = [
        judge(cite, at_tip(moved.get((cite.commit, cite.path), cite.path)))
        for cite in finding.standing_cites
    ]
    for each in finding.grounds.evidence:
        held = at_tip(each.file) if each.sha256 and each.file else None
        if held and sha256(held.data).hexdigest() != each.sha256:
            found.append(Freshness(fresh=False, path=each.file, share=1.0, lost=True))
    return min(
        found,
        key=lambda standing: (standing.fresh, -standing.share),
        default=Freshness(fresh=True, path=""),
    )


def blobs(repo: Repo, tip: str, paths: Iterable[str]) -> dict[str, Blob | None]:
    """Return files as they are at a commit, None where there are none, all asked for together."""
    # A line break in a path would ask git for two things, and shift every answer after it.
    asked = sorted({path for path in paths if "\n" not in path})
    with repo.stand("cat-file", "--batch").talking() as talk:
        answers = talk.find_all(f"{tip}:{path}" for path in asked)
        return {
            path: Blob(path=path, oid=answer[0], data=answer[2])
            if answer and answer[1] == "blob"
            else None
            for path, answer in zip(asked, answers, strict=True)
        }


def blob(repo: Repo, name: str, path: str) -> Blob | None:
    found = None if "\n" in name else repo.find(name)
    return Blob(path=path, oid=found[0], data=found[2]) if found and found[1] == "blob" else None


def renames(repo: Repo, tip: str, gone: Iterable[Cite]) -> dict[tuple[str, str], str]:
    """Return where cited files are that left their path: where the same bytes are, else as git sees
    renames since the citing commit."""
    wanted = {(cite.commit, cite.path): cite.blob for cite in gone}
    homes = {oid: path for path, (_, oid) in repo.files(tip).items()}
    found = {key: homes[oid] for key, oid in wanted.items() if oid in homes}
    trees = {
        tree[0]: commit
        for commit, path in wanted.keys() - found.keys()
        if commit and (tree := repo.find(f"{commit}^{{tree}}"))
    }
    if trees:
        pairs = "".join(f"{old} {repo.tree_of(tip)}\n" for old in trees)
        told = repo.run(
            "diff-tree",
            "--stdin",
            "-r",
            "-z",
            "-M",
            "--diff-filter=R",
            "--name-status",
            stdin=pairs.encode(),
        )
        for before, path, now in renamed(words(told)):
            found.setdefault((trees[before], path), now)
    return {key: path for key, path in found.items() if key in wanted}


def renamed(told: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """(old tree, old path, new path) from `diff-tree --stdin -z`, which writes each pair of
    trees on a line of its own."""
    tree, each = "", iter(told)
    for word in each:
        *headers, status = word.split("\n")
        tree = headers[-1].split()[0] if headers else tree
        if status:
            yield tree, next(each), next(each)


def blamed(repo: Repo, tip: str, finding: Finding, standing: Freshness) -> Freshness:
    """Return a stale standing with the commit that made it so: the last whose file no longer bears
    the cite out, though the one before did."""
    if standing.fresh:
        return standing
    cited = finding.standing_cites
    moved = cited[0] if cited and not standing.lost else Cite(path=standing.path)
    cite = next((other for other in cited if other.path == standing.path), moved)
    for commit, old in earlier_blobs(repo, tip, standing.path):
        before = blob(repo, old, standing.path)
        if before is None or not cite.blob or judge(cite, before).fresh:
            return replace(standing, commit=commit)
    return standing


def earlier_blobs(repo: Repo, tip: str, path: str) -> list[tuple[str, str]]:
    """Return the last commits that changed a file, latest first, each with the blob that the file
    was before it."""
    log = repo.run(
        "log",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "-z",
        f"-n{MOST_STEPS}",
        "--format=%x01%H",
        tip,
        "--",
        path,
    )
    commit, steps = "", []
    for word in words(log):
        if "\1" in word:
            commit = word.rpartition("\1")[2].strip()
        elif word.lstrip("\n").startswith(":"):
            steps.append((commit, word.split()[2]))
    return steps
