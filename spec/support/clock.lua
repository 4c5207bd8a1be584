---Waiting for conditions. Limits are for a quick machine; GOST_SLOW=3 (sanitizers) makes all of them three times
---as long.

local build = os.getenv "GOST_BUILD" or "build-test"
package.cpath = build .. "/support/?.so;" .. package.cpath
local os_ = require "testos"

local clock = { now = os_.now, sleep = os_.sleep }

local slow = tonumber(os.getenv "GOST_SLOW") or 1

---@param seconds number
---@return number seconds for this run
function clock.scaled(seconds)
  return seconds * slow
end

---Calls `condition` until it returns something true, and returns that.
---@generic T
---@param condition fun(): T
---@param seconds? number default 10
---@param what? string said when time is up
---@return T
function clock.eventually(condition, seconds, what)
  local limit = os_.now() + clock.scaled(seconds or 10)
  while true do
    local got = condition()
    if got then
      return got
    end
    if os_.now() > limit then
      error(("%s (waited %g s)"):format(what or "the condition never came true", clock.scaled(seconds or 10)), 2)
    end
    os_.sleep(0.01)
  end
end

return clock
