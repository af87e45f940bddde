"""What runs inside of Redis: one script an exchange, so that each is one round trip and nothing comes between.

Duty: the scripts as text. Each reads the server's own clock and touches only the keys that it is given.
Prohibition: no value is built into a script's text: everything comes as an argument, so that each is cached once.
Source: https://redis.io/docs/latest/develop/programmability/eval-intro/ (6.2 and later, and Valkey). Numbers of Lua are
doubles: microseconds since 1970 are exact to a quarter of one until the year 2255.
"""

from typing import Final

# The list of revocations is one sorted set, so that Redis can lose it as a whole only. A member is a revocation, its
# score the microsecond of its coming, each later than the one before. The member of score 0 is the epoch.
EXCHANGE: Final = """
local list, rate = KEYS[1], KEYS[2]
local epoch_asked, position, epoch_new = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local page, keep, cost, window = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local epoch = redis.call('ZRANGEBYSCORE', list, 0, 0)[1]
local newest = tonumber(redis.call('ZREVRANGE', list, 0, 0, 'WITHSCORES')[2] or 0)
if epoch and epoch == epoch_asked and position > 0 then
    local gone = position > now - keep + 60000000 and redis.call('ZCOUNT', list, position, position) == 0
    if gone or position > newest then
        redis.call('ZREM', list, epoch)
        epoch = nil
    end
end
if not epoch then
    epoch = epoch_new
    redis.call('ZADD', list, 0, epoch)
end
if epoch ~= epoch_asked then
    position = 0
end

for i = 8, #ARGV do
    local at = math.max(now, newest + 1)
    if redis.call('ZADD', list, 'NX', string.format('%.0f', at), ARGV[i]) == 1 then
        newest = at
    end
end
if #ARGV >= 8 then
    redis.call('ZREMRANGEBYSCORE', list, 1, string.format('%.0f', now - keep))
end

local wait = 0
if rate then
    local full_at = math.max(tonumber(redis.call('GET', rate) or now), now)
    full_at = math.min(full_at, now + math.max(window, cost))
    wait = full_at + cost - now - window
    if wait > 1000 and full_at > now then
        wait = math.min(wait, full_at - now)
    else
        wait = 0
        full_at = full_at + cost
        redis.call('SET', rate, string.format('%.17g', full_at), 'PX', math.ceil((full_at - now) / 1000))
    end
end

local since = '(' .. string.format('%.0f', position)
local found = redis.call('ZRANGEBYSCORE', list, since, '+inf', 'WITHSCORES', 'LIMIT', 0, page)
local answer = {math.ceil(wait), epoch, '', 0}
for i = 1, #found, 2 do
    position = tonumber(found[i + 1])
    answer[#answer + 1] = found[i]
end
answer[3] = string.format('%.0f', position)
if #found == 2 * page then
    answer[4] = 1
end
return answer
"""

# What is kept of a request is a hash: owner, tags, lease, and reply once there is one.
BEGIN: Final = """
local kept = redis.call('HMGET', KEYS[1], 'owner', 'tags', 'lease', 'reply')
if kept[1] and not (kept[1] == ARGV[1] and not kept[4]) then
    return kept
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'tags', ARGV[2], 'lease', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return false
"""

FINISH: Final = """
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'tags', ARGV[2], 'lease', ARGV[3], 'reply', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
"""

FORGET: Final = """
local kept = redis.call('HMGET', KEYS[1], 'owner', 'reply')
if kept[1] == ARGV[1] and not kept[2] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""

HOLD: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""
