---Real programs that proxies talk to, each on a free port with nothing kept: OpenSSH, Redis, a TLS front.

local os_ = require "testos"
local process = require "spec.support.process"
local files = require "spec.support.files"

local peers = {}

---@class support.Sshd
---@field process support.Process
---@field port integer
---@field user string the only one who may log in: us
---@field key string path of the client's private key
---@field host_key string path of the server's public key
---@field ssh string[] the first words of an ssh command line to it (no user@host)

local function ssh_key(name)
  local path = files.path(name)
  process.check { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path }
  return path
end

---OpenSSH's server, for the calling user with a fresh key.
---@param config? string more lines of sshd_config
---@return support.Sshd
function peers.sshd(config)
  local host_key, key = ssh_key "host_key", ssh_key "user_key"
  local port = os_.free_port()
  os.execute "mkdir -p /run/sshd 2>/dev/null"
  local lines = {
    "Port " .. port, "ListenAddress 127.0.0.1", "HostKey " .. host_key, "PidFile none", "StrictModes no",
    "AuthorizedKeysFile " .. key .. ".pub", "PermitRootLogin yes", "PasswordAuthentication no", "UsePAM no",
    "Subsystem sftp internal-sftp", config or "",
  }
  local path = files.with("sshd_config", table.concat(lines, "\n") .. "\n")
  return {
    process = process.start { "/usr/sbin/sshd", "-D", "-e", "-f", path, ready = "Server listening on" },
    port = port, key = key, host_key = host_key .. ".pub", user = process.check { "id", "-un" }:match "%S+",
    ssh = { "ssh", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o",
      "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", "-p", tostring(port) },
  }
end

---A Redis server.
---@param ... string more of its command line: "--requirepass", "secret"
---@return support.Process process
---@return integer port
function peers.redis(...)
  local port = os_.free_port()
  local server = process.start { "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly",
    "no", "--dir", files.dir(), ready = "Ready to accept connections", ... }
  return server, port
end

---TLS before a plain server, by socat: `https` origins, and TLS peers that are not us.
---@param certificate support.Certificate
---@param target string "host:port"
---@param options? string more socat options, each with a comma before it: ",verify=1,cafile=…" (default ",verify=0")
---@return support.Process process
---@return integer port
function peers.tls_front(certificate, target, options)
  local port = os_.free_port()
  local listen = ("OPENSSL-LISTEN:%d,bind=127.0.0.1,reuseaddr,fork,cert=%s%s"):format(port, certificate.pem,
    options or ",verify=0")
  local front = process.start { "socat", "-d", "-d", listen, "TCP:" .. target, name = "tls", ready = "listening on" }
  return front, port
end

return peers
