---Lua code from a tree of what to write: strings are code, tables are { key = …, value = … } items; `open` stands
---before the brace, and `tall` asks for a line for each item.
local lua_tree = {}

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat
  return then true until while gost]]):gmatch "%S+" do
  KEYWORDS[word] = true
end

lua_tree.KEYWORDS = KEYWORDS

local WIDTH = 100

---@param text string
---@return string code
local function string_literal(text)
  return (("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\0", "\\0"))
end

local function key_literal(key)
  if key:match "^[%a_][%w_]*$" and not KEYWORDS[key] then return key end
  return "[" .. string_literal(key) .. "]"
end

---@param value any  not a table
---@return string
function lua_tree.code(value)
  if type(value) == "string" then return string_literal(value) end
  if math.type(value) == "float" and value == math.floor(value) and math.abs(value) < 1e15 then
    return ("%d"):format(math.tointeger(value))
  end
  return tostring(value)
end

---Add an item, unless its value is nil.
function lua_tree.add(items, key, value)
  if value == nil then return end
  items[#items + 1] = { key = key, value = value }
end

---One line if it fits.
---@param tree string|table
---@param indent string
---@return string code
local function render(tree, indent)
  if type(tree) == "string" then return tree end
  local open, close = (tree.open or "") .. "{", "}"
  if #tree == 0 then return open .. close end
  local parts, width, flat = {}, #indent, true
  for i, item in ipairs(tree) do
    local text = render(item.value, indent .. "  ")
    if item.key then text = key_literal(item.key) .. " = " .. text end
    parts[i] = text
    width = width + #text + 2
    flat = flat and not text:find("\n", 1, true)
  end
  if flat and width < WIDTH and not tree.tall then return open .. " " .. table.concat(parts, ", ") .. " " .. close end
  for i, text in ipairs(parts) do parts[i] = indent .. "  " .. text .. ",\n" end
  return open .. "\n" .. table.concat(parts) .. indent .. close
end

lua_tree.string_literal = string_literal
lua_tree.render = render

return lua_tree
