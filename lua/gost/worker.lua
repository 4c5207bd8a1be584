---What a further worker runs, on its own thread with its own Lua state.
return function()
  require("gost.runtime").work()
end
