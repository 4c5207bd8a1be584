-- luacheck: no max line length
---What command lines become, as `-O yaml` prints it: as with GOST 3.3, but for the cases listed below
---(each of them is a line of docs/differences.md).
local library = require "spec.config.library"
local examples = require "spec.config.examples"

---Where this project does something else: the error, or what is printed instead.
local OURS = {
  [2] = { replace = { 'addr: "22000"', "addr: :22000" } },
  [7] = { error = '-L nosuch://:22000: unknown scheme "nosuch"' },
  [8] = { error = '-L http+nosuch://:22000: scheme "http+nosuch": unknown listener "nosuch"' },
  [9] = { error = '-L a+b+c://:22000: scheme "a+b+c" has more than two parts' },
  [27] = {
    error = '-L http://:http: ":http": "http" is not a port (a number up to 65535, or a range such as 8000-8010)',
  },
  [28] = { error = '-L http://:22005-22000: ":22005-22000": the range runs backwards, did you mean 22000-22005?' },
  [44] = { replace = { "type: tls\n", "type: tls\n      tls:\n        caFile: ca.pem\n" } },
  [53] = { replace = { "'$$ 10KB '", "$$ 10KB" } },
  [54] = { replace = { "$  200KB", "$ 0 200KB" } },
  [55] = { error = '-L http://:22000?climiter=0&rlimiter=x: rlimiter: expected a number, not "x"' },
  [57] = { error = '-L http://:22000?a&b=&c=%20x+y&d=%zz: query key "d": invalid escape "%zz"' },
  [61] = { error = '-F nosuch://h1:22100: unknown scheme "nosuch"' },
  [68] = { replace = { "addr: h1\n", "addr: h1:22100\n", "serverName: h1,h2", "serverName: h1",
    "serverName: h1,h2", "serverName: h2" } },
  [72] = { replace = { "name: hop-0\n", [[
name: hop-0
        nodes:
          - name: node-0
            connector:
              type: direct
            dialer:
              type: direct
]] } },
  [76] = { replace = { 'addr: ""', "addr: unix:///run/api.sock" } },
}

local function replaced(text, pairs_)
  for i = 1, #pairs_, 2 do
    local from, to = text:find(pairs_[i], 1, true)
    assert(from, "nothing to replace: " .. pairs_[i])
    text = text:sub(1, from - 1) .. pairs_[i + 1] .. text:sub(to + 1)
  end
  return text
end

describe("a command line", function()
  local restore
  setup(function()
    library.load()
    require("gost.schema").use(library.components)
    restore = library.everything_implemented()
  end)
  teardown(function()
    restore()
    require("gost.schema").use(nil)
  end)

  for number, example in ipairs(examples) do
    local ours = OURS[number] or {}
    it(("%d: gost %s"):format(number, table.concat(example.argv, " ")), function()
      local configuration, found = library.command(example.argv)
      assert.is_table(configuration, found)
      local errors = found:only "error":lines()
      if ours.error then
        assert.same({ ours.error }, errors)
        return
      end
      assert.same({}, errors)
      local expected = ours.replace and replaced(example.yaml, ours.replace) or example.yaml
      assert.equal(expected, require("gost.print").yaml(configuration, { show_secrets = true }))
    end)
  end

  it("keeps climiter=0 as no limit", function()
    local configuration, found = library.command { "-L", "http://:22000?climiter=0" }
    assert.same({}, found:only "error":lines())
    assert.is_nil(configuration.climiters)
  end)
end)
