"""Java, and the jars of Apache Kafka: Maven brings them into `build/kafka/`, once per `pom.xml`."""

import fcntl
import functools
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.servers.lacking import LackingError

ROOT: Final = Path(__file__).parents[2]
POM: Final = Path(__file__).with_name("pom.xml")
KAFKA: Final = ROOT / "build" / "kafka"
# Maven's own store stays in the checkout too: tests change nothing else on the machine.
STORE: Final = ROOT / "build" / "maven"
OLDEST_JAVA: Final = 17
DOWNLOAD_S: Final = 600.0


@functools.cache
def java() -> str:
    """The path of a `java` that is new enough for Kafka 4.

    Raises LackingError if there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if found is None:
        raise LackingError(_wanted("There is no Java here."))
    said = subprocess.run([found, "-version"], capture_output=True, text=True, timeout=60).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        what = version[0].replace('"', "") if version else "of unknown version"
        raise LackingError(_wanted(f"{found} ({what}) is too old."))
    return found


def jars() -> Path:
    """The folder with all jars of the broker; downloads them the first time (about 45 MB).

    Raises LackingError if they are not there and can't be had.
    """
    KAFKA.mkdir(parents=True, exist_ok=True)
    folder = KAFKA / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    # Test processes that run beside each other: the first brings them, the others wait for it.
    with (KAFKA / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _download(folder)
    return folder


def _download(folder: Path) -> None:
    """Fill the folder: it appears complete or not at all."""
    maven = shutil.which("mvn")
    if maven is None:
        raise LackingError(
            "Apache Kafka is not there yet and there is no Maven to bring it. On Debian and "
            "Ubuntu: apt-get install maven"
        )
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    command = [maven, "--batch-mode", "--quiet", "--no-transfer-progress", "--strict-checksums"]
    command += [f"--file={POM}", f"-Dmaven.repo.local={STORE}", "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={half}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_S)
    except subprocess.TimeoutExpired:
        raise LackingError(_failed(f"it took over {DOWNLOAD_S:g} s")) from None
    if done.returncode or not any(half.glob("kafka_*.jar")):
        said = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        raise LackingError(_failed(said[0] if said else f"exit status {done.returncode}"))
    half.rename(folder)


def _failed(why: str) -> str:
    return (
        f"Maven could not bring Apache Kafka: {why}. It needs the network the first time; "
        f"to see all it says: mvn --file={POM} dependency:copy-dependencies"
    )


def _wanted(what: str) -> str:
    return (
        f"{what} The broker of the tests needs Java {OLDEST_JAVA} or newer. On Debian and Ubuntu: "
        "apt-get install default-jre-headless"
    )
