-- The load for wrk: requests made before the clock starts, one a token, sent in turn on all connections.
-- From the environment: TOKENS (a file, one token a line), TARGET (X-Amz-Target) and BODY; DRY_RUN, when set, asks for
-- a decision only. With TARGETS, each request gets the next of so many numbers, from FIRST on, in the place of the
-- body's MARK. With KEYS, each gets an Idempotency-Key that begins with it.

local requests = {}
local last = 0

local targets = tonumber(os.getenv("TARGETS") or "0")
local first = tonumber(os.getenv("FIRST") or "0")
local keys = os.getenv("KEYS")
local key_mark = "KEY-OF-THIS-REQUEST"
local sent = 0

local function split(text, mark)
  local from, to = string.find(text, mark, 1, true)
  return string.sub(text, 1, from - 1), string.sub(text, to + 1)
end

function init()
  for token in io.lines(os.getenv("TOKENS")) do
    requests[#requests + 1] = wrk.format("POST", "/", {
      ["Host"] = "gateway.local",
      ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = "application/x-amz-json-1.1",
      ["X-Amz-Target"] = os.getenv("TARGET"),
      ["X-Gateway-Dry-Run"] = os.getenv("DRY_RUN"),
      ["Idempotency-Key"] = keys and key_mark,
      ["Accept"] = "*/*",
      ["User-Agent"] = "aws-sdk-js/3.900.0",
    }, os.getenv("BODY"))
  end
  if targets > 0 then
    for i, text in ipairs(requests) do
      local head, body = string.match(text, "^(.-\r\n\r\n)(.*)$")
      local before, after = split(body, os.getenv("MARK"))
      local piece = {head = "", between = head .. before, after = after}
      if keys then
        local upto, rest = split(head, key_mark)
        piece.head, piece.between = upto, rest .. before
      end
      requests[i] = piece
    end
  end
end

function request()
  last = last % #requests + 1
  if targets == 0 then
    return requests[last]
  end
  local piece = requests[last]
  local number = first + sent % targets
  sent = sent + 1
  return piece.head .. (keys and keys .. sent or "") .. piece.between .. number .. piece.after
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"errors":%d,"p50_us":%.1f,"p99_us":%.1f}\n',
    summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
