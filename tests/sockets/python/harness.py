"""The frame of the Python socket tests: where the broker is, how a case is declared, run and reported.

Owns the command line, the lanes and the one line per case that the caller reads. It must never know a client
library: `paho_cases` and `aiomqtt_cases` bring one each.
"""

import argparse
import asyncio
import inspect
import ssl
import sys
import threading
import time
import traceback
import uuid
from dataclasses import dataclass, field

DEADLINE_S = 10
"""How long any single wait may take. A wait ends with the thing it waits for; this bound only ends a failure."""

LARGE_BYTES = 1 << 20
TRANSPORTS = ("tcp", "tls")
VERSIONS = ("3.1.1", "5.0")


class Mismatch(Exception):
    """The broker did something else than the case demands."""


def expect(what, actual, wanted):
    """Fails the case unless `actual` equals `wanted`; long values are cut in the report."""
    if actual != wanted:
        raise Mismatch(f"{what}: got {actual!r:.200}, wanted {wanted!r:.200}")


def large_payload():
    """1 MiB in which every position differs from its neighbours, so that a lost or swapped block shows."""
    return b"".join(i.to_bytes(4, "big") for i in range(LARGE_BYTES // 4))


def remaining_s(since, interval_s):
    """How much of `interval_s` is left. For the cases in which the passing of time itself is the stimulus."""
    return max(0.0, since + interval_s - time.monotonic())


@dataclass(frozen=True)
class Lane:
    """One transport and protocol version of one client. Lanes run side by side and share no topic or client id."""

    host: str
    port: int
    cafile: str | None
    client: str
    transport: str
    version: str
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def is_v5(self):
        return self.version == "5.0"

    def name(self, case):
        return f"{self.client}/{self.transport}/{self.version}/{case}"

    def topic(self, case):
        """A topic nobody else uses, in this run or an earlier one against the same broker."""
        return f"{self.name(case)}/{self.run}"

    def client_id(self, case, role):
        return f"{self.client}-{self.transport}-{self.version}-{case}-{role}-{self.run}"

    def tls_settings(self):
        """An SSLContext that checks the broker's certificate and host name, or None on the plain transport."""
        if self.transport == "tcp":
            return None
        return ssl.create_default_context(cafile=self.cafile)


class Cases:
    """The cases of one client library, in the order they were declared."""

    def __init__(self):
        self._cases = []

    def both(self, run):
        """Declares a case for MQTT 3.1.1 and 5.0; its name is the function's."""
        return self._add(run, VERSIONS)

    def v5(self, run):
        """Declares a case that needs MQTT 5.0."""
        return self._add(run, ("5.0",))

    def _add(self, run, versions):
        self._cases.append((run.__name__.replace("_", "-"), run, versions))
        return run

    def run_lane(self, lane, report):
        for name, run, versions in self._cases:
            if lane.version in versions:
                report(lane.name(name), _failure_of(run, lane, name))


def _failure_of(run, lane, name):
    """None when the case passed, otherwise the reason on one line."""
    try:
        if inspect.iscoroutinefunction(run):
            asyncio.run(run(lane, name))
        else:
            run(lane, name)
    except Exception as error:  # whatever a client library raises is a failure of this case, not of the run
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason = str(error) or "(no message)"
        return f"{type(error).__name__}: {reason} ({frame.name}:{frame.lineno})".replace("\n", " ")
    return None


class Report:
    """Prints one line per case, whole, whichever lane it comes from."""

    def __init__(self):
        self._lock = threading.Lock()
        self.failed_count = 0

    def __call__(self, name, failure):
        with self._lock:
            self.failed_count += failure is not None
            print(f"ok {name}" if failure is None else f"FAIL {name} {failure}", flush=True)


def run_all(client, cases, arguments):
    """Runs every lane of one client and returns how many cases failed."""
    ports = {"tcp": arguments.port, "tls": arguments.tls_port}
    report = Report()
    threads = []
    for transport in TRANSPORTS:
        for version in VERSIONS:
            lane = Lane(arguments.host, ports[transport], arguments.cafile, client, transport, version)
            threads.append(threading.Thread(target=cases.run_lane, args=(lane, report)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return report.failed_count


def parse_arguments(clients):
    parser = argparse.ArgumentParser(description="Runs the socket cases of one Python MQTT client.")
    parser.add_argument("client", choices=clients)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="the plain MQTT port")
    parser.add_argument("--tls-port", type=int, required=True)
    parser.add_argument("--cafile", required=True, help="PEM file of the CA that signed the broker's certificate")
    return parser.parse_args()


def main(clients):
    """`clients` maps a client's name to a function that loads its cases."""
    arguments = parse_arguments(sorted(clients))
    sys.exit(1 if run_all(arguments.client, clients[arguments.client](), arguments) else 0)
