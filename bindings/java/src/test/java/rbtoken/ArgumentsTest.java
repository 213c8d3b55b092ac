// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rbtoken.Support.invalid;
import static rbtoken.Support.refused;
import static rbtoken.Support.verdict;

import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** Tests of arguments that the library must not take for others. */
class ArgumentsTest {
    private final Store store = Support.open();

    @AfterEach
    void close() {
        store.close();
    }

    /** Calls with a text as each kind of argument, by the argument's name. */
    private Map<String, Executable> withText(String text) {
        return Map.of(
                "user", () -> store.generateToken(text),
                "value", () -> store.findToken(text),
                "client_name", () -> store.getOrCreateClientToken("alice", text),
                "note", () -> store.generateToken("alice", new GenerateOptions().note(text)),
                "policy", () -> store.generateToken("alice", new GenerateOptions().policy(text)),
                "name", () -> store.setting(text),
                "ids", () -> store.setPolicyIds(List.of("a", text)),
                "generator_ids", () -> store.setDeprecatedGenerators(List.of(text)),
                "location", () -> Store.open(new StoreOptions().location(text)),
                "reason", () -> store.invalidateAllTokens(text));
    }

    @Test
    void lone_surrogate_is_refused() {
        try (Token other = store.generateToken("al?ice")) {
            for (String text : List.of("al\ud800ice", "al\udc00ice", "\udc00\ud800", "a\ud83d")) {
                withText(text).forEach((argument, call) ->
                        invalid(Status.INVALID_UTF8, argument, call));
                // A request's header can have anything.
                assertEquals(Verdict.UNKNOWN, verdict(store.authenticate(text)));
            }
            invalid(Status.INVALID_UTF8, "path", () -> store.exportFile(lonePath()));
            assertFalse(other.isInvalidated());
            assertEquals(1, store.tokenCount());
        }
        try (Token token = store.generateToken("zo\u00eb\ud83d\ude00?")) {
            assertEquals("zo\u00eb\ud83d\ude00?", token.user());
        }
    }

    /** A path with a lone surrogate, which the file system of the JDK does not make. */
    private static Path lonePath() {
        return (Path) Proxy.newProxyInstance(
                Path.class.getClassLoader(), new Class<?>[] {Path.class},
                (proxy, method, arguments) -> "a\ud800");
    }

    @Test
    void nul_is_refused() {
        withText("a\0b").forEach((argument, call) ->
                invalid(Status.EMBEDDED_NUL, argument, call));
        invalid(Status.EMBEDDED_NUL, "name", () -> Extension.hasInterface("rbtoken.store/1\0"));
        assertEquals(Verdict.UNKNOWN, verdict(store.authenticate("a\0b")));
        try (Token token = store.generateToken("alice")) {
            String value = token.value();
            InvalidArgumentException failed = invalid(
                    Status.EMBEDDED_NUL, "value", () -> store.findToken(value + "\0"));
            assertFalse(failed.toString().contains(value));
        }
    }

    @Test
    void null_is_refused() {
        Token token = store.generateToken("alice");
        Map<String, List<Executable>> calls = Map.ofEntries(
                Map.entry("user", List.of(
                        () -> store.generateToken(null), () -> store.setUserActive(null, true),
                        () -> store.invalidateUserTokens(null, ""),
                        () -> store.getOrCreateClientToken(null, "c"),
                        () -> store.importToken(null, "x"),
                        () -> new TokenFilter().user(null))),
                Map.entry("client_name", List.of(
                        () -> store.getOrCreateClientToken("a", null),
                        () -> new TokenFilter().clientName(null))),
                Map.entry("value", List.of(
                        () -> store.findToken(null), () -> store.authenticate(null),
                        () -> store.importToken("a", null), () -> store.forgetLogin(null),
                        () -> store.invalidateToken(null, ""),
                        () -> store.setSetting("token_type", null))),
                Map.entry("header", List.of(() -> store.authenticateHeader(null))),
                Map.entry("reason", List.of(
                        () -> store.invalidateToken("x", null),
                        () -> store.invalidateAllTokens(null))),
                Map.entry("options", List.of(
                        () -> Store.open((StoreOptions) null), () -> Store.shared(null),
                        () -> store.generateToken("a", null), () -> store.authenticate("a", null),
                        () -> store.getOrCreateClientToken("a", "b", null),
                        () -> new ServiceAccount("a", null), () -> Instance.create(null))),
                Map.entry("filter", List.of(() -> store.listTokens(null))),
                Map.entry("update", List.of(() -> store.updateToken(1, null))),
                Map.entry("ids", List.of(
                        () -> store.setPolicyIds(null),
                        () -> store.setPolicyIds(Arrays.asList("a", null)))),
                Map.entry("generator_ids", List.of(() -> store.setDeprecatedGenerators(null))),
                Map.entry("hooks", List.of(() -> store.addHooks(null))),
                Map.entry("created", List.of(() -> new Hooks().onCreated(null))),
                Map.entry("generator", List.of(() -> store.addGenerator("a", null))),
                Map.entry("path", List.of(
                        () -> store.backup(null), () -> store.exportFile(null),
                        () -> store.importFile(null))),
                Map.entry("progress", List.of(() -> store.exportFile(Path.of("a"), null))),
                Map.entry("location", List.of(() -> Store.open((Path) null))),
                Map.entry("expires", List.of(
                        () -> new GenerateOptions().expires(null),
                        () -> new TokenUpdate().expires(null),
                        () -> new ImportOptions().expires(null))),
                Map.entry("policy", List.of(() -> new TokenUpdate().policy(null))),
                Map.entry("expiration", List.of(
                        () -> new ServiceAccountOptions().lifetime(null))),
                Map.entry("dead_before", List.of(() -> store.purgeTokens(null))),
                Map.entry("at", List.of(() -> token.toJson(null), () -> token.isExpired(null))),
                Map.entry("policy_id", List.of(() -> token.allows(null, "GET"))),
                Map.entry("method", List.of(() -> token.allows("a", null))),
                Map.entry("document", List.of(() -> Policy.parse(null))),
                Map.entry("store", List.of(
                        () -> Policy.parse("{}", null),
                        () -> new ServiceAccount("bot").apiToken(null))),
                Map.entry("id", List.of(() -> new ServiceAccount(null))),
                Map.entry("other", List.of(
                        () -> token.hasSameFields(null), () -> store.isSame(null))),
                Map.entry("status", List.of(() -> Rbtoken.nameOf((Status) null))));
        calls.forEach((argument, each) ->
                each.forEach(call -> invalid(Status.NULL_ARGUMENT, argument, call)));
        assertEquals(1, store.tokenCount());
        token.close();
    }

    @Test
    void empty_text_is_not_an_absent_one() {
        invalid(Status.INVALID_ARGUMENT, "user", () -> store.generateToken(""));
        invalid(Status.INVALID_ARGUMENT, "client_name",
                () -> store.getOrCreateClientToken("alice", ""));
        invalid(Status.INVALID_ARGUMENT, "local_site",
                () -> store.generateToken("alice", new GenerateOptions().localSite("")));
        invalid(Status.INVALID_ARGUMENT, "id", () -> new ServiceAccount(""));
        invalid(Status.INVALID_ARGUMENT, "value", () -> store.forgetLogin(""));
        refused(InvalidDocumentException.class, Status.JSON_SYNTAX, "document",
                () -> Policy.parse(""));
        refused(InvalidDocumentException.class, Status.JSON_SYNTAX, "policy",
                () -> store.generateToken("alice", new GenerateOptions().policy("")));
    }

    @Test
    void time_outside_the_years_is_refused() {
        Token token = store.generateToken("alice");
        long id = token.id();
        // The microseconds of the last two do not fit into 64 bits.
        for (Instant at : List.of(
                Instant.parse("+10000-01-01T00:00:00Z"), Instant.parse("0000-12-31T23:59:59Z"),
                Instant.MAX, Instant.MIN)) {
            for (Executable call : List.<Executable>of(
                    () -> store.generateToken("alice", new GenerateOptions().expires(at)),
                    () -> store.updateToken(id, new TokenUpdate().expires(at)),
                    () -> store.importToken("alice", "x", new ImportOptions().expires(at)),
                    () -> store.getOrCreateClientToken(
                            "alice", "c", new ClientTokenOptions().expires(at)))) {
                invalid(Status.TIME_RANGE, "expires", call);
            }
            invalid(Status.TIME_RANGE, "dead_before", () -> store.purgeTokens(at));
            invalid(Status.TIME_RANGE, "expires_before",
                    () -> store.listTokens(new TokenFilter().expiresBefore(at)));
            invalid(Status.TIME_RANGE, "invalid_date", () -> store.importToken(
                    "alice", "x", new ImportOptions().invalid().invalidDate(at)));
            invalid(Status.TIME_RANGE, "at", () -> token.toJson(at));
            invalid(Status.TIME_RANGE, "at", () -> token.isExpired(at));
        }
        assertEquals(1, store.tokenCount());
        for (String text : List.of(
                "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00.000001Z",
                "1969-12-31T23:59:59.999999Z")) {
            Instant at = Instant.parse(text);
            // Nanoseconds are cut off.
            try (Token other = store.generateToken(
                    "alice", new GenerateOptions().expires(at.plusNanos(999)))) {
                assertEquals(at, other.expires().orElseThrow());
            }
        }
        token.close();
    }

    @Test
    void fraction_of_a_second_is_refused() {
        invalid(Status.INVALID_ARGUMENT, "min_validity", () -> store.getOrCreateClientToken(
                "a", "c", new ClientTokenOptions().minValidity(Duration.ofMillis(1))));
        invalid(Status.INVALID_ARGUMENT, "expiration", () -> new ServiceAccount(
                "bot", new ServiceAccountOptions().lifetime(Duration.ofNanos(1))));
        for (Duration lifetime : List.of(Duration.ZERO, Duration.ofSeconds(-1))) {
            invalid(Status.INVALID_ARGUMENT, "expiration", () -> new ServiceAccount(
                    "bot", new ServiceAccountOptions().lifetime(lifetime)));
        }
    }

    @Test
    void number_that_is_no_token_is_not_found() {
        store.generateToken("alice").close();
        for (long id : new long[] {0, -1, 2, Long.MAX_VALUE, Long.MIN_VALUE, (1L << 32) + 1}) {
            for (Executable call : List.<Executable>of(
                    () -> store.getToken(id), () -> store.updateToken(id, new TokenUpdate()),
                    () -> store.deleteToken(id), () -> store.invalidateTokenById(id, ""))) {
                refused(NotFoundException.class, Status.NOT_FOUND, "id", call);
            }
        }
        refused(NotFoundException.class, Status.NOT_FOUND, "hooks_id",
                () -> store.removeHooks(-1));
        for (long version : new long[] {-1, 1L << 32, Long.MIN_VALUE}) {
            invalid(Status.INVALID_ARGUMENT, "token_version",
                    () -> new ServiceAccountOptions().tokenVersion(version));
        }
        new ServiceAccount("bot", new ServiceAccountOptions().tokenVersion((1L << 32) - 1)).close();
        assertEquals(1, store.tokenCount());
    }

    @Test
    void options_that_contradict_are_refused() {
        invalid(Status.INVALID_ARGUMENT, "site",
                () -> store.authenticate("x", new LoginOptions().anySite().site("north")));
        invalid(Status.INVALID_ARGUMENT, "local_site",
                () -> store.listTokens(new TokenFilter().globalSite().localSite("north")));
        invalid(Status.INVALID_ARGUMENT, "expiration", () -> new ServiceAccount("bot",
                new ServiceAccountOptions().forever().lifetime(Duration.ofHours(1))));
    }

    @Test
    void error_of_a_document_names_the_place() {
        InvalidPolicyException failed = refused(
                InvalidPolicyException.class, Status.POLICY, "default_policy",
                () -> store.getOrCreateClientToken("alice", "c", new ClientTokenOptions()
                        .defaultPolicy("{\"resources\": {\"*\": {\"allow\": \"GET\"}}}")));
        assertEquals("$.resources[\"*\"].allow", failed.jsonPath().orElseThrow());
        assertTrue(failed.getMessage().contains("$.resources[\"*\"].allow"));
        assertEquals("RBTOKEN_E_POLICY", failed.statusName());
        NotFoundException unknown = refused(NotFoundException.class, Status.NOT_FOUND, "settings",
                () -> Store.open(new StoreOptions().settings("{\"speed\": 1}")));
        assertEquals("$.speed", unknown.jsonPath().orElseThrow());
        String deep = "{\"a\":".repeat(1000) + "1" + "}".repeat(1000);
        refused(InvalidDocumentException.class, Status.JSON_TOO_DEEP, "extra_data",
                () -> store.generateToken("alice", new GenerateOptions().extraData(deep)));
    }

    @Test
    void long_texts_are_passed_whole() {
        String note = "\u00e4\ud83d\ude00x".repeat(100_000);
        try (Token token = store.generateToken("alice", new GenerateOptions().note(note))) {
            assertEquals(note, token.note());
        }
        invalid(Status.TOO_LONG, "note", () -> store.generateToken(
                "alice", new GenerateOptions().note("x".repeat(1 << 21))));
        assertEquals(Verdict.UNKNOWN, verdict(store.authenticate("x".repeat(50_000))));
        List<String> ids = IntStream.range(0, 5000)
                .mapToObj(it -> "resource" + it).toList();
        store.setPolicyIds(ids);
        assertTrue(store.setting("policy_ids").contains("\"resource4999\""));
    }

    @Test
    void location_with_a_password_is_not_shown() {
        for (String location : List.of(
                "postgresql://alice:s3cret@127.0.0.1:1/db",
                "postgresql//alice:s3cret@127.0.0.1/db")) {
            RbtokenException failed = assertThrows(RbtokenException.class,
                    () -> Store.open(new StoreOptions().location(location)));
            assertFalse(failed.toString().contains("s3cret"));
        }
        assertEquals("on postgresql", Store.where(
                new StoreOptions().location("postgresql://alice:s3cret@host/db")));
    }
}
