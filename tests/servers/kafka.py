"""A real Kafka broker: one node in KRaft mode that is broker and controller, on loopback.

As used by tests:

    with Broker(folder) as broker:
        broker.start()
        broker.create_topic("activity", partitions=4, log_append_time=True)
        KafkaProducer(bootstrap_servers=broker.address)
        broker.kill()
        broker.restart()  # the same port, the same data

What a client got an acknowledgement for is in the broker's page cache at least: it survives `kill`
(the process dies), as it would survive on one of several brokers when a machine dies.
"""

import base64
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from kafka import KafkaAdminClient
from kafka.errors import RetriableError

from tests.servers.jars import jars, java
from tests.servers.loopback import HOST, answers, free_port
from tests.servers.process import Process, environment, run
from tests.servers.proxy import Proxy

START_S: Final = 180.0  # virtual machines pause, and the start is then late by no fault of it
ASK_MS: Final = 5_000
LOGGING: Final = Path(__file__).with_name("log4j2.xml")
# A single node that starts quickly, knows no topic that it was not told of, and lets clients choose
# short session time-outs. How it flushes its log is Kafka's default.
SETTINGS: Final = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": (
        "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"
    ),
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # After `kill` the node must first forget that it was there: by default that takes 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class Broker:
    """One broker with its data in a folder; it doesn't run before `start()`.

    Raises LackingError if Java or the jars are missing (from the constructor, which may download
    them), and StartError from what starts it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        starts_quickly: bool = True,
        heap_mb: int = 512,
    ) -> None:
        """`folder`: empty, its own; `settings` of Kafka's server.properties come over ours.

        `starts_quickly`: half the time to start, by never optimising fully (measure without it).
        """
        self.folder: Final = folder
        self.port: Final = free_port()
        self.proxied_port: Final = free_port()
        self._behind_proxy: Final = free_port()
        self._controller: Final = free_port()
        self._settings: Final = dict(settings or {})
        jvm = [java(), f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-XX:+UseG1GC"]
        jvm += ["-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError"]
        if starts_quickly:
            jvm += ["-XX:TieredStopAtLevel=1"]
        jvm += ["-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={LOGGING}"]
        self._java: Final = [*jvm, "-cp", f"{jars()}/*"]
        self._properties: Final = folder / "server.properties"
        command = [*self._java, "kafka.Kafka", str(self._properties)]
        self.process: Final = Process(command, folder / "broker.log", cwd=folder)

    @property
    def address(self) -> str:
        """Where clients call: host:port."""
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        """The file that the broker logs to."""
        return self.process.log

    @property
    def is_running(self) -> bool:
        """Whether its process lives; a frozen one does."""
        return self.process.is_running

    def start(self) -> None:
        """Start it, on an empty folder with a new cluster, and wait until it answers."""
        if not self._properties.exists():
            self._format()
        self.process.start(self._is_ready, START_S, environment())

    def stop(self) -> None:
        """End it as an operator would; harmless if it doesn't run."""
        self.process.stop()

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()

    def restart(self) -> None:
        """Start it again on the same ports and data; stops it first if it runs."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Stop its clock (SIGSTOP): connections stay open and nothing answers."""
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze()`."""
        self.process.signal(signal.SIGCONT)

    def proxy(self) -> Proxy:
        """A proxy in front of it, not started; clients that call it are kept on it.

        (Kafka tells its clients where to call next, so it needs a listener that names the proxy.)
        """
        return Proxy(self._behind_proxy, port=self.proxied_port)

    def admin(self, **settings: object) -> KafkaAdminClient:
        """A client to administer it; the caller closes it (it is a context manager)."""
        return KafkaAdminClient(bootstrap_servers=self.address, **settings)

    def create_topic(
        self, name: str, *, partitions: int = 1, log_append_time: bool = False, **settings: str
    ) -> None:
        """Create a topic; `settings` with underscores for Kafka's points (`retention_ms="1"`).

        `log_append_time`: the broker stamps records when it appends them, as baton needs it;
        otherwise they keep the stamp of their producer, Kafka's default.
        """
        given = {key.replace("_", "."): value for key, value in settings.items()}
        if log_append_time:
            given["message.timestamp.type"] = "LogAppendTime"
        wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": given}
        with self.admin() as admin:
            admin.create_topics({name: wanted}, wait_for_metadata=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _format(self) -> None:
        """Write its settings and prepare its folder, as `kafka-storage format --standalone`."""
        controller = f"{HOST}:{self._controller}"
        inside = f"PLAINTEXT://{self.address},PROXIED://{HOST}:"
        own = {
            "listeners": f"{inside}{self._behind_proxy},CONTROLLER://{controller}",
            "advertised.listeners": f"{inside}{self.proxied_port},CONTROLLER://{controller}",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self.folder / "data"),
        }
        lines = [f"{key}={value}" for key, value in (SETTINGS | own | self._settings).items()]
        partial = self._properties.with_suffix(".new")
        partial.write_text("\n".join([*lines, ""]))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [*self._java, "kafka.tools.StorageTool", "format", "--standalone"]
        run([*tool, f"--cluster-id={cluster}", f"--config={partial}"], cwd=self.folder)
        partial.rename(self._properties)

    def _is_ready(self) -> bool:
        """Whether it answers a client and counts itself among the brokers."""
        if not answers(self.port):
            return False
        try:
            with self.admin(request_timeout_ms=ASK_MS, bootstrap_timeout_ms=ASK_MS) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except RetriableError:
            return False
