-- The load for wrk: one request a token, made before the clock starts, sent in turn on all connections.
-- From the environment: TOKENS (a file, one token a line), TARGET (X-Amz-Target) and BODY.

local requests = {}
local last = 0

function init()
  for token in io.lines(os.getenv("TOKENS")) do
    requests[#requests + 1] = wrk.format("POST", "/", {
      ["Host"] = "gateway.local",
      ["Authorization"] = "Bearer " .. token,
      ["Content-Type"] = "application/x-amz-json-1.1",
      ["X-Amz-Target"] = os.getenv("TARGET"),
      ["Accept"] = "*/*",
      ["User-Agent"] = "aws-sdk-js/3.900.0",
    }, os.getenv("BODY"))
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"errors":%d,"p50_us":%.1f,"p99_us":%.1f}\n',
    summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
