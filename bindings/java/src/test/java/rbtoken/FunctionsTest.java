// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Function;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** Checks that the other tests call all functions, if the library counts its calls. */
@Order(Integer.MAX_VALUE)
class FunctionsTest {
    /** The functions that no test calls, and why. At most 5. */
    private static final Map<String, String> NOT_CALLED = Map.of();

    @Test
    void tests_call_every_function() {
        Function counts;
        try {
            counts = LibraryFile.loaded().getFunction("rbtoken_call_counts");
        } catch (UnsatisfiedLinkError e) {
            System.out.println("The library does not count its calls.");
            return;
        }
        String calls;
        try (Call call = new Call()) {
            int buffer = call.output();
            call.memory.putLong(buffer, counts.invokeLong(new Object[0]));
            calls = call.takeText(buffer);
        }
        assertTrue(NOT_CALLED.size() <= 5);
        List<String> missing = Header.FUNCTIONS.stream()
                .filter(it -> !calls.matches("(?s).*\"" + it.replace(".", "\\.")
                        + "\": ?[1-9].*"))
                .filter(it -> !NOT_CALLED.containsKey(it))
                .toList();
        assertEquals(List.of(), missing);
        System.out.println("The tests call " + Header.FUNCTIONS.size() + " functions, of which "
                + NOT_CALLED.size() + " need not be called.");
    }
}
