"""Ports of 127.0.0.1 that a server can keep: after its death it finds them free again."""

import random
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
LOWEST: Final = 12_000
# Kernels hand out ports from here on to clients (Linux says where it begins, others begin later).
EPHEMERAL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIES: Final = 1_000

_given: set[int] = set()


def free_port() -> int:
    """A port below those for clients that nobody listens on, given once in this process.

    Below, because a client that calls while the server is down may otherwise be given the server's
    port for its own end: it then talks to itself, and the server can't come back.
    """
    end = int(EPHEMERAL_RANGE.read_text().split()[0]) if EPHEMERAL_RANGE.exists() else 32_768
    # Unseeded on purpose: tests that run beside each other must not draw the same ports.
    draw = random.SystemRandom()
    for _ in range(TRIES):
        port = draw.randrange(min(LOWEST, end - TRIES), end)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError(f"No free port between {LOWEST} and {end} after {TRIES} tries.")


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
