---Everything that scripts can call has an annotation and stands in the guide.

local support = require "spec.support"
local files = support.files

teardown(support.cleanup)

---"gost.dial", "Conn:pipe" …, as the running program has them.
local function public()
  local r = support.gost_run { files.with("s.lua", [[
    local gost = require "gost"
    for key, value in pairs(gost) do
      if type(value) == "table" then
        for inner, fn in pairs(value) do
          local simple = key == "json" or key == "yaml" or key == "base64"
          if type(fn) == "function" and not simple then print(("gost.%s.%s"):format(key, inner)) end
        end
      elseif type(value) == "function" and key ~= "pending" then print("gost." .. key) end
    end
    for _, class in ipairs { "Stream", "Conn", "Fiber", "Dict", "Counter", "Bucket", "CidrSet", "DomainSet" } do
      local meta = debug.getregistry()["gost." .. class]
      for name in pairs(meta.methods or meta.__index) do
        if name ~= "wake" then print(class .. ":" .. name) end
      end
    end
  ]]) }
  assert.equal(0, r.status, r.stderr)
  local names = {}
  for name in r.stdout:gmatch "[^\n]+" do names[#names + 1] = name end
  return names
end

it("Every function has an annotation", function()
  local text = {}
  for _, name in ipairs(files.list "lua/gost/library") do text[#text + 1] = files.read("lua/gost/library/" .. name) end
  text = table.concat(text)
  local inherited = {} -- a conn has the methods of a stream
  for name in text:gmatch "function Stream:(%w+)" do inherited["Conn:" .. name] = true end
  for name in text:gmatch "function Stream:([%w_]+)" do inherited["Conn:" .. name] = true end
  local names = public()
  assert.is_true(#names > 60)
  for _, name in ipairs(names) do
    local field = name:match "^gost%.log%.(%w+)$"
    local found = text:find("function " .. name .. "(", 1, true) or inherited[name]
      or field and text:find("---@field " .. field .. " fun", 1, true)
    assert.is_truthy(found, name .. " has no annotation")
  end
end)

it("Every function of gost stands in the guide", function()
  local guide = files.read "docs/scripting.md"
  for _, name in ipairs(public()) do
    if name:find "^gost" and not name:find "^gost%.log" then
      assert.is_truthy(guide:find(name, 1, true), name .. " is not in docs/scripting.md")
    end
  end
end)

it("The guide's Lua is Lua", function()
  local seen = 0
  for text in files.read "docs/scripting.md":gmatch "```lua\n(.-)```" do
    assert(load(text, "@docs/scripting.md"))
    seen = seen + 1
  end
  assert.is_true(seen >= 8)
end)
