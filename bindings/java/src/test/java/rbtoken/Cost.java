// Measures what a login costs, in empty calls of JNA: a call of a trivial function, mapped in the
// same way. Ends with status 1 if it is more than 10. The library should be optimized.
//
// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Arrays;

/** Measures what a login costs. */
public final class Cost {
    private static final int LIMIT = 10;
    private static final int ROUNDS = 400;
    private static final int CALLS = 1000;

    private Cost() {}

    /** Returns the nanoseconds of one call. */
    private static double measure(Runnable call) {
        long start = System.nanoTime();
        for (int index = 0; index < CALLS; index++) {
            call.run();
        }
        return (double) (System.nanoTime() - start) / CALLS;
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        // The first half warms the compiler up.
        sorted = Arrays.copyOfRange(sorted, sorted.length / 2, sorted.length);
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    /**
     * Prints the cost.
     *
     * @param arguments none
     */
    public static void main(String[] arguments) {
        double[] empty = new double[ROUNDS];
        double[] login = new double[ROUNDS];
        double[] ratio = new double[ROUNDS];
        try (Store store = Store.open(); Token token = store.generateToken("alice")) {
            String value = token.value();
            for (int round = 0; round < ROUNDS; round++) {
                // Both in each round, so that a busy machine slows both.
                empty[round] = measure(Abi::rbtoken_abi_version);
                login[round] = measure(() -> {
                    try (Login it = store.authenticate(value)) {
                        if (!it.ok()) {
                            throw new AssertionError(it);
                        }
                    }
                });
                ratio[round] = login[round] / empty[round];
            }
        }
        System.out.printf("authenticate and close: %.0f ns, %.1f empty calls of %.0f ns "
                + "(at most %d)%n", median(login), median(ratio), median(empty), LIMIT);
        System.exit(median(ratio) > LIMIT ? 1 : 0);
    }
}
