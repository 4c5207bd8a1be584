---One value of a `metadata` mapping against the option that it is for.
local values = require "gost.schema.values"

local option = {}

local check = {}

function check.bool(value) return values.bool(value) end
function check.string(value) return values.string(value) end
function check.path(value) return values.string(value) end
function check.duration(value)
  if type(value) == "number" then return value end -- seconds here, also in the printed form
  return values.duration(value)
end

function check.int(value, o)
  local number, message = values.int(value)
  if not number then return nil, message end
  if o.min and o.max and o.min == 0 and o.max == 0 then return number end
  if o.min and number < o.min or o.max and number > o.max then
    return nil, ("%d is out of range, expected %s to %s"):format(number, o.min or "anything", o.max or "anything")
  end
  return number
end

function check.float(value) return values.float(value) end

function check.size(value)
  if type(value) == "number" or type(value) == "string" and value:match "^%d+$" then return value end
  return values.size(value)
end

function check.enum(value, o)
  local text, message = values.string(value)
  if not text then return nil, message end
  if text == "" then return "" end
  return values.choice(text, o.choices)
end

function check.list(value)
  if type(value) ~= "table" then return values.string(value) end
  if value[1] == nil and next(value) ~= nil then return nil, "expected a list, not a mapping" end
  return value
end

function check.map(value)
  if type(value) ~= "table" then
    return nil, ("expected a mapping of names to values, not %s"):format(values.what(value))
  end
  if value[1] ~= nil then return nil, "expected a mapping of names to values, not a list" end
  return value
end

---@param o gost.Option
---@param value any
---@return boolean ok
---@return string? message
function option.check(o, value)
  local run = check[o.type]
  if not run then return true end
  local found, message = run(value, o)
  return found ~= nil, message
end

---What the value means, for those who use it: seconds for durations, true and false, numbers.
---@param o gost.Option
---@param value any
function option.value(o, value)
  local run = check[o.type]
  if not run then return value end
  return (run(value, o))
end

return option
