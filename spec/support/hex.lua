---Bytes of protocols as people write them down: pairs of hex digits, 'text', and names of variables.

local hex = {}

---One word of a row: what it stands for.
---@param word string
---@param names table<string, string> bytes of variables
---@return string
local function piece(word, names)
  if word:find "^'" then
    return word:sub(2, -2)
  elseif names[word] then
    return names[word]
  elseif word:find "^[%x.]+$" and #word % 2 == 0 then
    return (word:gsub("..", function(pair)
      return pair == ".." and "\0" or string.char(tonumber(pair, 16))
    end))
  end
  error("what is " .. word .. "?")
end

---@param row string
---@return fun(): string? words, quoted ones whole
local function words(row)
  local at = 1
  return function()
    local word, after = row:match("^%s*('[^']*')()", at)
    if not word then
      word, after = row:match("^%s*([^%s']+)()", at)
    end
    at = after or at
    return word
  end
end

---Bytes of a row: "05 01 00", "0501 'host' 0050", "05 PORT" with a variable.
---@param row string
---@param names? table<string, string>
---@return string
function hex.bytes(row, names)
  local all = {}
  for word in words(row) do
    all[#all + 1] = piece(word, names or {})
  end
  return table.concat(all)
end

---The places of a row that are any byte ("..").
---@param row string
---@param names table<string, string>
---@return table<integer, true>
local function free_places(row, names)
  local free, at = {}, 0
  for word in words(row) do
    local bytes = piece(word, names)
    for i = 1, #bytes do
      if not word:find "^'" and not names[word] and word:sub(2 * i - 1, 2 * i) == ".." then
        free[at + i] = true
      end
    end
    at = at + #bytes
  end
  return free
end

---Bytes as pairs of digits, for messages.
---@param bytes string
---@return string
function hex.show(bytes)
  return (bytes:gsub(".", function(c) return ("%02x "):format(c:byte()) end))
end

---What came, with the places that do not matter as ".." of the row, and the row itself: both to be compared.
---@param got string
---@param row string
---@param names? table<string, string>
---@return string got
---@return string wanted
function hex.compare(got, row, names)
  local wanted = hex.bytes(row, names)
  local masked = {}
  for at in pairs(free_places(row, names or {})) do
    masked[at] = "\0"
  end
  got = got:gsub("()(.)", function(at) return masked[at] end)
  return hex.show(got), hex.show(wanted)
end

return hex
