"""Everything that the loop itself writes durably, once: writers.py in a project.

What was promised stands in the file `acks`.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from nightlatch.journal import file_io, inbox_io, transcripts_io
from nightlatch.project.discovery import state_folder
from nightlatch.project.project import find_project
from nightlatch.util import fs

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def acknowledged(what: str) -> None:
    with Path("acks").open("a") as file:
        file.write(f"{what}\n")


def keep_a_journal(path: Path, session: str) -> None:
    book = file_io.open_journal(path, lambda: NOW)
    book.write("session.started", session=session, feature="US-001", script="x", text="x" * 400)
    acknowledged(f"journal session.started {session}")
    book.write("note", session=session)
    if session == "s0":
        book.write("limit.met", agent="a", until=NOW.isoformat())
        acknowledged("limit")
    book.write("session.ended", session=session)
    acknowledged(f"journal session.ended {session}")
    book.close()


def main() -> None:
    project = find_project(Path.cwd())
    file_io.SEGMENT = 1000  # a few events fill it
    state_folder(project)
    for n in range(4):
        keep_a_journal(project.state / "journal.jsonl", f"s{n}")
        said = inbox_io.leave(project, "answer", "US-001", f"words {n}", NOW)
        acknowledged(f"decision {said.id}")
    for text in ("first", "second"):
        fs.replace(Path("plan.txt"), text.encode() * 400)
        acknowledged(f"plan {text}")
    folder = project.state / "sessions/s1"
    fs.make_folder(folder)
    (folder / "transcript.jsonl").write_text("words\n" * 500)
    fs.sync_folder(folder)
    with (folder / "transcript.jsonl").open("ab") as file:
        file.flush()
        os.fsync(file.fileno())
    acknowledged("transcript")
    transcripts_io.pack(project, 1e12)


if __name__ == "__main__":
    main()
