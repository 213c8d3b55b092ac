/* What the C++ tests have in common. */
#ifndef CHECK_HPP
#define CHECK_HPP

#include "../c/deadline.h"

#include <rbtoken.hpp>

#include <cstdio>
#include <cstdlib>

/* Ends the program with a message if something is not so. */
#define CHECK(...)                                                                         \
    do {                                                                                   \
        if (!(__VA_ARGS__)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
            std::exit(EXIT_FAILURE);                                                       \
        }                                                                                  \
    } while (0)

/* Says that a rule held. */
#define OK(rule) std::printf("ok %s\n", rule)

/* The value, which must be there; with and without exceptions. */
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

/* Whether a call failed so. */
template <class T>
bool fails(const rbtoken::Result<T> &result, rbtoken::Status status)
{
    return !result.has_value() && result.error().status() == status;
}

#endif
