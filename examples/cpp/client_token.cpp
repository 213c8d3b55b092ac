#include <rbtoken.hpp>

#include <iostream>

int main()
{
    // token.value() lets its holder act as alice: authenticate the caller before this.
    const auto store = rbtoken::Store::open().value();
    const auto [token, created] = store.get_or_create_client_token("alice", "RBTools").value();
    std::cout << std::boolalpha << token.redacted() << " created: " << created << "\n";

    const auto again = store.get_or_create_client_token("alice", "RBTools").value();
    std::cout << again.token.redacted() << " created: " << again.created << "\n";

    store.add_local_site("north").value();
    rbtoken::ClientTokenOptions options;
    options.local_site = "north";
    const auto north = store.get_or_create_client_token("alice", "RBTools", options).value();
    std::cout << north.token.redacted() << " is for " << *north.token.local_site() << "\n";
}
