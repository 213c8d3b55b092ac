// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rbtoken.Support.NEW_YEAR;
import static rbtoken.Support.nothingLives;
import static rbtoken.Support.refused;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rbtoken.Support.Oops;

/** Tests of the library as a plugin. */
class ExtensionTest {
    @TempDir
    Path folder;

    @Test
    void extension_describes_itself() {
        Extension extension = Extension.read();
        assertEquals("rbtoken", extension.id());
        assertEquals("MIT", extension.license());
        assertEquals(Rbtoken.version(), extension.version());
        for (String text : new String[] {
                extension.name(), extension.author(), extension.summary(), extension.url()}) {
            assertFalse(text.isEmpty());
        }
        assertTrue(Extension.settingsSchema().contains("\"token_type\""));
        assertTrue(Extension.hasInterface("rbtoken.store/1"));
        assertFalse(Extension.hasInterface("rbtoken.store/2"));
    }

    @Test
    void instance_has_a_life_cycle() throws InterruptedException {
        Instance instance = Instance.create(new InstanceOptions()
                .settings("{\"token_type\": \"abc\"}").clock(() -> NEW_YEAR)
                .entropy(bytes -> { }));
        refused(InvalidStateException.class, Status.STATE, "instance", instance::store);
        instance.initialize();
        refused(InvalidStateException.class, Status.STATE, "instance", instance::initialize);
        refused(InvalidStateException.class, Status.STATE, "instance",
                () -> instance.configure("{}"));
        Store store = instance.store();
        assertEquals("Store of an Instance", store.toString());
        try (Token token = store.generateToken("alice"); Store again = instance.store()) {
            assertTrue(token.value().startsWith("abc_"));
            assertEquals(NEW_YEAR, token.timeAdded());
            assertTrue(again.isSame(store));
        }
        instance.shutdown();
        assertThrows(InvalidStateException.class, () -> store.generateToken("alice"));
        refused(InvalidStateException.class, Status.STATE, "instance", instance::shutdown);
        instance.configure("{}");
        assertTrue(instance.settings().contains("\"token_type\": \"rbp\""));
        instance.close();
        store.close();
        nothingLives();
    }

    @Test
    void bad_settings_leave_no_instance() throws InterruptedException {
        // The callbacks of garbage would be forgotten meanwhile.
        nothingLives();
        int before = Callbacks.count();
        RbtokenException failed = assertThrows(RbtokenException.class, () -> Instance.create(
                new InstanceOptions().settings("{\"token_type\": 7}").clock(() -> NEW_YEAR)));
        assertEquals("$.token_type", failed.jsonPath().orElseThrow());
        assertEquals(before, Callbacks.count());
        nothingLives();
    }

    @Test
    void store_outlives_its_instance() {
        String location = folder.resolve("a.db").toString();
        Instance instance = Instance.create(new InstanceOptions()
                .settings("{\"location\": \"" + location + "\"}").clock(() -> NEW_YEAR));
        instance.initialize();
        try (Store store = instance.store()) {
            instance.close();
            assertThrows(InvalidStateException.class, () -> store.generateToken("alice"));
        }
    }

    @Test
    void log_receives_messages() {
        Map<LogLevel, String> lines = new ConcurrentHashMap<>();
        try (Instance instance = Instance.create(new InstanceOptions()
                .log((level, target, message) ->
                        lines.merge(level, target + " " + message, String::concat)))) {
            instance.initialize();
            try (Store store = instance.store(); Token token = store.generateToken("alice")) {
                assertFalse(lines.toString().contains(token.value()));
            }
        }
        assertTrue(lines.get(LogLevel.DEBUG).contains("alice"));
        assertTrue(lines.get(LogLevel.INFO).contains("rbtoken.extension "));
    }

    @Test
    void exception_of_a_log_is_thrown_by_the_call() {
        AtomicReference<Oops> fails = new AtomicReference<>();
        Instance instance = Instance.create(new InstanceOptions()
                .log((level, target, message) -> {
                    if (fails.get() != null) {
                        throw fails.get();
                    }
                }));
        fails.set(new Oops());
        assertSame(fails.get(), assertThrows(Oops.class, instance::initialize));
        // It is closed nevertheless.
        assertSame(fails.get(), assertThrows(Oops.class, instance::close));
        assertTrue(instance.isClosed());
        instance.close();
    }
}
