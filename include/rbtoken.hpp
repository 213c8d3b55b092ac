/* SPDX-License-Identifier: MIT */

/**
 * @file rbtoken.hpp
 * Header-only C++17 wrapper of rbtoken.h, for Review Board API tokens.
 *
 * A first program:
 *
 *     auto store = rbtoken::Store::open().value();
 *     auto [token, created] = store.get_or_create_client_token("alice", "RBTools").value();
 *     std::cout << token.value() << '\n';
 *
 * This header only calls the functions of rbtoken.h: link the same library. rbtoken.h documents
 * what the functions do, their statuses, and the threads that can call them. This comment describes
 * what C++ adds.
 *
 * Errors
 * ------
 * A function that can fail returns a Result, which holds a value or an Error. Compilers warn if it
 * is ignored. There are two ways to use it:
 *
 *     auto token = store.find_token(value).value();        // throws an Exception on failure
 *
 *     auto found = store.find_token(value);                // does not throw
 *     if (!found) return report(found.error());
 *     use(found->user());
 *
 * If exceptions are disabled (RBTOKEN_EXCEPTIONS is 0, as with -fno-exceptions), `.value()` of a
 * failure calls std::terminate(). With and without exceptions, `*` and `->` of a failure and
 * `.error()` of a success call std::terminate(), so their behavior is never undefined. RTTI is not
 * needed. If memory is exhausted on the C++ side, std::bad_alloc is thrown or the program ends, as
 * usual in C++.
 *
 * **Success does not mean yes.** A Result that holds a bool, a number or a Login does not convert
 * to bool. `if (token.allows(…))` and `if (store.authenticate(…))` would be true for every
 * successful call, so they do not compile. Use `.value()`; or use `.value_or(false)` and
 * `.value_or(Login{})`, whose result after a failure means "no".
 *
 * Ownership
 * ---------
 * Store and Token are reference-counted handles: copying adds a reference, moving transfers it, and
 * the destructor releases it. TokenList, Policy, ServiceAccount, Buffer, Error and
 * HooksRegistration can only be moved. They can be destroyed in any order; tokens can outlive their
 * store. A moved-from object can be assigned to and destroyed. `if (handle)` is false for it (Error
 * and HooksRegistration do not have this test). Other calls on it fail with Status::null_argument,
 * or return an empty value, 0 or false.
 *
 * To exchange handles with C: `X::adopt(pointer)` takes ownership of a pointer, `x.release()`
 * returns the pointer and its ownership, and `x.get()` returns the pointer but keeps the ownership.
 * For Store and Token, `X::share(pointer)` adds a reference.
 *
 * Text
 * ----
 * Functions take text as std::string_view and read it before the call returns. The views in an
 * options struct must be valid until the call that uses it returns; temporary strings do not
 * compile there. An empty view is an empty text. An optional text is an OptionalText or a
 * std::optional.
 *
 * Functions return text as a view, which is valid until the handle that it was read from and all
 * copies of that handle are destroyed. These functions are deleted for temporaries: store the
 * handle in a variable first.
 *
 * Time
 * ----
 * Times are rbtoken::time_point: microseconds of std::chrono::system_clock. That clock usually
 * counts nanoseconds in 64 bits, which cannot represent the years 1 to 9999, so
 * `system_clock::time_point t = *token.expires()` could overflow: use to_system_time(). Functions
 * take any time of system_clock, through rbtoken::Time.
 *
 * Callbacks
 * ---------
 * Hooks, clocks, entropy sources, generators and progress callbacks can be any functions. Several
 * threads can call them at once, and they can call the store. They are destroyed exactly once, even
 * if the registration fails. No exception passes through the library: an exception in a hook is
 * passed to Hooks::on_exception, and one in another callback fails the call with Status::callback.
 */

#ifndef RBTOKEN_HPP
#define RBTOKEN_HPP

#include "rbtoken.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/** 1 if failures can be thrown, else 0. Detected if you do not define it. */
#ifndef RBTOKEN_EXCEPTIONS
#  if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#    define RBTOKEN_EXCEPTIONS 1
#  else
#    define RBTOKEN_EXCEPTIONS 0
#  endif
#endif

#if RBTOKEN_EXCEPTIONS
#  include <stdexcept>
#endif

/** Review Board API tokens. */
namespace rbtoken {

// The classes differ with and without exceptions. The namespaces let one program use both kinds.
#if RBTOKEN_EXCEPTIONS
inline namespace with_exceptions {
#else
inline namespace without_exceptions {
#endif

class Store;
class Token;

/* ---- The library ------------------------------------------------------------------------- */

/* Begin generated: Status. */
/** Result of a call. A callback of the host can return other numbers. */
enum class Status : rbtoken_status_t {
    /** The call succeeded. */
    ok = RBTOKEN_OK,
    /** A required argument is NULL, or a text is NULL and its length is not 0. */
    null_argument = RBTOKEN_E_NULL_ARGUMENT,
    /** An argument has a value that is not allowed. */
    invalid_argument = RBTOKEN_E_INVALID_ARGUMENT,
    /** A text is not valid UTF-8. */
    invalid_utf8 = RBTOKEN_E_INVALID_UTF8,
    /** A text contains a NUL character. */
    embedded_nul = RBTOKEN_E_EMBEDDED_NUL,
    /** A text or a list is longer than allowed. */
    too_long = RBTOKEN_E_TOO_LONG,
    /** `struct_size` is not a possible size of the struct, for example because it was not set with
     * `RBTOKEN_INIT`. */
    struct_size = RBTOKEN_E_STRUCT_SIZE,
    /** A field of a newer header is set, which this library does not know. */
    unsupported_option = RBTOKEN_E_UNSUPPORTED_OPTION,
    /** A time is outside the years 1 to 9999. */
    time_range = RBTOKEN_E_TIME_RANGE,
    /** A document is not valid JSON. */
    json_syntax = RBTOKEN_E_JSON_SYNTAX,
    /** A JSON value has the wrong type. */
    json_type = RBTOKEN_E_JSON_TYPE,
    /** A document is nested more than 128 levels deep. */
    json_too_deep = RBTOKEN_E_JSON_TOO_DEEP,
    /** A number is neither a 64-bit integer nor a finite float. */
    json_number = RBTOKEN_E_JSON_NUMBER,
    /** A policy breaks a rule; the error's JSON path shows where. */
    policy = RBTOKEN_E_POLICY,
    /** There is no such token, user, Local Site, setting or hooks. */
    not_found = RBTOKEN_E_NOT_FOUND,
    /** The object already exists. */
    exists = RBTOKEN_E_EXISTS,
    /** The object is in a state that does not allow the call. */
    state = RBTOKEN_E_STATE,
    /** This build, or this kind of store, does not support the call. */
    unsupported = RBTOKEN_E_UNSUPPORTED,
    /** The store was opened before fork(), and this process is the child. */
    forked = RBTOKEN_E_FORKED,
    /** An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
     * calls. */
    poisoned = RBTOKEN_E_POISONED,
    /** No token value could be generated: there is no such generator, no random bytes are
     * available, or 20 values in a row already exist. */
    generation = RBTOKEN_E_GENERATION,
    /** A callback of the host broke its contract. */
    callback = RBTOKEN_E_CALLBACK,
    /** Another store, in this process or another, has the file open. */
    locked = RBTOKEN_E_LOCKED,
    /** The operating system reported an input or output error. */
    io = RBTOKEN_E_IO,
    /** Stored data is damaged. */
    corrupt = RBTOKEN_E_CORRUPT,
    /** Stored data has an incompatible version. */
    version = RBTOKEN_E_VERSION,
    /** The database reported an error. */
    database = RBTOKEN_E_DATABASE,
    /** The operation exceeded its time limit. */
    timeout = RBTOKEN_E_TIMEOUT,
    /** Memory is exhausted. */
    no_memory = RBTOKEN_E_NO_MEMORY,
    /** There is a bug in the library. Nothing was changed, or the store returns
     * `RBTOKEN_E_POISONED` from now on. */
    internal = RBTOKEN_E_INTERNAL,
};
/* End generated: Status. */

/* Begin generated: Verdict. */
/** Result of a login. Every verdict other than Verdict::ok rejects it. */
enum class Verdict : rbtoken_verdict_t {
    /** No verdict: the call failed. */
    refused = RBTOKEN_VERDICT_REFUSED,
    /** The caller is the token's user. */
    ok = RBTOKEN_VERDICT_OK,
    /** There is no such token, or the token's value in the header is missing or contains spaces. */
    unknown = RBTOKEN_VERDICT_UNKNOWN,
    /** The token was invalidated. */
    invalid = RBTOKEN_VERDICT_INVALID,
    /** The token has expired. */
    expired = RBTOKEN_VERDICT_EXPIRED,
    /** The token's user is not active. Respond as for an unknown token. */
    inactive_user = RBTOKEN_VERDICT_INACTIVE_USER,
    /** The token belongs to a Local Site, and the request is for another site. */
    wrong_site = RBTOKEN_VERDICT_WRONG_SITE,
    /** The header is for another kind of login, which this library does not handle. */
    not_a_token = RBTOKEN_VERDICT_NOT_A_TOKEN,
};
/* End generated: Verdict. */

/** Returns the version of the running library. RBTOKEN_VERSION is the header's. */
[[nodiscard]] inline std::string_view version() noexcept
{
    return rbtoken_version();
}

/** Returns the ABI version of the running library. */
[[nodiscard]] inline std::uint32_t abi_version() noexcept
{
    return rbtoken_abi_version();
}

/** Returns whether the running library supports a header: by default, this one. */
[[nodiscard]] inline bool abi_is_compatible(
    std::uint32_t header_version = RBTOKEN_ABI_VERSION) noexcept
{
    return rbtoken_abi_is_compatible(header_version);
}

/** Returns the name of a status, such as "RBTOKEN_E_NOT_FOUND". */
[[nodiscard]] inline std::string_view name(Status status) noexcept
{
    return rbtoken_status_name(static_cast<rbtoken_status_t>(status));
}

/** Returns the name of a verdict, such as "RBTOKEN_VERDICT_EXPIRED". */
[[nodiscard]] inline std::string_view name(Verdict verdict) noexcept
{
    return rbtoken_verdict_name(static_cast<rbtoken_verdict_t>(verdict));
}

/* ---- Time -------------------------------------------------------------------------------- */

/** Time in UTC, in microseconds: 64 bits of nanoseconds cannot represent the years 1 to 9999. */
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

/** Time parameter: any time of the system clock, rounded down to microseconds. A time that does not
 * fit becomes the earliest or latest one, which functions reject with Status::time_range. */
struct Time {
    /** Converts a time of any resolution. */
    template <class Duration>
    constexpr Time(std::chrono::time_point<std::chrono::system_clock, Duration> time) noexcept
        : value(convert(time.time_since_epoch()))
    {
    }

    /** The time. */
    time_point value;

private:
    template <class Duration>
    static constexpr time_point convert(Duration since_epoch) noexcept
    {
        using std::chrono::microseconds;
        constexpr auto limit = 9.2e18L; // Less than 2^63.
        const std::chrono::duration<long double, std::micro> wide(since_epoch);
        if (!(wide.count() > -limit)) return (time_point::min)();
        if (!(wide.count() < limit)) return (time_point::max)();
        return time_point(std::chrono::floor<microseconds>(since_epoch));
    }
};

/** Converts a time to system_clock::time_point; std::nullopt if that cannot represent it. */
[[nodiscard]] constexpr std::optional<std::chrono::system_clock::time_point> to_system_time(
    time_point time) noexcept
{
    using system_time = std::chrono::system_clock::time_point;
    using std::chrono::microseconds;
    constexpr auto least = std::chrono::duration_cast<microseconds>((system_time::duration::min)());
    constexpr auto most = std::chrono::duration_cast<microseconds>((system_time::duration::max)());
    const auto since_epoch = time.time_since_epoch();
    if (since_epoch < least || since_epoch > most) return std::nullopt;
    return system_time(std::chrono::duration_cast<system_time::duration>(since_epoch));
}

/* ---- Implementation of the classes below --------------------------------------------------- */

namespace detail {

/** Handle with one owner. `Traits` has its `type` and the function `free`. */
template <class Traits>
class Owned {
public:
    using type = typename Traits::type;

    explicit Owned(type *pointer) noexcept : pointer_(pointer) {}
    Owned(Owned &&other) noexcept : pointer_(other.release()) {}
    Owned &operator=(Owned &&other) noexcept
    {
        Owned moved(std::move(other));
        std::swap(pointer_, moved.pointer_);
        return *this;
    }
    ~Owned() { Traits::free(pointer_); }

    type *get() const noexcept { return pointer_; }
    type *release() noexcept { return std::exchange(pointer_, nullptr); }

private:
    type *pointer_;
};

/** Reference-counted handle. `Traits` also has the function `retain`. */
template <class Traits>
class Shared : public Owned<Traits> {
public:
    using Owned<Traits>::Owned;
    Shared(const Shared &other) noexcept : Owned<Traits>(Traits::retain(other.get())) {}
    Shared(Shared &&) noexcept = default;
    Shared &operator=(const Shared &other) noexcept { return *this = Shared(other); }
    Shared &operator=(Shared &&) noexcept = default;
    ~Shared() = default;
};

struct ErrorTraits {
    using type = rbtoken_error_t;
    static void free(type *error) noexcept { rbtoken_error_free(error); }
};

struct BufferTraits {
    using type = rbtoken_buffer_t;
    static void free(type *buffer) noexcept { rbtoken_buffer_free(buffer); }
};

struct TokenTraits {
    using type = rbtoken_token_t;
    static type *retain(const type *token) noexcept { return rbtoken_token_retain(token); }
    static void free(type *token) noexcept { rbtoken_token_release(token); }
};

struct TokenListTraits {
    using type = rbtoken_token_list_t;
    static void free(type *list) noexcept { rbtoken_token_list_free(list); }
};

struct PolicyTraits {
    using type = rbtoken_policy_t;
    static void free(type *policy) noexcept { rbtoken_policy_free(policy); }
};

struct ServiceAccountTraits {
    using type = rbtoken_service_account_t;
    static void free(type *account) noexcept { rbtoken_service_account_free(account); }
};

struct StoreTraits {
    using type = rbtoken_store_t;
    static type *retain(type *store) noexcept { return rbtoken_store_retain(store); }
    static void free(type *store) noexcept { rbtoken_store_release(store); }
};

/** String that is destroyed before an options struct is used. */
template <class T>
inline constexpr bool is_temporary_string = !std::is_lvalue_reference_v<T> &&
                                            std::is_same_v<std::remove_cv_t<T>, std::string>;

/** Type that an options struct can borrow a text from. */
template <class T>
inline constexpr bool lends_text = std::is_convertible_v<T, std::string_view> &&
                                   !is_temporary_string<T>;

/** Text argument for C. A view without a pointer is the empty text, not an absent one. */
struct Text {
    Text(std::string_view text) noexcept
        : data(text.data() != nullptr ? text.data() : ""), len(text.size())
    {
    }
    Text(const std::optional<std::string_view> &text) noexcept
        : Text(text.value_or(std::string_view()))
    {
        if (!text) data = nullptr;
    }

    const char *data;
    std::size_t len;
};

/** Text result from C. */
template <class Handle>
std::optional<std::string_view> maybe_text(const char *(*get)(const Handle *, std::size_t *),
                                           const Handle *handle) noexcept
{
    std::size_t len = 0;
    const char *data = get(handle, &len);
    if (data == nullptr) return std::nullopt;
    return std::string_view(data, len);
}

template <class Handle>
std::string_view text(const char *(*get)(const Handle *, std::size_t *),
                      const Handle *handle) noexcept
{
    return maybe_text(get, handle).value_or(std::string_view());
}

inline std::optional<std::string_view> maybe_text(const char *data) noexcept
{
    if (data == nullptr) return std::nullopt;
    return std::string_view(data);
}

inline std::int64_t microseconds(Time time) noexcept
{
    return static_cast<std::int64_t>(time.value.time_since_epoch().count());
}

inline std::optional<time_point> maybe_time(bool (*get)(const rbtoken_token_t *, std::int64_t *),
                                            const rbtoken_token_t *token) noexcept
{
    std::int64_t time_us = 0;
    if (!get(token, &time_us)) return std::nullopt;
    return time_point(std::chrono::microseconds(time_us));
}

/** List of texts for C. */
class TextList {
public:
    explicit TextList(const std::vector<std::string> &texts)
    {
        pointers_.reserve(texts.size() + 1);
        for (const std::string &text : texts) {
            has_nul_ = has_nul_ || text.find('\0') != std::string::npos;
            pointers_.push_back(text.c_str());
        }
        pointers_.push_back(nullptr); // So that an empty list is not NULL, which means "any".
    }

    bool has_nul() const noexcept { return has_nul_; }
    const char *const *data() const noexcept { return pointers_.data(); }
    std::size_t size() const noexcept { return pointers_.size() - 1; }

private:
    std::vector<const char *> pointers_;
    bool has_nul_ = false;
};

} // namespace detail

/* ---- Errors ------------------------------------------------------------------------------ */

/** Details of a failed call. Move-only. It never contains a token's value. */
class Error {
public:
    /** Creates an error for a callback to return. The call fails with this status. */
    explicit Error(Status status) noexcept : status_(status), handle_(nullptr) {}

    /** Takes ownership of an error of the C API. `status` is what the C function returned. */
    [[nodiscard]] static Error adopt(rbtoken_status_t status, rbtoken_error_t *error) noexcept
    {
        Error adopted{static_cast<Status>(status)};
        adopted.handle_ = detail::Owned<detail::ErrorTraits>(error);
        return adopted;
    }
    /** Takes ownership of an error of the C API. */
    [[nodiscard]] static Error adopt(rbtoken_error_t *error) noexcept
    {
        return adopt(rbtoken_error_status(error), error);
    }

    /** Returns the status of the failed call. */
    [[nodiscard]] Status status() const noexcept { return status_; }

    /** Returns the message: a text for people, which programs should not parse. */
    [[nodiscard]] std::string_view message() const & noexcept
    {
        const char *message = rbtoken_error_message(get());
        return message != nullptr ? std::string_view(message) : name(status_);
    }
    std::string_view message() const && = delete; ///< Not for temporaries.

    /** Returns the parameter, or the field of an options struct, that is at fault. */
    [[nodiscard]] std::optional<std::string_view> argument() const & noexcept
    {
        return detail::maybe_text(rbtoken_error_argument(get()));
    }
    std::optional<std::string_view> argument() const && = delete; ///< Not for temporaries.

    /** Returns the place in a JSON document that is at fault, as a JSONPath. */
    [[nodiscard]] std::optional<std::string_view> json_path() const & noexcept
    {
        return detail::maybe_text(rbtoken_error_json_path(get()));
    }
    std::optional<std::string_view> json_path() const && = delete; ///< Not for temporaries.

    /** Returns the C handle, and keeps its ownership; nullptr if the host created the error. */
    [[nodiscard]] rbtoken_error_t *get() const & noexcept { return handle_.get(); }
    rbtoken_error_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must free with rbtoken_error_free(). Keeps the
     * status. */
    [[nodiscard]] rbtoken_error_t *release() noexcept { return handle_.release(); }

private:
    Status status_;
    detail::Owned<detail::ErrorTraits> handle_;
};

#if RBTOKEN_EXCEPTIONS
/** Exception that `.value()` of a failure throws: an Error that can be copied. */
class Exception : public std::runtime_error {
public:
    /** Takes ownership of an error. */
    explicit Exception(Error error)
        : std::runtime_error(std::string(error.message())),
          error_(std::make_shared<const Error>(std::move(error)))
    {
    }

    /** Returns the error, which lives as long as this exception or a copy of it. */
    [[nodiscard]] const Error &error() const noexcept { return *error_; }
    /** Returns Error::status(). */
    [[nodiscard]] Status status() const noexcept { return error_->status(); }
    /** Returns Error::argument(). */
    [[nodiscard]] std::optional<std::string_view> argument() const noexcept
    {
        return error_->argument();
    }
    /** Returns Error::json_path(). */
    [[nodiscard]] std::optional<std::string_view> json_path() const noexcept
    {
        return error_->json_path();
    }

private:
    std::shared_ptr<const Error> error_;
};
#endif

struct Login;

namespace detail {

[[noreturn]] inline void fail(Error &&error)
{
#if RBTOKEN_EXCEPTIONS
    throw Exception(std::move(error));
#else
    static_cast<void>(error);
    std::terminate();
#endif
}

/** Types whose Result must not be mistaken for the value in it. */
template <class T>
inline constexpr bool is_bool_like = std::is_arithmetic_v<T> || std::is_same_v<T, Login>;

/** Types that a Result can be made from. No pointer becomes a bool. */
template <class U, class T>
inline constexpr bool is_result_source =
    std::is_same_v<T, bool> ? std::is_same_v<std::decay_t<U>, bool> : std::is_convertible_v<U, T>;

} // namespace detail

/**
 * Value of a successful call, or Error of a failed one. See "Errors" above.
 *
 * `.value()` throws a failure as an Exception, and moves the Error out of the Result; without
 * exceptions it ends the program. `*`, `->` and `.error()` end the program if the Result does not
 * have what they return. For a temporary Result, `.value()`, `*` and `.error()` return the object
 * itself, not a reference to it.
 */
template <class T>
class [[nodiscard]] Result {
public:
    /** Type of the value. */
    using value_type = T;

    /** Creates a success. */
    template <class U = T, std::enable_if_t<detail::is_result_source<U &&, T> &&
                                                !std::is_same_v<std::decay_t<U>, Error> &&
                                                !std::is_same_v<std::decay_t<U>, Result>,
                                            int> = 0>
    Result(U &&value) : state_(std::in_place_index<0>, std::forward<U>(value))
    {
    }
    /** Creates a failure. */
    Result(Error error) noexcept : state_(std::in_place_index<1>, std::move(error)) {}

    /** Returns whether there is a value. */
    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    /** Returns whether there is a value. Deleted for bool, numbers and Login: see "Errors". */
    template <class U = T, std::enable_if_t<!detail::is_bool_like<U>, int> = 0>
    [[nodiscard]] explicit operator bool() const noexcept
    {
        return has_value();
    }

    /** Returns the value, or throws the failure. */
    [[nodiscard]] T &value() &
    {
        if (!has_value()) detail::fail(std::move(*std::get_if<1>(&state_)));
        return *std::get_if<0>(&state_);
    }
    /** Returns the value itself, or throws the failure. */
    [[nodiscard]] T value() &&
    {
        if (!has_value()) detail::fail(std::move(*std::get_if<1>(&state_)));
        return std::move(*std::get_if<0>(&state_));
    }
    T value() const & = delete;  ///< A const failure cannot be thrown: use `*`.
    T value() const && = delete; ///< A const failure cannot be thrown: use `*`.

    /** Returns the value, or `otherwise` on failure. */
    template <class U>
    [[nodiscard]] T value_or(U &&otherwise) &&
    {
        return has_value() ? std::move(*std::get_if<0>(&state_))
                           : static_cast<T>(std::forward<U>(otherwise));
    }

    /** Returns the value, which must exist. */
    [[nodiscard]] T &operator*() & noexcept { return get_or_terminate<0>(state_); }
    /** Returns the value, which must exist. */
    [[nodiscard]] const T &operator*() const & noexcept { return get_or_terminate<0>(state_); }
    /** Returns the value itself, which must exist. */
    [[nodiscard]] T operator*() && noexcept { return std::move(get_or_terminate<0>(state_)); }
    /** Returns the value, which must exist. */
    [[nodiscard]] T *operator->() & noexcept { return &get_or_terminate<0>(state_); }
    /** Returns the value, which must exist. */
    [[nodiscard]] const T *operator->() const & noexcept { return &get_or_terminate<0>(state_); }
    T *operator->() && = delete;             ///< Not for temporaries.
    const T *operator->() const && = delete; ///< Not for temporaries.

    /** Returns the error, which must exist. */
    [[nodiscard]] const Error &error() const & noexcept { return get_or_terminate<1>(state_); }
    /** Returns the error itself, which must exist. */
    [[nodiscard]] Error error() && noexcept { return std::move(get_or_terminate<1>(state_)); }

private:
    template <std::size_t Index, class State>
    static auto &get_or_terminate(State &state) noexcept
    {
        auto *wanted = std::get_if<Index>(&state);
        if (wanted == nullptr) std::terminate();
        return *wanted;
    }

    std::variant<T, Error> state_;
};

/** Success of a call without a value, or the Error of a failed one. */
template <>
class [[nodiscard]] Result<void> {
public:
    /** Type of the value. */
    using value_type = void;

    /** Creates a success. */
    Result() noexcept = default;
    /** Creates a failure. */
    Result(Error error) noexcept : error_(std::move(error)) {}

    /** Returns whether the call succeeded. */
    [[nodiscard]] bool has_value() const noexcept { return !error_.has_value(); }
    /** Returns whether the call succeeded. */
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    /** Throws the failure, if the call failed. */
    void value()
    {
        if (error_) detail::fail(std::move(*error_));
    }

    /** Returns the error, which must exist. */
    [[nodiscard]] const Error &error() const & noexcept
    {
        if (!error_) std::terminate();
        return *error_;
    }
    /** Returns the error itself, which must exist. */
    [[nodiscard]] Error error() && noexcept
    {
        if (!error_) std::terminate();
        return std::move(*error_);
    }

private:
    std::optional<Error> error_;
};

namespace detail {

/** Calls a C function without a result. */
template <class Function>
Result<void> call(Function function)
{
    rbtoken_error_t *error = nullptr;
    const rbtoken_status_t status = function(&error);
    if (status != RBTOKEN_OK) return Error::adopt(status, error);
    return {};
}

/** Calls a C function that returns a value. */
template <class T, class Function>
Result<T> call_value(Function function)
{
    T value{};
    rbtoken_error_t *error = nullptr;
    const rbtoken_status_t status = function(&value, &error);
    if (status != RBTOKEN_OK) return Error::adopt(status, error);
    return value;
}

/** Calls a C function that returns a handle. */
template <class T, class Function>
Result<T> call_handle(Function function)
{
    decltype(std::declval<T &>().get()) handle = nullptr;
    rbtoken_error_t *error = nullptr;
    const rbtoken_status_t status = function(&handle, &error);
    if (status != RBTOKEN_OK) return Error::adopt(status, error);
    return T::adopt(handle);
}

} // namespace detail

/* ---- Buffers, tokens, lists -------------------------------------------------------------- */

/** Text that the library created. Move-only. It is erased from memory when it is destroyed. */
class Buffer {
public:
    /** Takes ownership of a C handle. */
    [[nodiscard]] static Buffer adopt(rbtoken_buffer_t *buffer) noexcept { return Buffer(buffer); }

    /** Returns the text; valid as long as the buffer is. */
    [[nodiscard]] std::string_view view() const & noexcept
    {
        return detail::text(rbtoken_buffer_data, get());
    }
    std::string_view view() const && = delete; ///< Not for temporaries.
    /** Returns a copy of the text, which is not erased. */
    [[nodiscard]] std::string to_string() const { return std::string(view()); }

    /** Returns whether there is a buffer; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return handle_.get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_buffer_t *get() const & noexcept { return handle_.get(); }
    rbtoken_buffer_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must free with rbtoken_buffer_free(). */
    [[nodiscard]] rbtoken_buffer_t *release() noexcept { return handle_.release(); }

private:
    explicit Buffer(rbtoken_buffer_t *buffer) noexcept : handle_(buffer) {}
    detail::Owned<detail::BufferTraits> handle_;
};

/**
 * Snapshot of a token: it never changes, and can outlive its store. A copy is another handle of the
 * same snapshot. Any thread can read it.
 */
class Token {
public:
    /** Takes ownership of a reference from C. */
    [[nodiscard]] static Token adopt(rbtoken_token_t *token) noexcept { return Token(token); }
    /** Adds a reference to a token of C. */
    [[nodiscard]] static Token share(const rbtoken_token_t *token) noexcept
    {
        return Token(rbtoken_token_retain(token));
    }

    /** Returns the id. The store never uses an id twice. */
    [[nodiscard]] std::int64_t id() const noexcept { return rbtoken_token_id(get()); }

    /** Returns the value: the secret. Do not log it; log redacted(). */
    [[nodiscard]] std::string_view value() const & noexcept { return text(rbtoken_token_value); }
    std::string_view value() const && = delete; ///< Not for temporaries.

    /** Returns a name that can be logged, such as `rbp_***#17`. */
    [[nodiscard]] std::string_view redacted() const & noexcept
    {
        return text(rbtoken_token_redacted);
    }
    std::string_view redacted() const && = delete; ///< Not for temporaries.

    /** Returns the owner's name. */
    [[nodiscard]] std::string_view user() const & noexcept { return text(rbtoken_token_user); }
    std::string_view user() const && = delete; ///< Not for temporaries.

    /** Returns the Local Site; none: the global site. */
    [[nodiscard]] std::optional<std::string_view> local_site() const & noexcept
    {
        return detail::maybe_text(rbtoken_token_local_site, get());
    }
    std::optional<std::string_view> local_site() const && = delete; ///< Not for temporaries.

    /** Returns the client name; none: it is not a client token. */
    [[nodiscard]] std::optional<std::string_view> client_name() const & noexcept
    {
        return detail::maybe_text(rbtoken_token_client_name, get());
    }
    std::optional<std::string_view> client_name() const && = delete; ///< Not for temporaries.

    /** Returns the note for people, which can be empty. */
    [[nodiscard]] std::string_view note() const & noexcept { return text(rbtoken_token_note); }
    std::string_view note() const && = delete; ///< Not for temporaries.

    /** Returns the id of the generator that created the value. */
    [[nodiscard]] std::string_view generator_id() const & noexcept
    {
        return text(rbtoken_token_generator_id);
    }
    std::string_view generator_id() const && = delete; ///< Not for temporaries.

    /** Returns the policy as JSON; `{}` is full access. It may not be JSON if it is from Review
     * Board's database; see rbtoken_token_policy(). */
    [[nodiscard]] std::string_view policy() const & noexcept { return text(rbtoken_token_policy); }
    std::string_view policy() const && = delete; ///< Not for temporaries.

    /** Returns the extra data as a JSON object. It may not be JSON if it is from Review Board's
     * database; see rbtoken_token_extra_data(). */
    [[nodiscard]] std::string_view extra_data() const & noexcept
    {
        return text(rbtoken_token_extra_data);
    }
    std::string_view extra_data() const && = delete; ///< Not for temporaries.

    /** Returns why the token was invalidated; can be empty. */
    [[nodiscard]] std::string_view invalid_reason() const & noexcept
    {
        return text(rbtoken_token_invalid_reason);
    }
    std::string_view invalid_reason() const && = delete; ///< Not for temporaries.

    /** Returns when the token expires; none: never. */
    [[nodiscard]] std::optional<time_point> expires() const noexcept
    {
        return detail::maybe_time(rbtoken_token_expires, get());
    }
    /** Returns when the token was created; the epoch if the handle was moved from. */
    [[nodiscard]] time_point time_added() const noexcept
    {
        return detail::maybe_time(rbtoken_token_time_added, get()).value_or(time_point());
    }
    /** Returns when the token was last changed; the epoch if the handle was moved from. */
    [[nodiscard]] time_point last_updated() const noexcept
    {
        return detail::maybe_time(rbtoken_token_last_updated, get()).value_or(time_point());
    }
    /** Returns when the token was last used for a login; none: never. */
    [[nodiscard]] std::optional<time_point> last_used() const noexcept
    {
        return detail::maybe_time(rbtoken_token_last_used, get());
    }
    /** Returns when the token was invalidated; none: it was not, or the time is unknown. */
    [[nodiscard]] std::optional<time_point> invalid_date() const noexcept
    {
        return detail::maybe_time(rbtoken_token_invalid_date, get());
    }

    /** Returns whether the token was invalidated, which is final. */
    [[nodiscard]] bool is_invalidated() const noexcept
    {
        return rbtoken_token_is_invalidated(get());
    }
    /** Returns whether the token is expired at a time. */
    [[nodiscard]] bool is_expired(Time at) const noexcept
    {
        return rbtoken_token_is_expired(get(), detail::microseconds(at));
    }
    /** Returns whether the generator was deprecated when this handle was returned. */
    [[nodiscard]] bool is_deprecated() const noexcept { return rbtoken_token_is_deprecated(get()); }

    /** Checks whether the policy allows an HTTP method on a resource. It does not check whether the
     * token is usable. */
    [[nodiscard]] Result<bool> allows(
        std::string_view policy_id, std::string_view method,
        std::optional<std::string_view> resource_id = std::nullopt) const
    {
        const detail::Text id(policy_id), verb(method), resource(resource_id);
        return detail::call_value<bool>([&](bool *allowed, rbtoken_error_t **error) {
            return rbtoken_token_allows(get(), id.data, id.len, verb.data, verb.len, resource.data,
                                        resource.len, allowed, error);
        });
    }

    /** Returns a JSON object with the fields of Review Board's API, without the token's value.
     * @param at the time for `expired` */
    [[nodiscard]] Result<Buffer> to_json(Time at) const { return to_json(at, 0); }
    /** Returns the same as to_json(), with the value: the document is secret. */
    [[nodiscard]] Result<Buffer> to_json_with_value(Time at) const
    {
        return to_json(at, RBTOKEN_JSON_WITH_VALUE);
    }

    /** Returns whether there is a token; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_token_t *get() const & noexcept { return handle_.get(); }
    rbtoken_token_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must pass to rbtoken_token_release(). */
    [[nodiscard]] rbtoken_token_t *release() noexcept { return handle_.release(); }

private:
    explicit Token(rbtoken_token_t *token) noexcept : handle_(token) {}

    std::string_view text(const char *(*field)(const rbtoken_token_t *,
                                               std::size_t *)) const noexcept
    {
        return detail::text<rbtoken_token_t>(field, get());
    }

    Result<Buffer> to_json(Time at, std::uint32_t flags) const
    {
        return detail::call_handle<Buffer>([&](rbtoken_buffer_t **json, rbtoken_error_t **error) {
            return rbtoken_token_to_json(get(), detail::microseconds(at), flags, json, error);
        });
    }

    detail::Shared<detail::TokenTraits> handle_;
};

/** List of tokens, as they were when it was created, in the order of their ids. Move-only. */
class TokenList {
public:
    /** Iterator of a list. It is valid until the list is destroyed; moving the list keeps it valid.
     * It returns Tokens by value: `for (const rbtoken::Token &token : list)`. */
    class iterator {
        struct Arrow;

    public:
        using iterator_category = std::input_iterator_tag; ///< Since a Token comes by value.
        using value_type = Token;                          ///< A handle of its own.
        using difference_type = std::ptrdiff_t;            ///< As for every iterator.
        using reference = Token;                           ///< By value.
        using pointer = Arrow;                             ///< Holds the Token for a `->`.

        /** Creates an iterator without a list. */
        iterator() noexcept = default;
        /** Returns the token. */
        [[nodiscard]] Token operator*() const noexcept
        {
            return Token::share(rbtoken_token_list_get(list_, index_));
        }
        /** Returns the token; texts from it are valid as long as the list is. */
        [[nodiscard]] pointer operator->() const noexcept { return Arrow{**this}; }
        /** Advances to the next token. */
        iterator &operator++() noexcept
        {
            ++index_;
            return *this;
        }
        /** Advances to the next token. */
        iterator operator++(int) noexcept
        {
            iterator before = *this;
            ++index_;
            return before;
        }
        /** Returns whether both are at the same position of the same list. */
        [[nodiscard]] friend bool operator==(const iterator &a, const iterator &b) noexcept
        {
            return a.list_ == b.list_ && a.index_ == b.index_;
        }
        /** Returns whether they differ in position or list. */
        [[nodiscard]] friend bool operator!=(const iterator &a, const iterator &b) noexcept
        {
            return !(a == b);
        }

    private:
        friend class TokenList;
        struct Arrow {
            Token token;
            const Token *operator->() const noexcept { return &token; }
        };
        iterator(const rbtoken_token_list_t *list, std::size_t index) noexcept
            : list_(list), index_(index)
        {
        }

        const rbtoken_token_list_t *list_ = nullptr;
        std::size_t index_ = 0;
    };
    /** Same as iterator, because a list cannot be changed. */
    using const_iterator = iterator;

    /** Takes ownership of a C handle. */
    [[nodiscard]] static TokenList adopt(rbtoken_token_list_t *list) noexcept
    {
        return TokenList(list);
    }

    /** Returns the number of tokens. */
    [[nodiscard]] std::size_t size() const noexcept { return rbtoken_token_list_count(get()); }
    /** Returns whether the list is empty. */
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /** Returns a token; an index after the last one ends the program. */
    [[nodiscard]] Token operator[](std::size_t index) const noexcept
    {
        const rbtoken_token_t *token = rbtoken_token_list_get(get(), index);
        if (token == nullptr) std::terminate();
        return Token::share(token);
    }
    /** Returns an iterator at the first token. */
    [[nodiscard]] iterator begin() const & noexcept { return iterator(get(), 0); }
    iterator begin() const && = delete; ///< Not for temporaries.
    /** Returns the iterator after the last token. */
    [[nodiscard]] iterator end() const & noexcept { return iterator(get(), size()); }
    iterator end() const && = delete; ///< Not for temporaries.

    /** Returns whether there is a list; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_token_list_t *get() const & noexcept { return handle_.get(); }
    rbtoken_token_list_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must free with rbtoken_token_list_free(). */
    [[nodiscard]] rbtoken_token_list_t *release() noexcept { return handle_.release(); }

private:
    explicit TokenList(rbtoken_token_list_t *list) noexcept : handle_(list) {}
    detail::Owned<detail::TokenListTraits> handle_;
};

/* ---- Options ----------------------------------------------------------------------------- */

/** Text that an options struct borrows, or none. A temporary std::string does not compile, because
 * it would be destroyed before the options are used. */
class OptionalText {
public:
    /** No text. */
    constexpr OptionalText() noexcept = default;
    /** No text. */
    constexpr OptionalText(std::nullopt_t) noexcept {}
    /** Borrows a text, which must be valid until the call with the options returns. */
    template <class T, std::enable_if_t<detail::lends_text<T>, int> = 0>
    constexpr OptionalText(T &&text) : text_(std::string_view(std::forward<T>(text)))
    {
    }

    /** The text. */
    constexpr operator std::optional<std::string_view>() const noexcept { return text_; }

private:
    std::optional<std::string_view> text_;
};

/** Type of `never`. */
struct Never {};
/** Never expires: `options.expires = rbtoken::never`. */
inline constexpr Never never{};

/** Type of `none`. */
struct None {};
/** Clears a field in an update: never expires, empty note, full access, or extra data `{}`. */
inline constexpr None none{};

/** The global site, outside every Local Site. */
struct GlobalSite {};
/** The global site, outside every Local Site. */
inline constexpr GlobalSite global_site{};

/** Any site: the host checks Token::local_site() itself. */
struct AnySite {};
/** Any site: the host checks Token::local_site() itself. */
inline constexpr AnySite any_site{};

/** Expiration of a new token: the default, `never`, or a time. */
class Expires {
public:
    /** The default: `client_token_expiration` for client tokens, never for others. */
    constexpr Expires() noexcept = default;
    /** Never. */
    constexpr Expires(Never) noexcept : mode_(RBTOKEN_EXPIRES_NEVER) {}
    /** At a time. */
    template <class T, std::enable_if_t<std::is_convertible_v<T, Time>, int> = 0>
    constexpr Expires(T at) noexcept : mode_(RBTOKEN_EXPIRES_AT), at_(Time(at).value)
    {
    }

    /** One of RBTOKEN_EXPIRES_DEFAULT, _NEVER, _AT. */
    [[nodiscard]] constexpr std::int32_t mode() const noexcept { return mode_; }
    /** The time, with RBTOKEN_EXPIRES_AT. */
    [[nodiscard]] constexpr time_point at() const noexcept { return at_; }

private:
    std::int32_t mode_ = RBTOKEN_EXPIRES_DEFAULT;
    time_point at_{};
};

/** Lifetime of a service account's tokens: the default, unlimited, or a duration. */
class Expiration {
public:
    /** The default: 30 days. */
    constexpr Expiration() noexcept = default;
    /** Unlimited. */
    constexpr Expiration(Never) noexcept : mode_(RBTOKEN_EXPIRATION_NEVER) {}
    /** A duration, greater than 0. */
    template <class T, std::enable_if_t<std::is_convertible_v<T, std::chrono::seconds>, int> = 0>
    constexpr Expiration(T after) noexcept : mode_(RBTOKEN_EXPIRATION_SECS), after_(after)
    {
    }

    /** One of RBTOKEN_EXPIRATION_DEFAULT, _NEVER, _SECS. */
    [[nodiscard]] constexpr std::int32_t mode() const noexcept { return mode_; }
    /** The duration, with RBTOKEN_EXPIRATION_SECS. */
    [[nodiscard]] constexpr std::chrono::seconds after() const noexcept { return after_; }

private:
    std::int32_t mode_ = RBTOKEN_EXPIRATION_DEFAULT;
    std::chrono::seconds after_{0};
};

/** Change of a field: keep it (the default), clear it (`none`), or set it to a value. */
template <class T>
class Change {
public:
    /** Keeps the field. */
    constexpr Change() noexcept = default;
    /** Clears the field. */
    constexpr Change(None) noexcept : mode_(RBTOKEN_FIELD_NONE) {}
    /** Sets the field. */
    template <class U, std::enable_if_t<
                           std::is_convertible_v<U, T> && !detail::is_temporary_string<U>, int> = 0>
    constexpr Change(U &&value) : mode_(RBTOKEN_FIELD_SET), value_(T(std::forward<U>(value)))
    {
    }

    /** One of RBTOKEN_FIELD_KEEP, _NONE, _SET. */
    [[nodiscard]] constexpr std::int32_t mode() const noexcept { return mode_; }
    /** The value, with RBTOKEN_FIELD_SET. */
    [[nodiscard]] constexpr const std::optional<T> &value() const noexcept { return value_; }

private:
    std::int32_t mode_ = RBTOKEN_FIELD_KEEP;
    std::optional<T> value_;
};

/** Site of a request: `global_site` (the default), the name of a Local Site, or `any_site`. */
class RequestSite {
public:
    /** The global site: tokens of Local Sites are rejected. */
    constexpr RequestSite() noexcept = default;
    /** The global site: tokens of Local Sites are rejected. */
    constexpr RequestSite(GlobalSite) noexcept {}
    /** Any site: the host checks Token::local_site() itself. */
    constexpr RequestSite(AnySite) noexcept : mode_(RBTOKEN_SITE_ANY) {}
    /** A Local Site: tokens of other Local Sites are rejected. */
    template <class T, std::enable_if_t<detail::lends_text<T>, int> = 0>
    constexpr RequestSite(T &&site)
        : mode_(RBTOKEN_SITE_NAMED), site_(std::string_view(std::forward<T>(site)))
    {
    }

    /** One of RBTOKEN_SITE_GLOBAL, _NAMED, _ANY. */
    [[nodiscard]] constexpr std::int32_t mode() const noexcept { return mode_; }
    /** The name, with RBTOKEN_SITE_NAMED. */
    [[nodiscard]] constexpr std::optional<std::string_view> site() const noexcept { return site_; }

private:
    std::int32_t mode_ = RBTOKEN_SITE_GLOBAL;
    std::optional<std::string_view> site_;
};

/** Sites whose tokens are listed: all (the default), `global_site`, or a Local Site. */
class SiteFilter {
public:
    /** All sites. */
    constexpr SiteFilter() noexcept = default;
    /** The global site. */
    constexpr SiteFilter(GlobalSite) noexcept : mode_(RBTOKEN_FILTER_SITE_GLOBAL) {}
    /** A Local Site. */
    template <class T, std::enable_if_t<detail::lends_text<T>, int> = 0>
    constexpr SiteFilter(T &&site)
        : mode_(RBTOKEN_FILTER_SITE_NAMED), site_(std::string_view(std::forward<T>(site)))
    {
    }

    /** One of RBTOKEN_FILTER_SITE_ALL, _GLOBAL, _NAMED. */
    [[nodiscard]] constexpr std::int32_t mode() const noexcept { return mode_; }
    /** The name, with RBTOKEN_FILTER_SITE_NAMED. */
    [[nodiscard]] constexpr std::optional<std::string_view> site() const noexcept { return site_; }

private:
    std::int32_t mode_ = RBTOKEN_FILTER_SITE_ALL;
    std::optional<std::string_view> site_;
};

/* Begin generated: Validity. */
/** Validity of the tokens that are listed. */
enum class Validity : std::int32_t {
    /** All tokens. */
    any = RBTOKEN_FILTER_VALIDITY_ANY,
    /** Usable tokens: those that are neither invalidated nor expired. */
    valid = RBTOKEN_FILTER_VALIDITY_VALID,
    /** Tokens that are invalidated or expired. */
    dead = RBTOKEN_FILTER_VALIDITY_DEAD,
};
/* End generated: Validity. */

/** Options for finding or creating a client token; see rbtoken_client_token_options_t. */
struct ClientTokenOptions {
    Expires expires{};                                  ///< Of a new token; in the future.
    std::optional<std::chrono::seconds> min_validity{}; ///< None: the store's setting.
    OptionalText local_site{};                          ///< None: the global site.
    OptionalText default_policy{};                      ///< JSON. None: full access.
    OptionalText default_extra_data{};                  ///< A JSON object. None: `{}`.
    bool ignore_deprecated = false;                     ///< Skips tokens of deprecated generators.
};

/** Options for creating a token; see rbtoken_generate_options_t. */
struct GenerateOptions {
    Expires expires{};           ///< Default: never. Can be in the past.
    OptionalText generator_id{}; ///< None: the store's default.
    OptionalText token_type{};   ///< None: the setting `token_type`.
    OptionalText local_site{};   ///< None: the global site.
    OptionalText note{};         ///< None: empty.
    OptionalText policy{};       ///< JSON. None: full access.
    OptionalText extra_data{};   ///< A JSON object. None: `{}`.
    bool invalid = false;        ///< Invalid from the start.
    bool auto_generated = false; ///< Passed to Hooks::created.
};

/** Invalidation of a token that exists elsewhere. */
struct Invalidation {
    std::optional<Time> date{}; ///< When. None: unknown.
    OptionalText reason{};      ///< Why. None: empty.
};

/** Fields of a token that exists elsewhere; see rbtoken_import_options_t. */
struct ImportOptions {
    std::optional<Invalidation> invalidated{}; ///< None: it is valid.
    std::optional<Time> time_added{};          ///< None: now.
    std::optional<Time> last_updated{};        ///< None: when it was created.
    std::optional<Time> last_used{};           ///< None: never.
    std::optional<Time> expires{};             ///< None: never.
    OptionalText generator_id{};               ///< None: the store's default.
    OptionalText local_site{};                 ///< None: the global site.
    OptionalText note{};                       ///< None: empty.
    OptionalText policy{};                     ///< JSON. None: full access.
    OptionalText extra_data{};                 ///< A JSON object. None: `{}`.
};

/** Filter for listing tokens: those that match all fields. See rbtoken_token_filter_t. */
struct TokenFilter {
    SiteFilter site{};                    ///< Default: all sites.
    Validity validity = Validity::any;    ///< Default: usable or not.
    std::optional<Time> expires_before{}; ///< Only tokens that expire before this.
    OptionalText user{};                  ///< None: of all users.
    OptionalText client_name{};           ///< None: with or without a client.
};

/** Changes to a token; see rbtoken_token_update_t. */
struct TokenUpdate {
    Change<Time> expires{};                ///< `none` is never; can be in the past.
    Change<std::string_view> note{};       ///< `none` is the empty note.
    Change<std::string_view> policy{};     ///< JSON; `none` is full access.
    Change<std::string_view> extra_data{}; ///< A JSON object that replaces the old one.
};

/** Options for a login. */
struct LoginOptions {
    RequestSite site{}; ///< Site of the request. Default: the global site.
};

/** Options for a service account; see rbtoken_service_account_options_t. */
struct ServiceAccountOptions {
    OptionalText id{};               ///< Must be set.
    std::uint32_t token_version = 1; ///< A higher one makes the account use a new token.
    Expiration expiration{};         ///< Default: 30 days.
    OptionalText user{};             ///< None: the user with the id as name.
    OptionalText policy{};           ///< JSON. None: full access.
};

/** Options for the token of a service account; see rbtoken_service_token_options_t. */
struct ServiceTokenOptions {
    std::optional<std::chrono::seconds> min_validity{}; ///< None: 2 hours.
    OptionalText local_site{};                          ///< None: the global site.
};

/* ---- Callbacks --------------------------------------------------------------------------- */

/** Clock: a function that returns any time of std::chrono::system_clock. It fails by
 * throwing, or by returning an `rbtoken::Result<rbtoken::Time>` with an Error. The call then fails
 * with the status of that Error. */
using Clock = std::function<Result<Time>()>;

/** Log: receives a severity, RBTOKEN_LOG_ERROR to RBTOKEN_LOG_DEBUG or a higher number; the part of
 * the library; and a message. It must not throw: an exception ends the process. */
using Log =
    std::function<void(std::int32_t level, std::string_view target, std::string_view message)>;

/** Progress callback: receives how many tokens are done, and their total number. Returning an Error
 * or throwing cancels the call. */
using Progress = std::function<Result<void>(std::uint64_t done, std::uint64_t total)>;

/** Entropy source: fills `len` bytes with unpredictable data. It is a function
 * `(std::uint8_t *bytes, std::size_t len)` that returns nothing or a Result<void>. If that has an
 * Error, the call fails with its status. */
class Entropy {
public:
    /** No source: the library uses its own. */
    Entropy() noexcept = default;
    /** A function. */
    template <class Function, std::enable_if_t<!std::is_same_v<std::decay_t<Function>, Entropy> &&
                                                   std::is_invocable_v<std::decay_t<Function> &,
                                                                       std::uint8_t *, std::size_t>,
                                               int> = 0>
    Entropy(Function function)
        : fill_([fill = std::move(function)](std::uint8_t *bytes,
                                             std::size_t len) mutable -> Result<void> {
              using Answer = std::invoke_result_t<Function &, std::uint8_t *, std::size_t>;
              if constexpr (std::is_void_v<Answer>) {
                  fill(bytes, len);
                  return {};
              } else {
                  return fill(bytes, len);
              }
          })
    {
    }

    /** Returns whether there is a source. */
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fill_); }
    /** Calls the source. */
    [[nodiscard]] Result<void> operator()(std::uint8_t *bytes, std::size_t len) const
    {
        return fill_(bytes, len);
    }

private:
    std::function<Result<void>(std::uint8_t *, std::size_t)> fill_;
};

/** Token generator of the host; see rbtoken_generator_t. Both functions must be set. */
struct Generator {
    /** Creates a value of 1 to 255 characters. `attempt` starts at 0 and grows by 1 with each value
     * that already exists. Returns a text, or a Result<std::string>. */
    std::function<Result<std::string>(std::string_view token_type, std::uint32_t attempt)> create{};
    /** Checks whether a value has this generator's format. Returns bool, or a Result<bool>. */
    std::function<Result<bool>(std::string_view token_type, std::string_view value)> validate{};
};

/** Event callback. The handles are valid during the call; copy them to keep them. The fields of the
 * token are those after the event. */
using EventFunction = std::function<void(Store &, const Token &)>;

/** Event callbacks, called after the event; see rbtoken_hooks_t. Each is optional. */
struct Hooks {
    /** A token was created. An import does not cause this event. */
    std::function<void(Store &, const Token &, bool auto_generated)> created{};
    EventFunction updated{};     ///< The fields of a token were changed.
    EventFunction invalidated{}; ///< A token was invalidated, for the first time or again.
    EventFunction expired{};     ///< A login with an expired token was rejected.
    EventFunction used{};        ///< A login was accepted, or rejected only because of its site.
    EventFunction deleted{};     ///< A token was deleted, purged, or removed with its Local Site.
#if RBTOKEN_EXCEPTIONS
    /** Handles an exception of one of these callbacks; must not throw. None: std::terminate(). */
    std::function<void(std::exception_ptr)> on_exception{};
#endif
};

/** Options for opening a store. */
struct StoreOptions {
    OptionalText location{}; ///< None: in memory.
    OptionalText settings{}; ///< A JSON object. None: all defaults.
    Clock clock{};           ///< None: the system clock.
    Entropy entropy{};       ///< None: the library's own source.
    Log log{};               ///< None: no log.
};

/* ---- The store --------------------------------------------------------------------------- */

/** Client token, and whether it was created by the call. */
struct ClientToken {
    Token token;          ///< The token.
    bool created = false; ///< Whether it is new.
};

/** Result of a login. It converts to true only if the caller is the token's user. */
struct Login {
    Verdict verdict = Verdict::refused; ///< The verdict.
    std::optional<Token> token{};       ///< Only with Verdict::ok.
    std::optional<Token> refused{};     ///< Only with Verdict::invalid, expired or wrong_site.

    /** Returns whether the caller is the token's user. */
    [[nodiscard]] explicit operator bool() const noexcept
    {
        return verdict == Verdict::ok && token.has_value();
    }
};

class HooksRegistration;

/**
 * Store of tokens. A copy is another handle of the same store, which closes with its last handle.
 * Any number of threads can use it.
 */
class Store {
public:
    /** Opens a store; see rbtoken_store_open(). */
    [[nodiscard]] static Result<Store> open(StoreOptions options = {});
    /** Returns the shared store of the process; see rbtoken_store_shared(). */
    [[nodiscard]] static Result<Store> shared();
    /** Returns the shared store. Later calls must pass equal options, or use the overload without
     * options. Clocks, entropy sources and logs are never equal, so only the first call can pass
     * them. */
    [[nodiscard]] static Result<Store> shared(StoreOptions options);

    /** Takes ownership of a reference from C. */
    [[nodiscard]] static Store adopt(rbtoken_store_t *store) noexcept { return Store(store); }
    /** Adds a reference to a store of C. */
    [[nodiscard]] static Store share(rbtoken_store_t *store) noexcept
    {
        return Store(rbtoken_store_retain(store));
    }

    /** Changes a setting; see rbtoken_store_set_setting().
     * @param setting the name of the setting
     * @param value the new value as JSON */
    [[nodiscard]] Result<void> set_setting(std::string_view setting, std::string_view value) const
    {
        const detail::Text name(setting), json(value);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_setting(get(), name.data, name.len, json.data, json.len,
                                             error);
        });
    }
    /** Returns a setting as JSON. */
    [[nodiscard]] Result<Buffer> get_setting(std::string_view setting) const
    {
        const detail::Text name(setting);
        return detail::call_handle<Buffer>([&](rbtoken_buffer_t **value, rbtoken_error_t **error) {
            return rbtoken_store_get_setting(get(), name.data, name.len, value, error);
        });
    }
    /** Returns the store's counters as a JSON object. */
    [[nodiscard]] Result<Buffer> statistics() const
    {
        return detail::call_handle<Buffer>([&](rbtoken_buffer_t **object, rbtoken_error_t **error) {
            return rbtoken_store_statistics(get(), object, error);
        });
    }

    /** Adds a Local Site. */
    [[nodiscard]] Result<void> add_local_site(std::string_view local_site) const
    {
        const detail::Text site(local_site);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_add_local_site(get(), site.data, site.len, error);
        });
    }
    /** Removes a Local Site and its tokens. */
    [[nodiscard]] Result<void> remove_local_site(std::string_view local_site) const
    {
        const detail::Text site(local_site);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_remove_local_site(get(), site.data, site.len, error);
        });
    }
    /** Enables or disables login for a user. Unknown users are enabled. */
    [[nodiscard]] Result<void> set_user_active(std::string_view user, bool active) const
    {
        const detail::Text name(user);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_user_active(get(), name.data, name.len, active ? 1 : 0, error);
        });
    }

    /** Registers the policy ids of the host's resources; with an empty list, none is allowed. */
    [[nodiscard]] Result<void> set_policy_ids(const std::vector<std::string> &ids) const
    {
        const detail::TextList list(ids);
        if (list.has_nul()) return Error(Status::embedded_nul);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_policy_ids(get(), list.data(), list.size(), error);
        });
    }
    /** Allows any policy id again, which is the default. */
    [[nodiscard]] Result<void> accept_any_policy_id() const
    {
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_policy_ids(get(), nullptr, 0, error);
        });
    }

    /** Returns the token of a client program for a user. Creates one if none is suitable.
     * **Whoever can call this can act as any user: authenticate the caller first.** */
    [[nodiscard]] Result<ClientToken> get_or_create_client_token(
        std::string_view user, std::string_view client_name,
        const ClientTokenOptions &options = {}) const
    {
        const detail::Text owner(user), client(client_name), site(options.local_site),
            policy(options.default_policy), extra_data(options.default_extra_data);
        rbtoken_client_token_options_t c_options;
        RBTOKEN_INIT(&c_options);
        c_options.expires_mode = options.expires.mode();
        c_options.expires_at_us = detail::microseconds(options.expires.at());
        if (options.min_validity) {
            c_options.min_validity_mode = RBTOKEN_MIN_VALIDITY_SECS;
            c_options.min_validity_secs = static_cast<std::int64_t>(options.min_validity->count());
        }
        if (options.ignore_deprecated) c_options.flags = RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED;
        c_options.local_site = site.data;
        c_options.local_site_len = site.len;
        c_options.default_policy = policy.data;
        c_options.default_policy_len = policy.len;
        c_options.default_extra_data = extra_data.data;
        c_options.default_extra_data_len = extra_data.len;

        bool created = false;
        auto token = detail::call_handle<Token>([&](rbtoken_token_t **out,
                                                    rbtoken_error_t **error) {
            return rbtoken_store_get_or_create_client_token(get(), owner.data, owner.len,
                                                            client.data, client.len, &c_options,
                                                            out, &created, error);
        });
        if (!token) return std::move(token).error();
        return ClientToken{*std::move(token), created};
    }

    /** Creates a token. **Whoever can call this can act as any user.** */
    [[nodiscard]] Result<Token> generate_token(std::string_view user,
                                               const GenerateOptions &options = {}) const
    {
        const detail::Text owner(user), generator_id(options.generator_id),
            token_type(options.token_type), site(options.local_site), note(options.note),
            policy(options.policy), extra_data(options.extra_data);
        rbtoken_generate_options_t c_options;
        RBTOKEN_INIT(&c_options);
        c_options.expires_mode = options.expires.mode();
        c_options.expires_at_us = detail::microseconds(options.expires.at());
        if (options.invalid) c_options.flags |= RBTOKEN_GENERATE_INVALID;
        if (options.auto_generated) c_options.flags |= RBTOKEN_GENERATE_AUTO_GENERATED;
        c_options.generator_id = generator_id.data;
        c_options.generator_id_len = generator_id.len;
        c_options.token_type = token_type.data;
        c_options.token_type_len = token_type.len;
        c_options.local_site = site.data;
        c_options.local_site_len = site.len;
        c_options.note = note.data;
        c_options.note_len = note.len;
        c_options.policy = policy.data;
        c_options.policy_len = policy.len;
        c_options.extra_data = extra_data.data;
        c_options.extra_data_len = extra_data.len;
        return detail::call_handle<Token>([&](rbtoken_token_t **token, rbtoken_error_t **error) {
            return rbtoken_store_generate_token(get(), owner.data, owner.len, &c_options, token,
                                                error);
        });
    }

    /** Stores a token that exists elsewhere, with its value and all its fields except the id. */
    [[nodiscard]] Result<Token> import_token(std::string_view user, std::string_view value,
                                             const ImportOptions &options = {}) const
    {
        const Invalidation invalidation = options.invalidated.value_or(Invalidation{});
        const detail::Text owner(user), secret(value), reason(invalidation.reason),
            generator_id(options.generator_id), site(options.local_site), note(options.note),
            policy(options.policy), extra_data(options.extra_data);
        rbtoken_import_options_t c_options;
        RBTOKEN_INIT(&c_options);
        if (options.invalidated) c_options.flags |= RBTOKEN_IMPORT_INVALID;
        const auto set_time = [&](const std::optional<Time> &time, std::uint32_t flag,
                                  std::int64_t &field) {
            if (!time) return;
            c_options.flags |= flag;
            field = detail::microseconds(*time);
        };
        set_time(options.time_added, RBTOKEN_IMPORT_TIME_ADDED_KNOWN, c_options.time_added_us);
        set_time(options.last_updated, RBTOKEN_IMPORT_LAST_UPDATED_KNOWN,
                 c_options.last_updated_us);
        set_time(options.last_used, RBTOKEN_IMPORT_LAST_USED_KNOWN, c_options.last_used_us);
        set_time(options.expires, RBTOKEN_IMPORT_EXPIRES_KNOWN, c_options.expires_at_us);
        set_time(invalidation.date, RBTOKEN_IMPORT_INVALID_DATE_KNOWN, c_options.invalid_date_us);
        c_options.invalid_reason = reason.data;
        c_options.invalid_reason_len = reason.len;
        c_options.generator_id = generator_id.data;
        c_options.generator_id_len = generator_id.len;
        c_options.local_site = site.data;
        c_options.local_site_len = site.len;
        c_options.note = note.data;
        c_options.note_len = note.len;
        c_options.policy = policy.data;
        c_options.policy_len = policy.len;
        c_options.extra_data = extra_data.data;
        c_options.extra_data_len = extra_data.len;
        return detail::call_handle<Token>([&](rbtoken_token_t **token, rbtoken_error_t **error) {
            return rbtoken_store_import_token(get(), owner.data, owner.len, secret.data, secret.len,
                                              &c_options, token, error);
        });
    }

    /** Finds a token by its value, usable or not. **This is not a login: it checks nothing.** */
    [[nodiscard]] Result<Token> find_token(std::string_view value) const
    {
        const detail::Text secret(value);
        return detail::call_handle<Token>([&](rbtoken_token_t **token, rbtoken_error_t **error) {
            return rbtoken_store_find_token(get(), secret.data, secret.len, token, error);
        });
    }
    /** Returns the token with an id, usable or not. */
    [[nodiscard]] Result<Token> get_token(std::int64_t id) const
    {
        return detail::call_handle<Token>([&](rbtoken_token_t **token, rbtoken_error_t **error) {
            return rbtoken_store_get_token(get(), id, token, error);
        });
    }

    /** Lists the tokens that match a filter, in the order of their ids. */
    [[nodiscard]] Result<TokenList> list_tokens(const TokenFilter &filter = {}) const
    {
        const detail::Text site(filter.site.site()), user(filter.user), client(filter.client_name);
        rbtoken_token_filter_t c_filter;
        RBTOKEN_INIT(&c_filter);
        c_filter.local_site_mode = filter.site.mode();
        c_filter.validity_mode = static_cast<std::int32_t>(filter.validity);
        if (filter.expires_before) {
            c_filter.flags = RBTOKEN_FILTER_EXPIRES_BEFORE;
            c_filter.expires_before_us = detail::microseconds(*filter.expires_before);
        }
        c_filter.local_site = site.data;
        c_filter.local_site_len = site.len;
        c_filter.user = user.data;
        c_filter.user_len = user.len;
        c_filter.client_name = client.data;
        c_filter.client_name_len = client.len;
        return detail::call_handle<TokenList>([&](rbtoken_token_list_t **list,
                                                  rbtoken_error_t **error) {
            return rbtoken_store_list_tokens(get(), &c_filter, list, error);
        });
    }
    /** Counts the tokens, usable or not. */
    [[nodiscard]] Result<std::uint64_t> token_count() const
    {
        return detail::call_value<std::uint64_t>([&](std::uint64_t *count,
                                                     rbtoken_error_t **error) {
            return rbtoken_store_token_count(get(), count, error);
        });
    }
    /** Checks whether a value has a generator's format. **This is not a login.** */
    [[nodiscard]] Result<bool> value_is_valid(std::string_view generator_id,
                                              std::string_view token_type,
                                              std::string_view value) const
    {
        const detail::Text id(generator_id), type(token_type), secret(value);
        return detail::call_value<bool>([&](bool *valid, rbtoken_error_t **error) {
            return rbtoken_store_value_is_valid(get(), id.data, id.len, type.data, type.len,
                                                secret.data, secret.len, valid, error);
        });
    }

    /** Logs a caller in with a token's value. **Success means only that there is a verdict**; the
     * Login is true only for Verdict::ok. */
    [[nodiscard]] Result<Login> authenticate(std::string_view value,
                                             const LoginOptions &options = {}) const
    {
        return log_in(rbtoken_store_authenticate, value, options);
    }
    /** Logs a caller in with the value of an `Authorization` header: `token VALUE`. **Success means
     * only that there is a verdict**; the Login is true only for Verdict::ok. */
    [[nodiscard]] Result<Login> authenticate_header(std::string_view header,
                                                    const LoginOptions &options = {}) const
    {
        return log_in(rbtoken_store_authenticate_header, header, options);
    }

    /** Changes fields of a token, usable or not, and returns the changed token. */
    [[nodiscard]] Result<Token> update_token(std::int64_t id, const TokenUpdate &update) const
    {
        const detail::Text note(update.note.value()), policy(update.policy.value()),
            extra_data(update.extra_data.value());
        rbtoken_token_update_t c_update;
        RBTOKEN_INIT(&c_update);
        c_update.expires_mode = update.expires.mode();
        c_update.note_mode = update.note.mode();
        c_update.policy_mode = update.policy.mode();
        c_update.extra_data_mode = update.extra_data.mode();
        if (const auto &expires = update.expires.value())
            c_update.expires_at_us = detail::microseconds(*expires);
        c_update.note = note.data;
        c_update.note_len = note.len;
        c_update.policy = policy.data;
        c_update.policy_len = policy.len;
        c_update.extra_data = extra_data.data;
        c_update.extra_data_len = extra_data.len;
        return detail::call_handle<Token>([&](rbtoken_token_t **token, rbtoken_error_t **error) {
            return rbtoken_store_update_token(get(), id, &c_update, token, error);
        });
    }

    /** Invalidates the token with a value, permanently. */
    [[nodiscard]] Result<void> invalidate_token(std::string_view value,
                                                std::string_view reason = {}) const
    {
        const detail::Text secret(value), why(reason);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_invalidate_token(get(), secret.data, secret.len, why.data, why.len,
                                                  error);
        });
    }
    /** Invalidates the token with an id, permanently. */
    [[nodiscard]] Result<void> invalidate_token_by_id(std::int64_t id,
                                                      std::string_view reason = {}) const
    {
        const detail::Text why(reason);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_invalidate_token_by_id(get(), id, why.data, why.len, error);
        });
    }
    /** Invalidates all tokens of a user, and returns their number. */
    [[nodiscard]] Result<std::uint64_t> invalidate_user_tokens(std::string_view user,
                                                               std::string_view reason = {}) const
    {
        const detail::Text owner(user), why(reason);
        return detail::call_value<std::uint64_t>([&](std::uint64_t *count,
                                                     rbtoken_error_t **error) {
            return rbtoken_store_invalidate_user_tokens(get(), owner.data, owner.len, why.data,
                                                        why.len, count, error);
        });
    }
    /** Invalidates all tokens of all users, and returns their number. */
    [[nodiscard]] Result<std::uint64_t> invalidate_all_tokens(std::string_view reason = {}) const
    {
        const detail::Text why(reason);
        return detail::call_value<std::uint64_t>([&](std::uint64_t *count,
                                                     rbtoken_error_t **error) {
            return rbtoken_store_invalidate_all_tokens(get(), why.data, why.len, count, error);
        });
    }
    /** Removes the cached login with a token's value, so that the next one queries the database. */
    [[nodiscard]] Result<void> forget_login(std::string_view value) const
    {
        const detail::Text text(value);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_forget_logins(get(), text.data, text.len, error);
        });
    }
    /** Removes all cached logins. */
    [[nodiscard]] Result<void> forget_logins() const
    {
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_forget_logins(get(), nullptr, 0, error);
        });
    }
    /** Deletes a token. Its handles stay readable. */
    [[nodiscard]] Result<void> delete_token(std::int64_t id) const
    {
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_delete_token(get(), id, error);
        });
    }
    /** Deletes the tokens that were invalidated or expired before a time; returns their number. */
    [[nodiscard]] Result<std::uint64_t> purge_tokens(Time dead_before) const
    {
        return detail::call_value<std::uint64_t>([&](std::uint64_t *count,
                                                     rbtoken_error_t **error) {
            return rbtoken_store_purge_tokens(get(), detail::microseconds(dead_before), count,
                                              error);
        });
    }

    /** Writes everything to the disk, including the times of the last logins. */
    [[nodiscard]] Result<void> flush() const
    {
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_flush(get(), error);
        });
    }
    /** Copies the store into a new file, which can be opened as a store. The file has all token
     * values: keep it secret. */
    [[nodiscard]] Result<void> backup(std::string_view path) const
    {
        const detail::Text file(path);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_backup(get(), file.data, file.len, error);
        });
    }
    /** Exports the store to a new file in JSON Lines format, and returns the number of tokens. The
     * file has all token values: keep it secret. */
    [[nodiscard]] Result<std::uint64_t> export_file(std::string_view path,
                                                    const Progress &progress = {}) const
    {
        return transfer(rbtoken_store_export_file, path, progress);
    }
    /** Imports a file of export_file(), all or nothing, and returns the number of tokens. */
    [[nodiscard]] Result<std::uint64_t> import_file(std::string_view path,
                                                    const Progress &progress = {}) const
    {
        return transfer(rbtoken_store_import_file, path, progress);
    }

    /** Adds event callbacks, after the existing ones. They are called as long as the registration
     * exists, which keeps the store open; see also HooksRegistration::detach(). */
    [[nodiscard]] Result<HooksRegistration> add_hooks(Hooks hooks) const;

    /** Adds a token generator; see rbtoken_store_add_generator(). */
    [[nodiscard]] Result<void> add_generator(std::string_view generator_id,
                                             Generator generator) const;
    /** Sets the generator that is used if none is named. */
    [[nodiscard]] Result<void> set_default_generator(std::string_view generator_id) const
    {
        const detail::Text id(generator_id);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_default_generator(get(), id.data, id.len, error);
        });
    }
    /** Sets the deprecated generators, and replaces those that were set before. */
    [[nodiscard]] Result<void> set_deprecated_generators(
        const std::vector<std::string> &generator_ids) const
    {
        const detail::TextList list(generator_ids);
        if (list.has_nul()) return Error(Status::embedded_nul);
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_set_deprecated_generators(get(), list.data(), list.size(), error);
        });
    }

    /** Returns whether there is a store; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_store_t *get() const & noexcept { return handle_.get(); }
    rbtoken_store_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must pass to rbtoken_store_release(). */
    [[nodiscard]] rbtoken_store_t *release() noexcept { return handle_.release(); }

private:
    explicit Store(rbtoken_store_t *store) noexcept : handle_(store) {}

    template <class Function>
    Result<Login> log_in(Function function, std::string_view text,
                         const LoginOptions &options) const
    {
        const detail::Text input(text), site(options.site.site());
        rbtoken_login_options_t c_options;
        RBTOKEN_INIT(&c_options);
        c_options.site_mode = options.site.mode();
        c_options.site = site.data;
        c_options.site_len = site.len;

        rbtoken_verdict_t verdict = RBTOKEN_VERDICT_REFUSED;
        rbtoken_token_t *token = nullptr, *refused = nullptr;
        rbtoken_error_t *error = nullptr;
        const rbtoken_status_t status = function(get(), input.data, input.len, &c_options, &verdict,
                                                 &token, &refused, &error);
        if (status != RBTOKEN_OK) return Error::adopt(status, error);
        Login login;
        login.verdict = static_cast<Verdict>(verdict);
        if (token != nullptr) login.token = Token::adopt(token);
        if (refused != nullptr) login.refused = Token::adopt(refused);
        return login;
    }

    template <class Function>
    static Result<Store> open_with(Function function, StoreOptions &&options);
    template <class Function>
    Result<std::uint64_t> transfer(Function function, std::string_view path,
                                   const Progress &progress) const;

    detail::Shared<detail::StoreTraits> handle_;
};

/** Registration of event callbacks. Move-only. Destroying it removes the callbacks: they are not
 * called for later events, and running calls finish. It keeps the store open. */
class [[nodiscard]] HooksRegistration {
public:
    /** Takes ownership of hooks that C added to a store. */
    [[nodiscard]] static HooksRegistration adopt(Store store, std::uint64_t id) noexcept
    {
        return HooksRegistration(std::move(store), id);
    }
    /** Moves a registration; the other one then has no hooks. */
    HooksRegistration(HooksRegistration &&other) noexcept
        : store_(std::move(other.store_)), id_(std::exchange(other.id_, 0))
    {
    }
    /** Moves a registration, and removes the hooks of this one. */
    HooksRegistration &operator=(HooksRegistration &&other) noexcept
    {
        HooksRegistration moved(std::move(other));
        std::swap(store_, moved.store_);
        std::swap(id_, moved.id_);
        return *this;
    }
    /** Removes the hooks. */
    ~HooksRegistration() { static_cast<void>(remove()); }

    /** Returns the id for rbtoken_store_remove_hooks(); 0 if the hooks were removed. */
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    /** Removes the hooks now; can be called by one of them. */
    Result<void> remove() noexcept
    {
        const Store store = std::move(store_);
        const std::uint64_t id = std::exchange(id_, 0);
        if (id == 0) return {};
        return detail::call([&](rbtoken_error_t **error) {
            return rbtoken_store_remove_hooks(store.get(), id, error);
        });
    }
    /** Leaves the hooks to the store, which calls them until it closes; returns their id. */
    std::uint64_t detach() noexcept
    {
        const Store store = std::move(store_);
        return std::exchange(id_, 0);
    }

private:
    HooksRegistration(Store &&store, std::uint64_t id) noexcept : store_(std::move(store)), id_(id)
    {
    }

    Store store_;
    std::uint64_t id_;
};

/* ---- Policies and service accounts ------------------------------------------------------- */

/** Policy that does not belong to a token. Move-only. */
class Policy {
public:
    /** Parses and validates a document; any policy id is allowed. */
    [[nodiscard]] static Result<Policy> parse(std::string_view document)
    {
        return parse(nullptr, document);
    }
    /** Parses and validates a document; only the policy ids of a store are allowed. */
    [[nodiscard]] static Result<Policy> parse(const Store &store, std::string_view document)
    {
        if (!store) return Error(Status::null_argument);
        return parse(store.get(), document);
    }
    /** Takes ownership of a C handle. */
    [[nodiscard]] static Policy adopt(rbtoken_policy_t *policy) noexcept { return Policy(policy); }

    /** Checks whether the policy allows an HTTP method on a resource. */
    [[nodiscard]] Result<bool> allows(
        std::string_view policy_id, std::string_view method,
        std::optional<std::string_view> resource_id = std::nullopt) const
    {
        const detail::Text id(policy_id), verb(method), resource(resource_id);
        return detail::call_value<bool>([&](bool *allowed, rbtoken_error_t **error) {
            return rbtoken_policy_allows(get(), id.data, id.len, verb.data, verb.len, resource.data,
                                         resource.len, allowed, error);
        });
    }

    /** Returns whether there is a policy; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_policy_t *get() const & noexcept { return handle_.get(); }
    rbtoken_policy_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must free with rbtoken_policy_free(). */
    [[nodiscard]] rbtoken_policy_t *release() noexcept { return handle_.release(); }

private:
    explicit Policy(rbtoken_policy_t *policy) noexcept : handle_(policy) {}

    static Result<Policy> parse(rbtoken_store_t *store, std::string_view document)
    {
        const detail::Text json(document);
        return detail::call_handle<Policy>([&](rbtoken_policy_t **policy, rbtoken_error_t **error) {
            return rbtoken_policy_parse(store, json.data, json.len, policy, error);
        });
    }

    detail::Owned<detail::PolicyTraits> handle_;
};

/** User that logs in only with API tokens of its own. Move-only. It belongs to no store. */
class ServiceAccount {
public:
    /** Creates an account; see rbtoken_service_account_new(). */
    [[nodiscard]] static Result<ServiceAccount> create(const ServiceAccountOptions &options)
    {
        const detail::Text id(options.id), user(options.user), policy(options.policy);
        rbtoken_service_account_options_t c_options;
        RBTOKEN_INIT(&c_options);
        c_options.expiration_mode = options.expiration.mode();
        c_options.expiration_secs = static_cast<std::int64_t>(options.expiration.after().count());
        c_options.token_version = options.token_version;
        c_options.id = id.data;
        c_options.id_len = id.len;
        c_options.user = user.data;
        c_options.user_len = user.len;
        c_options.policy = policy.data;
        c_options.policy_len = policy.len;
        return detail::call_handle<ServiceAccount>([&](rbtoken_service_account_t **account,
                                                       rbtoken_error_t **error) {
            return rbtoken_service_account_new(&c_options, account, error);
        });
    }
    /** Takes ownership of a C handle. */
    [[nodiscard]] static ServiceAccount adopt(rbtoken_service_account_t *account) noexcept
    {
        return ServiceAccount(account);
    }

    /** Returns the account's token. Creates one if none is suitable.
     * **Whoever can call this can act as the account's user.** */
    [[nodiscard]] Result<ClientToken> get_api_token(const Store &store,
                                                    const ServiceTokenOptions &options = {}) const
    {
        const detail::Text site(options.local_site);
        rbtoken_service_token_options_t c_options;
        RBTOKEN_INIT(&c_options);
        if (options.min_validity) {
            c_options.min_validity_mode = RBTOKEN_MIN_VALIDITY_SECS;
            c_options.min_validity_secs = static_cast<std::int64_t>(options.min_validity->count());
        }
        c_options.local_site = site.data;
        c_options.local_site_len = site.len;

        bool created = false;
        auto token = detail::call_handle<Token>([&](rbtoken_token_t **out,
                                                    rbtoken_error_t **error) {
            return rbtoken_service_account_get_api_token(get(), store.get(), &c_options, out,
                                                         &created, error);
        });
        if (!token) return std::move(token).error();
        return ClientToken{*std::move(token), created};
    }

    /** Returns whether there is an account; false if it was moved from. */
    [[nodiscard]] explicit operator bool() const noexcept { return get() != nullptr; }
    /** Returns the C handle, and keeps its ownership. */
    [[nodiscard]] rbtoken_service_account_t *get() const & noexcept { return handle_.get(); }
    rbtoken_service_account_t *get() const && = delete; ///< Not for temporaries.
    /** Returns the C handle, which the caller must free with rbtoken_service_account_free(). */
    [[nodiscard]] rbtoken_service_account_t *release() noexcept { return handle_.release(); }

private:
    explicit ServiceAccount(rbtoken_service_account_t *account) noexcept : handle_(account) {}
    detail::Owned<detail::ServiceAccountTraits> handle_;
};

/* ---- Implementation of callbacks ---------------------------------------------------------- */

namespace detail {

/** Calls a function of the host; its exceptions do not reach the library. */
template <class Function>
rbtoken_status_t guarded(Function function) noexcept
{
#if RBTOKEN_EXCEPTIONS
    try {
        return function();
    } catch (...) {
        return RBTOKEN_E_CALLBACK;
    }
#else
    return function();
#endif
}

/** Returns the status of a failure, which is never RBTOKEN_OK. */
inline rbtoken_status_t failure(const Error &error) noexcept
{
    return error.status() == Status::ok ? RBTOKEN_E_CALLBACK
                                        : static_cast<rbtoken_status_t>(error.status());
}

template <class Box>
void destroy(void *user_data) noexcept
{
    delete static_cast<Box *>(user_data);
}

inline rbtoken_status_t clock_now(void *user_data, std::int64_t *now_us) noexcept
{
    return guarded([&] {
        const Result<Time> now = (*static_cast<Clock *>(user_data))();
        if (!now) return failure(now.error());
        *now_us = microseconds(*now);
        return rbtoken_status_t{RBTOKEN_OK};
    });
}

inline rbtoken_status_t progress_report(void *user_data, std::uint64_t done,
                                        std::uint64_t total) noexcept
{
    return guarded([&] {
        const Result<void> reported = (*static_cast<const Progress *>(user_data))(done, total);
        return reported ? rbtoken_status_t{RBTOKEN_OK} : failure(reported.error());
    });
}

inline rbtoken_status_t entropy_fill(void *user_data, std::uint8_t *bytes, std::size_t len) noexcept
{
    return guarded([&] {
        const Result<void> filled = (*static_cast<Entropy *>(user_data))(bytes, len);
        return filled ? rbtoken_status_t{RBTOKEN_OK} : failure(filled.error());
    });
}

inline void log_message(void *user_data, std::int32_t level, const char *target,
                        const char *message) noexcept
{
    (*static_cast<const Log *>(user_data))(level, target, message);
}

/** Erases a secret of the host when it has been passed on. */
inline void wipe(std::string &secret) noexcept
{
    volatile char *bytes = secret.data();
    for (std::size_t i = 0; i < secret.size(); ++i) bytes[i] = '\0';
}

inline rbtoken_status_t generator_create(void *user_data, const char *token_type,
                                         std::uint32_t attempt, char *value, std::size_t capacity,
                                         std::size_t *value_len) noexcept
{
    return guarded([&] {
        auto created = static_cast<Generator *>(user_data)->create(token_type, attempt);
        if (!created) return failure(created.error());
        const bool fits = created->size() <= capacity;
        if (fits) {
            std::memcpy(value, created->data(), created->size());
            *value_len = created->size();
        }
        wipe(*created);
        return rbtoken_status_t{fits ? RBTOKEN_OK : RBTOKEN_E_CALLBACK};
    });
}

inline rbtoken_status_t generator_validate(void *user_data, const char *token_type,
                                           const char *value, std::size_t value_len,
                                           bool *valid) noexcept
{
    return guarded([&] {
        const std::string_view text(value, value_len);
        const auto is_valid = static_cast<Generator *>(user_data)->validate(token_type, text);
        if (!is_valid.has_value()) return failure(is_valid.error());
        *valid = *is_valid;
        return rbtoken_status_t{RBTOKEN_OK};
    });
}

template <class Function>
void call_hook(const Hooks &hooks, const Function &function) noexcept
{
#if RBTOKEN_EXCEPTIONS
    try {
        function();
    } catch (...) {
        if (!hooks.on_exception) std::terminate();
        hooks.on_exception(std::current_exception());
    }
#else
    static_cast<void>(hooks);
    function();
#endif
}

inline void hook_created(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                         bool auto_generated) noexcept
{
    const Hooks &hooks = *static_cast<const Hooks *>(user_data);
    call_hook(hooks, [&] {
        Store store_handle = Store::share(store);
        const Token token_handle = Token::share(token);
        hooks.created(store_handle, token_handle, auto_generated);
    });
}

template <EventFunction Hooks::*Event>
void hook(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token) noexcept
{
    const Hooks &hooks = *static_cast<const Hooks *>(user_data);
    call_hook(hooks, [&] {
        Store store_handle = Store::share(store);
        const Token token_handle = Token::share(token);
        (hooks.*Event)(store_handle, token_handle);
    });
}

} // namespace detail

template <class Function>
Result<Store> Store::open_with(Function function, StoreOptions &&options)
{
    const detail::Text location(options.location), settings(options.settings);
    rbtoken_store_options_t c_options;
    RBTOKEN_INIT(&c_options);
    c_options.location = location.data;
    c_options.location_len = location.len;
    c_options.settings = settings.data;
    c_options.settings_len = settings.len;

    std::unique_ptr<Clock> clock;
    rbtoken_clock_t c_clock;
    RBTOKEN_INIT(&c_clock);
    if (options.clock) {
        clock = std::make_unique<Clock>(std::move(options.clock));
        c_clock.user_data = clock.get();
        c_clock.now = detail::clock_now;
        c_clock.destroy = detail::destroy<Clock>;
        c_options.clock = &c_clock;
    }

    std::unique_ptr<Entropy> entropy;
    rbtoken_entropy_t c_entropy;
    RBTOKEN_INIT(&c_entropy);
    if (options.entropy) {
        entropy = std::make_unique<Entropy>(std::move(options.entropy));
        c_entropy.user_data = entropy.get();
        c_entropy.fill = detail::entropy_fill;
        c_entropy.destroy = detail::destroy<Entropy>;
        c_options.entropy = &c_entropy;
    }

    std::unique_ptr<Log> log;
    rbtoken_log_t c_log;
    RBTOKEN_INIT(&c_log);
    if (options.log) {
        log = std::make_unique<Log>(std::move(options.log));
        c_log.user_data = log.get();
        c_log.log = detail::log_message;
        c_log.destroy = detail::destroy<Log>;
        c_options.log = &c_log;
    }

    // From here on the library destroys them.
    static_cast<void>(clock.release());
    static_cast<void>(entropy.release());
    static_cast<void>(log.release());
    return detail::call_handle<Store>([&](rbtoken_store_t **store, rbtoken_error_t **error) {
        return function(&c_options, store, error);
    });
}

inline Result<Store> Store::open(StoreOptions options)
{
    return open_with(rbtoken_store_open, std::move(options));
}

inline Result<Store> Store::shared(StoreOptions options)
{
    return open_with(rbtoken_store_shared, std::move(options));
}

inline Result<Store> Store::shared()
{
    return detail::call_handle<Store>([](rbtoken_store_t **store, rbtoken_error_t **error) {
        return rbtoken_store_shared(nullptr, store, error);
    });
}

inline Result<HooksRegistration> Store::add_hooks(Hooks hooks) const
{
    auto box = std::make_unique<Hooks>(std::move(hooks));
    rbtoken_hooks_t c_hooks;
    RBTOKEN_INIT(&c_hooks);
    if (box->created) c_hooks.created = detail::hook_created;
    if (box->updated) c_hooks.updated = detail::hook<&Hooks::updated>;
    if (box->invalidated) c_hooks.invalidated = detail::hook<&Hooks::invalidated>;
    if (box->expired) c_hooks.expired = detail::hook<&Hooks::expired>;
    if (box->used) c_hooks.used = detail::hook<&Hooks::used>;
    if (box->deleted) c_hooks.deleted = detail::hook<&Hooks::deleted>;
    c_hooks.destroy = detail::destroy<Hooks>;
    c_hooks.user_data = box.release();

    std::uint64_t id = 0;
    auto added = detail::call([&](rbtoken_error_t **error) {
        return rbtoken_store_add_hooks(get(), &c_hooks, &id, error);
    });
    if (!added) return std::move(added).error();
    return HooksRegistration::adopt(*this, id);
}

template <class Function>
Result<std::uint64_t> Store::transfer(Function function, std::string_view path,
                                      const Progress &progress) const
{
    const detail::Text file(path);
    Progress callback = progress;
    rbtoken_progress_t c_progress;
    RBTOKEN_INIT(&c_progress);
    c_progress.user_data = &callback;
    c_progress.progress = detail::progress_report;
    return detail::call_value<std::uint64_t>([&](std::uint64_t *count, rbtoken_error_t **error) {
        return function(get(), file.data, file.len, callback ? &c_progress : nullptr, count, error);
    });
}

inline Result<void> Store::add_generator(std::string_view generator_id, Generator generator) const
{
    const detail::Text generator_name(generator_id);
    auto box = std::make_unique<Generator>(std::move(generator));
    rbtoken_generator_t c_generator;
    RBTOKEN_INIT(&c_generator);
    if (box->create) c_generator.create = detail::generator_create;
    if (box->validate) c_generator.validate = detail::generator_validate;
    c_generator.destroy = detail::destroy<Generator>;
    c_generator.user_data = box.release();
    return detail::call([&](rbtoken_error_t **error) {
        return rbtoken_store_add_generator(get(), generator_name.data, generator_name.len,
                                           &c_generator, error);
    });
}

} // inline namespace
} // namespace rbtoken

#endif /* RBTOKEN_HPP */
