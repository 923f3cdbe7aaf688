"""`baton up` as a process: it takes events, survives its end, and says what is wrong."""

import signal
import socket
from pathlib import Path

import pytest

from streams.logs import LINES
from tests.service.processes import WAIT_S, Baton, Start, event

TOKEN = "correct-horse-battery-staple"


def test_what_is_accepted_is_decided(up: Start) -> None:
    service = up()
    answer = service.post(event(1, "demo.requested"), event(2, "page.viewed"))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "duplicates": 0})
    staged, assigned, started = service.decided(3)
    assert (staged["type"], staged["data"]["stage"]) == ("lead.stage_changed", "sql")
    assert (assigned["type"], assigned["cause"]) == ("lead.assigned", "e-1")
    assert started["data"]["clause"] == "first contact"
    lead = service.client.get("/leads/lead-1").json()
    assert (lead["stage"], lead["owner"]) == ("sql", assigned["data"]["rep"])


def test_the_first_line_says_where_and_what(up: Start) -> None:
    service = up()
    assert service.client.get("/readyz").status_code == 200
    assert service.said == (
        f"baton is up at {service.url} ({service.url}/docs shows how to ask it), with Acme 2026, "
        "version 4, and 0 leads in baton.db. Ctrl-C stops it.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(up: Start, tmp_path: Path, number: int) -> None:
    service = up()
    service.post(event(1, "demo.requested"))
    before = service.decided(3)
    assert service.stop(number) == 0
    assert [line["event"] for line in service.lines()][-2:] == ["stopping", "stopped"]
    assert not (tmp_path / "baton.db-wal").exists()
    again = up()
    assert "and 1 lead in baton.db" in again.said
    assert again.decisions() == before


def test_whoever_follows_decisions_does_not_keep_it_from_stopping(up: Start) -> None:
    service = up()
    asked = {"accept": "text/event-stream"}
    with service.client.stream("GET", "/decisions", headers=asked) as following:
        service.process.send_signal(signal.SIGTERM)
        assert all(not line.startswith("data") for line in following.iter_lines())
    assert service.process.wait(WAIT_S) == 0


def test_a_second_signal_ends_it_at_once(up: Start) -> None:
    service = up(stop_s="600")
    host, port = service.url.removeprefix("http://").split(":")
    head = f"POST /events HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\nContent-Type: "
    with socket.create_connection((host, int(port))) as unfinished:
        unfinished.sendall(f"{head}application/cloudevents+json\r\n\r\n{{".encode())
        service.client.get("/healthz")
        service.process.send_signal(signal.SIGTERM)
        while "stopping" not in service.log.read_text():
            assert service.process.poll() is None
        assert service.stop() == 128 + signal.SIGTERM


def test_what_was_confirmed_survives_a_kill(up: Start) -> None:
    service = up()
    for number in range(20):
        assert service.post(event(number, "demo.requested", f"lead-{number}")).status_code == 202
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    again = up()
    assert len(again.decided(3, "lead-19")) == 3
    made = again.decisions()
    assert sorted({each["subject"] for each in made}) == sorted(f"lead-{n}" for n in range(20))
    for number in range(20):
        of_lead = [each for each in made if each["subject"] == f"lead-{number}"]
        assert [each["sequence"] for each in of_lead] == [1, 2, 3]
    assert again.post(event(7, "demo.requested", "lead-7")).json()["duplicates"] == 1


def test_another_agreement_is_put_in_force_and_the_present_one_goes_on(
    up: Start, acme_path: Path, tmp_path: Path
) -> None:
    up().stop()
    fifth = tmp_path / "fifth.yaml"
    fifth.write_text(acme_path.read_text().replace("\nversion: 4\n", "\nversion: 5\n"))
    service = up("--agreement", str(fifth))
    assert "agreement_activated" in [line["event"] for line in service.lines()]
    service.stop()
    again = up(agreement="")
    assert "version 5" in again.said
    assert "agreement_activated" not in [line["event"] for line in again.lines()]
    again.post(event(1, "demo.requested"))
    assert again.decided(1)[0]["source"] == "/baton/acme-2026@5"


def test_the_log_is_json_and_holds_nothing_personal(up: Start) -> None:
    service = up(token=TOKEN, log_level="debug", tokn="mistyped")
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert service.post(event(1, "demo.requested")).status_code == 401
    service.client.headers.update(headers)
    service.post(event(1, "lead.captured", email="ada@acme.example"))
    service.post(event(2, "lead.rejected", reason="ada has left"))
    service.stop()
    lines = service.lines()
    assert {line["event"] for line in lines} <= LINES.keys()
    for line in lines:
        assert {"at", "level", "event"} <= line.keys()
    text = service.log.read_text()
    assert not [word for word in ("ada", "lead-1", TOKEN) if word in text]
    ignored = next(line for line in lines if line["event"] == "setting_ignored")
    assert (ignored["name"], ignored["meant"]) == ("BATON_TOKN", "BATON_TOKEN")
    refused = next(line for line in lines if line["event"] == "refused")
    assert refused["requests"] == {"400": 1, "401": 1}


def test_a_token_that_is_set_is_demanded_but_not_of_who_watches_over_it(up: Start) -> None:
    service = up(token=TOKEN)
    assert service.client.get("/healthz").status_code == 200
    assert service.client.get("/readyz").status_code == 200
    assert service.client.get("/leads").status_code == 401
    right = {"authorization": f"Bearer {TOKEN}"}
    assert service.client.get("/leads", headers=right).status_code == 200


# --- what can't be started


def test_beyond_loopback_a_token_is_demanded(baton: Baton, acme_path: Path) -> None:
    refused = baton("up", agreement=str(acme_path), listen="0.0.0.0:0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("0.0.0.0:0 can be reached from other machines, and no token")


def test_all_of_loopback_does_without_a_token(up: Start) -> None:
    assert up(listen="127.0.0.2:0").client.get("/leads").status_code == 200


def test_every_wrong_setting_is_told(baton: Baton) -> None:
    refused = baton("up", "--listen", "here", log_level="loud", token="short")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.splitlines() == [
        "--listen is 'here'; write an address and a port from 0 to 65535, such as 127.0.0.1:8080 "
        "or [::1]:8080.",
        "BATON_TOKEN can't be used; write at least 16 printable ASCII characters without spaces; "
        "`openssl rand -hex 24` makes one.",
        "BATON_LOG_LEVEL is 'loud'; write debug, info, warning or error.",
    ]


def test_a_store_at_work_is_not_opened_twice(up: Start, baton: Baton, acme_path: Path) -> None:
    service = up()
    refused = baton("up", agreement=str(acme_path), listen="127.0.0.1:0")
    assert refused.returncode == 2
    assert f"another baton, process {service.process.pid}, is at work on it" in refused.stderr
    assert service.client.get("/readyz").status_code == 200


def test_a_port_in_use_is_said(up: Start, baton: Baton, acme_path: Path, tmp_path: Path) -> None:
    taken = up().url.removeprefix("http://")
    refused = baton("up", agreement=str(acme_path), listen=taken, store="other.db")
    assert refused.returncode == 2
    assert f"Another program listens on {taken} already" in refused.stderr
    assert not (tmp_path / "other.db").exists()


def test_an_agreement_with_faults_is_not_put_in_force(baton: Baton, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("agreement: Broken\nversion: 1\ntimezone: Europe/Roma\n")
    refused = baton("up", "--agreement", "broken.yaml", listen="127.0.0.1:0")
    assert refused.returncode == 1
    assert "broken.yaml:3:11: error[" in refused.stderr
    assert not (tmp_path / "baton.db").exists()


def test_a_new_store_needs_an_agreement(baton: Baton) -> None:
    refused = baton("up", listen="127.0.0.1:0")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        "baton.db holds no agreement yet. Name its file with --agreement or BATON_AGREEMENT."
    )


def test_a_file_that_is_no_store_is_left_alone(
    baton: Baton, acme_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "baton.db").write_text("minutes of the meeting\n" * 1_000)
    refused = baton("up", agreement=str(acme_path), listen="127.0.0.1:0")
    assert refused.returncode == 2
    assert "it is no store of baton" in refused.stderr
    assert (tmp_path / "baton.db").read_text().startswith("minutes of the meeting")
