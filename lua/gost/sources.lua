---Where lists come from: files, Redis, web servers. Each source is read by one worker of the process, which hands the
---text to the others; what was read last stays in force while a source cannot be read.
local core = require "gost.core"
local sync = require "gost.sync"

local sources = {}

local BYTES = 64 * 1024 * 1024     -- of one list
local SECONDS = 10                 -- for Redis
local WEB_SECONDS = 30             -- for a web server, unless the source has a timeout
local RETRY_FIRST, RETRY_MOST = 1, 30

---What workers know of each other: who reads, what was read.
local shared

-- reading -----------------------------------------------------------------------------------------

local readers = {}

function readers.file(definition)
  return core.read_file(definition.path, BYTES)
end

function readers.http(definition)
  local timeout = definition.timeout
  return require "gost.fetch"(definition.url, {
    seconds = timeout and timeout > 0 and timeout or WEB_SECONDS, bytes = BYTES,
  })
end

---Words of a hash or a set come in any order: put into one, so that it shows whether anything has changed.
local function sorted_lines(list, step)
  local lines = {}
  for i = 1, #list, step do
    local line = step == 2 and list[i] .. " " .. tostring(list[i + 1]) or tostring(list[i])
    lines[#lines + 1] = (line:gsub("[\r\n]", " "))
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

---Users and passwords as they are, whatever bytes they have.
local function packed_pairs(list)
  local pairs_ = {}
  for i = 1, #list, 2 do pairs_[#pairs_ + 1] = string.pack("<s4<s4", tostring(list[i]), tostring(list[i + 1])) end
  table.sort(pairs_)
  return table.concat(pairs_)
end

local COMMANDS = {
  set = { "SMEMBERS" }, list = { "LRANGE", 0, -1 }, hash = { "HGETALL" }, string = { "GET" }, pairs = { "HGETALL" },
}

function readers.redis(definition, source)
  source.client = source.client or require("gost.redis").client {
    addr = definition.addr, db = definition.db, username = definition.username, password = definition.password,
    timeout = SECONDS, max_reply = BYTES, size = 1,
  }
  local command = COMMANDS[source.form]
  local reply, message = source.client:call(command[1], source.key, table.unpack(command, 2))
  if message then return nil, message end
  if source.form == "pairs" then return packed_pairs(reply) end
  if source.form == "string" then return reply or "" end
  return source.form == "list" and table.concat(reply, "\n") or sorted_lines(reply, source.form == "hash" and 2 or 1)
end

-- a source ----------------------------------------------------------------------------------------

---@class gost.Source
---@field what "file"|"redis"|"http"
---@field definition table
---@field form string       "lines", "nodes"; of Redis: "set", "list", "hash", "pairs", "string"
---@field label string      for messages
---@field key? string       of Redis
---@field period number     seconds; 0: read once
---@field id string         the same in all workers
---@field text? string      what was read last; nil: it never was
---@field version integer
---@field problem? string   why it could not be read when it was tried last
---@field tried boolean     it was tried at least once
---@field check? fun(text: string): string?  what is wrong with the text as a whole
---@field users table<gost.Loader, true>
---@field package queue table  who waits for the first try
---@field package fiber? gost.Fiber
---@field package client? gost.RedisClient
---@field package reading? boolean
---@field package asked? boolean
local Source = {}
Source.__index = Source

---This worker's, by id.
local known = {} ---@type table<string, gost.Source>

function Source:owner() return shared:get(self.id .. ":owner") == core.worker() end

---Take over the reading if nobody does it.
function Source:own()
  return self:owner() or shared:cas(self.id .. ":owner", nil, (core.worker()))
end

---Tell whoever waits, and whoever has the list.
function Source:deliver()
  self.tried = true
  self.queue:wake_all()
  for user in pairs(self.users) do user:changed() end
end

local function tell_others()
  local id, count = core.worker()
  for other = 0, count - 1 do
    if other ~= id then core.tell(other, "sources") end
  end
end

---Have all workers take it.
function Source:announce()
  self.version = shared:incr(self.id .. ":version")
  tell_others()
end

---Is there a list with names in it? They are looked up anew each time.
function Source:has_names()
  for user in pairs(self.users) do
    if user.has_names then return true end
  end
  return false
end

---@param text string
function Source:publish(text)
  if self.text == text then return false end
  if self.text and self.text ~= "" and text == "" then
    core.log("warn", ("%s: the list is empty now"):format(self.label))
  end
  self.text = text
  shared:set(self.id .. ":text", text)
  self:announce()
  return true
end

function Source:fail(message)
  if self.problem ~= message then
    core.log(self.text and "warn" or "error", ("%s: cannot be read: %s%s"):format(self.label, message,
      self.text and "; what was read last stays in force" or ""))
  end
  self.problem = message
  shared:set(self.id .. ":tried", true)
end

local function read_once(self)
  local ok, text, message = pcall(readers[self.what], self.definition, self)
  if not ok then text, message = nil, tostring(text) end
  if text and self.check then
    local wrong = self.check(text, self.label)
    if wrong then text, message = nil, wrong end
  end
  if not text then self:fail((message or "nothing came"):gsub("^" .. self.label:gsub("%p", "%%%0") .. ": ", ""))
  elseif self.problem then
    self.problem = nil
    core.log("info", ("%s: can be read again"):format(self.label))
  end
  local changed = text and self:publish(text)
  local again = text and not changed and self:has_names()
  if again then self:announce() end
  if changed or again or not self.tried then self:deliver() end
end

---Read it now; once more, if somebody asks meanwhile for what has changed since. Suspends.
function Source:read()
  self.asked = true
  if self.reading then return end
  self.reading = true
  while self.asked do
    self.asked = false
    read_once(self)
  end
  self.reading = false
end

---Take what another worker has read.
function Source:follow()
  local version = shared:get(self.id .. ":version")
  if version and version ~= self.version then
    self.version, self.text = version, shared:get(self.id .. ":text")
    if self.text then self:deliver() end
  elseif not self.tried and shared:get(self.id .. ":tried") then
    self:deliver()
  end
end

---One source's fiber.
local function serve(self)
  local retry = RETRY_FIRST
  while true do
    local mine = self:own()
    if mine then self:read() else self:follow() end
    if self.text and self.period == 0 then return end
    local wait = self.period > 0 and self.period or 1
    if mine and not self.text then
      wait = self.period > 0 and math.min(retry, self.period) or retry
      retry = math.min(retry * 2, RETRY_MOST)
    end
    if not core.sleep(wait) then return end
  end
end

function Source:start()
  if self.fiber then return end
  self.fiber = core.spawn(function()
    local ok, message = xpcall(serve, debug.traceback, self)
    if not ok then core.log("error", ("%s: %s"):format(self.label, message)) end
    self.fiber = nil
  end)
end

---Wait until it was tried once. Suspends.
---@param timeout number
---@return boolean
function Source:wait(timeout)
  return self.queue:wait(function() return self.tried end, timeout) == true
end

---@param user gost.Loader
function Source:leave(user)
  self.users[user] = nil
  if next(self.users) then return end
  known[self.id] = nil
  if self:owner() then
    for _, what in ipairs { "text", "tried", "owner" } do shared:set(self.id .. ":" .. what, nil) end
  end
  if self.fiber then self.fiber:cancel() end
  if self.client then self.client:close() end
end

-- finding -----------------------------------------------------------------------------------------

local function label_of(what, definition, key)
  if what == "file" then return definition.path end
  if what == "http" then return require("gost.url").mask(definition.url) end
  return ("redis %s, key %s"):format(definition.addr or "", key)
end

---@param what "file"|"redis"|"http"
---@param definition table
---@param form string
---@param period? number
---@return gost.Source
local function find(what, definition, form, period)
  period = period and period > 0 and math.max(period, 1) or 0
  local key = what == "redis" and (definition.key and definition.key ~= "" and definition.key or "gost") or nil
  local id = core.hash("sha256", table.concat({ what, form, key or "", tostring(period), definition.path or "",
    definition.url or "", tostring(definition.timeout), definition.addr or "", tostring(definition.db),
    definition.username or "", definition.password or "" }, "\0"))
  local found = known[id]
  shared = shared or core.dict("gost.sources", { size = 1000000 })
  if not found then
    found = setmetatable({ what = what, definition = definition, form = form, key = key, period = period, id = id,
      label = label_of(what, definition, key), version = 0, tried = false, queue = sync.queue(),
      users = setmetatable({}, { __mode = "k" }) }, Source) -- else what they are filled from would keep them for ever
    known[id] = found
  end
  return found
end

---The sources of an object, in the order in which they count.
---@param definition table   with file, redis, http, reload
---@param forms table<string, string>  of Redis: by its `type`, default under ""; of files and web servers: `text`
---@param user gost.Loader
---@param check? fun(text: string): string?
---@return gost.Source[]
function sources.of(definition, forms, user, check)
  local list = {}
  for _, what in ipairs { "file", "redis", "http" } do
    local one = definition[what]
    local given = what == "file" and one and one.path or what == "http" and one and one.url
      or what == "redis" and one and one.addr
    if given and given ~= "" then
      local form = what ~= "redis" and forms.text or forms[(one.type or ""):lower()] or forms[""]
      local source = find(what, one, form, definition.reload)
      source.check = check
      source.users[user] = true
      list[#list + 1] = source
    end
  end
  for _, source in ipairs(list) do
    source:follow()
    if not source.text or source.period > 0 then source:start() end
  end
  return list
end

---Another worker has read something.
function sources.look()
  for _, source in pairs(known) do
    if not source:owner() then source:follow() end
  end
end

---Read everything again that this worker reads: the program was told to reload.
function sources.refresh()
  for _, source in pairs(known) do
    if source.tried and source:owner() then core.spawn(source.read, source) end
  end
end

return sources
