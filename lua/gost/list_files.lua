---Files of lists, for those who only look at a configuration: `-t` and `explain`. Nothing else is fetched.
local core = require "gost.core"
local loader = require "gost.loader"

local list_files = {}

---What `-t` tries the lines of a file on.
local TRIED = {
  authers = "auther", admissions = "admission", bypasses = "bypass", hosts = "hosts", ingresses = "ingress",
  limiters = "traffic_limiter", climiters = "conn_limiter", rlimiters = "rate_limiter",
}

---Where a service or its handler may have one of these without a name.
local ON_THE_SPOT = {
  auther = "authers", authers = "authers", admission = "admissions", admissions = "admissions", bypass = "bypasses",
  bypasses = "bypasses", hosts = "hosts", limiter = "limiters", climiter = "climiters", rlimiter = "rlimiters",
}

---@param definition any
---@return string? path
---@return string? text  of the definition's file, if it can be read
local function file_of(definition)
  local file = type(definition) == "table" and definition.file
  local path = file
  if type(file) == "table" then path = file.path end -- scripts may write the path alone
  if not path or path == "" then return nil end
  return path, (core.read_file(path))
end

local function check_lines(make, definition, found)
  local path, text = file_of(definition)
  if not text then return end -- that it cannot be read has been said
  local bad = core.policy_load(core[make] {}, text) or { count = 0 }
  for _, one in ipairs(bad) do found:add("error", "", one.message, path, one.line, 1) end
  if bad.count > #bad then found:add("error", "", ("and %d more mistakes"):format(bad.count - #bad), path) end
end

local function check_hop(hop, found)
  local path, text = file_of(hop)
  local wrong = text and loader.check_nodes(text, path)
  if not text then return end
  if wrong then
    local line, column, message = wrong:match "^.-:(%d+):(%d+): (.*)$"
    return found:add("error", "", message or wrong, path, tonumber(line), tonumber(column))
  end
  local raw, positions = loader.decode_nodes(text, path)
  for _, one in ipairs(raw) do
    local _, problems = loader.canonical_node(one, path, positions)
    for _, problem in ipairs(problems) do
      found:add(problem.level, problem.path, problem.message, problem.name, problem.line, problem.column)
    end
  end
end

---Read the files of sources, and tell every mistake in them. Nothing is fetched from elsewhere.
---@param configuration table
---@param found gost.Problems
function list_files.check(configuration, found)
  for list, make in pairs(TRIED) do
    for _, definition in ipairs(configuration[list] or {}) do check_lines(make, definition, found) end
  end
  for _, hop in ipairs(configuration.hops or {}) do check_hop(hop, found) end
  local function check_chain(chain)
    for _, hop in ipairs(type(chain) == "table" and chain.hops or {}) do check_hop(hop, found) end
  end
  for _, chain in ipairs(configuration.chains or {}) do check_chain(chain) end
  for _, service in ipairs(configuration.services or {}) do -- a script may put the things themselves there
    local handler = service.handler or {}
    check_chain(handler.chain)
    for key, list in pairs(ON_THE_SPOT) do
      local one = service[key] or handler[key]
      if type(one) == "table" then
        check_lines(TRIED[list], one, found)
        for _, item in ipairs(list == key and one or {}) do
          if type(item) == "table" then check_lines(TRIED[list], item, found) end
        end
      end
    end
  end
end

-- content ---------------------------------------------------------------------------------------------

---@return fun(): string?  the lines of a text that say something, without comments
local function lines_of(text)
  local next_line = text:gmatch "[^\n]+"
  return function()
    for line in next_line do
      line = line:gsub("#.*", ""):match "^%s*(.-)%s*$"
      if line ~= "" then return line end
    end
  end
end

local function append(owner, key, item)
  owner[key] = owner[key] or {}
  table.insert(owner[key], item)
end

local function take_nodes(hop)
  local path, text = file_of(hop)
  if path then hop.nodes = hop.nodes or {} end
  if not text or loader.check_nodes(text, path) then return end
  local raw, positions = loader.decode_nodes(text, path)
  for i, one in ipairs(raw) do
    local node = loader.canonical_node(one, path, positions)
    if node and not one.name then node.name = ("node-%d"):format(i - 1) end
    if node then append(hop, "nodes", node) end
  end
end

---Put what files say into the lists of a configuration, where explain looks.
---@param configuration table
function list_files.take(configuration)
  for _, list in ipairs { "admissions", "bypasses" } do
    for _, entry in ipairs(configuration[list] or {}) do
      local _, text = file_of(entry)
      for line in lines_of(text or "") do append(entry, "matchers", line) end
    end
  end
  for _, entry in ipairs(configuration.hosts or {}) do
    local _, text = file_of(entry)
    for line in lines_of(text or "") do
      local ip, names = line:match "^(%S+)%s+(.*)$"
      for name in (names or ""):gmatch "%S+" do append(entry, "mappings", { ip = ip, hostname = name }) end
    end
  end
  for _, hop in ipairs(configuration.hops or {}) do take_nodes(hop) end
  for _, chain in ipairs(configuration.chains or {}) do
    for _, hop in ipairs(chain.hops or {}) do take_nodes(hop) end
  end
end

return list_files
