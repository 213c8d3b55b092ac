// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rbtoken.Support.closed;
import static rbtoken.Support.nothingLives;
import static rbtoken.Support.verdict;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Tests of when objects are released. */
class LifetimeTest {
    @TempDir
    Path folder;

    /** Runs tasks at once, and throws what one of them throws. */
    private static void atOnce(List<Executable> tasks) throws InterruptedException {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (Executable task : tasks) {
            Thread thread = new Thread(() -> {
                try {
                    task.execute();
                } catch (Throwable e) {
                    failure.set(e);
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        if (failure.get() != null) {
            throw new AssertionError(failure.get());
        }
    }

    @Test
    void objects_are_closed_in_any_order() throws InterruptedException {
        Store store = Store.open();
        Token token = store.generateToken("alice");
        TokenList list = store.listTokens();
        store.close();
        store.close();
        assertEquals("alice", token.user());
        Token first = list.get(0);
        list.close();
        token.close();
        assertEquals("alice", first.user());
        first.close();
        nothingLives();
    }

    @Test
    void retained_objects_are_closed_on_their_own() throws InterruptedException {
        Store store = Store.open();
        Store other = store.retain();
        Token token = store.generateToken("alice");
        Token same = token.retain();
        assertTrue(store.isSame(other));
        store.close();
        token.close();
        assertFalse(store.isSame(other));
        assertEquals(1, other.tokenCount());
        assertEquals("alice", same.user());
        closed(store::retain);
        closed(token::retain);
        other.close();
        same.close();
        nothingLives();
    }

    @Test
    void calls_after_close_throw() throws InterruptedException {
        Store store = Store.open();
        Token token = store.generateToken("alice");
        TokenList list = store.listTokens();
        Policy policy = Policy.parse("{}");
        ServiceAccount account = new ServiceAccount("bot");
        Instance instance = Instance.create();
        for (Handle handle : List.of(store, token, list, policy, account, instance)) {
            assertFalse(handle.isClosed());
            handle.close();
            assertTrue(handle.isClosed());
        }
        Path path = folder.resolve("x");
        for (Executable call : List.<Executable>of(
                () -> store.setSetting("token_type", "\"x\""), () -> store.setting("token_type"),
                store::statistics, () -> store.addLocalSite("x"),
                () -> store.removeLocalSite("x"), () -> store.setUserActive("x", true),
                () -> store.setPolicyIds(List.of("x")), store::allowAnyPolicyId, store::flush,
                () -> store.backup(path), () -> store.exportFile(path),
                () -> store.exportFile(path, (done, total) -> { }),
                () -> store.importFile(path), () -> store.getOrCreateClientToken("x", "y"),
                () -> store.generateToken("x"), () -> store.importToken("x", "y"),
                () -> store.findToken("x"), () -> store.getToken(1), store::listTokens,
                store::tokenCount, () -> store.valueIsValid("x", "y", "z"),
                () -> store.updateToken(1, new TokenUpdate()),
                () -> store.invalidateToken("x", ""), () -> store.invalidateTokenById(1, ""),
                () -> store.invalidateUserTokens("x", ""), () -> store.invalidateAllTokens(""),
                () -> store.deleteToken(1), () -> store.purgeTokens(Support.NEW_YEAR),
                () -> store.authenticate("x"), () -> store.authenticateHeader("x"),
                () -> store.forgetLogin("x"), store::forgetLogins,
                () -> store.addHooks(new Hooks()), () -> store.removeHooks(1),
                () -> store.setDefaultGenerator("x"),
                () -> store.setDeprecatedGenerators(List.of()), store::retain,
                token::id, token::value, token::redacted, token::user, token::localSite,
                token::clientName, token::note, token::generatorId, token::policy,
                token::extraData, token::invalidReason, token::expires, token::timeAdded,
                token::lastUpdated, token::lastUsed, token::invalidDate, token::isInvalidated,
                token::isDeprecated, () -> token.isExpired(Support.NEW_YEAR),
                () -> token.allows("x", "GET"), () -> token.toJson(Support.NEW_YEAR),
                () -> token.toJsonWithValue(Support.NEW_YEAR), token::retain,
                list::size, () -> list.get(0), list::iterator, list::stream,
                () -> policy.allows("x", "GET"), policy::document,
                () -> Policy.parse("{}", store), account::id,
                () -> instance.configure("{}"), instance::initialize, instance::shutdown,
                instance::store, instance::settings)) {
            closed(call);
        }
        try (Store open = Store.open(); ServiceAccount other = new ServiceAccount("other")) {
            closed(() -> account.apiToken(open));
            closed(() -> other.apiToken(store));
        }
        assertFalse(token.hasSameFields(token));
        assertEquals("Store (closed) Token (closed)", store + " " + token);
        nothingLives();
    }

    @Test
    void close_inside_a_try_block_is_no_harm() {
        try (Store store = Store.open(); Token token = store.generateToken("alice");
                Login login = store.authenticate(token.value())) {
            login.close();
            token.close();
            store.close();
            closed(store::tokenCount);
            closed(() -> login.token().orElseThrow().user());
        }
    }

    @Test
    void close_in_a_callback_waits_for_the_call() {
        Path file = folder.resolve("tokens.db");
        Store store = Store.open(file);
        List<String> seen = new ArrayList<>();
        store.addHooks(new Hooks().onCreated((lent, token, auto) -> {
            store.close();
            closed(store::tokenCount);
            seen.add(token.user());
        }));
        try (Token token = store.generateToken("alice")) {
            assertEquals("alice", token.user());
        }
        assertEquals(List.of("alice"), seen);
        // The file is unlocked.
        Store.open(file).close();
    }

    @Test
    void store_is_closed_while_threads_use_it() throws InterruptedException {
        for (int round = 0; round < 50; round++) {
            Store store = Store.open();
            store.addHooks(new Hooks().onUsed((lent, token) -> token.user()));
            Token token = store.generateToken("alice");
            String value = token.value();
            CountDownLatch started = new CountDownLatch(3);
            Executable use = () -> {
                started.countDown();
                try {
                    while (true) {
                        assertEquals(Verdict.OK, verdict(store.authenticate(value)));
                        assertEquals("alice", token.user());
                    }
                } catch (ClosedException e) {
                    // Expected.
                }
            };
            atOnce(List.of(use, use, use, () -> {
                started.await();
                store.close();
                token.close();
            }));
        }
        nothingLives();
    }

    @Test
    void close_by_many_threads_releases_once() throws InterruptedException {
        for (int round = 0; round < 200; round++) {
            Store store = Store.open();
            Token token = store.generateToken("alice");
            Executable close = () -> {
                token.close();
                store.close();
            };
            atOnce(List.of(close, close, close));
        }
        nothingLives();
    }

    @Test
    void garbage_is_released() throws InterruptedException {
        for (int round = 0; round < 20; round++) {
            Store store = Store.open(folder.resolve(round + ".db"));
            store.addHooks(new Hooks().onUsed((lent, token) -> token.retain()));
            String value = store.generateToken("alice").value();
            store.authenticate(value);
            store.listTokens().stream().forEach(it -> { });
            Policy.parse("{}");
            new ServiceAccount("bot");
            Instance.create(new InstanceOptions().clock(() -> Support.NEW_YEAR));
        }
        nothingLives();
    }

    @Test
    void objects_of_callbacks_are_forgotten() throws InterruptedException {
        // The callbacks of garbage would be forgotten meanwhile.
        nothingLives();
        int before = Callbacks.count();
        Store store = Store.open(new StoreOptions()
                .clock(() -> Support.NEW_YEAR).entropy(bytes -> bytes[0] = 1));
        store.addHooks(new Hooks().onCreated((lent, token, auto) -> { }));
        assertTrue(Callbacks.count() == before + 3);
        Store other = store.retain();
        store.close();
        assertTrue(Callbacks.count() == before + 3);
        other.close();
        assertEquals(before, Callbacks.count());
        try (Store failing = Store.open()) {
            Support.refused(ExistsException.class, Status.EXISTS, "path", () -> {
                failing.backup(folder.resolve("a.db"));
                failing.exportFile(folder.resolve("a.db"), (done, total) -> { });
            });
        }
        Instance instance = Instance.create(
                new InstanceOptions().log((level, target, message) -> { }));
        instance.initialize();
        Store its = instance.store();
        instance.close();
        assertEquals(before + 1, Callbacks.count());
        its.close();
        assertEquals(before, Callbacks.count());
    }

    @Test
    void shared_store_is_one() throws InterruptedException {
        // The callbacks of garbage would be forgotten meanwhile.
        nothingLives();
        try (Store store = Store.shared(); Store same = Store.shared()) {
            assertTrue(store.isSame(same));
            Entropy entropy = bytes -> { };
            int before = Callbacks.count();
            Support.refused(InvalidStateException.class, Status.STATE, "options",
                    () -> Store.shared(new StoreOptions().entropy(entropy)));
            assertEquals(before, Callbacks.count());
        }
    }

    @Test
    void threads_at_once_get_one_token() throws InterruptedException {
        AtomicInteger created = new AtomicInteger();
        Set<Long> ids = ConcurrentHashMap.newKeySet();
        try (Store store = Store.open()) {
            store.addHooks(new Hooks().onCreated((lent, token, auto) ->
                    created.incrementAndGet()));
            Executable ask = () -> {
                try (IssuedToken issued = store.getOrCreateClientToken("alice", "RBTools")) {
                    ids.add(issued.token().id());
                }
            };
            atOnce(List.of(ask, ask, ask, ask, ask, ask, ask, ask));
        }
        assertEquals(1, ids.size());
        assertEquals(1, created.get());
    }

    @Test
    void memory_of_calls_is_erased() {
        try (Call call = new Call()) {
            int start;
            try (Call inner = new Call()) {
                start = inner.output();
                inner.put(new byte[] {1, 2, 3});
                assertSame(call.memory, inner.memory);
            }
            for (int offset = start; offset < start + 64; offset++) {
                assertEquals(0, call.memory.get(offset));
            }
        }
    }
}
