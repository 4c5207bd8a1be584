---@meta gost

---A function that runs beside others; it waits where it calls what suspends.
---@class gost.Fiber
local Fiber = {}

---Wait for its end. Suspends.
---@param timeout? number
---@return true? ok
---@return any ... what its function returned; or a message and a code: "hook" when it raised
function Fiber:join(timeout) end

---Ask it to end: its present wait and all later ones fail with "canceled".
function Fiber:cancel() end

---@return boolean
function Fiber:done() end

---@class gost
local gost = {}

---Run a function on a fiber of its own.
---@param fn function
---@return gost.Fiber
function gost.spawn(fn, ...) end

---Suspend for so many seconds.
---@param seconds number
---@return true?
---@return string? message
---@return gost.Code? code
function gost.sleep(seconds) end

---Let others run.
function gost.yield() end

---Seconds on a clock that only goes forward.
---@return number
function gost.now() end

---Call `fn` every so many seconds; an error in it is logged.
---@param seconds number
---@param fn function
---@return gost.Fiber
function gost.every(seconds, fn) end

---Call `fn` once, later.
---@param seconds number
---@param fn function
---@return gost.Fiber
function gost.after(seconds, fn) end

---Run functions side by side and wait for all; the first failure ends the others. Suspends.
---@param functions function[]
---@param timeout? number
---@return any[]? results the first result of each
---@return string? message
---@return gost.Code? code
function gost.all(functions, timeout) end

---Run functions side by side; the first true result wins, the others are cancelled. Suspends.
---@param functions function[]
---@param timeout? number
---@return any result
---@return integer|string index_or_message
---@return gost.Code? code
function gost.any(functions, timeout) end

---@class gost.Semaphore
local Semaphore = {}

---@param count integer
---@return gost.Semaphore
function gost.semaphore(count) end

---@param timeout? number
---@return true?, string?, gost.Code?
function Semaphore:acquire(timeout) end

function Semaphore:release() end

---Call `fn` while holding a place.
---@param fn function
function Semaphore:with(fn, ...) end

---@class gost.Channel
local Channel = {}

---Values from fibers to fibers of this worker.
---@param size? integer default 1
---@return gost.Channel
function gost.channel(size) end

---@param value any anything but nil
---@param timeout? number
---@return true?, string?, gost.Code?
function Channel:put(value, timeout) end

---@param timeout? number
---@return any value, string? message, gost.Code? code
function Channel:get(timeout) end

---No more values; what is inside can still be taken.
function Channel:close() end
