---Whether a service, with everything that it refers to, is still the same.
local components = require "gost.schema.components"
local core = require "gost.core"

local fingerprint = {}

---A list that a reference names, by the key it stands under.
local LISTS = {
  chain = "chains", hop = "hops", bypass = "bypasses", bypasses = "bypasses", admission = "admissions",
  admissions = "admissions", auther = "authers", authers = "authers", resolver = "resolvers", hosts = "hosts",
  limiter = "limiters", climiter = "climiters", rlimiter = "rlimiters", ingress = "ingresses",
  logger = "loggers", loggers = "loggers",
}

local SINGULAR = { bypasses = "bypass", hosts = "hosts", ingresses = "ingress" }

---What does not change a service: where a function's text stands, and what was made of a definition.
local PASSED_OVER = { line = true, built = true, running = true }

local function sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function entry(list, name)
  for _, one in ipairs(list or {}) do
    if one.name == name then return one end
  end
end

local write

local function write_reference(out, configuration, list, name, seen)
  local key = list .. "\0" .. name
  if seen[key] then return end
  seen[key] = true
  out[#out + 1] = "@" .. key
  local found = entry(configuration[list], name)
  if found then write(out, configuration, found, nil, seen) end
end

---Keys under which files are named: certFile, keyFile, `file: {path: …}`.
local function is_file(key)
  return type(key) == "string" and (key == "path" or key:lower():find "file$" ~= nil)
end

---Text of a value and of what it refers to, with the age of files.
function write(out, configuration, value, under, seen)
  local kind = type(value)
  if kind ~= "table" then
    out[#out + 1] = kind:sub(1, 1) .. tostring(value)
    if kind == "string" and LISTS[under] then
      write_reference(out, configuration, LISTS[under], value, seen)
    elseif kind == "string" and is_file(under) then
      out[#out + 1] = core.file_stamp(value) or ""
    end
    return
  end
  out[#out + 1] = "{"
  for _, key in ipairs(sorted_keys(value)) do
    if not PASSED_OVER[key] then
      out[#out + 1] = tostring(key) .. "="
      write(out, configuration, value[key], type(key) == "string" and key or under, seen)
    end
  end
  out[#out + 1] = "}"
  -- a hop inside a chain that has only a name stands for an entry of the list
  if value.name and not value.nodes and next(value) == "name" and next(value, "name") == nil then
    write_reference(out, configuration, "hops", value.name, seen)
  end
end

---@param configuration table
---@param service table
---@return string
function fingerprint.of(configuration, service)
  local out, listener = {}, service.listener or {}
  write(out, configuration, service, nil, {})
  if (components.get("listener", listener.type or "tcp") or {}).tls then
    write(out, configuration, configuration.tls or {}, nil, {}) -- perhaps the certificate is the program's
  end
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
