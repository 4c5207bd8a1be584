---Base64 (RFC 4648), both alphabets, padded or not; small texts only, such as credentials.
local base64 = {}

local VALUE = {}
for i = 0, 63 do
  VALUE[("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"):byte(i + 1)] = i
end
VALUE[("-"):byte()], VALUE[("_"):byte()] = 62, 63

---@param text string
---@return string? data
---@return string? message
function base64.decode(text)
  text = text:gsub("=+$", "")
  if #text % 4 == 1 then return nil, "not base64" end
  local out, bits, count = {}, 0, 0
  for i = 1, #text do
    local value = VALUE[text:byte(i)]
    if not value then return nil, ("not base64: unexpected %q"):format(text:sub(i, i)) end
    bits, count = bits << 6 | value, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 0xff)
      bits = bits & ((1 << count) - 1)
    end
  end
  return table.concat(out)
end

return base64
