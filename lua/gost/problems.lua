---A list of what is wrong with a configuration.
---
---Levels: "error" must be mended before anything runs; "missing" is right but not implemented yet
---and stops as well; "strict" (an unknown key) warns while running and fails `-t` and `--strict`;
---"warning" only warns.
local nearest = require "gost.nearest"
local places = require "gost.places"

---@class gost.Problem
---@field level "error"|"missing"|"strict"|"warning"
---@field path string     "services[0].handler"
---@field message string
---@field name? string    the source
---@field line? integer
---@field column? integer
---@field order integer   in which it was found

---@class gost.Problems
local Problems = {}
Problems.__index = Problems

local problems = {}

---@return gost.Problems
function problems.new()
  nearest.rested()
  return setmetatable({}, Problems)
end

---So many of a level are kept; a file may be nothing but mistakes.
local KEPT = 5000

---@param level string
---@param path string
---@param message string
function Problems:add(level, path, message, name, line, column)
  -- one word of a command line may stand in several places: in each service of a range, in handler and listener
  if name and name:match "^%-[LF] " then
    self.words = self.words or {}
    local word = table.concat({ level, name, path:match "[^.]*$", message }, "\0")
    if self.words[word] then return end
    self.words[word] = true
  end
  local counts = self.counts or {}
  self.counts, counts[level] = counts, (counts[level] or 0) + 1
  if counts[level] > KEPT then return end
  self[#self + 1] = {
    level = level, path = path, message = message, name = name, line = line, column = column,
    order = #self + 1,
  }
end

---The usual case: something about `owner[key]`, where `owner` is a table that the schema has made.
function Problems:at(owner, key, level, path, message)
  self:add(level, path, message, places.of(owner, key))
end

---Only the named levels, by place.
---@param ... string
---@return gost.Problems
function Problems:only(...)
  local wanted, found = {}, problems.new()
  for _, level in ipairs { ... } do wanted[level] = true end
  for _, problem in ipairs(self) do
    if wanted[problem.level] then found[#found + 1] = problem end
  end
  local more = 0
  for level, count in pairs(self.counts or {}) do
    if wanted[level] and count > KEPT then more = more + count - KEPT end
  end
  found.more = more > 0 and more or nil
  return found:sort()
end

local function before(a, b)
  if a.name ~= b.name then return (a.name or "") < (b.name or "") end
  if a.line ~= b.line then return (a.line or 0) < (b.line or 0) end
  if a.column ~= b.column then return (a.column or 0) < (b.column or 0) end
  if a.path ~= b.path then return a.path < b.path end
  return a.order < b.order
end

function Problems:sort()
  table.sort(self, before)
  return self
end

---@param problem gost.Problem
---@return string
function problems.format(problem)
  local where = places.text(problem.name, problem.line, problem.column)
  if problem.path == "" then return where .. ": " .. problem.message end
  return ("%s: %s: %s"):format(where, problem.path, problem.message)
end

---One line for each.
---@return string[]
function Problems:lines()
  local lines = {}
  for i, problem in ipairs(self) do lines[i] = problems.format(problem) end
  if self.more then lines[#lines + 1] = ("and %d more"):format(self.more) end
  return lines
end

return problems
