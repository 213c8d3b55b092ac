// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.Instant;

/** Fields of a token that exists elsewhere. */
public final class ImportOptions {
    Instant timeAdded;
    Instant lastUpdated;
    Instant lastUsed;
    Instant expires;
    boolean invalid;
    Instant invalidDate;
    String invalidReason;
    String generatorId;
    String localSite;
    String note;
    String policy;
    String extraData;

    /** Creates options with all defaults. */
    public ImportOptions() {}

    /**
     * Sets when the token was created. The default is now.
     *
     * @param timeAdded the time
     * @return these options
     */
    public ImportOptions timeAdded(Instant timeAdded) {
        this.timeAdded = Check.notNull(timeAdded, "time_added");
        return this;
    }

    /**
     * Sets when the token was last changed. The default is when it was created.
     *
     * @param lastUpdated the time
     * @return these options
     */
    public ImportOptions lastUpdated(Instant lastUpdated) {
        this.lastUpdated = Check.notNull(lastUpdated, "last_updated");
        return this;
    }

    /**
     * Sets when the token was last used. The default is never.
     *
     * @param lastUsed the time
     * @return these options
     */
    public ImportOptions lastUsed(Instant lastUsed) {
        this.lastUsed = Check.notNull(lastUsed, "last_used");
        return this;
    }

    /**
     * Sets when the token expires. The default is never.
     *
     * @param expires the time
     * @return these options
     */
    public ImportOptions expires(Instant expires) {
        this.expires = Check.notNull(expires, "expires");
        return this;
    }

    /**
     * Says that the token was invalidated.
     *
     * @return these options
     */
    public ImportOptions invalid() {
        invalid = true;
        return this;
    }

    /**
     * Sets when the token was invalidated. Requires {@link #invalid}.
     *
     * @param invalidDate the time
     * @return these options
     */
    public ImportOptions invalidDate(Instant invalidDate) {
        this.invalidDate = Check.notNull(invalidDate, "invalid_date");
        return this;
    }

    /**
     * Sets why the token was invalidated. Requires {@link #invalid}.
     *
     * @param invalidReason the reason
     * @return these options
     */
    public ImportOptions invalidReason(String invalidReason) {
        this.invalidReason = Check.notNull(invalidReason, "invalid_reason");
        return this;
    }

    /**
     * Sets the generator that created the value. The default is that of the store.
     *
     * @param generatorId the id, which the store need not know
     * @return these options
     */
    public ImportOptions generatorId(String generatorId) {
        this.generatorId = Check.notNull(generatorId, "generator_id");
        return this;
    }

    /**
     * Sets the Local Site of the token. The default is the global site.
     *
     * @param localSite the name of a Local Site
     * @return these options
     */
    public ImportOptions localSite(String localSite) {
        this.localSite = Check.notNull(localSite, "local_site");
        return this;
    }

    /**
     * Sets the note.
     *
     * @param note the note, for people
     * @return these options
     */
    public ImportOptions note(String note) {
        this.note = Check.notNull(note, "note");
        return this;
    }

    /**
     * Sets the policy. The default is full access.
     *
     * @param policy the policy as JSON
     * @return these options
     */
    public ImportOptions policy(String policy) {
        this.policy = Check.notNull(policy, "policy");
        return this;
    }

    /**
     * Sets the extra data.
     *
     * @param extraData a JSON object; a string {@code client_name} in it makes this a client token
     * @return these options
     */
    public ImportOptions extraData(String extraData) {
        this.extraData = Check.notNull(extraData, "extra_data");
        return this;
    }
}
