/* Includes only the header, twice; other.cpp is another part of the same program. */
#include <rbtoken.hpp>
#include <rbtoken.hpp>

#include <cstdio>

#include "other.hpp"

int main()
{
    auto store = rbtoken::Store::open();
    if (!store) return 1;
    if (count_tokens_elsewhere(store->get()) != 1) return 1;
    std::puts("ok two parts of a program share a store");
    return 0;
}
