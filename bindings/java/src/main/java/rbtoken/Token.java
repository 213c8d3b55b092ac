// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Instant;
import java.util.Optional;

/**
 * A snapshot of a token: its fields as they were when a method returned it. Later changes do not
 * affect it, and it can outlive its store.
 */
public final class Token extends Handle {
    private static final Ref.Kind KIND =
            new Ref.Kind("Token", Abi::rbtoken_token_release, false);

    private interface TextField {
        long get(long token, long length);
    }

    private interface TimeField {
        byte get(long token, long time);
    }

    private Token(long pointer) {
        super(KIND, pointer, null);
    }

    /** Takes a token of the library; null for NULL. */
    static Token of(long pointer) {
        return pointer == 0 ? null : new Token(pointer);
    }

    /** Returns an object for a token that the library lends. */
    static Token retained(long pointer) {
        return new Token(Abi.rbtoken_token_retain(pointer));
    }

    /**
     * Returns another object for the same token, to be closed on its own.
     *
     * @return the object
     */
    public Token retain() {
        try (Call call = new Call(this)) {
            return retained(call.pointer());
        }
    }

    private String text(TextField field) {
        try (Call call = new Call(this)) {
            return text(call, field);
        }
    }

    private static String text(Call call, TextField field) {
        int length = call.output();
        long address = field.get(call.pointer(), call.address(length));
        return Call.text(address, call.getLong(length));
    }

    private Optional<Instant> time(TimeField field) {
        try (Call call = new Call(this)) {
            int time = call.output();
            boolean isKnown = field.get(call.pointer(), call.address(time)) != 0;
            return isKnown ? Optional.of(Check.instant(call.getLong(time))) : Optional.empty();
        }
    }

    /**
     * Returns the id, which the store never gives to another token.
     *
     * @return the id
     */
    public long id() {
        try (Call call = new Call(this)) {
            return Abi.rbtoken_token_id(call.pointer());
        }
    }

    /**
     * Returns the value, which is a secret. Log {@link #redacted} instead.
     *
     * @return the value
     */
    public String value() {
        return text(Abi::rbtoken_token_value);
    }

    /**
     * Returns what can be logged: the type and the id, such as {@code rbp_***#17}.
     *
     * @return the text
     */
    public String redacted() {
        return text(Abi::rbtoken_token_redacted);
    }

    /**
     * Returns the user that owns the token.
     *
     * @return the user's name
     */
    public String user() {
        return text(Abi::rbtoken_token_user);
    }

    /**
     * Returns the Local Site of the token.
     *
     * @return the name, unless the token belongs to the global site
     */
    public Optional<String> localSite() {
        return Optional.ofNullable(text(Abi::rbtoken_token_local_site));
    }

    /**
     * Returns the client program that the token belongs to.
     *
     * @return the name, if this is a client token
     */
    public Optional<String> clientName() {
        return Optional.ofNullable(text(Abi::rbtoken_token_client_name));
    }

    /**
     * Returns the note, for people.
     *
     * @return the note, which can be empty
     */
    public String note() {
        return text(Abi::rbtoken_token_note);
    }

    /**
     * Returns the generator that created the value, such as {@code vendor_checksum}.
     *
     * @return the id of the generator
     */
    public String generatorId() {
        return text(Abi::rbtoken_token_generator_id);
    }

    /**
     * Returns the policy.
     *
     * @return the policy as JSON; on Review Board's database, the stored text, which need not be
     *     JSON
     */
    public String policy() {
        return text(Abi::rbtoken_token_policy);
    }

    /**
     * Returns the extra data.
     *
     * @return a JSON object; on Review Board's database, the stored text, which need not be JSON
     */
    public String extraData() {
        return text(Abi::rbtoken_token_extra_data);
    }

    /**
     * Returns why the token was invalidated.
     *
     * @return the reason, which can be empty
     */
    public String invalidReason() {
        return text(Abi::rbtoken_token_invalid_reason);
    }

    /**
     * Returns when the token expires.
     *
     * @return the time, unless it never does
     */
    public Optional<Instant> expires() {
        return time(Abi::rbtoken_token_expires);
    }

    /**
     * Returns when the token was created.
     *
     * @return the time
     */
    public Instant timeAdded() {
        return time(Abi::rbtoken_token_time_added).orElseThrow();
    }

    /**
     * Returns when the token was last changed. Logins and invalidation do not count.
     *
     * @return the time
     */
    public Instant lastUpdated() {
        return time(Abi::rbtoken_token_last_updated).orElseThrow();
    }

    /**
     * Returns when the token was last used for a login.
     *
     * @return the time, if it was ever used
     */
    public Optional<Instant> lastUsed() {
        return time(Abi::rbtoken_token_last_used);
    }

    /**
     * Returns when the token was invalidated.
     *
     * @return the time, if it was invalidated and the time is known
     */
    public Optional<Instant> invalidDate() {
        return time(Abi::rbtoken_token_invalid_date);
    }

    /**
     * Returns whether the token was invalidated, which is final.
     *
     * @return true if it was
     */
    public boolean isInvalidated() {
        try (Call call = new Call(this)) {
            return Abi.rbtoken_token_is_invalidated(call.pointer()) != 0;
        }
    }

    /**
     * Returns whether the token is expired at a time.
     *
     * @param at the time
     * @return true if the token expires at or before this time
     */
    public boolean isExpired(Instant at) {
        long atUs = Check.microseconds(at, "at");
        try (Call call = new Call(this)) {
            return Abi.rbtoken_token_is_expired(call.pointer(), atUs) != 0;
        }
    }

    /**
     * Returns whether the token's generator was deprecated at the time of the snapshot.
     *
     * @return true if it was
     */
    public boolean isDeprecated() {
        try (Call call = new Call(this)) {
            return Abi.rbtoken_token_is_deprecated(call.pointer()) != 0;
        }
    }

    /**
     * Checks whether the token's policy allows an HTTP method on resources. It does not check
     * whether the token is usable: {@link Store#authenticate(String)} does that.
     *
     * @param policyId the policy id of the resources, such as {@code review_request}
     * @param method the HTTP method, such as {@code GET}
     * @return true if it does
     */
    public boolean allows(String policyId, String method) {
        return allows(policyId, method, null);
    }

    /**
     * Checks whether the token's policy allows an HTTP method on a resource. It does not check
     * whether the token is usable: {@link Store#authenticate(String)} does that.
     *
     * @param policyId the policy id of the resource, such as {@code review_request}
     * @param method the HTTP method, such as {@code GET}
     * @param resourceId the resource's id; null: none
     * @return true if it does
     */
    public boolean allows(String policyId, String method, String resourceId) {
        return Call.allows(this, Abi::rbtoken_token_allows, policyId, method, resourceId);
    }

    /**
     * Returns the fields of Review Board's API token payload, without the value.
     *
     * @param at the time for which {@code expired} is computed
     * @return a JSON object
     */
    public String toJson(Instant at) {
        return toJson(at, 0);
    }

    /**
     * Returns the fields of Review Board's API token payload, with the value, which is a secret.
     *
     * @param at the time for which {@code expired} is computed
     * @return a JSON object
     */
    public String toJsonWithValue(Instant at) {
        return toJson(at, Abi.JSON_WITH_VALUE);
    }

    private String toJson(Instant at, int flags) {
        long atUs = Check.microseconds(at, "at");
        try (Call call = new Call(this)) {
            int json = call.output();
            call.check(Abi.rbtoken_token_to_json(
                    call.pointer(), atUs, flags, call.address(json), call.error()));
            return call.takeText(json);
        }
    }

    /**
     * Returns whether all fields of both tokens are equal. A closed token has no fields that could
     * be equal.
     *
     * @param other a token
     * @return true if they are
     */
    public boolean hasSameFields(Token other) {
        Check.notNull(other, "other");
        try (Token a = retain(); Token b = other.retain()) {
            return a.id() == b.id() && a.value().equals(b.value())
                    && a.redacted().equals(b.redacted()) && a.user().equals(b.user())
                    && a.localSite().equals(b.localSite())
                    && a.clientName().equals(b.clientName()) && a.note().equals(b.note())
                    && a.generatorId().equals(b.generatorId()) && a.policy().equals(b.policy())
                    && a.extraData().equals(b.extraData())
                    && a.invalidReason().equals(b.invalidReason())
                    && a.expires().equals(b.expires()) && a.timeAdded().equals(b.timeAdded())
                    && a.lastUpdated().equals(b.lastUpdated())
                    && a.lastUsed().equals(b.lastUsed())
                    && a.invalidDate().equals(b.invalidDate())
                    && a.isInvalidated() == b.isInvalidated()
                    && a.isDeprecated() == b.isDeprecated();
        } catch (ClosedException e) {
            return false;
        }
    }

    /** Returns what can be logged: the redacted value and the user. */
    @Override
    public String toString() {
        try (Call call = new Call(this)) {
            return "Token " + text(call, Abi::rbtoken_token_redacted) + " of \""
                    + text(call, Abi::rbtoken_token_user) + "\"";
        } catch (ClosedException e) {
            return "Token (closed)";
        }
    }
}
