// A walk through the Java artifact: get or create, log in, ask the policy, hooks, errors, threads.
//
//     make java
//
// SPDX-License-Identifier: MIT

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import rbtoken.ClientTokenOptions;
import rbtoken.Hooks;
import rbtoken.InvalidPolicyException;
import rbtoken.IssuedToken;
import rbtoken.Login;
import rbtoken.LoginOptions;
import rbtoken.Store;
import rbtoken.StoreOptions;
import rbtoken.Token;

public final class Example {
    private static final PrintStream OUT =
            new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final String READ_ONLY =
            "{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}";

    private Example() {}

    private static String yesOrNo(boolean value) {
        return value ? "yes" : "no";
    }

    /** Can act as alice: a real host authenticates the caller first. */
    private static Token getOrCreate(Store store) {
        ClientTokenOptions options = new ClientTokenOptions()
                .expires(Instant.parse("2100-01-01T00:00:00Z"))
                .minValidity(Duration.ofHours(1))
                .localSite("north")
                .defaultPolicy(READ_ONLY)
                .defaultExtraData("{\"machine\": \"build-7\"}");
        IssuedToken issued = store.getOrCreateClientToken("alice", "RBTools", options);
        Token token = issued.token();
        OUT.println("A token for " + token.user() + ", created: " + yesOrNo(issued.created()));
        OUT.println("  token       " + token.redacted());
        OUT.println("  client      " + token.clientName().orElseThrow());
        OUT.println("  local site  " + token.localSite().orElseThrow());
        OUT.println("  policy      " + token.policy());
        OUT.println("  extra data  " + token.extraData());
        OUT.println("  expires     " + token.expires().orElseThrow());

        try (IssuedToken again = store.getOrCreateClientToken("alice", "RBTools", options)) {
            OUT.println("Again, created: " + yesOrNo(again.created()) + ", the same: "
                    + yesOrNo(again.token().id() == token.id()));
        }
        return token;
    }

    private static void askThePolicy(Token token) {
        OUT.println("\nThe policy");
        for (String method : List.of("GET", "DELETE")) {
            boolean allowed = token.allows("review_request", method, "42");
            OUT.println("  " + method + ": " + (allowed ? "allowed" : "blocked"));
        }
    }

    private static void show(String where, Login login) {
        try (login) {
            String more = login.token().map(Token::user)
                    .or(() -> login.refused().map(Token::invalidReason))
                    .filter(it -> !it.isEmpty()).map(it -> ", " + it).orElse("");
            OUT.println("  " + where + ": " + login.verdict() + more);
        }
    }

    private static void logIn(Store store, Token token) {
        String header = "token " + token.value();
        LoginOptions north = new LoginOptions().site("north");
        OUT.println("\nLogins");
        show("on north", store.authenticateHeader(header, north));
        show("at the root", store.authenticateHeader(header));
        show("with another scheme", store.authenticateHeader("Basic YTpi"));
        show("of nobody", store.authenticateHeader("token rbp_unknown"));
        store.invalidateToken(token.value(), "The laptop was stolen.");
        show("once revoked", store.authenticateHeader(header, north));
    }

    private static void showAnError(Store store) {
        OUT.println("\nA bad policy");
        String bad = "{\"resources\": {\"review_request\": {\"*\": {\"allow\": \"GET\"}}}}";
        try {
            store.getOrCreateClientToken(
                    "bob", "RBTools", new ClientTokenOptions().defaultPolicy(bad));
        } catch (InvalidPolicyException error) {
            OUT.println("  status    " + error.statusCode() + " " + error.statusName());
            OUT.println("  message   " + error.getMessage());
            OUT.println("  argument  " + error.argument().orElseThrow());
            OUT.println("  path      " + error.jsonPath().orElseThrow());
        }
    }

    private static void askAtOnce(Store store) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        Callable<IssuedToken> ask = () -> store.getOrCreateClientToken("zoë", "RBTools");
        List<IssuedToken> answers = new ArrayList<>();
        for (Future<IssuedToken> answer : threads.invokeAll(Collections.nCopies(8, ask))) {
            answers.add(answer.get());
        }
        threads.shutdown();
        long tokens = answers.stream().map(answer -> answer.token().id()).distinct().count();
        long created = answers.stream().filter(IssuedToken::created).count();
        answers.forEach(IssuedToken::close);
        OUT.println("\n8 callers at once: tokens " + tokens + ", created " + created);
    }

    public static void main(String[] arguments) throws Exception {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        Token token;
        StoreOptions options = new StoreOptions().settings("{\"local_sites\": [\"north\"]}");
        try (Store store = Store.open(options)) {
            long hooks = store.addHooks(new Hooks()
                    .onCreated((its, made, autoGenerated) ->
                            heard.add("created " + made.redacted() + " of " + made.user()))
                    .onUsed((its, used) ->
                            heard.add("used " + used.redacted() + " of " + used.user()))
                    .onInvalidated((its, revoked) ->
                            heard.add("revoked " + revoked.redacted() + " of " + revoked.user())));
            token = getOrCreate(store);
            askThePolicy(token);
            logIn(store, token);
            showAnError(store);
            askAtOnce(store);
            store.removeHooks(hooks);
        }
        OUT.println("\nThe hooks heard");
        heard.forEach(line -> OUT.println("  " + line));
        OUT.println("\nStill here after its store: " + token.redacted());
        token.close();
    }
}
