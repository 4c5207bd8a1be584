"""One measurement: start the origin and one contestant, load it, and return its figures.

Each round starts everything anew: no round sees the ports in TIME_WAIT or the memory of another.
"""

import os
import shutil
import signal
import socket
import statistics
import tempfile
import threading
import time

from contestants import SERVICES, Site
from process import BenchError, PeakMemory, Program, cpu_seconds, pss_kib, pss_of, settle

LOAD_SECONDS = 150
PORT_TRIES = 3


class Bench:
    """Where things are: the built programs and the directory for everything generated."""

    def __init__(self, programs, gost_lua, quick=False):
        self.programs, self.gost_lua, self.quick = programs, gost_lua, quick
        self.directory = tempfile.mkdtemp(prefix="gost-bench-")
        os.chmod(self.directory, 0o755)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def room(self):
        """A new directory that proxies which give up root may write to as well."""
        path = tempfile.mkdtemp(dir=self.directory)
        os.chmod(path, 0o777)
        return path

    def size(self, job):
        return job.size[1 if self.quick else 0]

    def load(self, name, room, **args):
        argv = [os.path.join(self.programs, "load_" + name), f"limit={LOAD_SECONDS - 10}"]
        return Program(argv + [f"{key}={value}" for key, value in args.items()], room, lines=True)


class Arena:
    """The origin and one contestant, running; use it in a with statement."""

    def __init__(self, bench, job, contestant):
        self.bench, self.job = bench, job
        self.room = bench.room()
        self.build = SERVICES[job.service][contestant]
        self.proxies = []

    def __enter__(self):
        self.origin = Program([os.path.join(self.bench.programs, "origin")], self.room, lines=True)
        self.target = self.origin.read_json(10)[self.job.origin]
        try:
            self._start_proxies()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_proxies(self):
        """Another program may take a port between choosing and listening: then try again."""
        for attempt in range(PORT_TRIES):
            try:
                return self._start_once()
            except BenchError:
                if attempt == PORT_TRIES - 1:
                    raise
                self._stop_proxies()

    def _start_once(self):
        for command in self.build(Site(self.room, self.target, self.bench.gost_lua)):
            proxy = Program(command.argv, self.room, cwd=self.room)
            self.proxies.append(proxy)
            proxy.wait_for_port(command.port, command.udp)
            self.port = command.port

    def _stop_proxies(self):
        for proxy in reversed(self.proxies):
            proxy.stop()
        self.proxies.clear()

    def __exit__(self, *unused):
        self._stop_proxies()
        self.origin.stop()
        shutil.rmtree(self.room, ignore_errors=True)

    def load(self, load, **args):
        """Start a load program against the proxy, at the origin behind it."""
        return self.bench.load(load, self.room, port=self.port, target=self.target,
                               **{**self.job.args, **args})

    def run(self, load, **args):
        """The same until its end; returns its result."""
        program = self.load(load, **args)
        result = program.read_json(LOAD_SECONDS)
        program.finish()
        return result

    def hold(self, count):
        """Open idle connections and return the program that holds them."""
        program = self.load(self.job.load, count=count)
        if program.read_line(LOAD_SECONDS) != "ready\n":
            program.fail("is not ready")
        return program

    @staticmethod
    def release(program):
        """Use the held connections once more, and close them."""
        program.send_line()
        program.read_json(LOAD_SECONDS)
        program.finish()

    def check_alive(self):
        for proxy in self.proxies:
            if proxy.popen.poll() is not None:
                proxy.fail("ended under load")


def amount(load, size):
    return {"bytes" if load == "bulk" else "count": size}


def measure_load(bench, job, contestant):
    """CPU and wall seconds per unit, and the peak of memory."""
    size = bench.size(job)
    with Arena(bench, job, contestant) as arena:
        arena.run(job.load, **amount(job.load, max(size // 20, 1)))
        before = settle(arena.proxies)
        with PeakMemory(arena.proxies) as memory:
            result = arena.run(job.load, **amount(job.load, size))
        after = settle(arena.proxies)
        arena.check_alive()
    units = size / job.per[1]
    return {"wall": result["seconds"] / units, "cpu": (after - before) / units,
            "pss": memory.peak / 1024, "load": result["cpu"] / units, "trouble": result["trouble"],
            "rate": size / result["seconds"]}


def measure_idle(bench, job, contestant):
    """Memory per idle connection while they are held, and what is kept after they close."""
    count = bench.size(job)
    with Arena(bench, job, contestant) as arena:
        arena.release(arena.hold(count // 20))
        settle(arena.proxies)
        before = pss_kib(arena.proxies)
        program = arena.hold(count)
        cpu = settle(arena.proxies)
        held = pss_kib(arena.proxies)
        time.sleep(1)
        resting = cpu_seconds(arena.proxies) - cpu
        arena.release(program)
        kept = memory_after(arena.proxies)
        arena.check_alive()
    return {"held": (held - before) / count, "kept": max(0, kept - before) / count,
            "rest": resting, "pss": held / 1024}


def memory_after(proxies, seconds=4):
    """The memory once it has stopped shrinking: giving back may take a timer's turn."""
    settle(proxies)
    least = pss_kib(proxies)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.25)
        least = min(least, pss_kib(proxies))
    return least


def measure_start(bench, job, contestant):
    """Milliseconds until the port answers and memory then; the median of several starts."""
    starts = []
    for _ in range(bench.size(job)):
        room = bench.room()
        command = SERVICES[job.service][contestant](Site(room, 9, bench.gost_lua))[-1]
        argv = [os.path.join(bench.programs, "load_start"), f"port={command.port}", "--"]
        program = Program(argv + command.argv, room, lines=True, cwd=room)
        result = program.read_json(20)
        time.sleep(0.2)
        pss = pss_kib([program]) - pss_of(program.pid)
        program.send_line()
        program.finish()
        starts.append((result["ms"], pss / 1024))
        shutil.rmtree(room, ignore_errors=True)
    return {"ms": statistics.median(ms for ms, _ in starts),
            "pss": statistics.median(pss for _, pss in starts)}


def write_config(path, services=5000, rules=50000):
    """A large GOST file: forward services in a row, and one bypass with many rules."""
    with open(path, "w", encoding="ascii") as out:
        out.write("services:\n")
        for i in range(services):
            out.write(f"- name: service-{i}\n  addr: 127.0.0.1:{10000 + i}\n  bypass: many\n"
                      "  handler:\n    type: tcp\n  listener:\n    type: tcp\n"
                      f"  forwarder:\n    nodes:\n    - name: node-{i}\n      addr: 10.0.0.1:80\n")
        out.write("bypasses:\n- name: many\n  matchers:\n")
        for i in range(rules):
            rule = (f"10.{i >> 8 & 255}.{i & 255}.0/24", f"host-{i}.example.org",
                    f"*.zone-{i}.example.net")[i % 3]
            out.write(f"  - \"{rule}\"\n")


def spawn_on_config(bench, path, room, *flags):
    return os.posix_spawn(bench.gost_lua, [bench.gost_lua, "-C", path, *flags], os.environ,
                          file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.path.join(room, "out"),
                                         os.O_WRONLY | os.O_CREAT, 0o600),
                                        (os.POSIX_SPAWN_DUP2, 1, 2)])


def last_words(room):
    with open(os.path.join(room, "out"), encoding="utf-8", errors="replace") as out:
        return " | ".join(out.read().splitlines()[-2:])


def wait_for_ports(ports, deadline):
    """Until every port takes a connection; they are opened in order, so the last is asked first."""
    for port in reversed(ports):
        while True:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > deadline:
                raise BenchError(f"port {port} does not answer")
            time.sleep(0.005)


def measure_config(bench, job, _contestant):
    """Seconds and memory to read and check a large configuration; to serve it, with `load`."""
    room = bench.room()
    path = os.path.join(room, "large.yml")
    write_config(path)
    started = time.monotonic()
    load = job.args.get("load")
    pid = spawn_on_config(bench, path, room, *([] if load else ["-t"]))
    limit = threading.Timer(LOAD_SECONDS, os.kill, (pid, signal.SIGKILL))
    limit.start()
    wall, wrong = None, None
    if load:
        try:
            wait_for_ports(range(10000, 15000), started + LOAD_SECONDS)
            wall = time.monotonic() - started
        except BenchError as error:
            wrong = error
        os.kill(pid, signal.SIGTERM)
    _, status, use = os.wait4(pid, 0)
    limit.cancel()
    if wrong or status != 0:
        raise BenchError(f"gost-lua failed: {wrong or ''} {last_words(room)}")
    return {"wall": wall or time.monotonic() - started, "cpu": use.ru_utime + use.ru_stime,
            "pss": use.ru_maxrss / 1024}


MEASURES = {"load": measure_load, "rate": measure_load, "idle": measure_idle,
            "start": measure_start, "config": measure_config}
