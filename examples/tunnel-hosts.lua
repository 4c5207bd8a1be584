--- Reverse tunnels on several hosts, which serve as one: they share a Redis, in which each says whose clients it has.
---
---     GOST_REDIS=10.0.0.5:6379 gost-lua examples/tunnel-hosts.lua         # on each host
---
--- A client connects to any of them, by a name that leads to all, say:
---
---     ID=4d21094e-b74c-4916-86c1-d9fa36ea677b
---     gost-lua -L rtcp://:0/127.0.0.1:3000 -F "tunnel://ann:secret@tunnels.example.org:8443?tunnel.id=$ID"
---
--- and http://ann.example.org:8000/ is reached at all of them: a host without ann's client passes visitors on to the
--- entry of the one that has it, so the hosts have to reach each other's entries. An entry that listens everywhere is
--- told by the address that the client came to; `["sd.addr"] = "10.0.0.1:8000"` says otherwise.

local gost = require "gost"

local users = { ann = "secret", bob = "hunter2" }

local tunnels = {
  ann = "4d21094e-b74c-4916-86c1-d9fa36ea677b",
  bob = "b0d0c9a4-3f6e-4c52-8a4d-1f0c5f6b7a90",
}

gost.service {
  name = "tunnels",
  addr = os.getenv "GOST_ADDR" or ":8443",
  handler = "tunnel",
  entrypoint = os.getenv "GOST_ENTRY" or ":8000",
  sd = gost.sd { redis = { addr = os.getenv "GOST_REDIS" or "127.0.0.1:6379", key = "tunnels" } },
  auth = function(_, user, password)
    return users[user] == password and user
  end,
  ingress = function(_, host)
    return tunnels[host:match "^(%w+)%.example%.org$"]
  end,
}

gost.run()
