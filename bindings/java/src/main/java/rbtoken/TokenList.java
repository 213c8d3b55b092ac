// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Tokens as they were when the list was made, in the order of their ids. Each token that a method
 * returns is an object of its own, and stays open when the list is closed.
 */
public final class TokenList extends Handle implements Iterable<Token> {
    private static final Ref.Kind KIND =
            new Ref.Kind("TokenList", Abi::rbtoken_token_list_free, false);

    private final int size;

    private TokenList(long pointer) {
        super(KIND, pointer, null);
        size = Math.toIntExact(Abi.rbtoken_token_list_count(pointer));
    }

    /** Takes a list of the library; null for NULL. */
    static TokenList of(long pointer) {
        return pointer == 0 ? null : new TokenList(pointer);
    }

    /**
     * Returns the number of tokens.
     *
     * @return the number
     */
    public int size() {
        requireOpen();
        return size;
    }

    /**
     * Returns a token.
     *
     * @param index 0 for the first token
     * @return the token
     * @throws IndexOutOfBoundsException if there is no such token
     */
    public Token get(int index) {
        try (Call call = new Call(this)) {
            if (index < 0 || index >= size) {
                throw new IndexOutOfBoundsException(
                        "index: " + index + " is not within a list of " + size);
            }
            return Token.retained(Abi.rbtoken_token_list_get(call.pointer(), index));
        }
    }

    /** Returns an iterator over the tokens. */
    @Override
    public Iterator<Token> iterator() {
        int end = size();
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < end;
            }

            @Override
            public Token next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return get(next++);
            }
        };
    }

    /**
     * Returns a stream of the tokens.
     *
     * @return the stream
     */
    public Stream<Token> stream() {
        return IntStream.range(0, size()).mapToObj(this::get);
    }
}
