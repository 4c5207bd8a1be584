---@meta gost

---Strings, numbers and booleans by key, the same in all workers.
---@class gost.Dict
local Dict = {}

---@class gost
local gost = {}

---@param name string
---@param opts? { size?: integer } how many keys it holds; the first caller decides; default 10000
---@return gost.Dict
function gost.dict(name, opts) end

---@param key string
---@return string|number|boolean|nil
function Dict:get(key) end

---@param key string
---@param value string|number|boolean|nil nil removes
---@param ttl? number seconds
---@return true?, string?, gost.Code?
function Dict:set(key, value, ttl) end

---Set it unless it is there.
---@param key string
---@param value string|number|boolean
---@param ttl? number
---@return boolean? added, string?, gost.Code?
function Dict:add(key, value, ttl) end

---Add to an integer; what is absent counts as 0.
---@param key string
---@param by? integer default 1
---@param ttl? number of a new key
---@return integer? value, string?, gost.Code?
function Dict:incr(key, by, ttl) end

---Set it if it has the expected value (nil: is absent).
---@param key string
---@param expected string|number|boolean|nil
---@param value string|number|boolean
---@param ttl? number
---@return boolean swapped
function Dict:cas(key, expected, value, ttl) end

---@param key string
---@param ttl number
---@return boolean there
function Dict:expire(key, ttl) end

---@return integer
function Dict:count() end

---An integer, the same in all workers.
---@class gost.Counter
local Counter = {}

---@param name string
---@return gost.Counter
function gost.counter(name) end

---@param n? integer default 1
---@return integer value
function Counter:add(n) end

---@return integer
function Counter:get() end

---@param n integer
---@return integer old
function Counter:set(n) end

---Tokens that come back at a rate, the same in all workers.
---@class gost.Bucket
local Bucket = {}

---@param key string
---@param rate number tokens a second
---@param burst? number tokens that are kept; default: one second's
---@return gost.Bucket
function gost.bucket(key, rate, burst) end

---Take all of `n`, or nothing.
---@param n? integer default 1
---@return boolean taken
---@return number? retry seconds until it may be tried again; nil: never
function Bucket:take(n) end

---Take them when they are there. Suspends.
---@param n? integer
---@param timeout? number
---@return true?, string?, gost.Code?
function Bucket:wait(n, timeout) end

---Put back what was not used.
---@param n? integer
function Bucket:give(n) end
