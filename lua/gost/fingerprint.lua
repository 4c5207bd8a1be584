---Whether a service, with everything that it refers to, is still the same.
local fingerprint = {}

---A list that a reference names, by the key it stands under.
local LISTS = {
  chain = "chains", hop = "hops", bypass = "bypasses", bypasses = "bypasses", admission = "admissions",
  admissions = "admissions", auther = "authers", authers = "authers", resolver = "resolvers", hosts = "hosts",
  limiter = "limiters", climiter = "climiters", rlimiter = "rlimiters", ingress = "ingresses",
}

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

---Text of a value and of what it refers to.
function write(out, configuration, value, under, seen)
  local kind = type(value)
  if kind ~= "table" then
    out[#out + 1] = kind:sub(1, 1) .. tostring(value)
    if kind == "string" and LISTS[under] then
      write_reference(out, configuration, LISTS[under], value, seen)
    end
    return
  end
  out[#out + 1] = "{"
  for _, key in ipairs(sorted_keys(value)) do
    out[#out + 1] = tostring(key) .. "="
    write(out, configuration, value[key], type(key) == "string" and key or under, seen)
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
  local out = {}
  write(out, configuration, service, nil, {})
  return table.concat(out, "\1")
end

local function compare(lines, path, a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    if a ~= b then lines[#lines + 1] = path end
    return
  end
  local keys = {}
  for key in pairs(a) do keys[key] = true end
  for key in pairs(b) do keys[key] = true end
  for _, key in ipairs(sorted_keys(keys)) do
    compare(lines, path == "" and tostring(key) or path .. "." .. tostring(key), a[key], b[key])
  end
end

---": addr, handler.retries": which fields are not the same, for the log.
---@return string
function fingerprint.difference(a, b)
  local lines = {}
  compare(lines, "", a, b)
  if #lines == 0 then return "" end
  return ": " .. table.concat(lines, ", ", 1, math.min(#lines, 8))
end

return fingerprint
