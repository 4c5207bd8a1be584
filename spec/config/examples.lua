-- luacheck: no max line length
---Command lines and the configurations that GOST 3.3 makes of them (as `-O yaml` prints them), by number.
return {
  [1] = {
    argv = { "-L", ":22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
]==],
  },
  [2] = {
    argv = { "-L", "22000" },
    yaml = [==[
services:
  - name: service-0
    addr: "22000"
    handler:
      type: auto
    listener:
      type: tcp
]==],
  },
  [3] = {
    argv = { "-L", "http://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [4] = {
    argv = { "-L", "https://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tls
]==],
  },
  [5] = {
    argv = { "-L", "wss://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: wss
]==],
  },
  [6] = {
    argv = { "-L", "socks5+tls://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: socks5
    listener:
      type: tls
]==],
  },
  [7] = {
    argv = { "-L", "nosuch://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
]==],
  },
  [8] = {
    argv = { "-L", "http+nosuch://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [9] = {
    argv = { "-L", "a+b+c://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
]==],
  },
  [10] = {
    argv = { "-L", "http2://:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http2
    listener:
      type: http2
]==],
  },
  [11] = {
    argv = { "-L", "http://u:p@:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      auth:
        username: u
        password: p
    listener:
      type: tcp
]==],
  },
  [12] = {
    argv = { "-L", "http://u:p%40x@y@:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      auth:
        username: u
        password: p@x@y
    listener:
      type: tcp
]==],
  },
  [13] = {
    argv = { "-L", "http://:22000?auth=dTpw" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      auth:
        username: u
        password: p
    listener:
      type: tcp
]==],
  },
  [14] = {
    argv = { "-L", ":22000?auth=ZXZl" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      auth:
        username: eve
    listener:
      type: tcp
]==],
  },
  [15] = {
    argv = { "-L", "http://u:p@:22000?auth=YTpi" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      auth:
        username: u
        password: p
    listener:
      type: tcp
]==],
  },
  [16] = {
    argv = { "-L", "ssh://dTpw@:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: ssh
      auth:
        username: u
        password: p
]==],
  },
  [17] = {
    argv = { "-L", "http+ssh://u:p@:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: ssh
      auth:
        username: u
        password: p
]==],
  },
  [18] = {
    argv = { "-L", "http://[::1]:22000" },
    yaml = [==[
services:
  - name: service-0
    addr: '[::1]:22000'
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [19] = {
    argv = { "-L", "tcp://:22000/127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [20] = {
    argv = { "-L", "udp://:22000/127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: udp
    listener:
      type: udp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [21] = {
    argv = { "-L", "tcp://:22000/127.0.0.1:22001,127.0.0.1:22002?strategy=rand&maxFails=3&failTimeout=60s" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      selector:
        strategy: rand
        maxFails: 3
        failTimeout: 1m0s
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
        - name: target-1
          addr: 127.0.0.1:22002
]==],
  },
  [22] = {
    argv = { "-L", "tcp://:22000/127.0.0.1:22001?max_fails=2" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      selector:
        strategy: round
        maxFails: 2
        failTimeout: 30s
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [23] = {
    argv = { "-L", "tcp://:22000-22001/127.0.0.1:22101" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22101
  - name: service-1
    addr: :22001
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22101
]==],
  },
  [24] = {
    argv = { "-L", "tcp://:22000-22001/127.0.0.1:22101-22102" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22101
  - name: service-1
    addr: :22001
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-1
          addr: 127.0.0.1:22102
]==],
  },
  [25] = {
    argv = { "-L", "tcp://:22000-22001/127.0.0.1:22101,127.0.0.1:22102,127.0.0.1:22103" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22101
  - name: service-1
    addr: :22001
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-1
          addr: 127.0.0.1:22102
]==],
  },
  [26] = {
    argv = { "-L", "http://127.0.0.1:22000-22001" },
    yaml = [==[
services:
  - name: service-0
    addr: 127.0.0.1:22000
    handler:
      type: http
    listener:
      type: tcp
  - name: service-1
    addr: 127.0.0.1:22001
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [27] = {
    argv = { "-L", "http://:http" },
    yaml = [==[
services:
  - name: service-0
    addr: :0
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [28] = {
    argv = { "-L", "http://:22005-22000" },
    yaml = [==[
services:
  - name: service-0
    addr: :22005-22000
    handler:
      type: http
    listener:
      type: tcp
]==],
  },
  [29] = {
    argv = { "-L", "http://:22000/127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [30] = {
    argv = { "-L", "tls://:22000/127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: forward
    listener:
      type: tls
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [31] = {
    argv = { "-L", "relay+tls://:22000/127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: relay
    listener:
      type: tls
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [32] = {
    argv = { "-L", "tcp://:22000//a.test/" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tcp
    listener:
      type: tcp
    forwarder:
      nodes:
        - name: target-0
          addr: a.test
]==],
  },
  [33] = {
    argv = { "-L", "dns://:22053/udp://127.0.0.1:22054" },
    yaml = [==[
services:
  - name: service-0
    addr: :22053
    handler:
      type: dns
    listener:
      type: dns
    forwarder:
      nodes:
        - name: target-0
          addr: udp://127.0.0.1:22054
]==],
  },
  [34] = {
    argv = { "-L", "dns://:22053?mode=tcp&dns=127.0.0.1:22054,tcp://127.0.0.1:22055" },
    yaml = [==[
services:
  - name: service-0
    addr: :22053
    handler:
      type: dns
      metadata:
        dns:
          - 127.0.0.1:22054
          - tcp://127.0.0.1:22055
        mode: tcp
    listener:
      type: dns
      metadata:
        dns:
          - 127.0.0.1:22054
          - tcp://127.0.0.1:22055
        mode: tcp
    metadata:
      dns:
        - 127.0.0.1:22054
        - tcp://127.0.0.1:22055
      mode: tcp
]==],
  },
  [35] = {
    argv = { "-L", "unix:///run/a.sock" },
    yaml = [==[
services:
  - name: service-0
    addr: /run/a.sock
    handler:
      type: unix
    listener:
      type: unix
]==],
  },
  [36] = {
    argv = { "-L", "unix://a.sock/b.sock" },
    yaml = [==[
services:
  - name: service-0
    addr: a.sock
    handler:
      type: unix
    listener:
      type: unix
    forwarder:
      nodes:
        - name: target-0
          addr: b.sock
]==],
  },
  [37] = {
    argv = { "-L", "http+unix:///run/a.sock" },
    yaml = [==[
services:
  - name: service-0
    addr: /run/a.sock
    handler:
      type: http
    listener:
      type: unix
]==],
  },
  [38] = {
    argv = { "-L", "serial:///dev/ttyS0" },
    yaml = [==[
services:
  - name: service-0
    addr: /dev/ttyS0
    handler:
      type: serial
    listener:
      type: serial
]==],
  },
  [39] = {
    argv = { "-L", "stdio://127.0.0.1:22001" },
    yaml = [==[
services:
  - name: service-0
    addr: 127.0.0.1:22001
    handler:
      type: tcp
    listener:
      type: stdio
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
]==],
  },
  [40] = {
    argv = { "-L", "tun://:22000?net=192.168.123.1/24&routes=10.0.0.0/8" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: tun
      metadata:
        net: 192.168.123.1/24
        routes: 10.0.0.0/8
    listener:
      type: tun
      metadata:
        net: 192.168.123.1/24
        routes: 10.0.0.0/8
    metadata:
      net: 192.168.123.1/24
      routes: 10.0.0.0/8
]==],
  },
  [41] = {
    argv = { "-L", "rtcp://:22000/127.0.0.1:22001", "-F", "relay://127.0.0.1:22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: rtcp
    listener:
      type: rtcp
      chain: chain-0
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: 127.0.0.1:22100
            connector:
              type: relay
            dialer:
              type: tcp
              tls:
                serverName: 127.0.0.1
]==],
  },
  [42] = {
    argv = { "-L", "http+tls://:22000?certFile=c.pem&keyFile=k.pem&caFile=ca.pem" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tls
      tls:
        certFile: c.pem
        keyFile: k.pem
        caFile: ca.pem
]==],
  },
  [43] = {
    argv = { "-L", "http+tls://:22000?cert=c.pem&key=k.pem" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tls
      tls:
        certFile: c.pem
        keyFile: k.pem
]==],
  },
  [44] = {
    argv = { "-L", "http+tls://:22000?caFile=ca.pem" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tls
]==],
  },
  [45] = {
    argv = { "-L", "ws://:22000?path=/abc" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      metadata:
        path: /abc
    listener:
      type: ws
      metadata:
        path: /abc
    metadata:
      path: /abc
]==],
  },
  [46] = {
    argv = { "-L", "http://:22000?service.a=1&handler.b=2&listener.c=3&d=4" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      metadata:
        b: "2"
        d: "4"
    listener:
      type: tcp
      metadata:
        c: "3"
        d: "4"
    metadata:
      a: "1"
      d: "4"
]==],
  },
  [47] = {
    argv = { "-L", "http://:22000?interface=eth0&so_mark=10&proxyProtocol=1&netns=ns1&netns.out=ns2" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
    listener:
      type: tcp
    metadata:
      interface: eth0
      netns: ns1
      netns.out: ns2
      proxyProtocol: 1
      so_mark: 10
]==],
  },
  [48] = {
    argv = { "-L", "http://:22000?retries=3" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      retries: 3
    listener:
      type: tcp
      metadata:
        retries: "3"
    metadata:
      retries: "3"
]==],
  },
  [49] = {
    argv = { "-L", "http://:22000?admission=~127.0.0.1,192.168.0.0/16" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    admission: admission-0
    handler:
      type: http
    listener:
      type: tcp
      metadata:
        admission: ~127.0.0.1,192.168.0.0/16
    metadata:
      admission: ~127.0.0.1,192.168.0.0/16
admissions:
  - name: admission-0
    whitelist: true
    matchers:
      - 127.0.0.1
      - 192.168.0.0/16
]==],
  },
  [50] = {
    argv = { "-L", "http://:22000?bypass=a.test,.b.test" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    bypass: bypass-0
    handler:
      type: http
    listener:
      type: tcp
      metadata:
        bypass: a.test,.b.test
    metadata:
      bypass: a.test,.b.test
bypasses:
  - name: bypass-0
    matchers:
      - a.test
      - .b.test
]==],
  },
  [51] = {
    argv = { "-L", "http://:22000?resolver=127.0.0.1:22053,tcp://127.0.0.1:22054&prefer=ipv6" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    resolver: resolver-0
    handler:
      type: http
      metadata:
        prefer: ipv6
    listener:
      type: tcp
      metadata:
        prefer: ipv6
        resolver: 127.0.0.1:22053,tcp://127.0.0.1:22054
    metadata:
      prefer: ipv6
      resolver: 127.0.0.1:22053,tcp://127.0.0.1:22054
resolvers:
  - name: resolver-0
    nameservers:
      - addr: 127.0.0.1:22053
        prefer: ipv6
      - addr: tcp://127.0.0.1:22054
        prefer: ipv6
]==],
  },
  [52] = {
    argv = { "-L", "http://:22000?hosts=a.test:127.0.0.1,bad,b.test:127.0.0.2" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    hosts: hosts-0
    handler:
      type: http
    listener:
      type: tcp
      metadata:
        hosts: a.test:127.0.0.1,bad,b.test:127.0.0.2
    metadata:
      hosts: a.test:127.0.0.1,bad,b.test:127.0.0.2
hosts:
  - name: hosts-0
    mappings:
      - ip: 127.0.0.1
        hostname: a.test
      - ip: 127.0.0.2
        hostname: b.test
]==],
  },
  [53] = {
    argv = { "-L", "http://:22000?limiter.in=100KB&limiter.out=200KB&limiter.conn.in=10KB&climiter=100&rlimiter=0.5" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    limiter: limiter-0
    climiter: climiter-0
    rlimiter: rlimiter-0
    handler:
      type: http
    listener:
      type: tcp
      metadata:
        climiter: "100"
        limiter.conn.in: 10KB
        limiter.in: 100KB
        limiter.out: 200KB
        rlimiter: "0.5"
    metadata:
      climiter: "100"
      limiter.conn.in: 10KB
      limiter.in: 100KB
      limiter.out: 200KB
      rlimiter: "0.5"
limiters:
  - name: limiter-0
    limits:
      - $ 100KB 200KB
      - '$$ 10KB '
climiters:
  - name: climiter-0
    limits:
      - $ 100
rlimiters:
  - name: rlimiter-0
    limits:
      - $ 0.5
]==],
  },
  [54] = {
    argv = { "-L", "http://:22000?limiter.out=200KB" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    limiter: limiter-0
    handler:
      type: http
    listener:
      type: tcp
      metadata:
        limiter.out: 200KB
    metadata:
      limiter.out: 200KB
limiters:
  - name: limiter-0
    limits:
      - $  200KB
]==],
  },
  [55] = {
    argv = { "-L", "http://:22000?climiter=0&rlimiter=x" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      metadata:
        climiter: "0"
        rlimiter: x
    listener:
      type: tcp
      metadata:
        climiter: "0"
        rlimiter: x
    metadata:
      climiter: "0"
      rlimiter: x
]==],
  },
  [56] = {
    argv = { "-L", "http://:22000?a=1&a=2&A=3" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      metadata:
        A: "3"
        a: "1"
    listener:
      type: tcp
      metadata:
        A: "3"
        a: "1"
    metadata:
      A: "3"
      a: "1"
]==],
  },
  [57] = {
    argv = { "-L", "http://:22000?a&b=&c=%20x+y&d=%zz" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      metadata:
        a: ""
        b: ""
        c: ' x y'
    listener:
      type: tcp
      metadata:
        a: ""
        b: ""
        c: ' x y'
    metadata:
      a: ""
      b: ""
      c: ' x y'
]==],
  },
  [58] = {
    argv = { "-L", "http://:22000", "-F", "socks5://127.0.0.1:22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: 127.0.0.1:22100
            connector:
              type: socks5
            dialer:
              type: tcp
              tls:
                serverName: 127.0.0.1
]==],
  },
  [59] = {
    argv = { "-L", "http://:22000", "-F", "http://h1:22100", "-F", "socks5+tls://u:p@h2:22101" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1
      - name: hop-1
        nodes:
          - name: node-0
            addr: h2:22101
            connector:
              type: socks5
              auth:
                username: u
                password: p
            dialer:
              type: tls
              tls:
                serverName: h2
]==],
  },
  [60] = {
    argv = { "-L", "http://:22000", "-L", "socks5://:22001", "-F", "http://h1:22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: http
      chain: chain-0
    listener:
      type: tcp
  - name: service-1
    addr: :22001
    handler:
      type: socks5
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1
]==],
  },
  [61] = {
    argv = { "-L", ":22000", "-F", "nosuch://h1:22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1
]==],
  },
  [62] = {
    argv = { "-L", ":22000", "-F", ":22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: :22100
            connector:
              type: http
            dialer:
              type: tcp
]==],
  },
  [63] = {
    argv = { "-L", ":22000", "-F", "http+tls://h1:22100?secure=true&caFile=ca.pem&serverName=z.test" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tls
              tls:
                caFile: ca.pem
                secure: true
                serverName: z.test
        metadata:
          caFile: ca.pem
          secure: "true"
          serverName: z.test
]==],
  },
  [64] = {
    argv = { "-L", ":22000", "-F", "wss://h1:22100?path=/x&host=y.test" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
              metadata:
                host: y.test
                path: /x
            dialer:
              type: wss
              tls:
                serverName: h1
              metadata:
                host: y.test
                path: /x
            metadata:
              host: y.test
              path: /x
        metadata:
          host: y.test
          path: /x
]==],
  },
  [65] = {
    argv = { "-L", ":22000", "-F", "http://h1:22100?hop.x=1&node.y=2&connector.z=3&dialer.w=4&v=5" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
              metadata:
                v: "5"
                z: "3"
            dialer:
              type: tcp
              tls:
                serverName: h1
              metadata:
                v: "5"
                w: "4"
            metadata:
              v: "5"
              "y": "2"
        metadata:
          v: "5"
          x: "1"
]==],
  },
  [66] = {
    argv = { "-L", ":22000", "-F", "http://h1:22100?strategy=fifo&max_fails=2&fail_timeout=5" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        selector:
          strategy: fifo
          maxFails: 2
          failTimeout: 5s
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1
]==],
  },
  [67] = {
    argv = { "-L", ":22000", "-F", "http://h1:22100?bypass=~a.test&resolver=127.0.0.1:22053&hosts=a.test:127.0.0.1&interface=eth0&so_mark=3" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        bypass: bypass-0
        resolver: resolver-0
        hosts: hosts-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1
        metadata:
          interface: eth0
          so_mark: 3
bypasses:
  - name: bypass-0
    whitelist: true
    matchers:
      - a.test
resolvers:
  - name: resolver-0
    nameservers:
      - addr: 127.0.0.1:22053
hosts:
  - name: hosts-0
    mappings:
      - ip: 127.0.0.1
        hostname: a.test
]==],
  },
  [68] = {
    argv = { "-L", ":22000", "-F", "http://h1,h2:22100?maxFails=1" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        selector:
          strategy: round
          maxFails: 1
          failTimeout: 30s
        nodes:
          - name: node-0
            addr: h1
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1,h2
          - name: node-1
            addr: h2:22100
            connector:
              type: http
            dialer:
              type: tcp
              tls:
                serverName: h1,h2
]==],
  },
  [69] = {
    argv = { "-L", ":22000", "-F", "http+ssh://u:p@h1:22100" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: http
            dialer:
              type: ssh
              auth:
                username: u
                password: p
              tls:
                serverName: h1
]==],
  },
  [70] = {
    argv = { "-L", ":22000", "-F", "http+unix:///run/a.sock" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: /run/a.sock
            connector:
              type: http
            dialer:
              type: unix
]==],
  },
  [71] = {
    argv = { "-L", ":22000", "-F", "direct://:0?action=reject" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: :0
            connector:
              type: direct
              metadata:
                action: reject
            dialer:
              type: direct
              metadata:
                action: reject
            metadata:
              action: reject
        metadata:
          action: reject
]==],
  },
  [72] = {
    argv = { "-L", ":22000", "-F", "direct://" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
      chain: chain-0
    listener:
      type: tcp
chains:
  - name: chain-0
    hops:
      - name: hop-0
]==],
  },
  [73] = {
    argv = { "-L", "rtcp://:0/127.0.0.1:22001", "-F", "tunnel+wss://h1:22100?tunnel.id=4d21094e-b74c-4916-86c1-d9fa36ea677b" },
    yaml = [==[
services:
  - name: service-0
    addr: :0
    handler:
      type: rtcp
    listener:
      type: rtcp
      chain: chain-0
    forwarder:
      nodes:
        - name: target-0
          addr: 127.0.0.1:22001
chains:
  - name: chain-0
    hops:
      - name: hop-0
        nodes:
          - name: node-0
            addr: h1:22100
            connector:
              type: tunnel
              metadata:
                tunnel.id: 4d21094e-b74c-4916-86c1-d9fa36ea677b
            dialer:
              type: wss
              tls:
                serverName: h1
              metadata:
                tunnel.id: 4d21094e-b74c-4916-86c1-d9fa36ea677b
            metadata:
              tunnel.id: 4d21094e-b74c-4916-86c1-d9fa36ea677b
        metadata:
          tunnel.id: 4d21094e-b74c-4916-86c1-d9fa36ea677b
]==],
  },
  [74] = {
    argv = { "-L", ":22000", "-api", "u:p@:22900?pathPrefix=/x&accesslog=true" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
api:
  addr: :22900
  pathPrefix: /x
  accesslog: true
  auth:
    username: u
    password: p
]==],
  },
  [75] = {
    argv = { "-L", ":22000", "-metrics", "127.0.0.1:22901?path=/m", "-DD" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
log:
  level: trace
metrics:
  addr: 127.0.0.1:22901
  path: /m
]==],
  },
  [76] = {
    argv = { "-L", ":22000", "-api", "unix:///run/api.sock" },
    yaml = [==[
services:
  - name: service-0
    addr: :22000
    handler:
      type: auto
    listener:
      type: tcp
api:
  addr: ""
]==],
  },
  [77] = {
    argv = { "-api", ":22900" },
    yaml = [==[
services: []
api:
  addr: :22900
]==],
  },
  [78] = {
    argv = { "-C", [==[{"services":[{"name":"a","handler":{"type":"http","metadata":{"Foo":1}}}],"hops":[{"name":"h","reload":5000000000}]}]==] },
    yaml = [==[
services:
  - name: a
    handler:
      type: http
      metadata:
        Foo: 1
hops:
  - name: h
    reload: 5s
]==],
  },
}
