// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rbtoken.Support.BLOCK_ALL;
import static rbtoken.Support.NEW_YEAR;
import static rbtoken.Support.READ_ONLY;
import static rbtoken.Support.refused;
import static rbtoken.Support.verdict;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import rbtoken.Support.TestClock;

/** Tests of tokens, logins, policies and settings. */
class StoreTest {
    private final TestClock clock = new TestClock();
    private final Store store = Support.open(clock);

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void client_token_is_created_once() {
        ClientTokenOptions options = new ClientTokenOptions()
                .expires(NEW_YEAR.plus(Duration.ofDays(2))).minValidity(Duration.ofHours(1))
                .localSite("north").defaultPolicy(READ_ONLY)
                .defaultExtraData("{\"machine\": \"build-7\"}");
        try (IssuedToken first = store.getOrCreateClientToken("alice", "RBTools", options);
                IssuedToken again = store.getOrCreateClientToken("alice", "RBTools", options)) {
            assertTrue(first.created());
            assertFalse(again.created());
            Token token = first.token();
            assertTrue(token.hasSameFields(again.token()));
            assertEquals("alice", token.user());
            assertEquals(Optional.of("RBTools"), token.clientName());
            assertEquals(Optional.of("north"), token.localSite());
            assertEquals(READ_ONLY, token.policy());
            assertEquals("{\"client_name\": \"RBTools\", \"machine\": \"build-7\"}",
                    token.extraData());
            assertEquals(Optional.of(NEW_YEAR.plus(Duration.ofDays(2))), token.expires());
            // Without the deprecated ones, it is another.
            store.setDeprecatedGenerators(List.of("vendor_checksum"));
            options.ignoreDeprecated().neverExpires();
            try (IssuedToken other = store.getOrCreateClientToken("alice", "RBTools", options)) {
                assertTrue(other.created());
                assertEquals(Optional.empty(), other.token().expires());
                assertFalse(token.hasSameFields(other.token()));
            }
        }
        try (IssuedToken other = store.getOrCreateClientToken("bob", "RBTools")) {
            assertEquals(Optional.of(NEW_YEAR.plus(Duration.ofDays(365))),
                    other.token().expires());
            assertEquals(Optional.empty(), other.token().localSite());
        }
    }

    @Test
    void generated_token_has_its_fields() {
        Instant expires = NEW_YEAR.plus(Duration.ofHours(1));
        try (Token token = store.generateToken("zo\u00eb", new GenerateOptions().expires(expires)
                .tokenType("abc").generatorId("vendor_checksum").note("n").policy("{}")
                .extraData("{\"a\": 1}"))) {
            assertTrue(token.value().startsWith("abc_"));
            assertEquals("abc_***#1", token.redacted());
            assertEquals(1, token.id());
            assertEquals("zo\u00eb", token.user());
            assertEquals(Optional.empty(), token.clientName());
            assertEquals("n vendor_checksum {} {\"a\": 1}", token.note() + " "
                    + token.generatorId() + " " + token.policy() + " " + token.extraData());
            assertEquals(NEW_YEAR, token.timeAdded());
            assertEquals(NEW_YEAR, token.lastUpdated());
            assertEquals(Optional.empty(), token.lastUsed());
            assertEquals(Optional.empty(), token.invalidDate());
            assertTrue(token.isExpired(expires));
            assertFalse(token.isExpired(expires.minusNanos(1000)));
            assertFalse(token.isInvalidated());
            assertFalse(token.isDeprecated());
            assertEquals("Token abc_***#1 of \"zo\u00eb\"", token.toString());
        }
        try (Token token = store.generateToken("a", new GenerateOptions().invalid()
                .neverExpires())) {
            assertTrue(token.isInvalidated());
        }
    }

    private static Instant day(int number) {
        return Instant.parse("2025-01-0" + number + "T00:00:00Z");
    }

    @Test
    void imported_token_keeps_its_fields() {
        try (Token token = store.importToken("alice", "0".repeat(40), new ImportOptions()
                .timeAdded(day(1)).lastUpdated(day(2)).lastUsed(day(3)).expires(day(4)).invalid()
                .invalidDate(day(5)).invalidReason("Lost.").generatorId("legacy_sha1")
                .localSite("north").note("old").policy("{}").extraData("{\"a\": null}"))) {
            assertEquals(List.of(day(1), day(2), day(3), day(4), day(5)), List.of(
                    token.timeAdded(), token.lastUpdated(), token.lastUsed().orElseThrow(),
                    token.expires().orElseThrow(), token.invalidDate().orElseThrow()));
            assertTrue(token.isDeprecated() && token.isInvalidated());
            assertEquals("Lost. north old {\"a\": null}", token.invalidReason() + " "
                    + token.localSite().orElseThrow() + " " + token.note() + " "
                    + token.extraData());
        }
        try (Token token = store.importToken("bob", "plain")) {
            assertEquals("plain", token.value());
            assertEquals(Optional.empty(), token.lastUsed());
            assertEquals(Optional.empty(), token.expires());
        }
    }

    @Test
    void service_account_gets_its_token() {
        try (ServiceAccount account = new ServiceAccount("build-bot", new ServiceAccountOptions()
                .user("bots").tokenVersion(2).lifetime(Duration.ofHours(24)).policy("{}"));
                IssuedToken first = account.apiToken(
                        store, new ServiceTokenOptions().localSite("north"));
                IssuedToken again = account.apiToken(store, new ServiceTokenOptions()
                        .localSite("north").minValidity(Duration.ofHours(1)))) {
            assertEquals("build-bot", account.id());
            assertTrue(first.created() && !again.created());
            assertEquals("bots", first.token().user());
            assertEquals(Optional.of("build-bot_v2"), first.token().clientName());
            assertEquals(Optional.of(NEW_YEAR.plus(Duration.ofDays(1))),
                    first.token().expires());
        }
        try (ServiceAccount account = new ServiceAccount(
                "bot", new ServiceAccountOptions().forever());
                IssuedToken issued = account.apiToken(store)) {
            assertEquals(Optional.empty(), issued.token().expires());
        }
    }

    @Test
    void token_is_found_changed_and_deleted() {
        Token token = store.generateToken(
                "alice", new GenerateOptions().note("a").policy(BLOCK_ALL));
        long id = token.id();
        store.generateToken("bob").close();
        try (Token found = store.findToken(token.value()); Token got = store.getToken(id)) {
            assertTrue(found.hasSameFields(token));
            assertTrue(got.hasSameFields(token));
        }
        try (Token changed = store.updateToken(
                id, new TokenUpdate().expires(NEW_YEAR).note("").fullAccess())) {
            assertEquals(Optional.of(NEW_YEAR), changed.expires());
            assertEquals("{}", changed.note() + changed.policy());
            assertFalse(changed.hasSameFields(token));
        }
        try (Token changed = store.updateToken(id, new TokenUpdate().note("b")
                .policy(READ_ONLY).extraData("{\"a\": [1]}"))) {
            assertEquals(Optional.of(NEW_YEAR), changed.expires());
            assertEquals("b {\"a\": [1]}", changed.note() + " " + changed.extraData());
            assertEquals(READ_ONLY, changed.policy());
        }
        try (Token changed = store.updateToken(
                id, new TokenUpdate().neverExpires().noExtraData())) {
            assertEquals(Optional.empty(), changed.expires());
            assertEquals("{}", changed.extraData());
            assertEquals("b", changed.note());
        }
        store.deleteToken(id);
        refused(NotFoundException.class, Status.NOT_FOUND, "id", () -> store.getToken(id));
        assertEquals(1, store.tokenCount());
        token.close();
    }

    private List<Long> ids(TokenFilter filter) {
        try (TokenList list = store.listTokens(filter)) {
            List<Long> ids = new ArrayList<>();
            for (Token token : list) {
                try (token) {
                    ids.add(token.id());
                }
            }
            assertEquals(ids.size(), list.size());
            assertEquals(ids, list.stream().map(token -> {
                try (token) {
                    return token.id();
                }
            }).toList());
            return ids;
        }
    }

    @Test
    void list_has_what_matches_the_filter() {
        store.getOrCreateClientToken("alice", "RBTools").close();
        store.generateToken(
                "bob", new GenerateOptions().localSite("north").expires(NEW_YEAR)).close();
        assertEquals(List.of(1L, 2L), ids(new TokenFilter()));
        assertEquals(List.of(2L), ids(new TokenFilter().user("bob")));
        assertEquals(List.of(1L), ids(new TokenFilter().clientName("RBTools")));
        assertEquals(List.of(1L), ids(new TokenFilter().globalSite()));
        assertEquals(List.of(2L), ids(new TokenFilter().localSite("north")));
        assertEquals(List.of(1L),
                ids(new TokenFilter().validity(TokenFilter.Validity.VALID)));
        assertEquals(List.of(2L), ids(new TokenFilter().validity(TokenFilter.Validity.DEAD)));
        assertEquals(List.of(2L),
                ids(new TokenFilter().expiresBefore(NEW_YEAR.plusSeconds(1))));
        try (TokenList list = store.listTokens()) {
            for (int index : new int[] {-1, 2, Integer.MAX_VALUE}) {
                assertThrows(IndexOutOfBoundsException.class, () -> list.get(index));
            }
            Iterator<Token> tokens = list.iterator();
            tokens.next().close();
            tokens.next().close();
            assertThrows(NoSuchElementException.class, tokens::next);
        }
    }

    @Test
    void format_of_a_value_is_checked() {
        try (Token token = store.generateToken("alice")) {
            assertTrue(store.valueIsValid("vendor_checksum", "rbp", token.value()));
            assertFalse(store.valueIsValid("vendor_checksum", "rbp", token.value() + "x"));
        }
    }

    @Test
    void payload_has_the_value_only_if_requested() {
        try (Token token = store.generateToken(
                "alice", new GenerateOptions().note("a").expires(NEW_YEAR))) {
            String plain = token.toJson(NEW_YEAR.minusSeconds(1));
            assertFalse(plain.contains(token.value()));
            assertTrue(plain.contains("\"expired\": false"));
            String secret = token.toJsonWithValue(NEW_YEAR);
            assertTrue(secret.contains(token.value()));
            assertTrue(secret.contains("\"expired\": true"));
            assertFalse((token + " " + new IssuedToken(token, true)).contains(token.value()));
        }
    }

    @Test
    void revoked_token_has_time_and_reason() {
        try (Token token = store.generateToken("alice")) {
            store.invalidateToken(token.value(), "Lost.");
            try (Login login = store.authenticate(token.value())) {
                assertEquals(Verdict.INVALID, login.verdict());
                assertEquals(Optional.empty(), login.token());
                Token refused = login.refused().orElseThrow();
                assertEquals("Lost.", refused.invalidReason());
                assertEquals(Optional.of(NEW_YEAR), refused.invalidDate());
                assertEquals("Login INVALID", login.toString());
            }
            assertFalse(token.isInvalidated());
        }
    }

    @Test
    void tokens_are_revoked_by_id_by_user_and_all() {
        for (String user : List.of("alice", "alice", "bob")) {
            store.generateToken(user).close();
        }
        store.invalidateTokenById(1, "a");
        try (Token token = store.getToken(1)) {
            assertEquals("a", token.invalidReason());
        }
        assertEquals(2, store.invalidateUserTokens("alice", "b"));
        try (Token token = store.getToken(3)) {
            assertFalse(token.isInvalidated());
        }
        assertEquals(3, store.invalidateAllTokens(""));
        assertEquals(0, store.purgeTokens(NEW_YEAR));
        assertEquals(3, store.purgeTokens(NEW_YEAR.plus(Duration.ofDays(1))));
    }

    @Test
    void logins_have_verdicts() {
        String value;
        try (Token token = store.generateToken("alice", new GenerateOptions().localSite("north")
                .expires(NEW_YEAR.plus(Duration.ofHours(1))))) {
            value = token.value();
        }
        LoginOptions north = new LoginOptions().site("north");
        try (Login login = store.authenticateHeader("token " + value, north)) {
            assertTrue(login.ok());
            assertEquals("alice", login.token().orElseThrow().user());
            assertEquals(Optional.of(NEW_YEAR), login.token().orElseThrow().lastUsed());
            assertEquals("Login OK, Token rbp_***#1 of \"alice\"", login.toString());
        }
        assertEquals(Verdict.OK, verdict(store.authenticate(value, north)));
        assertEquals(Verdict.OK, verdict(store.authenticate(value, new LoginOptions().anySite())));
        assertEquals(Verdict.WRONG_SITE, verdict(store.authenticate(value)));
        assertEquals(Verdict.WRONG_SITE, verdict(store.authenticate(value, new LoginOptions())));
        assertEquals(Verdict.UNKNOWN, verdict(store.authenticate("nobody")));
        assertEquals(Verdict.UNKNOWN, verdict(store.authenticate("")));
        assertEquals(Verdict.NOT_A_TOKEN, verdict(store.authenticateHeader("Basic x")));
        assertEquals(Verdict.NOT_A_TOKEN, verdict(store.authenticateHeader("")));
        clock.add(Duration.ofHours(1));
        assertEquals(Verdict.EXPIRED, verdict(store.authenticate(value, north)));
        store.setUserActive("bob", false);
        try (Token token = store.generateToken("bob")) {
            assertEquals(Verdict.INACTIVE_USER, verdict(store.authenticate(token.value())));
            store.setUserActive("bob", true);
            assertEquals(Verdict.OK, verdict(store.authenticate(token.value())));
            store.forgetLogin(token.value());
            store.forgetLogins();
        }
    }

    @Test
    void policy_decides_as_its_token() {
        String document = "{\"resources\": {\"*\": {\"block\": [\"*\"]}, "
                + "\"review\": {\"7\": {\"allow\": [\"GET\"]}}}}";
        try (Token token = store.generateToken("a", new GenerateOptions().policy(document));
                Policy alone = Policy.parse(document);
                Policy of = Policy.parse(document, store)) {
            assertEquals(document, of.document());
            for (Policy policy : List.of(alone, of)) {
                assertTrue(policy.allows("review", "GET", "7"));
                assertFalse(policy.allows("review", "GET", "8"));
                assertFalse(policy.allows("review", "GET"));
                Support.invalid(Status.INVALID_ARGUMENT, "method",
                        () -> policy.allows("review", "get", "7"));
            }
            assertTrue(token.allows("review", "GET", "7"));
            assertFalse(token.allows("review", "GET", "8"));
            assertFalse(token.allows("review", "GET"));
            Support.invalid(Status.INVALID_ARGUMENT, "method", () -> token.allows("review", "get"));
        }
    }

    @Test
    void unregistered_policy_ids_are_refused() {
        store.setPolicyIds(List.of("review", "zo\u00eb"));
        assertEquals("[\"review\", \"zo\\u00eb\"]", store.setting("policy_ids"));
        refused(InvalidPolicyException.class, Status.POLICY, "document", () -> Policy.parse(
                "{\"resources\": {\"other\": {\"*\": {\"allow\": [\"GET\"]}}}}", store));
        store.setPolicyIds(List.of());
        assertEquals("[]", store.setting("policy_ids"));
        store.allowAnyPolicyId();
        assertEquals("null", store.setting("policy_ids"));
    }

    @Test
    void settings_are_json_values() {
        store.setSetting("client_token_expiration", "0");
        assertEquals("0", store.setting("client_token_expiration"));
        store.setDeprecatedGenerators(List.of("vendor_checksum"));
        try (Token token = store.generateToken("alice")) {
            assertTrue(token.isDeprecated());
        }
        store.setDeprecatedGenerators(List.of());
        try (Token token = store.generateToken("alice")) {
            assertFalse(token.isDeprecated());
        }
        store.addLocalSite("south");
        refused(ExistsException.class, Status.EXISTS, "local_site",
                () -> store.addLocalSite("south"));
        store.removeLocalSite("south");
        store.setDefaultGenerator("vendor_checksum");
        assertThrows(GenerationException.class, () -> store.setDefaultGenerator("theirs"));
        store.flush();
        assertTrue(store.statistics().contains("\"kind\": \"memory\""));
        assertEquals("Store of settings", store.toString());
    }
}
