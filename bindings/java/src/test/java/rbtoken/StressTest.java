// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Threads that open, use, close and drop objects at random, under hooks. */
class StressTest {
    /** For how long the stress runs. */
    private static final long SECONDS = Long.getLong("rbtoken.test.seconds", 3);
    private static final int THREADS = 16;

    @TempDir
    Path folder;

    /** A token with the user that it must have. */
    private record Owned(Token token, String user) {}

    private final AtomicReferenceArray<Store> stores = new AtomicReferenceArray<>(6);
    private final AtomicReferenceArray<Owned> tokens = new AtomicReferenceArray<>(40);
    private final AtomicLong steps = new AtomicLong();
    private final AtomicLong events = new AtomicLong();
    private final AtomicReference<Throwable> wrong = new AtomicReference<>();

    private static Random random() {
        return ThreadLocalRandom.current();
    }

    private void put(Store store) {
        stores.set(random().nextInt(stores.length()), store);
    }

    private void put(Token token, String user) {
        tokens.set(random().nextInt(tokens.length()), new Owned(token, user));
    }

    private void hook(Store store, Token token) {
        events.incrementAndGet();
        String user = token.user();
        assertTrue(user.startsWith("user"), user);
        double chance = random().nextDouble();
        if (chance < 0.1) {
            put(token.retain(), user);
        } else if (chance < 0.2) {
            try (Token found = store.findToken(token.value())) {
                assertEquals(user, found.user());
            } catch (NotFoundException e) {
                // Another thread has deleted it.
            }
        } else if (chance < 0.3) {
            store.close();
        } else if (chance < 0.35) {
            put(store.retain());
        } else if (chance < 0.37) {
            // A closed object in a callback.
            put(token, user);
        }
    }

    private void open() {
        int number = random().nextInt(9);
        StoreOptions options = new StoreOptions();
        if (number < 3) {
            options.location(folder.resolve(number + ".db"));
        }
        Store store;
        try {
            store = Store.open(options);
        } catch (LockedException e) {
            store = Store.open();
        }
        store.addHooks(new Hooks().onUsed(this::hook).onDeleted(this::hook)
                .onInvalidated(this::hook)
                .onCreated((its, token, auto) -> hook(its, token)));
        put(store);
    }

    /** Does one action, chosen at random. */
    private void step() {
        Store store = stores.get(random().nextInt(stores.length()));
        Owned kept = tokens.get(random().nextInt(tokens.length()));
        double chance = random().nextDouble();
        if (store == null || chance < 0.04) {
            open();
        } else if (chance < 0.08) {
            store.close();
        } else if (chance < 0.12) {
            put((Store) null);
        } else if (chance < 0.16) {
            put(store.retain());
        } else if (chance < 0.30) {
            String user = "user" + random().nextInt(1_000_000);
            Token token = store.generateToken(user);
            assertEquals(user, token.user());
            put(token, user);
        } else if (chance < 0.34) {
            try (TokenList list = store.listTokens(
                    new TokenFilter().validity(TokenFilter.Validity.VALID))) {
                for (int index = 0; index < Math.min(5, list.size()); index++) {
                    assertTrue(list.get(index).user().startsWith("user"));
                }
            }
        } else if (chance < 0.38) {
            store.getOrCreateClientToken("user1", "client" + random().nextInt(5));
        } else if (chance < 0.40) {
            try (ServiceAccount account = new ServiceAccount(
                    "bot", new ServiceAccountOptions().user("user2"));
                    IssuedToken issued = account.apiToken(store)) {
                assertEquals("user2", issued.token().user());
            }
        } else if (kept != null) {
            use(store, kept, chance);
        }
    }

    private void use(Store store, Owned kept, double chance) {
        Token token = kept.token();
        String value = token.value();
        assertEquals(kept.user(), token.user());
        if (chance < 0.8) {
            Login login = store.authenticate(value);
            login.token().ifPresent(it -> assertEquals(kept.user(), it.user()));
            login.refused().ifPresent(it -> assertEquals(kept.user(), it.user()));
            if (chance < 0.7) {
                login.close();
            }
        } else if (chance < 0.85) {
            store.invalidateToken(value, "");
        } else if (chance < 0.9) {
            // Its id may be that of another token in this store.
            try (Token found = store.findToken(value)) {
                store.deleteToken(found.id());
            }
        } else if (chance < 0.95) {
            token.close();
        } else {
            token.allows("review", "GET");
        }
    }

    private void run(long end) {
        while (System.nanoTime() - end < 0 && wrong.get() == null) {
            try {
                step();
            } catch (ClosedException | NotFoundException e) {
                // Other threads close and delete.
            } catch (Throwable e) {
                wrong.compareAndSet(null, e);
            }
            steps.incrementAndGet();
        }
    }

    @Test
    void stress_ends_without_a_wrong_answer() throws InterruptedException {
        long end = System.nanoTime() + SECONDS * 1_000_000_000L;
        List<Thread> threads = new ArrayList<>();
        for (int index = 0; index < THREADS; index++) {
            Thread thread = new Thread(() -> run(end));
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertNull(wrong.get(), () -> {
            StringWriter trace = new StringWriter();
            wrong.get().printStackTrace(new PrintWriter(trace));
            return trace.toString();
        });
        assertTrue(steps.get() > 50 && events.get() > 50, steps + " steps, " + events);
        for (int index = 0; index < stores.length(); index++) {
            stores.set(index, null);
        }
        for (int index = 0; index < tokens.length(); index++) {
            tokens.set(index, null);
        }
        Support.nothingLives();
        System.out.println("stress: " + steps + " steps, " + events + " events");
    }
}
