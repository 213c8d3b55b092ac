// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.function.Executable;

/** Helpers of the tests. */
final class Support {
    static final Instant NEW_YEAR = Instant.parse("2026-01-01T00:00:00.000001Z");
    static final String READ_ONLY =
            "{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}";
    static final String BLOCK_ALL = "{\"resources\": {\"*\": {\"block\": [\"*\"]}}}";

    private static final Pattern HANDLES = Pattern.compile("\"handles\": \\{([^}]*)\\}");
    private static final Pattern COUNT = Pattern.compile("\"(\\w+)\": (\\d+)");

    private Support() {}

    /** A clock that a test sets. */
    static final class TestClock implements InstantSource {
        private volatile Instant now = NEW_YEAR;

        @Override
        public Instant instant() {
            return now;
        }

        void add(Duration duration) {
            now = now.plus(duration);
        }
    }

    /** An exception of a host. */
    static final class Oops extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Opens a store in memory with a Local Site and a clock. */
    static Store open(InstantSource clock) {
        return Store.open(
                new StoreOptions().settings("{\"local_sites\": [\"north\"]}").clock(clock));
    }

    static Store open() {
        return open(new TestClock());
    }

    /** Checks the kind, the status and the argument of an exception, whose message names it. */
    static <T extends RbtokenException> T refused(
            Class<T> type, Status status, String argument, Executable call) {
        T refused = assertThrows(type, call);
        assertEquals(status, refused.status());
        assertEquals(argument, refused.argument().orElse(null));
        assertTrue(argument == null || refused.getMessage().contains(argument));
        return refused;
    }

    static InvalidArgumentException invalid(Status status, String argument, Executable call) {
        return refused(InvalidArgumentException.class, status, argument, call);
    }

    static void closed(Executable call) {
        ClosedException closed = assertThrows(ClosedException.class, call);
        assertTrue(closed.getMessage().endsWith("is closed"));
    }

    static Verdict verdict(Login login) {
        try (login) {
            assertEquals(login.verdict() == Verdict.OK, login.ok());
            assertEquals(login.ok(), login.token().isPresent());
            return login.verdict();
        }
    }

    /** Returns the objects of the process that are not released, by kind. */
    static Map<String, Integer> liveHandles() {
        try (Store store = Store.open()) {
            Matcher handles = HANDLES.matcher(store.statistics());
            assertTrue(handles.find());
            Map<String, Integer> live = new TreeMap<>();
            Matcher count = COUNT.matcher(handles.group(1));
            while (count.find()) {
                live.put(count.group(1), Integer.parseInt(count.group(2)));
            }
            live.merge("store", -1, Integer::sum);
            assertTrue(live.size() > 3, live.toString());
            live.values().removeIf(it -> it == 0);
            return live;
        }
    }

    /** Waits until garbage is released, and fails if an object remains. */
    static void nothingLives() throws InterruptedException {
        Map<String, Integer> live = liveHandles();
        for (int round = 0; round < 1000 && !live.isEmpty(); round++) {
            System.gc();
            Thread.sleep(10);
            live = liveHandles();
        }
        assertEquals(Map.of(), live);
    }
}
