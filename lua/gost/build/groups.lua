---Building groups of chains and of hops.
local Builder = require "gost.build.builder"
local core = require "gost.core"
local metadata = require "gost.metadata"

---A hop whose nodes stand for chains or hops: the same rules and strategies choose among them.
---@param what "chain"|"hop"
---@param entries table[]     of the group
---@param selector? table
---@param scope string
---@param make fun(ref: any): userdata
function Builder:group(what, entries, selector, scope, make)
  local members = {}
  selector = selector or {}
  for i, entry in ipairs(entries) do
    local ref = entry[what]
    local definition = type(ref) == "string" and Builder.by_name(self.configuration[what .. "s"], ref) or ref
    local options = type(definition) == "table" and definition.metadata or nil
    local matcher = entry.matcher or {}
    members[i] = core.node {
      name = type(ref) == "string" and ref or ("%s-%d"):format(what, i - 1), scope = scope, [what] = make(ref),
      rule = matcher.rule, weight = tonumber(metadata.get(options, "weight")),
      backup = metadata.bool(options, "backup"), max_fails = tonumber(metadata.get(options, "maxFails")),
      fail_timeout_ms = Builder.milliseconds(metadata.duration(options, "failTimeout")), same_priority = true,
      probe = self:probe(entry.probe, selector),
    }
  end
  return core.hop {
    name = scope, scope = "group", group = true, nodes = members, strategy = selector.strategy,
    max_fails = selector.maxFails, fail_timeout_ms = Builder.milliseconds(selector.failTimeout),
    max_latency_ms = Builder.milliseconds(selector.maxLatency),
  }
end

---The way of a handler or listener: its chain, or its chain and those of its group.
---@param owner table
---@param scope string
---@return userdata?
function Builder:way(owner, scope)
  local group = owner.chainGroup
  local entries = {}
  if owner.chain then entries[1] = { chain = owner.chain } end
  for _, entry in ipairs(group and group.chains or {}) do
    if entry.chain then entries[#entries + 1] = entry end
  end
  if #entries == 0 then return nil end
  if #entries == 1 and not entries[1].matcher then return self:chain(entries[1].chain) end
  return core.chain {
    name = scope,
    group = self:group("chain", entries, group.selector, scope, function(ref) return self:chain(ref) end),
  }
end

return Builder
