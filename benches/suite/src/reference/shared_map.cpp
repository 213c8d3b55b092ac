// What a C++ host would write: an unordered_map under a shared_mutex.

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

struct Record {
    std::int64_t id;
    std::string user;
    bool valid;
    std::int64_t expires_us;
    std::atomic<std::int64_t> last_used_us;
};

// Looks keys up without making a string of each.
struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const
    {
        return std::hash<std::string_view>{}(key);
    }
};

struct Map {
    std::shared_mutex lock;
    std::unordered_map<std::string, std::shared_ptr<Record>, Hash, std::equal_to<>> tokens;
};

std::int64_t now_us()
{
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * std::int64_t{1000000} + now.tv_nsec / 1000;
}

} // namespace

extern "C" {

Map *shared_map_new()
{
    return new Map;
}

void shared_map_free(Map *map)
{
    delete map;
}

void shared_map_add(Map *map, const char *value, std::size_t len, std::int64_t id)
{
    auto record = std::make_shared<Record>();
    record->id = id;
    record->user = "user-" + std::to_string(id / 10);
    record->valid = true;
    record->expires_us = INT64_MAX;
    std::string key(value, len);
    std::unique_lock guard(map->lock);
    map->tokens.emplace(std::move(key), std::move(record));
}

void shared_map_remove(Map *map, const char *value, std::size_t len)
{
    decltype(map->tokens)::node_type node;
    std::unique_lock guard(map->lock);
    if (auto found = map->tokens.find(std::string_view(value, len)); found != map->tokens.end()) {
        node = map->tokens.extract(found);
    }
    guard.unlock();
}

// The record is shared with the caller for the duration of the call: a C++ host needs no handle.
bool shared_map_log_in(Map *map, const char *value, std::size_t len)
{
    std::shared_ptr<Record> record;
    {
        std::shared_lock guard(map->lock);
        auto found = map->tokens.find(std::string_view(value, len));
        if (found == map->tokens.end()) return false;
        record = found->second;
    }
    auto now = now_us();
    if (!record->valid || record->expires_us <= now) return false;
    record->last_used_us.store(now, std::memory_order_relaxed);
    return true;
}

bool shared_map_find(Map *map, const char *value, std::size_t len)
{
    std::shared_lock guard(map->lock);
    return map->tokens.find(std::string_view(value, len)) != map->tokens.end();
}
}
