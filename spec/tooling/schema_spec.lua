-- luacheck: no max line length
---What `gost-lua schema` prints, in the hands of a validator: every configuration of ours passes, mistakes do not.

local support = require "spec.support"
local json = require "cjson"

local has_validator = support.run({ "python3", "-c", "import jsonschema" }).status == 0

describe("The JSON Schema", function()
  if not has_validator then
    pending "python3-jsonschema is not installed"
    return
  end
  teardown(support.cleanup)

  local VALIDATE = [[
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
kind = jsonschema.Draft202012Validator
kind.check_schema(schema)
validator = kind(schema)
for name, document in json.load(open(sys.argv[2])):
    wrong = [f"{'.'.join(map(str, e.path))}: {e.message[:300]}" for e in validator.iter_errors(document)]
    print(json.dumps([name, wrong]))
]]

  local schema

  setup(function()
    schema = support.files.with("schema.json", support.gost_run({ "schema" }).stdout)
  end)

  ---@param documents {[1]: string, [2]: string}[]  name, JSON text
  ---@return table<string, string[]> wrong  by name
  local function validate(documents)
    local list = {}
    for i, one in ipairs(documents) do list[i] = ("[%s,%s]"):format(json.encode(one[1]), one[2]) end
    local path = support.files.with("documents.json", "[" .. table.concat(list, ",\n") .. "]")
    local result = support.run { "python3", support.files.with("validate.py", VALIDATE), schema, path, timeout = 90 }
    assert.equal(0, result.status, result.stderr)
    local found, count = {}, 0
    for line in result.stdout:gmatch "[^\n]+" do
      local one = json.decode(line)
      found[one[1]] = one[2]
      count = count + 1
    end
    assert.equal(#documents, count)
    return found
  end

  it("takes every configuration that GOST makes of command lines", function()
    local documents = {}
    for number, example in ipairs(require "spec.config.examples") do
      local path = support.files.with("example.yml", example.yaml)
      local printed = support.gost_run { "-O", "json", "--show-secrets", "-C", path }
      if printed.status == 0 then
        documents[#documents + 1] = { ("%d: %s"):format(number, table.concat(example.argv, " ")), printed.stdout }
      end
    end
    assert.is_true(#documents > 60)
    for name, wrong in pairs(validate(documents)) do assert.same({}, wrong, name) end
  end)

  it("takes the examples, as they are written and as they are printed", function()
    local decode = support.files.with("decode.lua", [[
      local gost = require "gost"
      print((gost.json.encode((gost.yaml.decode(io.open(...):read "a")))))]])
    local documents = {
      { "as written", support.gost_run({ decode, "examples/gost.yml" }).stdout },
      { "as printed", support.gost_run({ "-O", "json", "-C", "examples/gost.yml" }).stdout },
    }
    for _, name in ipairs { "proxy", "users", "hooks-auth" } do
      documents[#documents + 1] = { name, support.gost_run({ "-O", "json", "examples/" .. name .. ".lua" }).stdout }
    end
    for name, wrong in pairs(validate(documents)) do assert.same({}, wrong, name) end
  end)

  it("takes Lua wherever a function may stand, and short forms", function()
    local fn = '{"lua": "return function() end"}'
    local documents = {}
    for _, key in ipairs { "admission", "bypass", "resolver", "hosts", "limiter", "climiter", "rlimiter", "observer", "rewriter" } do
      documents[#documents + 1] = { key, ('{"services": [{"name": "a", "addr": ":1", "%s": %s}]}'):format(key, fn) }
    end
    for _, list in ipairs { "authers", "admissions", "bypasses", "resolvers", "hosts", "ingresses", "limiters", "climiters",
      "rlimiters", "observers", "recorders", "rewriters", "routers", "sds", "hops" } do
      documents[#documents + 1] = { list, ('{"%s": [{"name": "x", "lua": "x.lua"}]}'):format(list) }
    end
    documents[#documents + 1] = { "auther", ('{"services": [{"handler": {"type": "http", "auther": %s}}]}'):format(fn) }
    documents[#documents + 1] = { "short", '{"services": [{"name": "a", "addr": ":1", "handler": "http", "bypasses": "b"}]}' }
    for name, wrong in pairs(validate(documents)) do assert.same({}, wrong, name) end
  end)

  it("refuses mistakes", function()
    local documents = {}
    for i, text in ipairs {
      '{"service": []}', '{"services": [{"nam": "a"}]}', '{"services": [{"handler": {"typ": "http"}}]}',
      '{"services": [{"handler": {"type": "http", "auther": {"lu": "x"}}}]}', '{"services": [{"bypass": {"matchers": ["x"]}}]}',
      '{"chains": [{"hops": [{"nodes": [{"addres": "h:1"}]}]}]}', '{"log": {"level": ["debug"]}}', '{"log": "debug"}',
      '{"services": [{"handler": {"type": "http", "metadata": {"readTimeout": []}}}]}', '[]',
    } do
      documents[i] = { text, text }
    end
    for name, wrong in pairs(validate(documents)) do assert.is_true(#wrong > 0, name) end
  end)
end)
