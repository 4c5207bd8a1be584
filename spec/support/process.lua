---Programs under test and the clients that talk to them: start, watch, stop, run.
---Everything started here is remembered until `process.stop_all`, and dies with the suite at the latest.

local build = os.getenv "GOST_BUILD" or "build-test"
package.cpath = build .. "/support/?.so;" .. package.cpath
local os_ = require "testos"
local files = require "spec.support.files"
local clock = require "spec.support.clock"

local SIGNALS = { HUP = 1, INT = 2, QUIT = 3, KILL = 9, USR1 = 10, USR2 = 12, PIPE = 13, TERM = 15, CONT = 18,
  STOP = 19 }

---What a sanitizer writes when it found something.
local REPORTS = {
  "ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error: ",
  "AddressSanitizer:DEADLYSIGNAL",
}

---@class support.Process
---@field pid integer
---@field name string
---@field log string path of the file that has its standard output and error
---@field argv string[]
---@field status? "exit"|"signal" how it ended; nil while it runs
---@field code? integer exit status or signal number
---@field stdin? integer descriptor, with `stdin = "pipe"`
---@field asked? boolean to end
---@field exits_cleanly boolean `stop` fails unless it exits with status 0
local Process = {}
Process.__index = Process

---@type support.Process[]
local running = {}

---@class support.ProcessOptions
---@field name? string for messages and the log's name
---@field env? table<string,string> on top of the suite's own
---@field cwd? string
---@field stdin? string path, or "pipe" for `proc:write`
---@field exits_cleanly? boolean `stop` fails unless the program exits with status 0 (default: false)
---@field ready? string|integer a pattern of its log, or a TCP port, to wait for before `start` returns
---@field seconds? number how long to wait for `ready` (default 10)

---Everything after the options is the command; `{ "prog", "arg", name = …, ready = … }`.
---@param spec string[]|support.ProcessOptions
---@return string[] argv
local function command(spec)
  local argv = {}
  if spec.env then
    argv[1] = "env"
    for key, value in pairs(spec.env) do
      argv[#argv + 1] = key .. "=" .. value
    end
  end
  for _, word in ipairs(spec) do
    argv[#argv + 1] = tostring(word)
  end
  return argv
end

---@param spec string[]|support.ProcessOptions
---@return support.Process
function Process.start(spec)
  local name = spec.name or spec[1]:match "[^/]*$"
  local log = files.path(name .. ".log")
  local child = command(spec)
  child.stdout, child.cwd = log, spec.cwd
  if spec.stdin == "pipe" then
    child.stdin_pipe = true
  else
    child.stdin = spec.stdin
  end
  local pid, feed = os_.spawn(child)
  if not pid then
    error(("cannot start %s: %s"):format(name, feed), 2)
  end
  local self = setmetatable({
    pid = pid, name = name, log = log, argv = command(spec), stdin = feed,
    exits_cleanly = spec.exits_cleanly or false,
  }, Process)
  running[#running + 1] = self
  if spec.ready then
    self:wait_ready(spec.ready, spec.seconds)
  end
  return self
end

---@param ready string|integer a pattern of its log, or a TCP port
---@param seconds? number
function Process:wait_ready(ready, seconds)
  if type(ready) == "string" then
    self:wait_log(ready, seconds)
    return
  end
  clock.eventually(function()
    self:assert_running()
    return os_.connects(ready)
  end, seconds or 10, self.name .. " does not listen on port " .. ready)
end

---Everything it has written so far, or what comes after byte `from`.
---@param from? integer
---@return string
function Process:output(from)
  local file <close> = assert(io.open(self.log, "rb"))
  file:seek("set", from or 0)
  return file:read "a"
end

---How much it has written: a mark for `output(from)` and `wait_log(…, from)`.
---@return integer bytes
function Process:mark()
  return #self:output()
end

---Waits until its log has `pattern`; fails with the whole log otherwise.
---@param pattern string Lua pattern
---@param seconds? number default 10
---@param from? integer look only at what comes after this byte
---@return string ... the captures, or the match
function Process:wait_log(pattern, seconds, from)
  local limit = os_.now() + clock.scaled(seconds or 10)
  while true do
    local ended = not self:alive()
    local found = table.pack(self:output(from):match(pattern))
    if found[1] then
      return table.unpack(found, 1, found.n)
    end
    if ended or os_.now() > limit then
      error(("%s %s without writing %q; its log:\n%s"):format(self.name,
        ended and "ended" or "went on", pattern, self:output()), 2)
    end
    os_.sleep(0.01)
  end
end

---@return boolean
function Process:alive()
  return self:wait(0) == nil
end

function Process:assert_running()
  if not self:alive() then
    error(("%s ended by %s %d; its log:\n%s"):format(self.name, self.status, self.code, self:output()), 2)
  end
end

---Waits for its end, at most so long.
---@param seconds? number default 10
---@return "exit"|"signal"|nil status nil when it still runs
---@return integer? code
function Process:wait(seconds)
  if not self.status then
    local wanted = seconds == 0 and 0 or clock.scaled(seconds or 10)
    self.status, self.code = os_.wait(self.pid, wanted)
  end
  return self.status, self.code
end

---@param signal string "HUP", "TERM", …
function Process:kill(signal)
  if self:alive() then
    os_.kill(self.pid, assert(SIGNALS[signal], "no such signal"))
  end
end

---Feeds a process that was started with `stdin = "pipe"`.
---@param text string
function Process:write(text)
  assert(os_.write(self.stdin, text))
end

function Process:close_stdin()
  if self.stdin then
    os_.close(self.stdin)
    self.stdin = nil
  end
end

---The first sanitizer report in its log.
---@return string? report
function Process:report()
  local text = self:output()
  for _, mark in ipairs(REPORTS) do
    local at = text:find(mark, 1, true)
    if at then
      return text:sub(at, at + 6000)
    end
  end
end

local function forget(self)
  for i, other in ipairs(running) do
    if other == self then
      table.remove(running, i)
      return
    end
  end
end

---What is wrong with the way it ended, if anything.
---@param forced boolean it had to be killed
---@return string? complaint
function Process:complaint(forced)
  local report = self:report()
  if report then
    return ("%s has a sanitizer report:\n%s"):format(self.name, report)
  end
  if self.status == "signal" and (self.code == 11 or self.code == 6 or self.code == 7) then
    return ("%s crashed with signal %d; its log:\n%s"):format(self.name, self.code, self:output())
  end
  if self.exits_cleanly and (forced or self.status ~= "exit" or self.code ~= 0) then
    return ("%s ended by %s %d%s; its log:\n%s"):format(self.name, self.status, self.code,
      forced and ", killed because TERM did not end it" or "", self:output())
  end
end

---Ends it without judging how: for peers that are to vanish.
function Process:terminate()
  self:close_stdin()
  self:kill "KILL"
  self:wait(5)
  forget(self)
end

---Asks it to end, once.
local function ask(self)
  if not self.asked then
    self.asked = true
    self:close_stdin()
    self:kill "TERM"
  end
end

---TERM, then KILL; fails on a sanitizer report, a crash, or when a program that should exit cleanly did not.
---@param seconds? number to exit in (default 10)
function Process:stop(seconds)
  ask(self)
  local forced = self:wait(seconds or 10) == nil
  if forced then
    self:kill "KILL"
    self:wait(5)
  end
  forget(self)
  local complaint = self:complaint(forced)
  if complaint then
    error(complaint, 2)
  end
end

---Open descriptors.
---@return integer
function Process:fds()
  return #files.list("/proc/" .. self.pid .. "/fd")
end

---@param key string "VmRSS", "Threads", …
---@return integer number (kB where the kernel says kB)
function Process:status_field(key)
  local text = files.read("/proc/" .. self.pid .. "/status")
  return tonumber(text:match(key .. ":%s*(%d+)"))
end

---Resident memory in KiB.
---@return integer
function Process:rss()
  return self:status_field "VmRSS"
end

---User and system time in seconds.
---@return number
function Process:cpu_seconds()
  local rest = files.read("/proc/" .. self.pid .. "/stat"):match "%) (.*)"
  local fields = {}
  for word in rest:gmatch "%S+" do
    fields[#fields + 1] = word
  end
  return (tonumber(fields[12]) + tonumber(fields[13])) / 100
end

---@class support.Result
---@field status? integer exit status; nil when a signal or the limit ended it
---@field signal? integer
---@field timed_out boolean
---@field stdout string
---@field stderr string
---@field seconds number

---Runs a program to its end: `run { "curl", "-s", url, timeout = 5, input = "…" }`.
---@param spec string[]|{timeout?: number, input?: string, env?: table, cwd?: string}
---@return support.Result
function Process.run(spec)
  local child = command(spec)
  child.stdout, child.stderr, child.cwd = files.path "stdout", files.path "stderr", spec.cwd
  if spec.input then
    child.stdin = files.write(files.path "stdin", spec.input)
  end
  local began = os_.now()
  local pid = assert(os_.spawn(child))
  local status, code = os_.wait(pid, clock.scaled(spec.timeout or 20))
  local timed_out = status == nil
  if timed_out then
    os_.kill(pid, SIGNALS.KILL)
    os_.wait(pid, 5)
  end
  local result = {
    status = status == "exit" and code or nil, signal = status == "signal" and code or nil,
    timed_out = timed_out, seconds = os_.now() - began,
    stdout = files.take(child.stdout), stderr = files.take(child.stderr),
  }
  return result
end

---As `run`, but anything other than exit status 0 is an error that shows its output.
---@param spec string[]|{timeout?: number, input?: string, env?: table, cwd?: string}
---@return string stdout
---@return string stderr
function Process.check(spec)
  local r = Process.run(spec)
  if r.status ~= 0 then
    error(("%s: %s\n%s%s"):format(table.concat(spec, " "), r.timed_out and "timed out" or
      "status " .. tostring(r.status or r.signal), r.stdout, r.stderr), 2)
  end
  return r.stdout, r.stderr
end

---Stops all that still runs, newest first; fails with every complaint.
function Process.stop_all()
  local complaints = {}
  for i = #running, 1, -1 do -- all together, or one would wait for connections that another holds open
    if running[i].exits_cleanly then
      ask(running[i])
    end
  end
  for i = #running, 1, -1 do
    local ok, complaint = pcall(running[i].stop, running[i])
    if not ok then
      complaints[#complaints + 1] = complaint
    end
  end
  if #complaints > 0 then
    error(table.concat(complaints, "\n"), 2)
  end
end

---@return support.Process[]
function Process.running()
  return running
end

return Process
