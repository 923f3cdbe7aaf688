"""The servers that these tests are about."""

from tests.servers.fixtures import broker, database, postgres, servers_in_order

__all__ = ["broker", "database", "postgres", "servers_in_order"]
