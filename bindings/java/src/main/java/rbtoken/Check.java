// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Duration;
import java.time.Instant;

/** Checks and converts arguments. */
final class Check {
    private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant END = Instant.parse("+10000-01-01T00:00:00Z");
    private static final long MAX_U32 = 0xFFFF_FFFFL;

    private Check() {}

    static <T> T notNull(T value, String argument) {
        if (value == null) {
            throw refuse(Status.NULL_ARGUMENT, argument, "must not be null");
        }
        return value;
    }

    static InvalidArgumentException refuse(Status status, String argument, String problem) {
        return new InvalidArgumentException(status, argument + ": " + problem, argument);
    }

    /** Returns the microseconds of a time in the years that the library has. */
    static long microseconds(Instant time, String argument) {
        notNull(time, argument);
        if (time.isBefore(FIRST) || !time.isBefore(END)) {
            throw refuse(Status.TIME_RANGE, argument, "must be within the years 1 to 9999");
        }
        return time.getEpochSecond() * 1_000_000 + time.getNano() / 1000;
    }

    static Instant instant(long microseconds) {
        return Instant.ofEpochSecond(
                Math.floorDiv(microseconds, 1_000_000L),
                Math.floorMod(microseconds, 1_000_000L) * 1000);
    }

    /** Returns the seconds of a duration without a fraction. */
    static long seconds(Duration duration, String argument) {
        notNull(duration, argument);
        if (duration.getNano() != 0) {
            throw refuse(Status.INVALID_ARGUMENT, argument, "expected whole seconds");
        }
        return duration.getSeconds();
    }

    /** Returns a number as the 32 bits of an unsigned integer. */
    static int unsigned(long number, String argument) {
        if (number < 0 || number > MAX_U32) {
            throw refuse(Status.INVALID_ARGUMENT, argument, "expected 0 to " + MAX_U32);
        }
        return (int) number;
    }
}
