"""The jobs: what is loaded how, in which unit it is counted, and what gost-lua should reach."""

from dataclasses import dataclass, field


@dataclass
class Reach:
    """`metric` of gost-lua is at most (`least`: at least) `limit`, times the peer's if there is one."""

    metric: str
    limit: float
    peer: str = None
    least: bool = False


@dataclass
class Job:
    """One job.

    kind     which function of measure.py runs it
    load     the load program without "load_"
    service  key of contestants.SERVICES
    origin   the origin's port: bulk, echo, once, http or udp
    size     units of the load program in one round: (full, --quick)
    per      the unit of the figures, and how many of the load program's units it is
    """

    name: str
    title: str
    service: str
    load: str = None
    origin: str = "echo"
    size: tuple = (0, 0)
    per: tuple = ("", 1)
    reach: list = field(default_factory=list)
    kind: str = "load"
    args: dict = field(default_factory=dict)


GB = ("GB", 1_000_000_000)
TEN_THOUSAND = ("10,000 connections", 10_000)
MILLION = ("million", 1_000_000)
BULK = (4_000_000_000, 400_000_000)
NEW = (10_000, 2_000)
IDLE = (5_000, 1_000)

JOBS = [
    Job("tcp-bulk-1", "TCP forward, bulk, 1 connection", "tcp-bulk", "bulk", "bulk", BULK, GB,
        [Reach("cpu", 1.0, "haproxy-tuned"), Reach("cpu", 1.0, "haproxy-splice")],
        args={"conns": 1}),
    Job("tcp-bulk-16", "TCP forward, bulk, 16 connections", "tcp-bulk", "bulk", "bulk", BULK, GB,
        [Reach("cpu", 1.05, "haproxy-tuned"), Reach("cpu", 1.05, "haproxy-splice")],
        args={"conns": 16}),
    Job("tcp-new", "TCP forward, new connections with 64 bytes each way", "tcp", "new", "once", NEW,
        TEN_THOUSAND, [Reach("cpu", 1.0, "haproxy")]),
    Job("tcp-ping", "TCP forward, ping-pong of 64 bytes on 256 connections", "tcp", "ping", "echo",
        (500_000, 50_000), MILLION, [Reach("cpu", 1.0, "haproxy")], args={"conns": 256}),
    Job("tcp-idle", "TCP forward, idle connections", "tcp", "idle", "echo", IDLE,
        reach=[Reach("held", 1.5), Reach("kept", 0.3)], kind="idle"),
    Job("socks-bulk-16", "SOCKS5 CONNECT, bulk, 16 connections", "socks", "bulk", "bulk", BULK, GB,
        [Reach("cpu", 0.3, "dante")], args={"conns": 16, "front": "socks5"}),
    Job("socks-new", "SOCKS5 CONNECT, new connections with 64 bytes each way", "socks", "new",
        "once", NEW, TEN_THOUSAND, [Reach("cpu", 0.75, "microsocks")], args={"front": "socks5"}),
    Job("socks-idle", "SOCKS5 CONNECT, idle connections", "socks-idle", "idle", "echo", IDLE,
        reach=[Reach("held", 1.5), Reach("kept", 0.3)], kind="idle", args={"front": "socks5"}),
    Job("connect-new", "HTTP CONNECT, new connections with 64 bytes each way", "connect", "new",
        "once", NEW, TEN_THOUSAND, [Reach("cpu", 0.7, "tinyproxy")], args={"front": "connect"}),
    Job("connect-idle", "HTTP CONNECT, idle connections", "connect", "idle", "echo", IDLE,
        reach=[Reach("held", 1.5), Reach("kept", 0.3)], kind="idle", args={"front": "connect"}),
    Job("http-get", "HTTP proxy, GET of 1 KiB on 64 kept connections", "get", "http", "http",
        (50_000, 5_000), ("100,000 requests", 100_000), [Reach("cpu", 0.8, "squid")],
        args={"conns": 64, "size": 1024}),
    Job("chain-bulk", "chain of two over TLS, bulk, 4 connections", "chain", "bulk", "bulk",
        (2_000_000_000, 200_000_000), GB, [Reach("cpu", 1.4), Reach("cpu", 0.75, "haproxy")],
        args={"conns": 4}),
    Job("chain-new", "chain of two over TLS, new connections with 64 bytes each way", "chain",
        "new", "once", (4_000, 500), TEN_THOUSAND, [Reach("cpu", 10.5)]),
    Job("chain-idle", "chain of two over TLS, idle connections, both processes", "chain", "idle",
        "echo", (2_000, 500), reach=[Reach("held", 30.0)], kind="idle"),
    Job("startup", "from exec until the port answers", "start", size=(7, 3), kind="start",
        reach=[Reach("ms", 30.0), Reach("pss", 10.0)]),
    Job("workers", "TCP forward, new connections per second, 1 and 2 workers", "tcp-workers", "new",
        "once", (20_000, 4_000), ("connection", 1), kind="rate", args={"conns": 64}),
    Job("udp-64", "UDP forward, echoes of 64 bytes", "udp", "udp", "udp", (500_000, 50_000),
        MILLION, args={"size": 64, "window": 4}),
    Job("udp-1200", "UDP forward, echoes of 1200 bytes", "udp", "udp", "udp", (500_000, 50_000),
        MILLION, args={"size": 1200, "window": 4}),
    Job("udp-1000-64", "UDP forward, 1,000 sessions, echoes of 64 bytes at a fixed rate: trouble is loss",
        "udp", "udp", "udp", (300_000, 30_000), MILLION,
        args={"size": 64, "window": 4, "conns": 1000, "rate": 30_000}),
    Job("udp-1000-1200", "the same, 1200 bytes", "udp", "udp", "udp", (300_000, 30_000), MILLION,
        args={"size": 1200, "window": 4, "conns": 1000, "rate": 30_000}),
    Job("socks-udp", "SOCKS5 UDP ASSOCIATE, echoes of 64 bytes", "socks-udp", "udp", "udp",
        (500_000, 20_000), MILLION, args={"size": 64, "window": 4, "front": "socks5"}),
    Job("mux-bulk-1", "chain of two over mtcp, bulk, 1 stream", "mux", "bulk", "bulk",
        (2_000_000_000, 200_000_000), GB, [Reach("cpu", 1.3, "gost-lua copying")],
        args={"conns": 1}),
    Job("mux-bulk-100", "chain of two over mtcp, bulk, 100 streams", "mux", "bulk", "bulk",
        (2_000_000_000, 200_000_000), GB, [Reach("cpu", 1.3, "gost-lua copying")],
        args={"conns": 100}),
    Job("reverse-new", "reverse tunnel, new visitors per second", "reverse", "new", "once", NEW,
        ("connection", 1), [Reach("rate", 0.7, "gost-lua forward", least=True)], kind="rate"),
    Job("tunnel-idle", "reverse tunnels, registered and idle", "tunnels", "tunnels", "echo", IDLE,
        reach=[Reach("held", 12.0), Reach("kept", 0.5)], kind="idle"),
    Job("config", "gost-lua -t: 5,000 services, 50,000 bypass rules", "config", kind="config",
        size=(1, 1)),
    Job("config-load", "the same configuration, until all 5,000 ports answer", "config",
        kind="config", size=(1, 1), args={"load": True}),
]
