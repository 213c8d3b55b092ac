// SPDX-License-Identifier: MIT
package rbtoken;

/** Creates token values. Any thread may call it, several at a time. */
public interface TokenGenerator {
    /**
     * Creates a value of 1 to 255 characters.
     *
     * @param tokenType the prefix of the value
     * @param attempt 0 at first; each value that already exists adds 1, up to 19
     * @return the value
     */
    String create(String tokenType, int attempt);

    /**
     * Checks the format of a value.
     *
     * @param tokenType the prefix of the value
     * @param value the value
     * @return true if the value has the generator's format
     */
    boolean validate(String tokenType, String value);
}
