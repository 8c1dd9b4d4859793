"""Secrets are found whole and in pieces, hidden as strings and not as lines, and nothing else
is taken for one."""

import json
import os
import time
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlatch.redaction.patterns import MOST_LINES, Screen, Secrets, known_values, shapes_of
from tests import ROOT
from tests.unit.redaction.made_up_keys import heart, made_up

# put together here, so that this file holds no header of a key
DASHES = "-" * 5
SHAPES = shapes_of(
    tomllib.loads((ROOT / "nightlatch/shipped/secrets.toml").read_text(encoding="utf-8"))
)
VALUE = 'correct-horse"battery\\stäple-77'
SECRETS = Secrets(shapes=SHAPES, values=known_values({"SHOP_TOKEN": VALUE}))
KEYS = {**made_up(), "known": VALUE}
SETTINGS: dict[str, object] = {"cwd": "/shop", "n": 1.5}


def screened(lines: Iterable[bytes], secrets: Secrets = SECRETS) -> list[bytes]:
    screen = Screen(secrets)
    return [*(out for line in lines for out in screen.feed(line)), *screen.rest()]


def told(text: str) -> bytes:
    return json.dumps({"kind": "message", "text": text, "part": True}).encode()


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_hidden_wherever_it_stands(name: str) -> None:
    key = KEYS[name]
    for before, after in (
        ("", ""),
        ("use ", " now"),
        ("key=", ""),
        ('"', '"'),
        ("\\n", "\\n"),
        ("a\n", "\nb"),
        ("(", ")"),
        ("ü ", " ü"),
    ):
        shown = SECRETS.hide(f"{before}{key}{after}")
        assert heart(key) not in shown
        assert "[hidden:" in shown
        assert shown.startswith(before[:1])
        assert shown.endswith(after[-1:])


@pytest.mark.parametrize("name", KEYS)
def test_a_line_of_json_stays_json_and_only_its_strings_change(name: str) -> None:
    key = KEYS[name]
    body = {
        "kind": "tool_result",
        "text": f"\n{key}\n",
        "deep": [{"a": [key, 1, None]}],
        f"x {key}": True,
        **SETTINGS,
    }
    raw = json.dumps(body).replace("A", "\\u0041").encode()
    shown = json.loads(SECRETS.hide_line(raw))
    assert heart(key) not in json.dumps(shown)
    assert {name: shown[name] for name in SETTINGS} == SETTINGS
    nested = json.dumps({"text": json.dumps({"out": f"a\n{key}"})}).encode()
    assert heart(key) not in str(json.loads(SECRETS.hide_line(nested)))


@pytest.mark.parametrize("name", KEYS)
def test_no_split_lets_a_key_through(name: str) -> None:
    key = KEYS[name]
    for size in (1, 3, 7, len(key) // 2 + 1):
        parts = [key[at : at + size] for at in range(0, len(key), size)]
        lines = screened(
            [told("it is "), *map(told, parts), told(" and more"), b'{"kind":"result"}']
        )
        whole = "".join(json.loads(line).get("text", "") for line in lines)
        assert heart(key) not in whole
        assert whole.startswith("it is ")
        assert whole.endswith(" and more")
        assert len(lines) == len(parts) + 3, "lines keep their number and order"


@given(
    st.sampled_from(sorted(KEYS)),
    st.lists(st.integers(1, 60), max_size=8),
    st.text("ab \n{}\"'=", max_size=20),
    st.booleans(),
)
def test_any_split_with_anything_between(
    name: str, cuts: list[int], around: str, between: bool
) -> None:
    text, pieces = f"{around}{' '}{KEYS[name]}{' '}{around}", []
    for cut in cuts:
        pieces.append(text[:cut])
        text = text[cut:]
    lines: list[bytes] = []
    for piece in [*pieces, text]:
        lines += [told(piece), *([b'{"kind":"usage","input":1}'] if between else [])]
    shown = "".join(json.loads(line).get("text", "") for line in screened(lines))
    assert heart(KEYS[name]) not in shown
    assert shown.startswith(around)
    assert shown.endswith(around)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["s", "sk", "sk-", "-----BEGIN ", "http://", "A", "AKI"]),
        ),
        max_size=30,
    )
)
def test_what_is_no_secret_comes_out_byte_for_byte(texts: list[str]) -> None:
    lines = [
        told(text) if len(text) % 2 else text.encode("utf-8", "surrogatepass").replace(b"\n", b" ")
        for text in texts
    ]
    assert screened(lines) == lines


def test_a_key_over_several_lines_of_plain_text() -> None:
    lines = [b"here:", *KEYS["private key"].encode().split(b"\n"), b"done"]
    out = screened(lines)
    assert heart(KEYS["private key"]).encode() not in b"\n".join(out)
    assert (out[0], out[-1]) == (b"here:", b"done")


def test_what_waits_is_bounded_and_what_began_nothing_does_not_wait() -> None:
    screen = Screen(SECRETS)
    assert [*screen.feed(told("plain words"))] == [told("plain words")]
    assert [*screen.feed(told("it begins: sk-ant-"))] == []
    other = [b'{"kind":"usage"}'] * (MOST_LINES + 1)
    assert len([out for line in other for out in screen.feed(line)]) == MOST_LINES + 2
    assert [*screen.rest()] == []


def test_which_variables_are_secret() -> None:
    given = {
        "SHOP_KEY": "x9" * 6,
        "GH_TOKEN": "t0" * 6,
        "MY_SECRET_THING": "s1" * 6,
        "DB_PASSWORD": "p2" * 6,
        "APIKEY": "k3" * 6,
        "SSL_KEY": "/etc/ssl/key.pem",
        "A_TOKEN": "short",
        "B_SECRET": "development",
        "KEYBOARD": "qwertz-deluxe",
        "TOKENS": "100000000",
    }
    assert set(known_values(given).values()) == {
        "SHOP_KEY",
        "GH_TOKEN",
        "MY_SECRET_THING",
        "DB_PASSWORD",
        "APIKEY",
    }


@pytest.mark.parametrize(
    "text",
    [
        "task-anthropic",
        "sk-learn",
        "the AKIA prefix",
        f"{DASHES}BEGIN PRIVATE KEY{DASHES}",
        "https://user:password@host/",
        "npm_config",
        "https://registry.npmjs.org/a/-/a-1.0.0.tgz",
        "hf_hub_download",
        "eyJ",
        "SKIPPED",
        "https://{user}:{password123}@host",
        "sha512-" + "Ab9/" * 20 + "==",
        "d41d8cd98f00b204e9800998ecf8427e" * 2,
        "secret_manager_client_factory",
        "key-value-store",
    ],
)
def test_what_only_looks_a_little_like_one(text: str) -> None:
    assert SECRETS.hits(text) == []


def files_of(top: Path) -> Iterator[Path]:
    kept = (
        folder
        for folder in top.iterdir()
        if folder.name not in {".git", ".venv", ".nightlatch"} and not folder.name.startswith(".")
    )
    for place in kept:
        yield from (
            file
            for file in (place.rglob("*") if place.is_dir() else [place])
            if file.is_file() and file.suffix != ".pyc"
        )


def test_this_repository_holds_no_secret() -> None:
    shapes = Secrets(shapes=SHAPES)
    found = {
        str(file): [hit.name for hit in shapes.hits(file.read_bytes().decode("latin-1"))]
        for file in files_of(ROOT)
    }
    assert {file: names for file, names in found.items() if names} == {}
    assert len(found) > 200


def test_the_cost_grows_with_the_text_whatever_stands_in_it() -> None:
    """Processor time, not the clock: others may be at work on this machine."""

    def took(text: str) -> float:
        before = time.process_time()
        SECRETS.hits(text)
        screened([told(text), told(text[: len(text) // 2])])
        return time.process_time() - before

    for noise in (
        "eyJ-",
        "sk-ant-",
        "://a:b",
        f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}",
        "AKIA",
        "A",
        os.sep * 3,
        "gsk_ab1 ",
    ):
        short, long = (took(noise * (size // len(noise))) for size in (10_000, 100_000))
        assert long < 40 * max(short, 0.002), noise
