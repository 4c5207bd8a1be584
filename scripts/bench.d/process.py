"""Programs that the bench starts: ports for them, waiting, stopping, their CPU time and memory.

Everything counts the whole process tree: a proxy may fork. Every wait is bounded, and whatever
was started is stopped by its process id, at the latest when the bench ends.
"""

import atexit
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_running = []


class BenchError(Exception):
    """A measurement that cannot go on; the message says why."""


def raise_descriptor_limit(wanted=65536):
    """Allow the bench and all that it starts enough descriptors for thousands of connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(wanted, soft)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port(kind=socket.SOCK_STREAM, seconds=70):
    """A port of loopback that nobody uses at this moment.

    All of them may be in TIME_WAIT after much coming and going: that passes within a minute.
    """
    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind(("127.0.0.1", 0))
                return sock.getsockname()[1]
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise BenchError(f"no free port: {error}") from error
        time.sleep(1)


def is_listening(port, udp=False):
    """Whether a socket waits on the port; asks the kernel, so that the proxy sees no visitor."""
    state = "07" if udp else "0A"
    for name in ("udp", "udp6") if udp else ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as table:
            next(table)
            for line in table:
                field = line.split()
                if field[3] != state and not udp:
                    break  # listening ones come first, and a hundred thousand others may follow
                if field[3] == state and field[1].endswith(f":{port:04X}"):
                    return True
    return False


class Program:
    """One started program; its output goes to a file unless it is read as lines."""

    def __init__(self, argv, directory, lines=False, cwd=None):
        self.argv = [str(arg) for arg in argv]
        self.log = os.path.join(directory, os.path.basename(self.argv[0]) + ".out")
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                self.argv, cwd=cwd, stderr=log,
                stdin=subprocess.PIPE if lines else subprocess.DEVNULL,
                stdout=subprocess.PIPE if lines else log,
                start_new_session=True,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        self.pid = self.popen.pid
        _running.append(self)

    def name(self):
        return os.path.basename(self.argv[0])

    def tail(self):
        """The last lines of the output, for error messages."""
        with open(self.log, errors="replace", encoding="utf-8") as log:
            return " | ".join(log.read().strip().splitlines()[-3:]) or "no output"

    def fail(self, what):
        raise BenchError(f"{self.name()} {what}: {self.tail()}")

    def wait_for_port(self, port, udp=False, seconds=15):
        deadline = time.monotonic() + seconds
        while not is_listening(port, udp):
            if self.popen.poll() is not None:
                self.fail("ended before it listened")
            if time.monotonic() > deadline:
                self.fail("does not listen")
            time.sleep(0.01)

    def read_line(self, seconds):
        """One line of a lines=True program; its end or silence is an error."""
        timer = threading.Timer(seconds, self.popen.kill)
        timer.start()
        try:
            line = self.popen.stdout.readline().decode()
        finally:
            timer.cancel()
        if not line:
            self.popen.wait()
            self.fail("failed")
        return line

    def read_json(self, seconds):
        return json.loads(self.read_line(seconds))

    def send_line(self):
        self.popen.stdin.write(b"\n")
        self.popen.stdin.flush()

    def finish(self, seconds=5):
        """Wait for a program that ends by itself."""
        if self.popen.stdin:
            self.popen.stdin.close()
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            self.fail("did not end")
        self.forget()
        if status != 0:
            self.fail(f"ended with status {status}")

    def forget(self):
        if self.popen.stdout:
            self.popen.stdout.close()
        if self in _running:
            _running.remove(self)

    def stop(self):
        """SIGTERM to the program, SIGKILL if it stays, and to what it leaves behind."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(2)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid in tree(self.pid)[1:]:
            _kill(pid)
        if self.popen.stdin:
            self.popen.stdin.close()
        self.forget()


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def stop_all():
    for program in reversed(_running[:]):
        program.stop()


atexit.register(stop_all)


def stat_fields(pid):
    """The fields of /proc/PID/stat from the third on, or None for a process that is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None


def tree(root):
    """The process, its session's members, which are ours even as orphans, and its descendants."""
    children, found = {}, [root]
    for name in os.listdir("/proc"):
        fields = stat_fields(name) if name.isdigit() else None
        if fields and int(name) != root:
            parent = root if int(fields[3]) == root else int(fields[1])
            children.setdefault(parent, []).append(int(name))
    for pid in found:
        found.extend(children.get(pid, []))
    return found


def cpu_seconds(programs):
    """User and system time of the programs: all threads, living children, and reaped ones."""
    ticks = 0
    for program in programs:
        for pid in tree(program.pid):
            fields = stat_fields(pid)
            if fields:
                ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return ticks / TICK


def pss_of(pid):
    """Proportional set size of one process in KiB; 0 for one that is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def pss_kib(programs):
    """Proportional set size of the programs' trees in KiB."""
    return sum(pss_of(pid) for program in programs for pid in tree(program.pid))


def settle(programs, seconds=3):
    """Wait until the programs have rested for 0.1 s; return their CPU seconds so far."""
    deadline = time.monotonic() + seconds
    before = cpu_seconds(programs)
    while True:
        time.sleep(0.1)
        now = cpu_seconds(programs)
        if now == before or time.monotonic() > deadline:
            return now
        before = now


class PeakMemory:
    """Watches the PSS of programs in the background, four times a second."""

    def __init__(self, programs):
        self.programs = programs
        self.peak = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self._end.wait(0.25):
            self.peak = max(self.peak, pss_kib(self.programs))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._end.set()
        self._thread.join()
        self.peak = max(self.peak, pss_kib(self.programs))
