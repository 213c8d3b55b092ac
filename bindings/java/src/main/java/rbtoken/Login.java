// SPDX-License-Identifier: MIT
package rbtoken;

import java.util.Optional;

/** Result of a login. Only {@link #ok} lets the caller in. Closing it closes its tokens. */
public final class Login implements AutoCloseable {
    private final int verdict;
    private final Token token;
    private final Token refused;

    Login(int verdict, Token token, Token refused) {
        this.verdict = verdict;
        this.token = token;
        this.refused = refused;
    }

    /**
     * Returns whether the caller is logged in, as the user of the token.
     *
     * @return true if the verdict is {@link Verdict#OK}
     */
    public boolean ok() {
        return verdict == Verdict.OK.code();
    }

    /**
     * Returns the verdict. Every verdict other than {@link Verdict#OK} rejects the login.
     *
     * @return the verdict
     */
    public Verdict verdict() {
        return Verdict.of(verdict);
    }

    /**
     * Returns the token of the caller.
     *
     * @return the token, if the caller is logged in
     */
    public Optional<Token> token() {
        return Optional.ofNullable(token);
    }

    /**
     * Returns the token that explains {@link Verdict#INVALID}, {@link Verdict#EXPIRED} and
     * {@link Verdict#WRONG_SITE}.
     *
     * @return the token, for these verdicts
     */
    public Optional<Token> refused() {
        return Optional.ofNullable(refused);
    }

    /** Closes the tokens of the login. */
    @Override
    public void close() {
        if (token != null) {
            token.close();
        }
        if (refused != null) {
            refused.close();
        }
    }

    /** Returns the verdict and what can be logged of the token. */
    @Override
    public String toString() {
        return token != null ? "Login " + verdict() + ", " + token : "Login " + verdict();
    }
}
