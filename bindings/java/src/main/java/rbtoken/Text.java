// SPDX-License-Identifier: MIT
package rbtoken;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Encodes texts for the library, which checks them. */
final class Text {
    private Text() {}

    /** Encodes a text that must not be null. */
    static byte[] required(String text, String argument) {
        return encode(Check.notNull(text, argument));
    }

    /** Encodes a text; null for null. */
    static byte[] optional(String text) {
        return text == null ? null : encode(text);
    }

    /**
     * Encodes a text in UTF-8. A lone surrogate is encoded as if it were a character: the library
     * refuses that as invalid UTF-8. The JDK would replace it with a question mark.
     */
    private static byte[] encode(String text) {
        boolean hasSurrogate = false;
        for (int index = 0; index < text.length(); index++) {
            hasSurrogate |= Character.isSurrogate(text.charAt(index));
        }
        return hasSurrogate ? encodeSurrogates(text) : text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] encodeSurrogates(String text) {
        byte[] bytes = new byte[3 * text.length()];
        int length = 0;
        for (int index = 0; index < text.length(); ) {
            int point = text.codePointAt(index);
            int next = index + Character.charCount(point);
            if (point >= 0xD800 && point <= 0xDFFF) {
                bytes[length++] = (byte) (0xE0 | point >> 12);
                bytes[length++] = (byte) (0x80 | point >> 6 & 0x3F);
                bytes[length++] = (byte) (0x80 | point & 0x3F);
            } else {
                byte[] one = text.substring(index, next).getBytes(StandardCharsets.UTF_8);
                System.arraycopy(one, 0, bytes, length, one.length);
                length += one.length;
            }
            index = next;
        }
        return Arrays.copyOf(bytes, length);
    }
}
