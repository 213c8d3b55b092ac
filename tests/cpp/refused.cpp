/* Each of these mistakes must not compile; -DREFUSED=0 has none and must compile. */
#include <rbtoken.hpp>

#include <string>
#include <utility>

void refused(const rbtoken::Store &store, const rbtoken::Token &token)
{
    auto found = store.find_token("x");
    static_cast<void>(found);
#if REFUSED == 1
    store.find_token("x");
#elif REFUSED == 2
    store.delete_token(1);
#elif REFUSED == 3
    store.add_hooks({}).value();
#elif REFUSED == 4
    auto view = store.find_token("x").value().value();
#elif REFUSED == 5
    auto view = (*store.find_token("x")).user();
#elif REFUSED == 6
    auto view = store.find_token("x")->user();
#elif REFUSED == 7
    auto view = store.get_setting("token_type").value().view();
#elif REFUSED == 8
    auto view = store.find_token("x").error().message();
#elif REFUSED == 9
    auto view = store.list_tokens().value()[0].note();
#elif REFUSED == 10
    if (store.authenticate("x")) return;
#elif REFUSED == 11
    if (token.allows("review_request", "GET")) return;
#elif REFUSED == 12
    bool yes = store.authenticate("x").value_or(rbtoken::Login{});
#elif REFUSED == 13
    rbtoken::Result<bool> answer = "yes";
#elif REFUSED == 14
    auto list = store.list_tokens();
    auto copy = *list;
#elif REFUSED == 15
    rbtoken::Store none;
#elif REFUSED == 16
    auto lent = store.find_token("x").value().get();
#elif REFUSED == 17
    auto first = store.list_tokens().value().begin();
#elif REFUSED == 18
    const rbtoken::Token made = "rbp_x";
#elif REFUSED == 19
    rbtoken::ClientTokenOptions options;
    options.local_site = std::string("north");
#elif REFUSED == 20
    rbtoken::LoginOptions options;
    options.site = std::string("north");
#elif REFUSED == 21
    rbtoken::TokenUpdate update;
    update.note = std::string("note");
#elif REFUSED == 22
    rbtoken::TokenFilter filter;
    filter.site = std::string("north");
#endif
    static_cast<void>(token);
}
