// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * Measures what a login costs, in empty calls of JNA: calls without an argument that return a
 * constant. Ends with status 1 if {@code authenticate} costs more than 10. Also prints the cost with
 * the close of the login, which releases its token. The library should be optimized.
 */
public final class Cost {
    private static final int LIMIT = 10;
    private static final int ROUNDS = 400;
    private static final int CALLS = 1000;

    private Cost() {}

    /** Returns the nanoseconds of one call. */
    private static double measure(IntConsumer call) {
        long start = System.nanoTime();
        for (int index = 0; index < CALLS; index++) {
            call.accept(index);
        }
        return (double) (System.nanoTime() - start) / CALLS;
    }

    /** Returns the lower decile, which other programs on the machine disturb least. */
    private static double usual(double[] values) {
        // The first half warms the compiler up.
        double[] sorted = Arrays.copyOfRange(values, values.length / 2, values.length);
        Arrays.sort(sorted);
        return sorted[sorted.length / 10];
    }

    /**
     * Prints the cost.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        double[] empty = new double[ROUNDS];
        double[] login = new double[ROUNDS];
        double[] closed = new double[ROUNDS];
        try (Store store = Store.open(); Token token = store.generateToken("alice")) {
            String value = token.value();
            Login[] logins = new Login[CALLS];
            for (int round = 0; round < ROUNDS; round++) {
                // All in each round, so that a busy machine slows all.
                empty[round] = measure(index -> Abi.rbtoken_abi_version());
                login[round] = measure(index -> logins[index] = store.authenticate(value));
                double close = measure(index -> {
                    if (!logins[index].ok()) {
                        throw new AssertionError(logins[index]);
                    }
                    logins[index].close();
                });
                closed[round] = login[round] + close;
            }
        }
        double call = usual(empty);
        double ratio = usual(login) / call;
        System.out.printf("authenticate: %.0f ns, %.1f empty calls of %.0f ns (at most %d); "
                + "with close: %.0f ns, %.1f empty calls%n",
                usual(login), ratio, call, LIMIT, usual(closed), usual(closed) / call);
        System.exit(ratio > LIMIT ? 1 : 0);
    }
}
