// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Arrays;

/**
 * Measures what a login costs, in empty calls of JNA: releases of NULL, which do nothing, and are
 * mapped in the same way. Ends with status 1 if it is more than 10. Also prints the cost in calls
 * without an argument, since JNA takes about 20 ns for each. The library should be optimized.
 */
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
        double[] bare = new double[ROUNDS];
        double[] login = new double[ROUNDS];
        double[] ratio = new double[ROUNDS];
        double[] bareRatio = new double[ROUNDS];
        try (Store store = Store.open(); Token token = store.generateToken("alice")) {
            String value = token.value();
            for (int round = 0; round < ROUNDS; round++) {
                // All in each round, so that a busy machine slows all.
                empty[round] = measure(() -> Abi.rbtoken_token_release(0));
                bare[round] = measure(Abi::rbtoken_abi_version);
                login[round] = measure(() -> {
                    try (Login it = store.authenticate(value)) {
                        if (!it.ok()) {
                            throw new AssertionError(it);
                        }
                    }
                });
                ratio[round] = login[round] / empty[round];
                bareRatio[round] = login[round] / bare[round];
            }
        }
        System.out.printf("authenticate and close: %.0f ns, %.1f empty calls of %.0f ns "
                + "(at most %d); %.1f calls of %.0f ns without an argument%n",
                median(login), median(ratio), median(empty), LIMIT, median(bareRatio),
                median(bare));
        System.exit(median(ratio) > LIMIT ? 1 : 0);
    }
}
