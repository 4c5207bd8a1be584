---Guess what was meant by a misspelt word.
local nearest = {}

---Edit distance with transpositions, given up (as `limit + 1`) once it must exceed `limit`.
---@param a string
---@param b string
---@param limit integer
---@return integer
local function distance(a, b, limit)
  local n, m = #a, #b
  if math.abs(n - m) > limit then return limit + 1 end
  local before, above, row = {}, {}, {}
  for j = 0, m do above[j] = j end
  for i = 1, n do
    row[0] = i
    local least = i
    for j = 1, m do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      local d = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost)
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        d = math.min(d, before[j - 2] + 1)
      end
      row[j] = d
      if d < least then least = d end
    end
    if least > limit then return limit + 1 end
    before, above, row = above, row, before
  end
  return above[m]
end

---How many words are compared before no more is guessed: a file full of mistakes is not to take minutes.
local EFFORT = 100000
local effort = EFFORT

---Begin anew: with each list of problems.
function nearest.rested() effort = EFFORT end

---The candidate most like `word`, if any is like it at all.
---@param word string
---@param candidates string[]
---@return string?
function nearest.word(word, candidates)
  if effort < #candidates then return nil end
  effort = effort - #candidates
  local folded = word:lower():gsub("[_%-]", "")
  local limit = math.max(1, (#folded + 1) // 3)
  local best, best_distance
  for _, candidate in ipairs(candidates) do
    local d = distance(folded, (candidate:lower():gsub("[_%-]", "")), limit)
    if d <= limit and (not best or d < best_distance or d == best_distance and candidate < best) then
      best, best_distance = candidate, d
    end
  end
  return best
end

---`, did you mean "x"?`, or the empty string when nothing is like `word`.
---@param word string
---@param candidates string[]
---@return string
function nearest.hint(word, candidates)
  local found = #word <= 64 and nearest.word(word, candidates)
  return found and (', did you mean "%s"?'):format(found) or ""
end

return nearest
