---Whether a service, with everything that it refers to, is still the same.
local components = require "gost.schema.components"
local core = require "gost.core"

local fingerprint = {}

---A list that a reference names, by the key it stands under.
local LISTS = {
  chain = "chains", hop = "hops", bypass = "bypasses", bypasses = "bypasses", admission = "admissions",
  admissions = "admissions", auther = "authers", authers = "authers", resolver = "resolvers", hosts = "hosts",
  limiter = "limiters", climiter = "climiters", rlimiter = "rlimiters", ingress = "ingresses", sd = "sds",
  logger = "loggers", loggers = "loggers",
}

local SINGULAR = { bypasses = "bypass", hosts = "hosts", ingresses = "ingress" }

---What does not change a service: where a function's text stands, and what was made of a definition.
local PASSED_OVER = { line = true, built = true, builder = true, running = true }

local function by_text(a, b) return tostring(a) < tostring(b) end

local function sorted_keys(value)
  local keys, others = {}, false
  for key in pairs(value) do
    keys[#keys + 1] = key
    others = others or type(key) ~= "string"
  end
  table.sort(keys, others and by_text or nil)
  return keys
end

local INDEXED = {} -- key of how many entries an index knows
local indexes = setmetatable({}, { __mode = "k" })

---The entry of a list that has this name.
local function entry(list, name)
  if not list then return nil end
  local index = indexes[list]
  if not index or index[INDEXED] ~= #list then -- scripts may add to a list
    index = { [INDEXED] = #list }
    for _, one in ipairs(list) do
      if one.name and not index[one.name] then index[one.name] = one end
    end
    indexes[list] = index
  end
  return index[name]
end

---Entries of the lists of a configuration, written once each: thousands of services may share a long one.
---`refs` are lists and names in turn.
---@type table<table, table<string, { digest: string, refs: string[] }>>
local written = setmetatable({}, { __mode = "k" })

local function entries_of(configuration)
  local all = written[configuration]
  if not all then
    all = setmetatable({}, { __index = function(self, key)
      local list, name = key:match "^(.-)%z(.*)$"
      local found = entry(configuration[list], name)
      local text, refs = "", {}
      if found then text, refs = core.shape(found, LISTS, PASSED_OVER) end
      self[key] = { digest = core.hash("sha256", text), refs = refs }
      return self[key]
    end })
    written[configuration] = all
  end
  return all
end

---Add what the references lead to, each thing once.
---@param out string[]
---@param refs string[]  lists and names in turn
local function follow(out, refs, configuration)
  local all, seen, i = entries_of(configuration), {}, 1
  while refs[i] do
    local key = refs[i] .. "\0" .. refs[i + 1]
    if not seen[key] then
      seen[key] = true
      local one = all[key]
      out[#out + 1] = "@" .. key
      out[#out + 1] = one.digest
      table.move(one.refs, 1, #one.refs, #refs + 1, refs)
    end
    i = i + 2
  end
end

---@param configuration table
---@param service table
---@return string

function fingerprint.of(configuration, service)
  local text, refs = core.shape(service, LISTS, PASSED_OVER)
  local out, listener = { text }, service.listener or {}
  if (components.get("listener", listener.type or "tcp") or {}).tls then -- perhaps the certificate is the program's
    out[2] = core.shape(configuration.tls or {}, LISTS, PASSED_OVER)
  end
  follow(out, refs, configuration)
  return table.concat(out, "\1")
end

---How to call an item of a list: by its name, or its place.
local function label(key, a, b)
  if math.type(key) ~= "integer" then return tostring(key) end
  local item = type(a) == "table" and a or b
  return type(item) == "table" and item.name or ("[%d]"):format(key - 1)
end

---An empty mapping says as much as none.
local function present(value)
  if type(value) == "table" and next(value) == nil then return nil end
  return value
end

local function compare(lines, path, a, b)
  a, b = present(a), present(b)
  if type(a) ~= "table" or type(b) ~= "table" then
    if a ~= b then lines[#lines + 1] = path end
    return
  end
  local keys = {}
  for key in pairs(a) do keys[key] = true end
  for key in pairs(b) do keys[key] = true end
  for _, key in ipairs(sorted_keys(keys)) do
    if not PASSED_OVER[key] then
      local here = label(key, a[key], b[key])
      compare(lines, path == "" and here or path .. "." .. here, a[key], b[key])
    end
  end
end

---": addr, handler.retries": which fields are not the same, for the log. Never their values.
---@return string
function fingerprint.difference(a, b)
  local lines = {}
  compare(lines, "", a, b)
  if #lines == 0 then return "" end
  for i, line in ipairs(lines) do
    lines[i] = line:gsub("%f[%a]hops%.", ""):gsub("%f[%a]nodes%.([^%.]+)%.", "%1 "):gsub("%f[%a]nodes%.", "")
  end
  local more = #lines > 8 and (" and %d more"):format(#lines - 8) or ""
  return ": " .. table.concat(lines, ", ", 1, math.min(#lines, 8)) .. more
end

---What changed in the lists of two configurations: "~ chain out: hop-0.node-1 addr".
---@return string[]
function fingerprint.lists(old, new)
  local lines, seen = {}, {}
  local lists = {}
  for _, list in pairs(LISTS) do
    if not seen[list] then lists[#lists + 1] = list end
    seen[list] = true
  end
  table.sort(lists)
  for _, list in ipairs(lists) do
    local what = SINGULAR[list] or list:sub(1, -2)
    for _, one in ipairs(new[list] or {}) do
      local before = entry(old[list], one.name)
      if not before then lines[#lines + 1] = ("+ %s %s"):format(what, one.name)
      else
        local difference = fingerprint.difference(before, one)
        if difference ~= "" then lines[#lines + 1] = ("~ %s %s%s"):format(what, one.name, difference) end
      end
    end
    for _, one in ipairs(old[list] or {}) do
      if not entry(new[list], one.name) then lines[#lines + 1] = ("- %s %s"):format(what, one.name) end
    end
  end
  return lines
end

return fingerprint
