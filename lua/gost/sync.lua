---What fibers use to work together: all, any, semaphores, channels.
local core = require "gost.core"

local sync = {}

local function check_functions(functions)
  if type(functions) ~= "table" or #functions == 0 then
    error("expected a list of functions", 3)
  end
  for i, fn in ipairs(functions) do
    if type(fn) ~= "function" then error(("[%d]: expected a function, got a %s"):format(i, type(fn)), 3) end
  end
end

---Fibers that wait for something, in the order in which they came.
---@class gost.WaitQueue
local Queue = {}
Queue.__index = Queue

local function new_queue()
  return setmetatable({ first = 1, last = 0 }, Queue)
end

---Wait until `ready()` is true. Suspends.
---@param ready fun(): boolean
---@param timeout? number
---@return boolean? ok
---@return string? message
---@return string? code
function Queue:wait(ready, timeout)
  local deadline = timeout and core.now() + timeout
  while not ready() do
    local me = core.self()
    if not me then -- the main program: turn the loop, fibers do their part
      if deadline and core.now() >= deadline then return nil, "timed out", "timeout" end
      core.sleep(0.001)
    else
      self.last = self.last + 1
      local place = self.last
      self[place] = me
      local ok, message, code = core.park(deadline and math.max(deadline - core.now(), 0))
      if self[place] == me then self[place] = nil end
      if not ok then
        self:wake() -- the turn that this one might have been given
        return nil, message, code
      end
    end
  end
  return true
end

---Let the first one look again.
function Queue:wake()
  while self.first <= self.last do
    local fiber = self[self.first]
    self[self.first] = nil
    self.first = self.first + 1
    if fiber then return fiber:wake() end
  end
end

function Queue:wake_all()
  while self.first <= self.last do self:wake() end
end

---Fibers that wait for something.
---@return gost.WaitQueue
sync.queue = new_queue

-- all and any -----------------------------------------------------------------------------------

---Start every function on a fiber of its own; call `done(i, results)` as each ends.
local function start(functions, done)
  local fibers = {}
  for i, fn in ipairs(functions) do
    fibers[i] = core.spawn(function() done(i, table.pack(xpcall(fn, debug.traceback))) end)
  end
  return fibers
end

local function cancel(fibers)
  for _, fiber in ipairs(fibers) do fiber:cancel() end
end

---Run functions side by side and wait for all. The first that raises, or returns nil and a message, ends the
---others, and its message is returned. Suspends.
---@param functions function[]
---@param timeout? number
---@return any[]? results  the first result of each
---@return string? message
---@return string? code
function sync.all(functions, timeout)
  check_functions(functions)
  local queue, left, results, failure = new_queue(), #functions, {}, nil
  local fibers = start(functions, function(i, got)
    left = left - 1
    results[i] = got[2]
    if not got[1] then failure = failure or { tostring(got[2]), "hook" }
    elseif got[2] == nil and got.n > 2 then failure = failure or { tostring(got[3]), got[4] } end
    queue:wake()
  end)
  local ok, message, code = queue:wait(function() return left == 0 or failure ~= nil end, timeout)
  if not ok or failure then
    cancel(fibers)
    if failure then return nil, failure[1], failure[2] end
    return nil, message, code
  end
  return results
end

---Run functions side by side; the first that returns something true wins, the others are cancelled. Suspends.
---@param functions function[]
---@param timeout? number
---@return any result  nil when none won; then a message and a code
---@return any index_or_message
---@return string? code
function sync.any(functions, timeout)
  check_functions(functions)
  local queue, left, winner, failure = new_queue(), #functions, nil, nil
  local fibers = start(functions, function(i, got)
    left = left - 1
    if got[1] and got[2] then winner = winner or { got[2], i }
    else failure = got[1] and { got[3] and tostring(got[3]) or "no result", got[4] } or { tostring(got[2]), "hook" } end
    queue:wake()
  end)
  local ok, message, code = queue:wait(function() return winner ~= nil or left == 0 end, timeout)
  cancel(fibers)
  if winner then return winner[1], winner[2] end
  if not ok then return nil, message, code end
  return nil, failure[1], failure[2]
end

-- semaphores ------------------------------------------------------------------------------------

---@class gost.Semaphore
---@field package free integer
---@field package queue gost.WaitQueue
local Semaphore = {}
Semaphore.__index = Semaphore
Semaphore.__name = "gost.Semaphore"

---@param count integer  how many may hold it at a time
---@return gost.Semaphore
function sync.semaphore(count)
  if math.type(count) ~= "integer" or count < 1 then error("expected a count, 1 or more", 2) end
  return setmetatable({ free = count, queue = new_queue() }, Semaphore)
end

---Take a place; suspends until there is one.
---@param timeout? number
---@return boolean? ok
---@return string? message
---@return string? code
function Semaphore:acquire(timeout)
  local ok, message, code = self.queue:wait(function() return self.free > 0 end, timeout)
  if not ok then return nil, message, code end
  self.free = self.free - 1
  return true
end

---Give the place back.
function Semaphore:release()
  self.free = self.free + 1
  self.queue:wake()
end

---Call `fn` while holding a place; what it returns or raises goes on to the caller. Suspends.
---@param fn function
---@return any ...
function Semaphore:with(fn, ...)
  local ok, message, code = self:acquire()
  if not ok then return nil, message, code end
  local got = table.pack(xpcall(fn, debug.traceback, ...))
  self:release()
  if not got[1] then error(got[2], 0) end
  return table.unpack(got, 2, got.n)
end

-- channels --------------------------------------------------------------------------------------

---@class gost.Channel
local Channel = {}
Channel.__index = Channel
Channel.__name = "gost.Channel"

---Values from fibers to fibers of this worker, in order.
---@param size? integer  how many it holds; a writer waits while it is full; default 1
---@return gost.Channel
function sync.channel(size)
  size = size or 1
  if math.type(size) ~= "integer" or size < 1 then error("expected a size, 1 or more", 2) end
  return setmetatable({ size = size, first = 1, last = 0, items = {}, readers = new_queue(), writers = new_queue() },
    Channel)
end

---Put a value in; suspends while the channel is full.
---@param value any  anything but nil
---@param timeout? number
---@return boolean? ok
---@return string? message
---@return string? code "closed", "timeout" …
function Channel:put(value, timeout)
  if value == nil then error("a channel cannot hold nil", 2) end
  local ok, message, code = self.writers:wait(function()
    return self.closed or self.last - self.first + 1 < self.size
  end, timeout)
  if not ok then return nil, message, code end
  if self.closed then return nil, "the channel is closed", "closed" end
  self.last = self.last + 1
  self.items[self.last] = value
  self.readers:wake()
  return true
end

---Take the oldest value; suspends while the channel is empty.
---@param timeout? number
---@return any value
---@return string? message
---@return string? code "closed", "timeout" …
function Channel:get(timeout)
  local ok, message, code = self.readers:wait(function() return self.closed or self.first <= self.last end, timeout)
  if not ok then return nil, message, code end
  if self.first > self.last then return nil, "the channel is closed", "closed" end
  local value = self.items[self.first]
  self.items[self.first] = nil
  self.first = self.first + 1
  self.writers:wake()
  return value
end

---No more values; what is inside can still be taken.
function Channel:close()
  self.closed = true
  self.readers:wake_all()
  self.writers:wake_all()
end

function Channel:__len() return self.last - self.first + 1 end

return sync
