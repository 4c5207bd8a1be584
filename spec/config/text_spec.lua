-- luacheck: no max line length
---YAML and JSON text: values, places, limits.
local library = require "spec.config.library"
library.load()
local yaml, json = require "gost.yaml", require "gost.json"

local function mark(line, column) return line << 16 | column end

describe("YAML", function()
  it("types plain scalars and leaves quoted ones alone", function()
    assert.same({ a = 1, b = 511, c = 16, d = 2.5, e = true, f = "yes", g = "1", h = "2024-01-01", i = -3, j = 5,
      k = "1:20", l = ".5x", m = "12345678901234567890" },
      yaml.decode [[
a: 1
b: 0777
c: 0x10
d: 2.5
e: True
f: yes
g: "1"
h: 2024-01-01
i: -3
j: 0b101
k: 1:20
l: .5x
m: 12345678901234567890
]])
  end)

  it("leaves out null, also in lists", function()
    assert.same({ list = { 1, 2 } }, yaml.decode "a: null\nb: ~\nc:\nlist: [1, ~, 2]\n")
  end)

  it("tells where keys and items stand", function()
    local value, places = yaml.decode "a: 1\nb:\n  - x\n  -   y\nc: {d: 1}\n"
    assert.equal(mark(2, 1), places[value].b)
    assert.equal(mark(4, 7), places[value.b][2])
    assert.equal(mark(5, 5), places[value.c].d)
    assert.equal(mark(5, 4), places[value.c][0])
  end)

  it("gives an alias the table of its anchor", function()
    local value = yaml.decode "a: &x {k: 1}\nb: *x\nc: [*x, *x]\n"
    assert.is_true(rawequal(value.a, value.b))
    assert.is_true(rawequal(value.c[1], value.c[2]))
  end)

  it("merges mappings, own keys first", function()
    assert.same({ k = 2, l = 3, m = 4 }, yaml.decode [[
base: &base {k: 1, l: 3}
more: &more {l: 9, m: 4}
all: {<<: [*base, *more], k: 2}
]].all)
  end)

  it("reads only the first document", function()
    assert.same({ a = 1 }, yaml.decode "a: 1\n---\nb: 2\n")
  end)

  it("takes an empty text for an empty configuration", function()
    local value, places = yaml.decode ""
    assert.is_nil(value)
    assert.is_table(places)
  end)

  local bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
  for i = 1, 9 do bomb = bomb .. ("a%d: &a%d [%s]\n"):format(i, i, ("*a" .. i - 1 .. ","):rep(10)) end
  for text, message in pairs {
    ["a: 1\nb: 2\na: 3"] = 'f.yml:3:1: key "a" is given twice (first in line 1)',
    ["a: &x [*x]"] = "f.yml:1:8: alias *x stands inside of what it names",
    ["a: *q"] = "f.yml:1:4: alias *q names nothing before it",
    ["a: \0"] = "f.yml:1:4: control characters are not allowed",
    ["b: 1\na: \xff"] = "f.yml:2:4: invalid leading UTF-8 octet",
    ["[1,2"] = "f.yml:2:1: did not find expected ',' or ']' while parsing a flow sequence (line 1)",
    ["? [1]: 2"] = "f.yml:1:3: a key must be a plain word",
    ["a: !!binary aGk="] = "f.yml:1:4: tag tag:yaml.org,2002:binary is not supported",
    ["<<: 5"] = 'f.yml:1:5: "<<" needs a mapping or a list of mappings',
    [("["):rep(65)] = "f.yml:1:65: nested too deeply (limit 64)",
    [bomb] = "f.yml:7:26: too many values (limit 5000000, aliases counted in full)",
  } do
    it("refuses " .. ("%q"):format(text:sub(1, 20)), function()
      local value, why = yaml.decode(text, { name = "f.yml" })
      assert.is_nil(value)
      assert.equal(message, why)
    end)
  end

  it("survives garbage of every length", function()
    local seed = "services:\n- {name: &a \"x\\n\", b: [*a, !!int 5, 'y']}\n<<: {c: |\n  text\n}\n"
    for i = 1, #seed do
      yaml.decode(seed:sub(1, i))
      yaml.decode(seed:sub(1, i - 1) .. "\xc3" .. seed:sub(i + 1))
      yaml.decode(seed:sub(1, i - 1) .. "&" .. seed:sub(i + 1))
    end
  end)
end)

describe("JSON", function()
  it("keeps 64-bit integers, surrogate pairs and empty lists", function()
    local text = '{"a":9223372036854775807,"b":"\\ud83d\\ude00","c":[],"d":{},"e":[1,2.5,null,true]}'
    local value = json.decode(text)
    assert.equal("integer", math.type(value.a))
    assert.equal("😀", value.b)
    assert.equal('{"a":9223372036854775807,"b":"😀","c":[],"d":{},"e":[1,2.5,null,true]}', json.encode(value))
  end)

  it("as a configuration leaves out null and knows its places", function()
    local value, places = json.decode('{\n "a": null,\n "b": [null, 1]\n}', { name = "x.json", positions = true })
    assert.same({ b = { 1 } }, value)
    assert.equal(mark(3, 2), places[value].b)
    assert.equal(mark(3, 14), places[value.b][1])
  end)

  for text, message in pairs {
    ['{"a":1,"a":2}'] = 'x.json:1:8: key "a" is given twice (first in line 1)',
    ["[1,]"] = "x.json:1:4: a value is due here, not ']'",
    ['{"a"}'] = "x.json:1:5: ':' is due here, not '}'",
    ["{services: []}"] = "x.json:1:2: a key in quotes is due here, not 's'",
    ['"abc'] = "x.json:1:1: this string has no end",
    ["01"] = "x.json:1:1: a value is due here, not '0'",
    ["[1 2]"] = "x.json:1:4: ',' or ']' is due here, not '2'",
    ["[1\0]"] = "x.json:1:3: ',' or ']' is due here, not byte 0x00",
    ["[\xe2\x82\xac]"] = "x.json:1:2: a value is due here, not byte 0xe2",
    ["1 x"] = "x.json:1:3: the end of the text is due here, not 'x'",
    [""] = "x.json:1:1: the text ends where a value is due",
    ['"\\x"'] = "x.json:1:2: unknown escape in a string",
    ['"\\u12g4"'] = "x.json:1:4: four hexadecimal digits are due after \\u",
    [("["):rep(101)] = "x.json:1:101: nested too deeply (limit 100)",
  } do
    it("refuses " .. ("%q"):format(text:sub(1, 20)), function()
      local value, why = json.decode(text, { name = "x.json", positions = true })
      assert.is_nil(value)
      assert.equal(message, why)
    end)
  end

  it("refuses to print what JSON cannot say", function()
    local loop = {}
    loop.loop = loop
    for _, case in ipairs { { loop, "itself" }, { { 1 / 0 }, "infinity" }, { { print }, "function" }, { { [1.5] = 1 }, "number" } } do
      local text, why = json.encode(case[1])
      assert.is_nil(text)
      assert.truthy(why:find(case[2], 1, true))
    end
  end)

  it("replaces bytes that are no UTF-8", function()
    assert.equal('"a\xef\xbf\xbdb\\u0000\\n"', json.encode "a\xffb\0\n")
  end)
end)
