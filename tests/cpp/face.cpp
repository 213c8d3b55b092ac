/* Uses every class and function of rbtoken.hpp, with and without exceptions. */
#include "check.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using rbtoken::Status;
using rbtoken::Store;
using rbtoken::Time;
using rbtoken::Token;
using rbtoken::Verdict;
using std::chrono::microseconds;

namespace {

const rbtoken::time_point first_moment(microseconds(-62'135'596'800'000'000));
const rbtoken::time_point last_moment(microseconds(253'402'300'799'999'999));

/* Names a temporary until the end of the statement. */
template <class T>
const T &named(const T &value)
{
    return value;
}

/* Counts its destructions while it is the last of its copies. */
std::shared_ptr<int> sentinel(int &destroyed)
{
    return std::shared_ptr<int>(new int(0), [&destroyed](int *data) {
        ++destroyed;
        delete data;
    });
}

void the_library()
{
    CHECK(rbtoken::version() == RBTOKEN_VERSION);
    CHECK(rbtoken::abi_version() == RBTOKEN_ABI_VERSION);
    CHECK(rbtoken::abi_is_compatible());
    CHECK(!rbtoken::abi_is_compatible(0xffff0000));
    CHECK(rbtoken::name(Status::not_found) == "RBTOKEN_E_NOT_FOUND");
    CHECK(rbtoken::name(static_cast<Status>(-1)) == "unknown status");
    CHECK(rbtoken::name(Verdict::expired) == "RBTOKEN_VERDICT_EXPIRED");
    OK("the library tells its version and its names");
}

void times()
{
    using system_time = std::chrono::system_clock::time_point;
    using std::chrono::duration;
    using std::chrono::nanoseconds;
    using std::chrono::system_clock;
    using in_nanoseconds = std::chrono::time_point<system_clock, nanoseconds>;
    using in_seconds = std::chrono::time_point<system_clock, std::chrono::seconds>;
    using in_doubles = std::chrono::time_point<system_clock, duration<double>>;

    const auto micros = [](Time time) { return time.value.time_since_epoch().count(); };
    CHECK(micros(in_nanoseconds(1999ns)) == 1);
    CHECK(micros(in_nanoseconds(-1ns)) == -1);
    CHECK(micros(in_nanoseconds(-1000ns)) == -1);
    CHECK(micros((in_nanoseconds::min)()) == -9'223'372'036'854'776);
    CHECK(micros(in_seconds(-1s)) == -1'000'000);
    CHECK(Time((in_seconds::max)()).value == (rbtoken::time_point::max)());
    CHECK(Time((in_seconds::min)()).value == (rbtoken::time_point::min)());
    CHECK(micros(in_doubles(duration<double>(0.5))) == 500'000);
    CHECK(Time(in_doubles(duration<double>(1e300))).value == (rbtoken::time_point::max)());
    const auto nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(Time(in_doubles(duration<double>(nan))).value == (rbtoken::time_point::min)());
    CHECK(Time(last_moment).value == last_moment);

    const auto now = system_clock::now();
    const auto there_and_back = rbtoken::to_system_time(Time(now).value);
    CHECK(there_and_back && *there_and_back <= now && now - *there_and_back < 1us);
    if (sizeof(system_time::rep) == 8 && system_time::duration(1) == 1ns) {
        CHECK(!rbtoken::to_system_time(last_moment));
        CHECK(!rbtoken::to_system_time(first_moment));
    }

    const auto store = must(Store::open());
    rbtoken::GenerateOptions options;
    for (const auto moment : {first_moment, last_moment}) {
        options.expires = moment;
        CHECK(must(store.generate_token("alice", options)).expires() == moment);
    }
    for (const auto outside : {first_moment - 1us, last_moment + 1us}) {
        options.expires = outside;
        CHECK(fails(store.generate_token("alice", options), Status::time_range));
    }
    options.expires = (in_seconds::max)();
    CHECK(fails(store.generate_token("alice", options), Status::time_range));
    OK("times are microseconds, and the years 1 to 9999 fit");
}

void client_tokens()
{
    const auto store = must(Store::open());
    auto [token, created] = must(store.get_or_create_client_token("alice", "RBTools"));
    CHECK(created);
    CHECK(token.id() == 1);
    CHECK(token.value().size() == 255 && token.value().substr(0, 4) == "rbp_");
    CHECK(token.redacted() == "rbp_***#1");
    CHECK(token.user() == "alice");
    CHECK(token.local_site() == std::nullopt);
    CHECK(token.client_name() == "RBTools");
    CHECK(token.note() == "API token automatically created for RBTools.");
    CHECK(token.generator_id() == "vendor_checksum");
    CHECK(token.policy() == "{}");
    CHECK(token.extra_data() == R"({"client_name": "RBTools"})");
    CHECK(token.invalid_reason().empty());
    CHECK(*token.expires() - token.time_added() == 365 * 24h);
    CHECK(token.time_added() == token.last_updated());
    CHECK(!token.last_used() && !token.invalid_date());
    CHECK(!token.is_invalidated() && !token.is_deprecated());
    CHECK(!token.is_expired(*token.expires() - 1us) && token.is_expired(*token.expires()));

    const auto again = must(store.get_or_create_client_token("alice", "RBTools"));
    CHECK(!again.created && again.token.id() == token.id());

    must(store.add_local_site("north"));
    CHECK(fails(store.add_local_site("north"), Status::exists));
    rbtoken::ClientTokenOptions options;
    options.local_site = "north";
    options.expires = std::chrono::system_clock::now() + 48h;
    options.min_validity = 1h;
    options.default_policy = R"({"resources": {"*": {"block": ["DELETE"]}}})";
    options.default_extra_data = R"({"machine": 7})";
    options.ignore_deprecated = true;
    const Token north = must(store.get_or_create_client_token("alice", "RBTools", options)).token;
    CHECK(north.local_site() == "north");
    CHECK(north.extra_data() == R"({"client_name": "RBTools", "machine": 7})");
    CHECK(must(north.allows("review_request", "GET")));
    CHECK(!must(north.allows("review_request", "DELETE", "17")));
    CHECK(fails(north.allows("review_request", "delete"), Status::invalid_argument));
    CHECK(!north.allows("review_request", "delete").value_or(false));

    options.min_validity = 240h;
    options.expires = rbtoken::never;
    CHECK(!must(store.get_or_create_client_token("alice", "RBTools", options)).token.expires());
    must(store.remove_local_site("north"));
    CHECK(fails(store.get_or_create_client_token("alice", "RBTools", options), Status::not_found));
    OK("a client's token is made once, and tells its fields");
}

void errors()
{
    const auto store = must(Store::open());
    rbtoken::ClientTokenOptions options;
    options.default_policy = R"({"resources": {"*": {"allow": "GET"}}})";
    auto refused = store.get_or_create_client_token("bob", "RBTools", options);
    CHECK(!refused && !refused.has_value());
    CHECK(refused.error().status() == Status::policy);
    CHECK(refused.error().message() ==
          "default_policy: $.resources[\"*\"].allow: expected a list, found a string");
    CHECK(refused.error().argument() == "default_policy");
    CHECK(refused.error().json_path() == R"($.resources["*"].allow)");

    rbtoken::Error taken = std::move(refused).error();
    rbtoken::Error moved = std::move(taken);
    CHECK(moved.status() == Status::policy && moved.argument());
    auto &self = moved;
    moved = std::move(self);
    CHECK(moved.argument() == "default_policy");
    const auto same = rbtoken::Error::adopt(moved.release());
    CHECK(same.status() == Status::policy && same.get() != nullptr);
    CHECK(moved.status() == Status::policy && moved.message() == "RBTOKEN_E_POLICY");

    const rbtoken::Error own(static_cast<Status>(-7));
    CHECK(own.message() == "unknown status" && !own.argument() && !own.json_path());

    // No view, an empty text, and a text with a NUL are distinct.
    CHECK(fails(store.get_or_create_client_token({}, "RBTools"), Status::invalid_argument));
    CHECK(fails(store.get_or_create_client_token("", "RBTools"), Status::invalid_argument));
    CHECK(fails(store.get_or_create_client_token("a\0b"sv, "RBTools"), Status::embedded_nul));
    CHECK(fails(store.find_token("\xff"), Status::invalid_utf8));
    CHECK(fails(store.set_policy_ids({std::string("a\0b", 3)}), Status::embedded_nul));
    CHECK(fails(store.set_deprecated_generators({std::string("a\0b", 3)}), Status::embedded_nul));

    // A part of a longer text is passed without copying.
    CHECK(named(must(store.generate_token("alicebob"sv.substr(0, 5)))).user() == "alice");
    OK("an error tells what is wrong and where");
}

void results()
{
    using Result = rbtoken::Result<std::string>;
    Result yes = "yes";
    CHECK(yes && yes.has_value() && *yes == "yes" && yes->size() == 3 && yes.value() == "yes");
    const Result &constant = yes;
    CHECK(*constant == "yes" && constant->size() == 3);
    CHECK(std::move(yes).value_or("no") == "yes");
    CHECK(Result(rbtoken::Error(Status::io)).value_or("no") == "no");
    CHECK(*Result("moved") == "moved" && Result("moved").value() == "moved");

    rbtoken::Result<void> done;
    CHECK(done && done.has_value());
    done.value();
    done = rbtoken::Error(Status::io);
    CHECK(fails(done, Status::io) && std::move(done).error().status() == Status::io);

    CHECK(rbtoken::Result<bool>(false).has_value());
    CHECK(!rbtoken::Result<bool>(false).value_or(true));

    // Mistakes do not compile.
    using std::is_constructible_v;
    static_assert(is_constructible_v<bool, Result> &&
                  is_constructible_v<bool, rbtoken::Result<void>>);
    static_assert(is_constructible_v<bool, rbtoken::Result<Token>>);
    static_assert(!is_constructible_v<bool, rbtoken::Result<bool>>);
    static_assert(!is_constructible_v<bool, rbtoken::Result<std::uint64_t>>);
    static_assert(!is_constructible_v<bool, rbtoken::Result<rbtoken::Login>>);
    static_assert(!std::is_convertible_v<const char *, rbtoken::Result<bool>>);
    static_assert(!std::is_convertible_v<rbtoken::Login, bool>);
    OK("a Result has a value or an error");
}

void handles()
{
    static_assert(std::is_nothrow_copy_constructible_v<Token> && std::is_copy_assignable_v<Store>);
    static_assert(std::is_nothrow_move_constructible_v<Token>);
    static_assert(std::is_nothrow_move_assignable_v<rbtoken::TokenList>);
    static_assert(!std::is_copy_constructible_v<rbtoken::TokenList>);
    static_assert(!std::is_copy_constructible_v<rbtoken::Buffer>);
    static_assert(!std::is_copy_constructible_v<rbtoken::Policy>);
    static_assert(!std::is_copy_constructible_v<rbtoken::ServiceAccount>);
    static_assert(!std::is_copy_constructible_v<rbtoken::Error>);
    static_assert(!std::is_copy_constructible_v<rbtoken::HooksRegistration>);
    static_assert(!std::is_default_constructible_v<Store>, "Store() would look like an open one");

    std::optional<Store> store = must(Store::open());
    Store other = *store;
    CHECK(other.get() == store->get());
    Token token = must(store->generate_token("alice"));
    Token copy = token;
    CHECK(copy && copy.get() == token.get());
    auto &self = copy;
    copy = self;
    CHECK(copy.value() == token.value());
    copy = std::move(self);
    CHECK(copy.value() == token.value());

    const std::string_view value = token.value();
    Token moved = std::move(token);
    CHECK(moved.value().data() == value.data());
    CHECK(!token && token.get() == nullptr && token.value().empty() && token.id() == 0);
    CHECK(!token.local_site() && !token.expires() && token.time_added() == rbtoken::time_point());
    CHECK(fails(token.allows("a", "GET"), Status::null_argument));
    CHECK(fails(token.to_json(last_moment), Status::null_argument));
    token = moved;
    CHECK(token.get() == moved.get());

    const Store gone = std::move(other);
    CHECK(!other && gone);
    CHECK(fails(other.token_count(), Status::null_argument));
    CHECK(fails(rbtoken::Policy::parse(other, "{}"), Status::null_argument));
    CHECK(fails(other.authenticate("x"), Status::null_argument));
    int destroyed = 0;
    rbtoken::Hooks hooks;
    hooks.used = [data = sentinel(destroyed)](Store &, const Token &) {};
    CHECK(fails(other.add_hooks(std::move(hooks)), Status::null_argument));
    CHECK(destroyed == 1);

    // Conversion to C and back.
    rbtoken_token_t *raw = moved.release();
    CHECK(!moved);
    Token adopted = Token::adopt(raw);
    const Token shared = Token::share(adopted.get());
    CHECK(shared.value() == adopted.value());
    rbtoken_store_t *raw_store = store->release();
    const Store adopted_store = Store::adopt(raw_store);
    CHECK(must(Store::share(raw_store).token_count()) == 1);

    // A token outlives its store, and a view is valid as long as any handle of the token.
    store.reset();
    {
        const Store last = adopted_store;
    }
    copy = must(must(Store::open()).generate_token("bob"));
    CHECK(copy.user() == "bob" && shared.user() == "alice");
    CHECK(value == shared.value());
    OK("handles are copied, moved and released in any order");
}

void lists()
{
    const auto store = must(Store::open());
    must(store.add_local_site("north"));
    rbtoken::GenerateOptions on_north;
    on_north.local_site = "north";
    on_north.expires = first_moment;
    const auto alice = must(store.get_or_create_client_token("alice", "RBTools")).token;
    must(store.generate_token("bob"));
    must(store.generate_token("bob", on_north));
    CHECK(must(store.token_count()) == 3);

    rbtoken::TokenList list = must(store.list_tokens());
    CHECK(list.size() == 3 && !list.empty());
    std::int64_t id = 0;
    for (const Token &token : list) CHECK(token.id() == ++id);
    CHECK(id == 3);
    CHECK(std::count_if(list.begin(), list.end(),
                        [](const Token &token) { return token.user() == "bob"; }) == 2);
    auto it = list.begin();
    CHECK(it->user() == "alice" && (it++)->id() == 1 && (*it).id() == 2 && it != list.end());
    CHECK(++it != list.end() && ++it == list.end());
    CHECK(rbtoken::TokenList::iterator() == rbtoken::TokenList::iterator());
    const Token second = list[1];
    auto moved = std::move(list);
    CHECK(!list && list.size() == 0 && list.begin() == list.end() && moved);
    auto &self = moved;
    moved = std::move(self);
    CHECK(moved.size() == 3);
    moved = rbtoken::TokenList::adopt(moved.release());
    CHECK(moved.get() != nullptr && second.user() == "bob");

    const auto count = [&](const rbtoken::TokenFilter &filter) {
        return must(store.list_tokens(filter)).size();
    };
    rbtoken::TokenFilter filter;
    filter.user = "bob";
    CHECK(count(filter) == 2);
    filter.site = rbtoken::global_site;
    CHECK(count(filter) == 1);
    filter.site = "north";
    filter.validity = rbtoken::Validity::valid;
    CHECK(count(filter) == 0);
    filter.validity = rbtoken::Validity::dead;
    CHECK(count(filter) == 1);
    filter = {};
    filter.client_name = "RBTools";
    CHECK(count(filter) == 1);
    filter = {};
    filter.expires_before = first_moment + 1us;
    CHECK(count(filter) == 1);
    filter = {};
    const std::string south = "south";
    filter.site = south;
    CHECK(fails(store.list_tokens(filter), Status::not_found));
    std::size_t seen = 0;
    for (const Token &token : must(store.list_tokens())) seen += token.user().size() != 0;
    CHECK(seen == 3);
    OK("lists are gone through and filtered");
}

void tokens()
{
    const auto store = must(Store::open());
    must(store.add_local_site("north"));
    rbtoken::GenerateOptions options;
    options.expires = rbtoken::never;
    options.generator_id = "vendor_checksum";
    options.token_type = "abc";
    options.local_site = "north";
    options.note = "";
    options.policy = "{}";
    options.extra_data = R"({"a": 1})";
    options.invalid = true;
    options.auto_generated = true;
    const auto token = must(store.generate_token("alice", options));
    CHECK(token.is_invalidated() && !token.invalid_date() && token.value().substr(0, 4) == "abc_");
    CHECK(must(store.value_is_valid("vendor_checksum", "abc", token.value())));
    CHECK(!must(store.value_is_valid("vendor_checksum", "rbp", token.value())));
    CHECK(fails(store.value_is_valid("none", "rbp", ""), Status::generation));

    const auto moment = [](int seconds) {
        return rbtoken::time_point(std::chrono::seconds(seconds));
    };
    const std::string sha1(40, 'a');
    rbtoken::ImportOptions known;
    known.invalidated = rbtoken::Invalidation{moment(4), "lost"};
    known.time_added = moment(1);
    known.last_updated = moment(2);
    known.last_used = moment(3);
    known.expires = moment(5);
    known.generator_id = "legacy_sha1";
    known.local_site = "north";
    known.note = "old";
    known.policy = "{}";
    known.extra_data = R"({"client_name": "x"})";
    const auto imported = must(store.import_token("bob", sha1, known));
    CHECK(imported.invalid_date() == moment(4) && imported.invalid_reason() == "lost");
    CHECK(imported.time_added() == moment(1) && imported.last_updated() == moment(2));
    CHECK(imported.last_used() == moment(3) && imported.expires() == moment(5));
    CHECK(imported.is_deprecated() && imported.note() == "old" && imported.client_name() == "x");
    CHECK(fails(store.import_token("bob", sha1), Status::exists));
    CHECK(!must(store.import_token("bob", "other")).is_invalidated());

    CHECK(must(store.find_token(sha1)).id() == imported.id());
    CHECK(named(must(store.get_token(imported.id()))).user() == "bob");
    CHECK(fails(store.find_token("nobody's"), Status::not_found));
    CHECK(fails(store.get_token(99), Status::not_found));

    rbtoken::TokenUpdate update;
    update.note = "new";
    update.expires = moment(6);
    update.policy = R"({"resources": {"*": {"allow": ["*"]}}})";
    update.extra_data = std::string_view(R"({"b": 2})");
    const auto updated = must(store.update_token(imported.id(), update));
    CHECK(updated.note() == "new" && updated.expires() == moment(6) && !updated.client_name());
    CHECK(updated.policy() == R"({"resources": {"*": {"allow": ["*"]}}})");
    update = {};
    CHECK(named(must(store.update_token(imported.id(), update))).note() == "new");
    update.note = update.policy = update.extra_data = rbtoken::none;
    update.expires = rbtoken::none;
    const auto cleared = must(store.update_token(imported.id(), update));
    CHECK(cleared.note().empty() && !cleared.expires() && cleared.policy() == "{}");
    CHECK(cleared.extra_data() == "{}" && imported.note() == "old");

    rbtoken::Buffer json = must(imported.to_json(moment(7)));
    CHECK(json && json.view().find(R"("expired": true)") != std::string_view::npos);
    CHECK(json.view().find(sha1) == std::string_view::npos);
    const std::string secret = must(imported.to_json_with_value(moment(7))).to_string();
    CHECK(secret.find(sha1) != std::string::npos);
    rbtoken::Buffer moved = std::move(json);
    CHECK(!json && json.view().empty());
    json = rbtoken::Buffer::adopt(moved.release());
    CHECK(json.get() != nullptr && json.view().front() == '{');

    must(store.invalidate_token("other", "why"));
    CHECK(must(store.find_token("other")).is_invalidated());
    must(store.invalidate_token_by_id(imported.id()));
    CHECK(fails(store.invalidate_token("none"), Status::not_found));
    CHECK(must(store.invalidate_user_tokens("bob", "left")) == 2);
    CHECK(must(store.invalidate_all_tokens()) == 3);
    CHECK(named(must(store.find_token("other"))).invalid_reason().empty());
    must(store.delete_token(token.id()));
    CHECK(fails(store.delete_token(token.id()), Status::not_found));
    CHECK(must(store.purge_tokens(last_moment)) == 2 && must(store.token_count()) == 0);
    OK("tokens are imported, changed, invalidated, deleted and purged");
}

void files()
{
    const auto store = must(Store::open());
    must(store.get_or_create_client_token("alice", "RBTools"));
    must(store.flush());
    const std::string path = "/tmp/rbtoken-face-" + std::to_string(::getpid());
    std::remove(path.c_str());

    std::uint64_t told = 0;
    Status answer = Status::io;
    const rbtoken::Progress progress = [&](std::uint64_t done,
                                           std::uint64_t total) -> rbtoken::Result<void> {
        CHECK(done == total);
        told = done;
        if (answer != Status::ok) return rbtoken::Error(answer);
        return {};
    };
    CHECK(fails(store.export_file(path, progress), Status::io) && told == 1);
    answer = Status::ok;
    CHECK(must(store.export_file(path, progress)) == 1);
    CHECK(fails(store.export_file(path), Status::exists));
    const auto other = must(Store::open());
    CHECK(must(other.import_file(path)) == 1);
    CHECK(fails(other.import_file(path, progress), Status::exists));
    CHECK(fails(store.backup(path), Status::exists) ||
          fails(store.backup(path), Status::unsupported));
    std::remove(path.c_str());

    /* A library without the feature does not support files. */
    const auto copied = store.backup(path);
    if (!fails(copied, Status::unsupported)) {
        CHECK(copied.has_value());
        rbtoken::StoreOptions options;
        options.location = path;
        CHECK(must(must(Store::open(options)).token_count()) == 1);
        std::remove(path.c_str());
    }
    OK("a store is exported, imported, and copied into a file that opens as one");
}

void logins()
{
    const auto store = must(Store::open());
    must(store.add_local_site("north"));
    const auto token = must(store.generate_token("alice"));
    const auto login = must(store.authenticate(token.value()));
    CHECK(login && login.verdict == Verdict::ok && login.token->user() == "alice" &&
          !login.refused);
    CHECK(login.token->last_used());

    const auto header = "token " + std::string(token.value());
    CHECK(must(store.authenticate_header(header)));
    CHECK(must(store.authenticate_header("Basic eA==")).verdict == Verdict::not_a_token);
    const auto unknown = must(store.authenticate("\xff"));
    CHECK(!unknown && unknown.verdict == Verdict::unknown && !unknown.token);

    rbtoken::GenerateOptions options;
    options.local_site = "north";
    const auto north = must(store.generate_token("bob", options));
    const auto wrong = must(store.authenticate(north.value()));
    CHECK(!wrong && wrong.verdict == Verdict::wrong_site && wrong.refused->id() == north.id());
    rbtoken::LoginOptions on;
    on.site = "north";
    CHECK(must(store.authenticate(north.value(), on)));
    on.site = rbtoken::any_site;
    CHECK(must(store.authenticate(north.value(), on)));
    on.site = rbtoken::global_site;
    CHECK(!must(store.authenticate(north.value(), on)));
    on.site = "not a site";
    auto failed = store.authenticate(token.value(), on);
    CHECK(fails(failed, Status::invalid_argument));
    CHECK(!std::move(failed).value_or(rbtoken::Login{}));

    must(store.set_user_active("alice", false));
    CHECK(must(store.authenticate(token.value())).verdict == Verdict::inactive_user);
    must(store.set_user_active("alice", true));
    must(store.invalidate_token(token.value(), "lost"));
    const auto invalid = must(store.authenticate(token.value()));
    CHECK(!invalid && invalid.verdict == Verdict::invalid);
    CHECK(invalid.refused->invalid_reason() == "lost");
    options.expires = first_moment;
    const auto old = must(store.generate_token("carol", options));
    CHECK(must(store.authenticate(old.value(), {rbtoken::any_site})).verdict == Verdict::expired);

    CHECK(!rbtoken::Login{});
    rbtoken::Login half;
    half.verdict = Verdict::ok;
    CHECK(!half);
    OK("a login is true for the token's user alone");
}

void settings_and_policies()
{
    rbtoken::StoreOptions options;
    options.settings = R"({"token_type": "xyz"})";
    const auto store = must(Store::open(options));
    CHECK(must(store.get_setting("token_type")).to_string() == R"("xyz")");
    must(store.set_setting("client_token_expiration", "0"));
    CHECK(!must(store.get_or_create_client_token("alice", "RBTools")).token.expires());
    CHECK(fails(store.set_setting("none", "0"), Status::not_found));
    options.settings = "{";
    CHECK(fails(Store::open(options), Status::json_syntax));
    options.settings = std::nullopt;
    options.location = "";
    CHECK(fails(Store::open(options), Status::invalid_argument));

    const auto document = R"({"resources": {"review_request": {"7": {"block": ["*"]}}}})";
    must(store.set_policy_ids({"review_request", "file"}));
    auto policy = must(rbtoken::Policy::parse(store, document));
    CHECK(must(policy.allows("review_request", "GET")));
    CHECK(!must(policy.allows("review_request", "GET", "7")));
    CHECK(fails(policy.allows("other", "GET"), Status::invalid_argument));
    must(store.set_policy_ids({}));
    CHECK(fails(rbtoken::Policy::parse(store, document), Status::policy));
    must(store.accept_any_policy_id());
    CHECK(rbtoken::Policy::parse(store, document));
    CHECK(fails(rbtoken::Policy::parse("[]"), Status::json_type));
    auto moved = std::move(policy);
    CHECK(!policy && fails(policy.allows("file", "GET"), Status::null_argument));
    policy = rbtoken::Policy::adopt(moved.release());
    CHECK(policy && policy.get() != nullptr);
    OK("settings and policies are read and checked");
}

void service_accounts()
{
    const auto store = must(Store::open());
    rbtoken::ServiceAccountOptions options;
    CHECK(fails(rbtoken::ServiceAccount::create(options), Status::null_argument));
    options.id = "bot";
    auto account = must(rbtoken::ServiceAccount::create(options));
    const auto [token, created] = must(account.get_api_token(store));
    CHECK(created && token.user() == "bot" && token.client_name() == "bot_v1");
    CHECK(*token.expires() - token.time_added() == 30 * 24h);
    CHECK(!must(account.get_api_token(store)).created);

    must(store.add_local_site("north"));
    options.token_version = 2;
    options.user = "carol";
    options.policy = R"({"resources": {"*": {"allow": ["GET"]}}})";
    options.expiration = 24h;
    account = must(rbtoken::ServiceAccount::create(options));
    rbtoken::ServiceTokenOptions which;
    which.min_validity = 30min;
    which.local_site = "north";
    const auto north = must(account.get_api_token(store, which)).token;
    CHECK(north.client_name() == "bot_v2" && north.local_site() == "north");
    CHECK(*north.expires() - north.time_added() == 24h && north.user() == "carol");
    options.expiration = rbtoken::never;
    options.token_version = 3;
    account = must(rbtoken::ServiceAccount::create(options));
    CHECK(!must(account.get_api_token(store)).token.expires());
    options.expiration = 0s;
    CHECK(fails(rbtoken::ServiceAccount::create(options), Status::invalid_argument));

    auto moved = std::move(account);
    CHECK(!account && fails(account.get_api_token(store), Status::null_argument));
    account = rbtoken::ServiceAccount::adopt(moved.release());
    CHECK(account && account.get() != nullptr);
    OK("a service account has a token of its own");
}

void hooks()
{
    const auto store = must(Store::open());
    std::string log;
    int destroyed = 0;
    const auto note = [&log](std::string event) {
        return [&log, event = std::move(event)](const Store &, const Token &token) {
            log += event + std::string(token.redacted().substr(7)) + ' ';
        };
    };
    rbtoken::Hooks hooks;
    hooks.created = [&log, data = sentinel(destroyed)](Store &from, const Token &token,
                                                       bool automatic) {
        CHECK(named(must(from.get_token(token.id()))).value() == token.value());
        log += automatic ? "auto " : "created ";
    };
    hooks.updated = note("updated");
    hooks.invalidated = note("invalidated");
    hooks.expired = note("expired");
    hooks.used = note("used");
    hooks.deleted = note("deleted");
    auto registration = must(store.add_hooks(std::move(hooks)));
    CHECK(registration.id() == 1 && destroyed == 0);

    rbtoken::GenerateOptions automatic;
    automatic.auto_generated = true;
    automatic.expires = last_moment;
    const auto token = must(store.generate_token("alice", automatic));
    must(store.generate_token("alice"));
    must(store.authenticate(token.value()));
    rbtoken::TokenUpdate update;
    update.expires = first_moment;
    must(store.update_token(token.id(), update));
    must(store.authenticate(token.value()));
    must(store.invalidate_token(token.value()));
    must(store.delete_token(token.id()));
    CHECK(log == "auto created used#1 updated#1 expired#1 invalidated#1 deleted#1 ");

    // Moving, also to itself, keeps them.
    auto moved = std::move(registration);
    CHECK(registration.id() == 0 && moved.id() == 1 && registration.remove());
    auto &self = moved;
    moved = std::move(self);
    CHECK(moved.id() == 1 && destroyed == 0);
    CHECK(moved.remove() && destroyed == 1 && moved.id() == 0 && moved.remove());
    log.clear();
    must(store.generate_token("alice"));
    CHECK(log.empty());

    // They end with the registration; detached ones stay until the store is closed.
    int dropped = 0, replaced = 0, detached = 0, calls = 0;
    {
        const auto counting = [&calls](int &ended) {
            rbtoken::Hooks counts;
            counts.used = [&calls, data = sentinel(ended)](Store, Token) { ++calls; };
            return counts;
        };
        auto other = must(Store::open());
        const auto used = must(other.generate_token("alice"));
        {
            auto scoped = must(other.add_hooks(counting(replaced)));
            scoped = must(other.add_hooks(counting(dropped)));
            CHECK(replaced == 1 && dropped == 0);
            must(other.authenticate(used.value()));
        }
        CHECK(dropped == 1 && calls == 1);
        CHECK(must(other.add_hooks(counting(detached))).detach() == 3);
        must(other.authenticate(used.value()));
        CHECK(calls == 2 && detached == 0);
    }
    CHECK(detached == 1);

    // Hooks that remove themselves in a call end after it.
    int ended = 0;
    auto holder = std::make_shared<std::optional<rbtoken::HooksRegistration>>();
    rbtoken::Hooks once;
    once.used = [&ended, holder, data = sentinel(ended)](Store &, const Token &) {
        holder->reset();
        CHECK(ended == 0);
    };
    holder->emplace(must(store.add_hooks(std::move(once))));
    must(store.authenticate(named(must(store.get_token(2))).value()));
    CHECK(ended == 1 && !*holder);
    OK("hooks are told, moved, detached and removed");
}

void callbacks()
{
    int clock_destroyed = 0, entropy_destroyed = 0, log_destroyed = 0;
    std::vector<std::string> messages;
    std::atomic<int> seconds{1000};
    Status clock_status = Status::ok, entropy_status = Status::ok;
    {
        rbtoken::StoreOptions options;
        options.clock = [&, data = sentinel(clock_destroyed)]() -> rbtoken::Result<Time> {
            if (clock_status != Status::ok) return rbtoken::Error(clock_status);
            return Time(rbtoken::time_point(std::chrono::seconds(seconds.load())));
        };
        options.entropy = [&, data = sentinel(entropy_destroyed)](
                              std::uint8_t *bytes, std::size_t len) -> rbtoken::Result<void> {
            if (entropy_status != Status::ok) return rbtoken::Error(entropy_status);
            for (std::size_t i = 0; i < len; ++i) bytes[i] = static_cast<std::uint8_t>(7 * i);
            return {};
        };
        options.log = [&, data = sentinel(log_destroyed)](std::int32_t level,
                                                          std::string_view target,
                                                          std::string_view message) {
            CHECK(level == RBTOKEN_LOG_DEBUG && target == "rbtoken.store");
            messages.emplace_back(message);
        };
        const auto store = must(Store::open(std::move(options)));
        const auto token = must(store.generate_token("alice"));
        CHECK(messages.size() == 1 && messages[0].find("was created") != std::string::npos);
        CHECK(token.time_added() == rbtoken::time_point(1000s));
        CHECK(fails(store.generate_token("alice"), Status::generation));
        entropy_status = static_cast<Status>(-9);
        CHECK(fails(store.generate_token("alice"), static_cast<Status>(-9)));
        clock_status = static_cast<Status>(4711);
        CHECK(fails(store.authenticate(token.value()), static_cast<Status>(4711)));
        CHECK(clock_destroyed == 0 && entropy_destroyed == 0);
    }
    CHECK(clock_destroyed == 1 && entropy_destroyed == 1 && log_destroyed == 1);

    {
        rbtoken::StoreOptions options;
        options.clock = [] { return std::chrono::system_clock::now(); };
        // Has a long period, since the number of bytes per value is up to the library.
        std::uint32_t next = 0;
        options.entropy = [next](std::uint8_t *bytes, std::size_t len) mutable {
            for (std::size_t i = 0; i < len; ++i)
                bytes[i] = static_cast<std::uint8_t>((++next * 2654435761u) >> 24);
        };
        rbtoken::StoreOptions copied = options;
        const auto store = must(Store::open(std::move(copied)));
        const auto one = must(store.generate_token("alice"));
        const auto other = must(store.generate_token("alice"));
        CHECK(one.value() != other.value());
    }

    // They are destroyed once, also if opening the store fails.
    int destroyed = 0;
    rbtoken::StoreOptions bad;
    bad.location = "\xff";
    bad.clock = [data = sentinel(destroyed)] { return rbtoken::time_point(); };
    CHECK(fails(Store::open(std::move(bad)), Status::invalid_utf8) && destroyed == 1);

    // The store drops the generator last, so what the generator counts must outlive the store.
    int generator_destroyed = 0;
    const auto store = must(Store::open());
    std::string given = "value-0";
    {
        rbtoken::Generator generator;
        generator.create = [&given, data = sentinel(generator_destroyed)](
                               std::string_view type,
                               std::uint32_t attempt) -> rbtoken::Result<std::string> {
            CHECK(type == "rbp");
            if (given == "fail") return rbtoken::Error(static_cast<Status>(-3));
            if (given == "ok") return rbtoken::Error(Status::ok);
            return attempt == 0 ? given : given + "+" + std::to_string(attempt);
        };
        generator.validate = [](std::string_view type, std::string_view value) {
            return type == "rbp" && value.substr(0, 6) == "value-";
        };
        const auto same = generator;
        must(store.add_generator("mine", std::move(generator)));
        CHECK(fails(store.add_generator("mine", same), Status::exists));
    }
    CHECK(generator_destroyed == 0);
    must(store.set_default_generator("mine"));
    CHECK(fails(store.set_default_generator("none"), Status::generation));
    const auto first = must(store.generate_token("alice"));
    CHECK(first.value() == "value-0" && first.generator_id() == "mine" && !first.is_deprecated());
    CHECK(named(must(store.generate_token("alice"))).value() == "value-0+1");
    CHECK(must(store.value_is_valid("mine", "rbp", "value-9")));
    CHECK(!must(store.value_is_valid("mine", "rbp", "other")));
    given = "fail";
    CHECK(fails(store.generate_token("alice"), static_cast<Status>(-3)));
    given = "ok";
    CHECK(fails(store.generate_token("alice"), Status::callback));
    for (const std::size_t len : {0U, 256U, 5000U}) {
        given.assign(len, 'x');
        CHECK(fails(store.generate_token("alice"), Status::callback));
    }
    must(store.set_deprecated_generators({"mine"}));
    CHECK(must(store.find_token("value-0")).is_deprecated());
    must(store.set_deprecated_generators({}));
    CHECK(!must(store.find_token("value-0")).is_deprecated());

    rbtoken::Generator half;
    half.create = [](std::string_view, std::uint32_t) { return "x"; };
    CHECK(fails(store.add_generator("half", half), Status::null_argument));
    OK("clocks, entropy and generators are any functions, destroyed once");
}

void threads()
{
    const auto store = must(Store::open());
    std::atomic<int> made{0};
    rbtoken::Hooks hooks;
    hooks.created = [&made](Store &, const Token &, bool) { ++made; };
    const auto registration = must(store.add_hooks(std::move(hooks)));
    std::vector<std::thread> running;
    for (int i = 0; i < 4; ++i) {
        running.emplace_back([store] {
            for (int round = 0; round < 50; ++round) {
                const auto client = std::to_string(round);
                const auto copy = must(store.get_or_create_client_token("alice", client)).token;
                CHECK(must(store.find_token(copy.value())).id() == copy.id());
            }
        });
    }
    for (auto &thread : running) thread.join();
    CHECK(made == 50);
    OK("handles are copied to other threads");
}

void the_shared_store()
{
    rbtoken::StoreOptions options;
    options.settings = R"({"token_type": "one"})";
    const auto first = must(Store::shared(options));
    CHECK(must(Store::shared()).get_setting("token_type").has_value());
    CHECK(named(must(Store::shared(options))).get() == first.get());
    int destroyed = 0;
    options.clock = [data = sentinel(destroyed)] { return rbtoken::time_point(); };
    CHECK(fails(Store::shared(std::move(options)), Status::state) && destroyed == 1);
    OK("the process has one shared store");
}

#if RBTOKEN_EXCEPTIONS

/* Thrown by callbacks: not a type of the standard library. */
struct Thrown {};

void exceptions()
{
    const auto store = must(Store::open());
    rbtoken::ClientTokenOptions options;
    options.default_policy = R"({"resources": 1})";
    std::optional<rbtoken::Exception> kept;
    try {
        static_cast<void>(store.get_or_create_client_token("bob", "RBTools", options).value());
        CHECK(false);
    } catch (const std::runtime_error &error) {
        const auto &exception = dynamic_cast<const rbtoken::Exception &>(error);
        CHECK(exception.status() == Status::policy && exception.argument() == "default_policy");
        kept = exception;
    }
    static_assert(std::is_nothrow_copy_constructible_v<rbtoken::Exception>);
    CHECK(kept->json_path() == "$.resources" && kept->error().message() == kept->what());

    bool thrown = false;
    auto missing = store.get_token(99);
    try {
        static_cast<void>(missing.value());
    } catch (const rbtoken::Exception &exception) {
        thrown = exception.status() == Status::not_found;
    }
    CHECK(thrown);
    thrown = false;
    try {
        store.delete_token(99).value();
    } catch (const rbtoken::Exception &) {
        thrown = true;
    }
    CHECK(thrown);
    OK("the value of a failure throws it");
}

void callbacks_that_throw()
{
    int destroyed = 0;
    bool throws = false;
    {
        rbtoken::StoreOptions options;
        options.clock = [&, data = sentinel(destroyed)] {
            if (throws) throw Thrown();
            return std::chrono::system_clock::now();
        };
        const auto store = must(Store::open(std::move(options)));
        const auto token = must(store.generate_token("alice"));
        throws = true;
        CHECK(fails(store.authenticate(token.value()), Status::callback));
        CHECK(fails(store.generate_token("alice"), Status::callback));
        throws = false;
        CHECK(must(store.authenticate(token.value())));
    }
    CHECK(destroyed == 1);
    {
        rbtoken::StoreOptions options;
        options.entropy = [data = sentinel(destroyed)](std::uint8_t *, std::size_t) {
            throw std::runtime_error("no entropy");
        };
        const auto store = must(Store::open(std::move(options)));
        CHECK(fails(store.generate_token("alice"), Status::callback));
        CHECK(must(store.token_count()) == 0);

        rbtoken::Generator generator;
        generator.create = [](std::string_view, std::uint32_t) -> std::string { throw Thrown(); };
        generator.validate = [](std::string_view, std::string_view) -> bool { throw 7; };
        must(store.add_generator("mine", generator));
        must(store.set_default_generator("mine"));
        CHECK(fails(store.generate_token("alice"), Status::callback));
        CHECK(fails(store.value_is_valid("mine", "rbp", "x"), Status::callback));
        // `.value()` is safe in a callback too.
        generator.create = [](std::string_view, std::uint32_t) {
            return rbtoken::Result<std::string>(rbtoken::Error(Status::io)).value();
        };
        must(store.add_generator("failing", generator));
        must(store.set_default_generator("failing"));
        CHECK(fails(store.generate_token("alice"), Status::callback));
    }
    CHECK(destroyed == 2);

    // For each of the hooks: the change is kept, and the others are still called.
    const auto store = must(Store::open());
    int caught = 0, told = 0;
    rbtoken::Hooks hooks;
    hooks.created = [](Store &, const Token &, bool) { throw Thrown(); };
    hooks.updated = hooks.invalidated = hooks.expired = hooks.used = hooks.deleted =
        [](Store &, const Token &) { throw Thrown(); };
    hooks.on_exception = [&caught](std::exception_ptr exception) {
        try {
            std::rethrow_exception(std::move(exception));
        } catch (const Thrown &) {
            ++caught;
        }
    };
    const auto throwing = must(store.add_hooks(std::move(hooks)));
    rbtoken::Hooks behind;
    behind.created = [&told](Store &, const Token &, bool) { ++told; };
    behind.updated = behind.invalidated = behind.expired = behind.used = behind.deleted =
        [&told](Store &, const Token &) { ++told; };
    const auto telling = must(store.add_hooks(std::move(behind)));
    const auto token = must(store.generate_token("alice"));
    CHECK(must(store.authenticate(token.value())));
    rbtoken::TokenUpdate update;
    update.expires = first_moment;
    must(store.update_token(token.id(), update));
    must(store.authenticate(token.value()));
    must(store.invalidate_token(token.value()));
    must(store.delete_token(token.id()));
    CHECK(caught == 6 && told == 6 && must(store.token_count()) == 0);
    OK("no exception of a callback passes through the library");
}

#endif

/* Misuse, each in its own process: all end with std::terminate(). */
int misuse(std::string_view what)
{
    std::set_terminate([] {
        std::fputs("terminated\n", stderr);
        std::_Exit(42);
    });
    const auto failure = [] { return rbtoken::Result<std::string>(rbtoken::Error(Status::io)); };
    auto failed = failure();
    const auto &constant = failed;
    rbtoken::Result<std::string> fine = "fine";
    rbtoken::Result<void> done;
    if (what == "star") static_cast<void>((*failed).size());
    if (what == "const-star") static_cast<void>((*constant).size());
    if (what == "moved-star") static_cast<void>((*failure()).size());
    if (what == "arrow") static_cast<void>(failed->size());
    if (what == "const-arrow") static_cast<void>(constant->size());
    if (what == "error") static_cast<void>(fine.error().status());
    if (what == "moved-error") static_cast<void>(std::move(fine).error().status());
    if (what == "void-error") static_cast<void>(done.error().status());
    if (what == "moved-void-error") static_cast<void>(std::move(done).error().status());
    if (what == "index") static_cast<void>(must(must(Store::open()).list_tokens())[0]);
#if RBTOKEN_EXCEPTIONS
    rbtoken::Hooks hooks;
    hooks.created = [](Store &, const Token &, bool) { throw Thrown(); };
    if (what == "hook-without-handler" || what == "hook-with-throwing-handler") {
        if (what == "hook-with-throwing-handler")
            hooks.on_exception = [](std::exception_ptr exception) {
                std::rethrow_exception(std::move(exception));
            };
        const auto store = must(Store::open());
        const auto registration = must(store.add_hooks(std::move(hooks)));
        static_cast<void>(store.generate_token("alice"));
    }
#else
    if (what == "value") static_cast<void>(failed.value());
    if (what == "moved-value") static_cast<void>(failure().value());
    if (what == "void-value") rbtoken::Result<void>(rbtoken::Error(Status::io)).value();
#endif
    std::fprintf(stderr, "nothing happened: %s\n", what.data());
    return EXIT_FAILURE;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc == 2) return misuse(argv[1]);
    the_library();
    times();
    client_tokens();
    errors();
    results();
    handles();
    lists();
    tokens();
    files();
    logins();
    settings_and_policies();
    service_accounts();
    hooks();
    callbacks();
    threads();
    the_shared_store();
#if RBTOKEN_EXCEPTIONS
    exceptions();
    callbacks_that_throw();
#endif
    return EXIT_SUCCESS;
}
