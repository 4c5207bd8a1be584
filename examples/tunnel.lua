--- Reverse tunnels by host name: services behind firewalls, reached by the public through this server.
---
---     gost-lua examples/tunnel.lua
---
--- Whoever has a service connects to it and says which tunnel it carries; the key belongs to the user:
---
---     ID=4d21094e-b74c-4916-86c1-d9fa36ea677b
---     gost-lua -L rtcp://:0/127.0.0.1:3000 -F "tunnel://ann:secret@server:8443?tunnel.id=$ID"
---
--- and everybody may then visit http://ann.example.org:8000/ (and https, by the server's name in TLS).

local gost = require "gost"

local users = { ann = "secret", bob = "hunter2" }

--- Which tunnel a user carries. A database may stand here as well: functions may wait.
local tunnels = {
  ann = "4d21094e-b74c-4916-86c1-d9fa36ea677b",
  bob = "b0d0c9a4-3f6e-4c52-8a4d-1f0c5f6b7a90",
}

gost.service {
  name = "tunnels",
  addr = os.getenv "GOST_ADDR" or ":8443",
  handler = "tunnel",
  entrypoint = os.getenv "GOST_ENTRY" or ":8000",
  auth = function(_, user, password)
    return users[user] == password and user
  end,
  ingress = function(_, host)
    return tunnels[host:match "^(%w+)%.example%.org$"]
  end,
}

gost.run()
