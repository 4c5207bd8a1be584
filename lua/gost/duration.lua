---Spans of time: seconds in memory, Go notation ("1m30s") in text.
local duration = {}

local SECONDS = {
  ns = 1e-9, us = 1e-6, ["µs"] = 1e-6, ["μs"] = 1e-6, ms = 1e-3, s = 1, m = 60, h = 3600,
}

---Numbers of configuration files from here on count nanoseconds, as the printed JSON does; smaller
---ones count seconds, which is what people mean who write `timeout: 30`.
duration.NANOSECONDS_FROM = 1000000

---Parse Go notation, or digits that count seconds.
---@param text string
---@return number? seconds
---@return string? message
function duration.parse(text)
  local sign, rest = text:match "^([+-]?)(.+)$"
  if not rest then return nil, "expected a duration such as \"30s\" or \"1m30s\"" end
  local factor = sign == "-" and -1 or 1
  if rest:match "^%d+$" then return factor * math.tointeger(tonumber(rest) or 0) end
  local total, at = 0, 1
  while at <= #rest do
    local number, unit, after = rest:match("^(%d*%.?%d*)([^%d%.]+)()", at)
    if not number or not number:match "%d" then
      return nil, ("%q is not a duration, write for example \"30s\" or \"1m30s\""):format(text)
    end
    if not SECONDS[unit] then
      return nil, ("unknown unit %q in duration %q (units: ns us ms s m h)"):format(unit, text)
    end
    total = total + tonumber(number) * SECONDS[unit]
    at = after
  end
  return factor * (math.tointeger(total) or total)
end

---A number from a file, a script or JSON: see NANOSECONDS_FROM.
---@param number number
---@return number seconds
function duration.from_number(number)
  if math.abs(number) >= duration.NANOSECONDS_FROM then number = number / 1e9 end
  return math.tointeger(number) or number
end

---@param seconds number
---@return integer
function duration.nanoseconds(seconds)
  return math.tointeger(math.floor(seconds * 1e9 + 0.5)) --[[@as integer]]
end

local function decimals(ns, unit)
  local text = ("%d.%09d"):format(ns // unit, (ns % unit) * (1000000000 // unit))
  return (text:gsub("%.?0+$", "", text:find("%.%d*0$") and 1 or 0))
end

---Text in Go's own form: "0s", "1.5s", "1m0s", "250ms".
---@param seconds number
---@return string
function duration.format(seconds)
  local ns = duration.nanoseconds(seconds)
  if ns == 0 then return "0s" end
  local sign = ns < 0 and "-" or ""
  ns = math.abs(ns)
  if ns < 1000 then return ("%s%dns"):format(sign, ns) end
  if ns < 1000000 then return sign .. decimals(ns, 1000) .. "µs" end
  if ns < 1000000000 then return sign .. decimals(ns, 1000000) .. "ms" end
  local hours, minutes = ns // 3600000000000, ns // 60000000000 % 60
  local text = decimals(ns % 60000000000, 1000000000) .. "s"
  if hours > 0 then return ("%s%dh%dm%s"):format(sign, hours, minutes, text) end
  if minutes > 0 then return ("%s%dm%s"):format(sign, minutes, text) end
  return sign .. text
end

return duration
