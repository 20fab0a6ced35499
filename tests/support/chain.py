"""Which Kafka and which PostgreSQL the tests get: the first link of the chain that is there on this machine."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from enum import StrEnum

from tests.support import docker

FORCE_KAFKA = "MINSHENG_TEST_KAFKA"
FORCE_DATABASE = "MINSHENG_TEST_DATABASE"
"""These name a link (`environment`, `docker`, `java`, `embedded`) to be taken whatever else is there."""


class Link(StrEnum):
    """One way to a server."""

    ENVIRONMENT = "environment"
    """`MINSHENG_KAFKA` (HOST:PORT) or `MINSHENG_DATABASE` (postgresql://…) names a running one."""

    DOCKER = "docker"
    """The official image, by testcontainers."""

    JAVA = "java"
    """Apache Kafka from Maven Central, run here. Only for Kafka."""

    EMBEDDED = "embedded"
    """From a wheel: for Kafka a memory-only broker, for PostgreSQL the real thing."""


def kafka(*, private: bool = False) -> Link:
    """The way to a Kafka. `private`: one that the test may kill, so never that of the environment."""
    if forced := os.environ.get(FORCE_KAFKA):
        return Link(forced)
    if os.environ.get("MINSHENG_KAFKA") and not private:
        return Link.ENVIRONMENT
    if docker.engine_answers():
        return Link.DOCKER
    if java_answers():
        return Link.JAVA
    return Link.EMBEDDED


def postgres(*, private: bool = False) -> Link:
    """The way to a PostgreSQL. `private`: one that the test may kill, so never that of the environment."""
    if forced := os.environ.get(FORCE_DATABASE):
        return Link(forced)
    if os.environ.get("MINSHENG_DATABASE") and not private:
        return Link.ENVIRONMENT
    if docker.engine_answers():
        return Link.DOCKER
    return Link.EMBEDDED


@functools.cache
def java_answers() -> bool:
    """Whether `mvn` and a `java` new enough for Kafka 4 (17) are there."""
    java = shutil.which("java")
    if java is None or shutil.which("mvn") is None:
        return False
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    return answer.returncode == 0 and version is not None and int(version[1]) >= 17
