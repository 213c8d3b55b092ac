#include <rbtoken.hpp>

#include <iostream>

int main()
{
    // Whoever may do this may act as alice: a real host finds out first who is asking.
    const auto store = rbtoken::Store::open().value();
    const auto [token, created] = store.get_or_create_client_token("alice", "RBTools").value();
    std::cout << token.value() << "\n" << token.redacted() << " is new: " << created << "\n";

    const auto again = store.get_or_create_client_token("alice", "RBTools").value();
    std::cout << again.token.redacted() << " is new: " << again.created << "\n";

    store.add_local_site("north").value();
    rbtoken::ClientTokenOptions options;
    options.local_site = "north";
    const auto north = store.get_or_create_client_token("alice", "RBTools", options).value();
    std::cout << north.token.redacted() << " is for " << *north.token.local_site() << "\n";
}
