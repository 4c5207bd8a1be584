"""gost-lua and its peers: how each is started for each service, on loopback, from a temp directory.

A service is what a job needs ("tcp", "socks", "chain" …). Each contestant is a function that gets
a Site and returns the programs to start in order; the last one's port is where the load goes.
"""

import os
import resource
import shutil
import socket
import subprocess

from process import free_port

HERE = os.path.dirname(os.path.abspath(__file__))

# contestant -> the Debian package that has it
PACKAGES = {
    "haproxy": "haproxy", "haproxy-tuned": "haproxy", "haproxy-2": "haproxy",
    "haproxy-splice": "haproxy",
    "nginx": "nginx + libnginx-mod-stream", "dante": "dante-server", "microsocks": "microsocks",
    "squid": "squid", "tinyproxy": "tinyproxy", "socat": "socat",
}

ABOUT = {
    "gost-lua": "1 worker",
    "gost-lua -L": "the command line instead of examples/proxy.lua",
    "gost-lua-2": "2 workers",
    "gost-lua copying": "two plain TCP forwarders in a row, without splice(2)",
    "gost-lua forward": "a plain TCP forwarder",
    "haproxy": "mode tcp, defaults, nbthread 1",
    "haproxy-2": "mode tcp, defaults, nbthread 2",
    "haproxy-tuned": "splice-auto, 1 MiB pipes, nbthread 1",
    "haproxy-splice": "splice-response, 1 MiB pipes, nbthread 1",
    "nginx": "1 worker",
    "dante": "defaults: processes as it likes",
    "microsocks": "a thread per connection",
    "squid": "no cache, 1 worker",
    "tinyproxy": "a thread per connection",
    "socat": "a process per client",
}


class Command:
    """A program line and the port by which one sees that it is ready."""

    def __init__(self, argv, port, udp=False):
        self.argv, self.port, self.udp = argv, port, udp


class Site:
    """What a contestant needs to know: where it may write, where origin and gost-lua are."""

    def __init__(self, directory, origin, gost_lua, workers=1):
        self.directory, self.origin = directory, origin
        self.gost_lua, self.workers = gost_lua, workers

    def config(self, template, **values):
        """Fill a file of peers/ and return the path of the result."""
        with open(os.path.join(HERE, "peers", template), encoding="utf-8") as source:
            text = source.read()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        common = {"DIR": self.directory, "FILES": files, "MAXCONN": min(20000, files * 3 // 8)}
        for key, value in {**common, **values}.items():
            text = text.replace(f"@{key}@", str(value))
        path = os.path.join(self.directory, template)
        with open(path, "w", encoding="utf-8") as result:
            result.write(text)
        return path

    def certificate(self):
        """A self-signed P-256 pair: cert.pem, key.pem, and both in pair.pem."""
        cert, key, pair = (os.path.join(self.directory, name + ".pem")
                           for name in ("cert", "key", "pair"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "7", "-subj", "/CN=localhost", "-keyout", key, "-out", cert],
            check=True, stderr=subprocess.DEVNULL, timeout=30)
        with open(pair, "wb") as out:
            for name in (cert, key):
                with open(name, "rb") as part:
                    shutil.copyfileobj(part, out)
        return cert, key

    def gost(self, *arguments):
        return [self.gost_lua, "--workers", str(self.workers), *arguments]


def binary(name):
    """The path of an installed program, or None; daemons live in sbin."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


# gost-lua ------------------------------------------------------------------------------------

def gost_tcp(site):
    port = free_port()
    return [Command(site.gost("-L", f"tcp://127.0.0.1:{port}/127.0.0.1:{site.origin}"), port)]


def gost_tcp_2(site):
    site.workers = 2
    return gost_tcp(site)


def gost_socks(site):
    port = free_port()
    return [Command(site.gost("-L", f"socks5://127.0.0.1:{port}"), port)]


def gost_socks_udp(site):
    port = free_port()
    return [Command(site.gost("-L", f"socks5://127.0.0.1:{port}?udp=true"), port)]


def gost_connect(site):
    port = free_port()
    return [Command(site.gost("-L", f"http://127.0.0.1:{port}"), port)]


def gost_get(site):
    port = free_port()
    return [Command(site.gost("-L", f"http://127.0.0.1:{port}?keepalive=true"), port)]


def gost_script(site):
    """examples/proxy.lua: one port that takes SOCKS and HTTP, with Lua to be loaded first."""
    port = free_port()
    script = os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples", "proxy.lua")
    return [Command(["/usr/bin/env", f"GOST_ADDR=127.0.0.1:{port}", site.gost_lua, script], port)]


def gost_flags(site):
    """The same by the command line."""
    port = free_port()
    return [Command(site.gost("-L", f"auto://127.0.0.1:{port}"), port)]


def gost_chain_over(transport, query):
    def build(site):
        entry, exit_port = free_port(), free_port()
        through = f"{transport}://127.0.0.1:{exit_port}"
        served = through
        if query:
            cert, key = site.certificate()
            served += f"?certFile={cert}&keyFile={key}"
        return [
            Command(site.gost("-L", served), exit_port),
            Command(site.gost("-L", f"tcp://127.0.0.1:{entry}/127.0.0.1:{site.origin}",
                              "-F", through), entry),
        ]
    return build


def gost_copying(site):
    """What a chain costs whose processes read and write every byte, and do nothing else."""
    entry, exit_port = free_port(), free_port()
    copying = ["/usr/bin/env", "GOST_SPLICE=0"]
    return [
        Command(copying + site.gost("-L", f"tcp://127.0.0.1:{exit_port}/127.0.0.1:{site.origin}"),
                exit_port),
        Command(copying + site.gost("-L", f"tcp://127.0.0.1:{entry}/127.0.0.1:{exit_port}"), entry),
    ]


def gost_reverse(site):
    """A server that lends a port, and a client that asks for it: visitors come to that port."""
    server, visitors = free_port(), free_port()
    return [
        Command(site.gost("-L", f"relay://127.0.0.1:{server}?bind=true"), server),
        Command(site.gost("-L", f"rtcp://127.0.0.1:{visitors}/127.0.0.1:{site.origin}",
                          "-F", f"relay://127.0.0.1:{server}"), visitors),
    ]


def gost_tunnels(site):
    """A server of reverse tunnels, whose clients the load program plays."""
    port = free_port()
    return [Command(site.gost("-L", f"tunnel://127.0.0.1:{port}?tunnel.direct=true"), port)]


def gost_udp(site):
    port = free_port(socket.SOCK_DGRAM)
    service = f"udp://127.0.0.1:{port}/127.0.0.1:{site.origin}?keepalive=true"
    return [Command(site.gost("-L", service), port, udp=True)]


# peers ---------------------------------------------------------------------------------------

def haproxy_command(config, port):
    return Command([binary("haproxy"), "-db", "-f", config], port)


def haproxy_tcp(threads=1, splice=""):
    """`splice` is one of HAProxy's options: splice-auto guesses what is worth it and is often
    wrong; splice-response always does it towards the client: the harder peer for downloads."""
    def build(site):
        port = free_port()
        config = site.config(
            "haproxy.cfg", PORT=port, ORIGIN=site.origin, THREADS=threads,
            TUNING=splice and "tune.pipesize 1048576",
            SPLICE=splice and "option " + splice)
        return [haproxy_command(config, port)]
    return build


def haproxy_chain(site):
    entry, exit_port = free_port(), free_port()
    site.certificate()
    return [
        haproxy_command(site.config("haproxy-exit.cfg", PORT=exit_port, ORIGIN=site.origin),
                        exit_port),
        haproxy_command(site.config("haproxy-entry.cfg", PORT=entry, EXIT=exit_port), entry),
    ]


def nginx_command(site, config, port, udp=False):
    return Command([binary("nginx"), "-p", site.directory, "-e", "stderr", "-c", config], port, udp)


def nginx_tcp(site):
    port = free_port()
    config = site.config("nginx-stream.conf", PORT=port, ORIGIN=site.origin, LISTEN="backlog=4096")
    return [nginx_command(site, config, port)]


def nginx_udp(site):
    port = free_port(socket.SOCK_DGRAM)
    config = site.config("nginx-stream.conf", PORT=port, ORIGIN=site.origin, LISTEN="udp")
    return [nginx_command(site, config, port, udp=True)]


def nginx_get(site):
    port = free_port()
    return [nginx_command(site, site.config("nginx-forward.conf", PORT=port, ORIGIN=site.origin),
                          port)]


def dante(site):
    port = free_port()
    config = site.config("danted.conf", PORT=port)
    return [Command([binary("danted"), "-f", config, "-p", site.directory + "/danted.pid"], port)]


def microsocks(site):
    port = free_port()
    return [Command([binary("microsocks"), "-i", "127.0.0.1", "-p", port], port)]


def squid(site):
    port = free_port()
    return [Command([binary("squid"), "-N", "-f", site.config("squid.conf", PORT=port)], port)]


def tinyproxy(site):
    port = free_port()
    return [Command([binary("tinyproxy"), "-d", "-c", site.config("tinyproxy.conf", PORT=port)],
                    port)]


def socat_udp(site):
    port = free_port(socket.SOCK_DGRAM)
    return [Command([binary("socat"), "-T", "30", f"UDP4-LISTEN:{port},bind=127.0.0.1,fork",
                     f"UDP4:127.0.0.1:{site.origin}"], port, udp=True)]


# service -> contestant -> how it is started; gost-lua comes first, then the peers as listed
SERVICES = {
    "tcp": {"gost-lua": gost_tcp, "haproxy": haproxy_tcp(),
            "haproxy-tuned": haproxy_tcp(splice="splice-auto"), "nginx": nginx_tcp},
    "tcp-bulk": {"gost-lua": gost_tcp, "haproxy": haproxy_tcp(),
                 "haproxy-tuned": haproxy_tcp(splice="splice-auto"),
                 "haproxy-splice": haproxy_tcp(splice="splice-response"), "nginx": nginx_tcp},
    "tcp-workers": {"gost-lua": gost_tcp, "gost-lua-2": gost_tcp_2, "haproxy": haproxy_tcp(),
                    "haproxy-2": haproxy_tcp(threads=2)},
    "socks": {"gost-lua": gost_socks, "dante": dante, "microsocks": microsocks},
    # without dante: at some hundred processes, for thousands of connections, it refuses more
    "socks-idle": {"gost-lua": gost_socks, "microsocks": microsocks},
    "connect": {"gost-lua": gost_connect, "tinyproxy": tinyproxy, "squid": squid},
    "get": {"gost-lua": gost_get, "squid": squid, "nginx": nginx_get},
    "chain": {"gost-lua": gost_chain_over("relay+tls", True), "haproxy": haproxy_chain},
    "mux": {"gost-lua": gost_chain_over("relay+mtcp", False), "gost-lua copying": gost_copying},
    "tunnels": {"gost-lua": gost_tunnels},
    "reverse": {"gost-lua": gost_reverse, "gost-lua forward": gost_tcp},
    "udp": {"gost-lua": gost_udp, "nginx": nginx_udp, "socat": socat_udp},
    "socks-udp": {"gost-lua": gost_socks_udp, "dante": dante},
    "start": {"gost-lua": gost_script, "gost-lua -L": gost_flags,
              "haproxy": haproxy_tcp(), "nginx": nginx_tcp,
              "microsocks": microsocks, "tinyproxy": tinyproxy, "dante": dante, "squid": squid},
    "config": {"gost-lua": None},
}

PROGRAMS = {"haproxy-tuned": "haproxy", "haproxy-2": "haproxy", "haproxy-splice": "haproxy",
            "dante": "danted"}


def missing(contestant):
    """Why the contestant cannot take part, or None."""
    if contestant.startswith("gost-lua") or binary(PROGRAMS.get(contestant, contestant)):
        return None
    return f"not installed (package {PACKAGES[contestant]})"
