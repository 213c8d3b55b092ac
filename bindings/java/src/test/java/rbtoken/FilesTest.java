// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static rbtoken.Support.verdict;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import rbtoken.Support.Oops;

/** Tests of files. */
class FilesTest {
    @TempDir
    Path folder;

    @Test
    void token_of_a_file_is_found_again() {
        Path path = folder.resolve("tokens.db");
        String value;
        try (Store store = Store.open(path); Token token = store.generateToken("alice")) {
            assertEquals("Store in \"" + path + "\"", store.toString());
            assertThrows(LockedException.class, () -> Store.open(path));
            value = token.value();
            verdict(store.authenticate(value));
            store.flush();
        }
        try (Store store = Store.open(path); Token token = store.getToken(1)) {
            assertEquals("alice", token.user());
            assertEquals(value, token.value());
            assertTrue(token.lastUsed().isPresent());
        }
    }

    @Test
    void location_that_is_no_store_is_refused() throws IOException {
        Path other = folder.resolve("other");
        Files.writeString(other, "This is no store.");
        Map.of(other.toString(), Status.INVALID_ARGUMENT,
                folder.resolve("missing/a.db").toString(), Status.IO,
                "nonsense://host/database", Status.INVALID_ARGUMENT)
                .forEach((location, status) -> assertEquals(status,
                        assertThrows(RbtokenException.class,
                                () -> Store.open(new StoreOptions().location(location)))
                                .status()));
    }

    @Test
    void backup_opens_as_a_store() {
        Path path = folder.resolve("copy.db");
        try (Store store = Store.open(); Token token = store.generateToken("alice")) {
            store.backup(path);
            assertThrows(ExistsException.class, () -> store.backup(path));
            try (Store copy = Store.open(path)) {
                assertEquals(Verdict.OK, verdict(copy.authenticate(token.value())));
            }
        }
    }

    @Test
    void export_is_imported_with_progress() {
        Path path = folder.resolve("tokens.jsonl");
        List<String> told = new ArrayList<>();
        Progress progress = (done, total) -> told.add(done + " of " + total);
        try (Store store = Store.open()) {
            store.generateToken("alice").close();
            store.generateToken("bob").close();
            assertEquals(2, store.exportFile(path, progress));
            assertEquals("2 of 2", told.get(told.size() - 1));
            assertThrows(ExistsException.class, () -> store.exportFile(path));
        }
        told.clear();
        try (Store store = Store.open()) {
            assertEquals(2, store.importFile(path, progress));
            assertEquals("2 of 2", told.get(told.size() - 1));
            assertThrows(ExistsException.class, () -> store.importFile(path));
            assertEquals(2, store.tokenCount());
        }
    }

    @Test
    void exception_of_progress_cancels_the_call() {
        Path path = folder.resolve("tokens.jsonl");
        Oops oops = new Oops();
        Progress fail = (done, total) -> {
            throw oops;
        };
        try (Store store = Store.open(); Store other = Store.open()) {
            store.generateToken("alice").close();
            assertSame(oops, assertThrows(Oops.class, () -> store.exportFile(path, fail)));
            assertFalse(Files.exists(path));
            assertEquals(1, store.exportFile(path));
            assertSame(oops, assertThrows(Oops.class, () -> other.importFile(path, fail)));
            assertEquals(0, other.tokenCount());
        }
    }
}
