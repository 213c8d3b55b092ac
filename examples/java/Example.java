// A walk through librbtoken from Java, with JNA: get or create, log in, ask the policy, hooks,
// errors, threads.
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
import rbtoken.Store;
import rbtoken.Store.ClientToken;
import rbtoken.Store.ClientTokenOptions;
import rbtoken.Store.Login;
import rbtoken.Token;
import rbtoken.TokenException;

public final class Example {
    private static final PrintStream OUT =
            new PrintStream(System.out, true, StandardCharsets.UTF_8);
    private static final String READ_ONLY =
            "{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}";

    private static String yesOrNo(boolean value) {
        return value ? "yes" : "no";
    }

    /** Whoever may do this may act as alice: a real host finds out first who is asking. */
    private static Token getOrCreate(Store store) {
        ClientTokenOptions options = new ClientTokenOptions(
                Instant.parse("2100-01-01T00:00:00Z"), Duration.ofHours(1), "north", READ_ONLY,
                "{\"machine\": \"build-7\"}");
        ClientToken made = store.clientToken("alice", "RBTools", options);
        Token token = made.token();
        OUT.println("A token for " + token.user() + ", created: " + yesOrNo(made.created()));
        OUT.println("  token       " + token);
        OUT.println("  client      " + token.clientName());
        OUT.println("  local site  " + token.localSite());
        OUT.println("  policy      " + token.policy());
        OUT.println("  extra data  " + token.extraData());
        OUT.println("  expires     " + token.expires().map(Instant::toString).orElse("never"));

        ClientToken again = store.clientToken("alice", "RBTools", options);
        OUT.println("Again, created: " + yesOrNo(again.created()) + ", the same: "
                + yesOrNo(again.token().id() == token.id()));
        return token;
    }

    private static void askThePolicy(Token token) {
        OUT.println("\nThe policy");
        for (String method : List.of("GET", "DELETE")) {
            boolean allowed = token.allows("review_request", method, "42");
            OUT.println("  " + method + ": " + (allowed ? "allowed" : "blocked"));
        }
    }

    private static void show(Store store, String where, String header, String site) {
        Login login = store.authenticate(header, site);
        String more = login.ok() ? login.token().user()
                : login.refused() != null ? login.refused().invalidReason() : "";
        OUT.println("  " + where + ": " + login.verdict() + (more.isEmpty() ? "" : ", " + more));
    }

    private static void logIn(Store store, Token token) {
        String header = "token " + token.value();
        OUT.println("\nLogins");
        show(store, "on north", header, "north");
        show(store, "at the root", header, null);
        show(store, "with another scheme", "Basic YTpi", null);
        show(store, "of nobody", "token rbp_unknown", null);
        store.invalidate(token.value(), "The laptop was stolen.");
        show(store, "once revoked", header, "north");
    }

    private static void showAnError(Store store) {
        OUT.println("\nA bad policy");
        String bad = "{\"resources\": {\"review_request\": {\"*\": {\"allow\": \"GET\"}}}}";
        try {
            store.clientToken("bob", "RBTools",
                    new ClientTokenOptions(null, null, null, bad, null));
        } catch (TokenException error) {
            OUT.println("  status    " + error.status + " " + error.name);
            OUT.println("  message   " + error.detail);
            OUT.println("  argument  " + error.argument);
            OUT.println("  path      " + error.jsonPath);
        }
    }

    private static void askAtOnce(Store store) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(8);
        Callable<ClientToken> ask =
                () -> store.clientToken("zoë", "RBTools", ClientTokenOptions.DEFAULT);
        List<ClientToken> answers = new ArrayList<>();
        for (Future<ClientToken> answer : threads.invokeAll(Collections.nCopies(8, ask))) {
            answers.add(answer.get());
        }
        threads.shutdown();
        long tokens = answers.stream().map(answer -> answer.token().id()).distinct().count();
        long created = answers.stream().filter(ClientToken::created).count();
        OUT.println("\n8 callers at once: tokens " + tokens + ", created " + created);
    }

    public static void main(String[] arguments) throws Exception {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        Token token;
        try (Store store = new Store()) {
            store.addLocalSite("north");
            long hooks = store.addHooks(
                    made -> heard.add("created " + made + " of " + made.user()),
                    used -> heard.add("used " + used + " of " + used.user()),
                    revoked -> heard.add("revoked " + revoked + " of " + revoked.user()));
            token = getOrCreate(store);
            askThePolicy(token);
            logIn(store, token);
            showAnError(store);
            askAtOnce(store);
            store.removeHooks(hooks);
        }
        OUT.println("\nThe hooks heard");
        heard.forEach(line -> OUT.println("  " + line));
        OUT.println("\nStill here after its store: " + token);
    }
}
