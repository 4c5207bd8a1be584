---Helpers of the specs: `local support = require "spec.support"`.
---
---A spec starts what it needs, waits for conditions and never for time, and ends with `after_each(support.cleanup)`
---(or `teardown`), which stops every program that is still running and fails on sanitizer reports, crashes and
---unclean exits. Files live in one temporary directory for each busted process; ports come from the kernel.

local build = os.getenv "GOST_BUILD" or "build-test"
package.cpath = build .. "/support/?.so;" .. package.cpath
local os_ = require "testos"
local process = require "spec.support.process"
local files = require "spec.support.files"
local clock = require "spec.support.clock"
local netns = require "spec.support.netns"
local origin = require "spec.support.origin"
local peers = require "spec.support.peers"
local gost = require "spec.support.gost"

local support = {
  build = build,
  files = files,
  netns = netns,
  pki = require "spec.support.pki".new,
  origin = origin.start,
  pattern = origin.pattern,
  gost = gost.start,
  gost_config = gost.with_config,
  gost_run = gost.run,
  program = gost.program,
  sshd = peers.sshd,
  redis = peers.redis,
  tls_front = peers.tls_front,
  start = process.start,
  run = process.run,
  check = process.check,
  eventually = clock.eventually,
  scaled = clock.scaled,
  now = os_.now,
  sleep = os_.sleep,
  free_port = os_.free_port,
  connects = os_.connects,
  raise_nofile = os_.raise_nofile,
}

---Whether a program is installed; a spec of an optional peer is `pending` without it.
---@param name string
---@return boolean
function support.has(name)
  return process.run({ "sh", "-c", "command -v " .. name }).status == 0
end

---@class support.CurlResult: support.Result
---@field body string what came as the body
---@field http_code integer 0 when there was no answer
---@field connects integer connections that curl opened

---curl with the usual options: quiet, no proxy from the environment, a limit. Its own words follow:
---`support.curl { "-x", "socks5h://127.0.0.1:1080", url }`.
---@param spec string[]|{timeout?: number, input?: string}
---@return support.CurlResult
function support.curl(spec)
  local limit = spec.timeout or 15
  local body = files.path "body"
  local argv = { "curl", "-q", "-sS", "--noproxy", "", "-m", ("%g"):format(clock.scaled(limit)), "-o", body, "-w",
    "%{http_code} %{num_connects}", timeout = limit + 5, input = spec.input }
  for _, word in ipairs(spec) do
    argv[#argv + 1] = word
  end
  local result = process.run(argv) --[[@as support.CurlResult]]
  local code, connects = result.stdout:match "(%d+) (%d+)$"
  result.http_code, result.connects = tonumber(code) or 0, tonumber(connects) or 0
  result.body = files.exists(body) and files.take(body) or ""
  return result
end

---Stops what still runs and removes the namespaces. For `after_each` or `teardown`.
function support.cleanup()
  local ok, complaint = pcall(process.stop_all)
  netns.remove_all()
  if not ok then
    error(complaint, 0)
  end
end

return support
