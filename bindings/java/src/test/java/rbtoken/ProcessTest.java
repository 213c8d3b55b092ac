// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import rbtoken.Programs.Ended;

/** Tests of the end of the process. */
class ProcessTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @CsvSource({
        "exit, 7, ''", "exit-file, 7, ''", "halt, 8, ''", "daemons, 0, ''",
        "exit-in-callback, 9, ''", "halt-in-callback, 9, ''", "hook-at-exit, 0, bob",
        "left-open, 0, 8"
    })
    void process_ends_with_calls_under_way(String program, int status, String output)
            throws Exception {
        for (int round = 0; round < 2; round++) {
            assertEquals(new Ended(status, output), Programs.run(folder, List.of(), program));
        }
        // No core dump, and no report of a crash.
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(List.of(), files.map(it -> it.getFileName().toString())
                    .filter(it -> !it.matches("output|tokens\\.db.*")).toList());
        }
    }

    @Test
    void uncaught_exception_with_calls_under_way_ends_the_process() throws Exception {
        Ended ended = Programs.run(folder, List.of(), "uncaught");
        assertEquals(1, ended.status());
        assertTrue(ended.output().contains("IllegalStateException: uncaught"));
    }

    @Test
    void library_is_loaded_from_the_artifact() throws Exception {
        Path temporary = Files.createDirectory(folder.resolve("temporary"));
        Ended ended = Programs.run(
                folder, List.of("-Djna.tmpdir=" + temporary), "resource");
        assertEquals(new Ended(0, Rbtoken.version()), ended);
        try (Stream<Path> left = Files.list(temporary)) {
            assertEquals(List.of(), left.filter(it -> !it.toString().endsWith(".x")).toList());
        }
    }

    @Test
    void checks_of_jni_find_nothing() throws Exception {
        Ended ended = Programs.run(folder, List.of("-Xcheck:jni"), "exit");
        assertEquals(7, ended.status());
        assertTrue(!ended.output().contains("FATAL"), ended.output());
    }

    @Test
    void missing_library_is_an_error() throws Exception {
        Ended ended = Programs.run(folder, List.of(), "missing-library");
        assertEquals(1, ended.status());
        assertTrue(ended.output().contains("librbtoken.so"), ended.output());
    }

    @Test
    void another_library_is_an_error() throws Exception {
        Ended ended = Programs.run(folder, List.of(), "wrong-library");
        assertEquals(1, ended.status());
        assertTrue(ended.output().contains("is not librbtoken"), ended.output());
    }

    @Test
    void virtual_threads_share_the_memory_of_calls() throws Exception {
        Ended ended = Programs.run(
                folder, List.of("-XX:MaxDirectMemorySize=4m"), "virtual-threads");
        String expected = Runtime.version().feature() < 21 ? "none" : "5000 5000";
        assertEquals(new Ended(0, expected), ended);
    }
}
