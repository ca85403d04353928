"""Which sandbox is taken, what is said of it, and what of our own environment is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfparity.engine import sandbox
from tfparity.engine.sandbox import Found, Inside, Sandbox
from tfparity.errors import SandboxError
from tfparity.planning import options
from tfparity.records import own_environment
from tfparity.records.vocabulary import Sandboxing

NAMESPACES = Sandbox("user namespaces")
DENIED = Found(None, "user namespaces: unshare: Operation not permitted; bubblewrap (bwrap) is not installed")
WHOLE = "sandbox: user namespaces: no network, and what runs writes to its own folder alone"
HALF = (
    f"{WHOLE} (here without nested namespaces: what runs may change modes and times of what its like makes; "
    "Landlock: what runs may reach the memory of its like)"
)


@pytest.mark.parametrize(
    ("wanted", "found", "taken", "said"),
    [
        (Sandboxing.AUTO, Found(NAMESPACES), NAMESPACES, "sandbox: user namespaces"),
        (Sandboxing.REQUIRED, Found(NAMESPACES), NAMESPACES, "sandbox: user namespaces"),
        (Sandboxing.AUTO, Found(NAMESPACES, lacks=("mounts", "Landlock")), NAMESPACES, HALF),
        (Sandboxing.AUTO, Found(NAMESPACES, lacks=("calls",)), NAMESPACES, f"{WHOLE} (here without a filter of calls"),
        (Sandboxing.AUTO, DENIED, None, "no sandbox here (user namespaces: unshare: Operation not permitted"),
        (Sandboxing.OFF, Found(NAMESPACES), None, None),
        (Sandboxing.OFF, DENIED, None, None),
    ],
)
def test_a_sandbox_is_named_or_the_lack_of_one_is_said_once(
    monkeypatch: pytest.MonkeyPatch, wanted: Sandboxing, found: Found, taken: Sandbox | None, said: str | None
) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: found)
    told: list[str] = []
    assert sandbox.chosen(wanted, told.append) == taken
    assert [text[: len(said or "")] for text in told] == ([said] if said else [])


def test_one_that_is_required_and_denied_refuses_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: DENIED)
    with pytest.raises(SandboxError, match=r"unshare: Operation not permitted.*--sandbox required") as refused:
        sandbox.chosen(Sandboxing.REQUIRED, print)
    assert refused.value.exit_code == 29


@pytest.mark.parametrize(
    ("bwrap", "refusals", "name", "why"),
    [
        (None, {}, "user namespaces", None),
        ("/usr/bin/bwrap", {}, "user namespaces", None),
        ("/usr/bin/bwrap", {"user namespaces": "denied"}, "bubblewrap", None),
        ("/usr/bin/bwrap", {"user namespaces": "a", "bubblewrap": "b"}, None, "user namespaces: a; bubblewrap: b"),
        (None, {"user namespaces": "a"}, None, "user namespaces: a; bubblewrap (bwrap) is not installed"),
    ],
)
def test_the_first_way_that_works_is_taken(
    monkeypatch: pytest.MonkeyPatch, bwrap: str | None, refusals: dict[str, str], name: str | None, why: str | None
) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "linux")
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: bwrap)
    monkeypatch.setattr(
        sandbox, "tried", lambda way: Found(None if refusals.get(way.name) else way, refusals.get(way.name))
    )
    found = sandbox.available.__wrapped__()
    assert (found.sandbox.name if found.sandbox else None, found.why) == (name, why)


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert sandbox.available.__wrapped__() == Found(None, "there is none for this system")


@pytest.mark.parametrize(("given", "wanted"), [(None, "auto"), ("off", "off"), ("required", "required")])
def test_the_option_says_which(given: str | None, wanted: str) -> None:
    assert options.chosen(lambda name: given if name == "sandbox" else None).sandbox == wanted


def test_bubblewrap_is_told_the_same_places(tmp_path: Path) -> None:
    way = Sandbox("bubblewrap", "/usr/bin/bwrap")
    run = tmp_path / "run"
    run.mkdir()
    words = Inside(way).around(["/usr/bin/python3", "-I"], run / "worker")
    assert (words[0], words[-3:]) == ("/usr/bin/bwrap", ["--", "/usr/bin/python3", "-I"])
    assert {"--unshare-net", "--unshare-pid", "--unshare-user"} < set(words)
    (root,) = (place for place, word in enumerate(words) if word == "--ro-bind" and words[place + 1] == "/")
    writable = max(place for place, word in enumerate(words) if word == "--bind")
    assert words[writable : writable + 3] == ["--bind", str(run / "worker"), str(run / "worker")]
    assert root < writable


@pytest.mark.parametrize(("code", "status"), [(0, 0), (3, 3), (139, -11), (137, -9)])
def test_bubblewraps_status_is_read_as_a_signal(code: int, status: int) -> None:
    assert Sandbox("bubblewrap", "/usr/bin/bwrap").status(code) == status
    assert NAMESPACES.status(code) == code


SECRETS = {
    "GITHUB_TOKEN": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "my_password": "x",
    "OPENAI_API_KEY": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/x",
    "SSH_AUTH_SOCK": "/x",
    "DATABASE_URL": "postgres://user:word@host/x",
    "PIP_INDEX_URL": "https://user:word@host/simple",
}
FOR_UV = {
    "UV_INDEX_MINE_PASSWORD": "x",
    "UV_DEFAULT_INDEX": "https://user:word@host/simple",
    "UV_CACHE_DIR": "/x",
    "HTTPS_PROXY": "http://user:word@host:1",
    "no_proxy": "host",
    "NETRC": "/x",
}
PLAIN = {
    "PATH": "/usr/bin",
    "HOME": "/home/x",
    "CFLAGS": "-O2",
    "SSL_CERT_FILE": "/x",
    "DATABASE_URL": "postgres://host/x",
}


def test_what_we_start_is_not_given_secrets_and_uv_alone_what_is_its_own() -> None:
    given = {**SECRETS, **FOR_UV, **PLAIN}
    assert own_environment.without_secrets(given) == PLAIN
    assert own_environment.for_uv(given) == {**FOR_UV, **PLAIN}
