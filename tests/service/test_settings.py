"""Settings: from flags, the environment and `.env`, with every fault told, and no secret shown."""

import re
from pathlib import Path

import pytest

from streams.settings import (
    WRITE,
    Listen,
    Settings,
    SettingsError,
    beyond_loopback_fault,
    load_settings,
    misspelt,
    parse_listen,
)

SECRET = "a-secret-of-some-length"
DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without `.env`, and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BATON_{name.upper()}", raising=False)
    return tmp_path


def test_a_flag_comes_before_the_environment_and_that_before_the_file(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare / ".env").write_text("BATON_STORE=file.db\nBATON_LISTEN=:1\nBATON_LOG_LEVEL=error\n")
    monkeypatch.setenv("BATON_STORE", "environment.db")
    monkeypatch.setenv("BATON_LISTEN", "localhost:2")
    settings = load_settings({"listen": "[::1]:3", "store": None})
    assert settings.listen == Listen("::1", 3)
    assert settings.store == Path("environment.db")
    assert settings.log_level == "error"


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_TOKEN", "")
    monkeypatch.setenv("BATON_AGREEMENT", "")
    settings = load_settings()
    assert (settings.token, settings.agreement) == (None, None)


@pytest.mark.parametrize(
    ("written", "listen"),
    [
        ("127.0.0.1:8080", Listen("127.0.0.1", 8080)),
        (":80", Listen("0.0.0.0", 80)),
        ("[::]:0", Listen("::", 0)),
        ("baton.example:65535", Listen("baton.example", 65535)),
    ],
)
def test_an_address_is_read(written: str, listen: Listen) -> None:
    assert parse_listen(written) == listen
    assert parse_listen(str(listen)) == listen


@pytest.mark.parametrize(
    "written", ["", "8080", "::1:80", "host:", "host:-1", "host:65536", "host:٣"]
)
def test_what_is_no_address_is_none(written: str) -> None:
    assert parse_listen(written) is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.2", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.4", False), ("localhost.example", False)],
)  # fmt: skip
def test_only_loopback_does_without_a_token(host: str, loopback: bool) -> None:
    listen = Listen(host, 1)
    assert (beyond_loopback_fault(load_settings({"listen": listen})) is None) == loopback
    assert beyond_loopback_fault(load_settings({"listen": listen, "token": SECRET})) is None


BAD = {
    "listen": "nowhere",
    "token": "short secret",
    "url": "ftp://baton",
    "log_level": "loud",
    "log_format": "xml",
    "retention_days": "34",
    "stop_s": "soon",
}


def test_every_fault_is_told_at_once_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BAD.items():
        monkeypatch.setenv(f"BATON_{name.upper()}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings({"log_level": "quiet"})
    faults = raised.value.faults
    assert len(faults) == len(BAD)
    assert "--log-level is 'quiet'; write debug, info, warning or error." in faults
    assert "BATON_RETENTION_DAYS is '34'; write a whole number of days from 35 to 36500." in faults
    assert "short secret" not in str(raised.value)


def test_a_secret_is_not_shown_by_accident() -> None:
    assert SECRET not in repr(load_settings({"token": SECRET}))


def test_a_client_finds_what_listens_on_all_addresses() -> None:
    assert load_settings({"listen": ":80"}).service_url() == "http://127.0.0.1:80"
    assert load_settings({"url": "https://baton.example/"}).service_url() == "https://baton.example"


def test_a_misspelt_setting_is_found_and_others_are_left_alone() -> None:
    found = {"BATON_TOKN": "x", "BATON_SERVICE_HOST": "10.0.0.1", "BATON_STORE": "s", "HOME": "/"}
    assert misspelt(found) == [("BATON_TOKN", "BATON_TOKEN")]


def test_every_setting_says_what_to_write() -> None:
    assert WRITE.keys() == Settings.model_fields.keys()


def test_the_documentation_lists_every_setting_with_its_meaning() -> None:
    rows = re.findall(r"^\| `(BATON_\w+)` \| (.*?) \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert [(name, meaning) for name, _, meaning in rows] == [
        (f"BATON_{name.upper()}", field.description)
        for name, field in Settings.model_fields.items()
    ]
