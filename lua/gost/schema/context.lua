---What a walk through a configuration carries along: where it is, and what it has found wrong.
local places = require "gost.places"

---@class gost.Context
---@field source gost.Source
---@field problems gost.Problems
---@field lua boolean           values come from a script: functions and objects are welcome
---@field commandline boolean   metadata keys were checked by the command line already
---@field depth integer         of the path
local Context = {}
Context.__index = Context

local context = {}

---@param source gost.Source
---@param problems gost.Problems
---@return gost.Context
function context.new(source, problems)
  return setmetatable({
    source = source,
    problems = problems,
    lua = source.kind == "lua",
    commandline = source.kind == "commandline",
    depth = 0,
    owners = {}, keys = {}, names = {},
    groups = 0,
  }, Context)
end

---Step into `raw[key]`, called `name` in messages (a list index counts from 0 there).
function Context:push(raw, key, name)
  local depth = self.depth + 1
  self.depth = depth
  self.owners[depth], self.keys[depth], self.names[depth] = raw, key, name
end

function Context:pop()
  self.depth = self.depth - 1
end

---@return string
function Context:path()
  local parts = {}
  for i = 1, self.depth do
    local name = self.names[i]
    if math.type(name) == "integer" then
      parts[#parts + 1] = ("[%d]"):format(name - 1)
    else
      parts[#parts + 1] = (i > 1 and "." or "") .. name
    end
  end
  return table.concat(parts)
end

---Something is wrong right here.
function Context:problem(level, message)
  local name, line, column
  if self.depth > 0 then
    name, line, column = places.raw(self.source, self.owners[self.depth], self.keys[self.depth])
    local above = self.depth
    while not line and above > 1 do -- a value in place of a list has no place of its own
      above = above - 1
      name, line, column = places.raw(self.source, self.owners[above], self.keys[above])
    end
  else
    name, line, column = places.raw(self.source, self.source.value)
  end
  self.problems:add(level, self:path(), message, name, line, column)
end

return context
