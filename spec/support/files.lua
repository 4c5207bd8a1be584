---Files of a spec: one temporary directory for each busted process, removed when it ends well.

local build = os.getenv "GOST_BUILD" or "build-test"
package.cpath = build .. "/support/?.so;" .. package.cpath
local lfs = require "lfs"
local os_ = require "testos"

local files = {}

local dir
local count = 0

---The spec's temporary directory.
---@return string
function files.dir()
  if not dir then
    dir = os_.mkdtemp()
    os.execute("chmod 755 " .. dir)
  end
  return dir
end

---A path of its own in the temporary directory, ending in `name`; nothing is made there.
---@param name string
---@return string
function files.path(name)
  count = count + 1
  return ("%s/%d-%s"):format(files.dir(), count, name)
end

---@param path string
---@return string
function files.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

---Reads and removes.
---@param path string
---@return string
function files.take(path)
  local text = files.read(path)
  os.remove(path)
  return text
end

---@param path string
---@param text string
---@return string path
function files.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return path
end

---A new file with this text.
---@param name string
---@param text string
---@return string path
function files.with(name, text)
  return files.write(files.path(name), text)
end

---A new directory.
---@param name string
---@return string path
function files.mkdir(name)
  local path = files.path(name)
  assert(lfs.mkdir(path))
  return path
end

---A new file of so many random bytes.
---@param bytes integer
---@return string path
function files.random(bytes)
  local path = files.path "random"
  local source <close> = assert(io.open("/dev/urandom", "rb"))
  local out <close> = assert(io.open(path, "wb"))
  while bytes > 0 do
    local part = source:read(math.min(bytes, 1 << 20))
    out:write(part)
    bytes = bytes - #part
  end
  return path
end

---@param path string
---@return string hex
function files.sha256(path)
  local pipe <close> = assert(io.popen("sha256sum < '" .. path .. "'"))
  return pipe:read "a":match "^%x+"
end

---Fails unless two files are the same.
---@param expected string
---@param got string
function files.assert_same(expected, got)
  local want, have = files.sha256(expected), files.sha256(got)
  if want ~= have then
    error(("%s (%d bytes) differs from %s (%d bytes)"):format(got, lfs.attributes(got, "size") or -1, expected,
      lfs.attributes(expected, "size") or -1), 2)
  end
end

---The names in a directory.
---@param path string
---@return string[]
function files.list(path)
  local names = {}
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." then
      names[#names + 1] = name
    end
  end
  return names
end

---@param path string
---@return boolean
function files.exists(path)
  return lfs.attributes(path, "mode") ~= nil
end

---Removes the temporary directory; GOST_KEEP=1 leaves it.
function files.remove()
  if dir and not os.getenv "GOST_KEEP" then
    os.execute("rm -rf '" .. dir .. "'")
    dir = nil
  end
end

return files
