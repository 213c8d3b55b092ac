/* Helpers of the C++ tests. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include "../c/deadline.h"

#include <rbtoken.hpp>

#include <cstdio>
#include <cstdlib>

/* Ends the program with a message if a condition is false. */
#define CHECK(...)                                                                         \
    do {                                                                                   \
        if (!(__VA_ARGS__)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
            std::exit(EXIT_FAILURE);                                                       \
        }                                                                                  \
    } while (0)

/* Reports a proved rule. */
#define OK(rule) std::printf("ok %s\n", rule)

/* Returns the value, which must exist; with and without exceptions. */
template <class T>
T must(rbtoken::Result<T> result)
{
    if (!result.has_value()) {
        const rbtoken::Error error = std::move(result).error();
        const auto name = rbtoken::name(error.status());
        std::fprintf(stderr, "%s: %s\n", name.data(), std::string(error.message()).c_str());
        std::exit(EXIT_FAILURE);
    }
    if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/* Returns whether a call failed with this status. */
template <class T>
bool fails(const rbtoken::Result<T> &result, rbtoken::Status status)
{
    return !result.has_value() && result.error().status() == status;
}

#endif
