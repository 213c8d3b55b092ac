// SPDX-License-Identifier: MIT
package rbtoken;

import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;

/**
 * A store of tokens: in memory, in a file, or on the database of a Review Board server.
 *
 * <p>Whoever can ask a store for tokens can act as any user: authenticate the caller first.
 */
public final class Store extends Handle {
    private static final Ref.Kind KIND = new Ref.Kind("Store", Store::release, true);

    private interface OpenFunction {
        int call(long options, long store, long error);
    }

    private interface LoginFunction {
        int call(long store, long text, long length, long options, long verdict, long token,
                long refused, long error);
    }

    /** What {@link #toString} says. It has no password. */
    private final String where;

    private Store(long pointer, String where, Callbacks.Host host) {
        super(KIND, pointer, host);
        this.where = where;
    }

    /** Takes a store of the library; null for NULL. */
    static Store of(long pointer, String where, Callbacks.Host host) {
        return pointer == 0 ? null : new Store(pointer, where, host);
    }

    /** Returns an object for a store that the library lends. */
    static Store retained(long pointer, Callbacks.Registered registered) {
        return new Store(
                Abi.rbtoken_store_retain(pointer), registered.where(), registered.host());
    }

    private static void release(long pointer) {
        try (Call call = new Call()) {
            Abi.rbtoken_store_release(pointer);
            call.check(Status.OK.code());
        }
    }

    /**
     * Opens an empty store in memory.
     *
     * @return the store
     */
    public static Store open() {
        return open(new StoreOptions());
    }

    /**
     * Opens a store in a file, which is created if it does not exist.
     *
     * @param path the path
     * @return the store
     */
    public static Store open(Path path) {
        return open(new StoreOptions().location(path));
    }

    /**
     * Opens a store.
     *
     * @param options the options
     * @return the store
     */
    public static Store open(StoreOptions options) {
        Check.notNull(options, "options");
        InstantSource clock = options.clock;
        Entropy entropy = options.entropy;
        // The library destroys both, even if the call fails.
        return open(options, Abi::rbtoken_store_open,
                clock == null ? 0 : Callbacks.keep(new Callbacks.Services(clock, null, null)),
                entropy == null ? 0 : Callbacks.keep(new Callbacks.Services(null, entropy, null)),
                false);
    }

    /**
     * Returns the store that the parts of a process share, or opens it in memory. The process keeps
     * it open until it ends, but each object must still be closed.
     *
     * @return the store
     */
    public static Store shared() {
        return shared(new StoreOptions());
    }

    /**
     * Returns the store that the parts of a process share. The first call opens it. Later calls
     * must pass no options or the same ones: equal texts, and the same objects as clock and source
     * of entropy.
     *
     * @param options the options
     * @return the store
     */
    public static Store shared(StoreOptions options) {
        Check.notNull(options, "options");
        SharedData clock = SharedData.pass(
                options.clock, new Callbacks.Services(options.clock, null, null));
        SharedData entropy = SharedData.pass(
                options.entropy, new Callbacks.Services(null, options.entropy, null));
        try {
            return open(options, Abi::rbtoken_store_shared, clock == null ? 0 : clock.data,
                    entropy == null ? 0 : entropy.data, true);
        } catch (Throwable e) {
            SharedData.undo(clock);
            SharedData.undo(entropy);
            throw e;
        }
    }

    private static Store open(StoreOptions options, OpenFunction function, long clock,
            long entropy, boolean isShared) {
        byte[] location = Text.optional(options.location);
        byte[] settings = Text.optional(options.settings);
        try (Call call = new Call()) {
            int store = call.output();
            int o = call.struct(Abi.StoreOptions.SIZE);
            call.set(o + Abi.StoreOptions.LOCATION, o + Abi.StoreOptions.LOCATION_LEN, location);
            call.set(o + Abi.StoreOptions.SETTINGS, o + Abi.StoreOptions.SETTINGS_LEN, settings);
            if (clock != 0) {
                call.memory.putLong(
                        o + Abi.StoreOptions.CLOCK, Callbacks.clock(call, clock, isShared));
            }
            if (entropy != 0) {
                call.memory.putLong(
                        o + Abi.StoreOptions.ENTROPY, Callbacks.entropy(call, entropy, isShared));
            }
            // For the shared store, no options are those that it was opened with.
            boolean isDefault =
                    location == null && settings == null && clock == 0 && entropy == 0;
            int status = function.call(
                    isDefault ? 0 : call.address(o), call.address(store), call.error());
            return call.check(status, of(call.getLong(store), where(options), null));
        }
    }

    static String where(StoreOptions options) {
        if (options.location == null) {
            return options.settings == null ? "in memory" : "of settings";
        }
        int scheme = options.location.indexOf("://");
        return scheme < 0 ? "in \"" + options.location + "\""
                : "on " + options.location.substring(0, scheme);
    }

    private static byte[] path(Path path) {
        return Text.required(Check.notNull(path, "path").toString(), "path");
    }

    /**
     * Returns another object for the same store, to be closed on its own.
     *
     * @return the object
     */
    public Store retain() {
        try (Call call = new Call(this)) {
            return new Store(Abi.rbtoken_store_retain(call.pointer()), where, ref.host);
        }
    }

    /**
     * Returns whether both are objects for the same store, and neither is closed.
     *
     * @param other a store
     * @return true if they are
     */
    public boolean isSame(Store other) {
        Check.notNull(other, "other");
        return ref.pointer == other.ref.pointer && !isClosed() && !other.isClosed();
    }

    /** Says where the store is, without a password. */
    @Override
    public String toString() {
        return isClosed() ? "Store (closed)" : "Store " + where;
    }

    /**
     * Changes a setting.
     *
     * @param name the name, such as {@code client_token_expiration}
     * @param value the value as JSON
     */
    public void setSetting(String name, String value) {
        byte[] nameText = Text.required(name, "name");
        byte[] valueText = Text.required(value, "value");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_setting(call.pointer(), call.put(nameText),
                    nameText.length, call.put(valueText), valueText.length, call.error()));
        }
    }

    /**
     * Returns a setting.
     *
     * @param name the name
     * @return the value as JSON
     */
    public String setting(String name) {
        byte[] nameText = Text.required(name, "name");
        try (Call call = new Call(this)) {
            int json = call.output();
            call.check(Abi.rbtoken_store_get_setting(call.pointer(), call.put(nameText),
                    nameText.length, call.address(json), call.error()));
            return call.takeText(json);
        }
    }

    /**
     * Returns the counters of the store, and those of the objects of the process.
     *
     * @return a JSON object
     */
    public String statistics() {
        try (Call call = new Call(this)) {
            int json = call.output();
            call.check(Abi.rbtoken_store_statistics(call.pointer(), call.address(json),
                    call.error()));
            return call.takeText(json);
        }
    }

    /**
     * Adds a Local Site. Tokens can then be created for it.
     *
     * @param localSite the name
     */
    public void addLocalSite(String localSite) {
        byte[] localSiteText = Text.required(localSite, "local_site");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_add_local_site(call.pointer(), call.put(localSiteText),
                    localSiteText.length, call.error()));
        }
    }

    /**
     * Removes a Local Site and its tokens.
     *
     * @param localSite the name
     */
    public void removeLocalSite(String localSite) {
        byte[] localSiteText = Text.required(localSite, "local_site");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_remove_local_site(call.pointer(), call.put(localSiteText),
                    localSiteText.length, call.error()));
        }
    }

    /**
     * Enables or disables login for a user. Tokens of a disabled user are kept.
     *
     * @param user the user's name
     * @param active true to enable login
     */
    public void setUserActive(String user, boolean active) {
        byte[] userText = Text.required(user, "user");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_user_active(call.pointer(), call.put(userText),
                    userText.length, active ? 1 : 0, call.error()));
        }
    }

    /**
     * Registers the policy ids of the host's resources, in place of those that were registered
     * before.
     *
     * @param ids the ids
     */
    public void setPolicyIds(Collection<String> ids) {
        ArrayList<String> all = new ArrayList<>(Check.notNull(ids, "ids"));
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_policy_ids(
                    call.pointer(), call.putAll(all, "ids"), all.size(), call.error()));
        }
    }

    /**
     * Allows any policy id again.
     */
    public void allowAnyPolicyId() {
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_policy_ids(call.pointer(), 0, 0, call.error()));
        }
    }

    /**
     * Writes everything to the disk, including the times of the last logins.
     */
    public void flush() {
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_flush(call.pointer(), call.error()));
        }
    }

    /**
     * Copies the store to a new file, which can be opened as a store. It contains all secrets.
     *
     * @param path the file to create
     */
    public void backup(Path path) {
        byte[] pathText = path(path);
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_backup(call.pointer(), call.put(pathText), pathText.length,
                    call.error()));
        }
    }

    /**
     * Exports the store to a new file in JSON Lines format. It contains all secrets.
     *
     * @param path the file to create
     * @return the number of exported tokens
     */
    public long exportFile(Path path) {
        return transfer(Abi::rbtoken_store_export_file, path, null);
    }

    /**
     * Exports the store to a new file in JSON Lines format. It contains all secrets.
     *
     * @param path the file to create
     * @param progress receives the progress, and can cancel the call with an exception
     * @return the number of exported tokens
     */
    public long exportFile(Path path, Progress progress) {
        return transfer(Abi::rbtoken_store_export_file, path, Check.notNull(progress, "progress"));
    }

    /**
     * Imports a file that {@link #exportFile(Path)} has written: all of it, or nothing.
     *
     * @param path the file to read
     * @return the number of imported tokens
     */
    public long importFile(Path path) {
        return transfer(Abi::rbtoken_store_import_file, path, null);
    }

    /**
     * Imports a file that {@link #exportFile(Path)} has written: all of it, or nothing.
     *
     * @param path the file to read
     * @param progress receives the progress, and can cancel the call with an exception
     * @return the number of imported tokens
     */
    public long importFile(Path path, Progress progress) {
        return transfer(Abi::rbtoken_store_import_file, path, Check.notNull(progress, "progress"));
    }

    private interface TransferFunction {
        int call(long store, long path, long length, long progress, long count, long error);
    }

    private long transfer(TransferFunction function, Path path, Progress progress) {
        byte[] text = path(path);
        try (Call call = new Call(this)) {
            int count = call.output();
            call.check(function.call(
                    call.pointer(), call.put(text), text.length,
                    Callbacks.progress(call, progress), call.address(count), call.error()));
            return call.getLong(count);
        }
    }

    /**
     * Returns the token of a client program for a user, and creates one if there is no suitable
     * token.
     *
     * <p>Whoever can call this can act as any user: authenticate the caller first.
     *
     * @param user the user's name
     * @param clientName the name of the client program
     * @return the token, and whether it is new
     */
    public IssuedToken getOrCreateClientToken(String user, String clientName) {
        return getOrCreateClientToken(user, clientName, new ClientTokenOptions());
    }

    /**
     * Returns the token of a client program for a user, and creates one if there is no suitable
     * token.
     *
     * <p>Whoever can call this can act as any user: authenticate the caller first.
     *
     * @param user the user's name
     * @param clientName the name of the client program
     * @param options the options
     * @return the token, and whether it is new
     */
    public IssuedToken getOrCreateClientToken(
            String user, String clientName, ClientTokenOptions options) {
        byte[] userText = Text.required(user, "user");
        byte[] clientText = Text.required(clientName, "client_name");
        Check.notNull(options, "options");
        byte[] site = Text.optional(options.localSite);
        byte[] policy = Text.optional(options.defaultPolicy);
        byte[] extraData = Text.optional(options.defaultExtraData);
        Expiration expires = options.expires;
        long expiresUs = expires.microseconds();
        boolean isValiditySet = options.minValidity != null;
        long seconds = isValiditySet ? Check.seconds(options.minValidity, "min_validity") : 0;
        try (Call call = new Call(this)) {
            int o = call.struct(Abi.ClientTokenOptions.SIZE);
            call.memory.putInt(o + Abi.ClientTokenOptions.EXPIRES_MODE, expires.mode());
            call.memory.putLong(o + Abi.ClientTokenOptions.EXPIRES_AT_US, expiresUs);
            call.memory.putInt(o + Abi.ClientTokenOptions.MIN_VALIDITY_MODE,
                    isValiditySet ? Abi.MIN_VALIDITY_SECS : Abi.MIN_VALIDITY_DEFAULT);
            call.memory.putLong(o + Abi.ClientTokenOptions.MIN_VALIDITY_SECS, seconds);
            call.memory.putInt(o + Abi.ClientTokenOptions.FLAGS,
                    options.ignoreDeprecated ? Abi.CLIENT_TOKEN_IGNORE_DEPRECATED : 0);
            call.set(o + Abi.ClientTokenOptions.LOCAL_SITE,
                    o + Abi.ClientTokenOptions.LOCAL_SITE_LEN, site);
            call.set(o + Abi.ClientTokenOptions.DEFAULT_POLICY,
                    o + Abi.ClientTokenOptions.DEFAULT_POLICY_LEN, policy);
            call.set(o + Abi.ClientTokenOptions.DEFAULT_EXTRA_DATA,
                    o + Abi.ClientTokenOptions.DEFAULT_EXTRA_DATA_LEN, extraData);
            int token = call.output();
            int created = call.output();
            int status = Abi.rbtoken_store_get_or_create_client_token(
                    call.pointer(), call.put(userText), userText.length, call.put(clientText),
                    clientText.length, call.address(o), call.address(token),
                    call.address(created), call.error());
            return new IssuedToken(
                    call.check(status, Token.of(call.getLong(token))), call.getBoolean(created));
        }
    }

    /**
     * Creates a token.
     *
     * <p>Whoever can call this can act as any user: authenticate the caller first.
     *
     * @param user the user's name
     * @return the token
     */
    public Token generateToken(String user) {
        return generateToken(user, new GenerateOptions());
    }

    /**
     * Creates a token.
     *
     * <p>Whoever can call this can act as any user: authenticate the caller first.
     *
     * @param user the user's name
     * @param options the options
     * @return the token
     */
    public Token generateToken(String user, GenerateOptions options) {
        byte[] userText = Text.required(user, "user");
        Check.notNull(options, "options");
        byte[] generator = Text.optional(options.generatorId);
        byte[] type = Text.optional(options.tokenType);
        byte[] site = Text.optional(options.localSite);
        byte[] note = Text.optional(options.note);
        byte[] policy = Text.optional(options.policy);
        byte[] extraData = Text.optional(options.extraData);
        Expiration expires = options.expires;
        long expiresUs = expires.microseconds();
        int flags = (options.invalid ? Abi.GENERATE_INVALID : 0)
                | (options.autoGenerated ? Abi.GENERATE_AUTO_GENERATED : 0);
        try (Call call = new Call(this)) {
            int o = call.struct(Abi.GenerateOptions.SIZE);
            call.memory.putInt(o + Abi.GenerateOptions.EXPIRES_MODE, expires.mode());
            call.memory.putLong(o + Abi.GenerateOptions.EXPIRES_AT_US, expiresUs);
            call.memory.putInt(o + Abi.GenerateOptions.FLAGS, flags);
            call.set(o + Abi.GenerateOptions.GENERATOR_ID,
                    o + Abi.GenerateOptions.GENERATOR_ID_LEN, generator);
            call.set(o + Abi.GenerateOptions.TOKEN_TYPE,
                    o + Abi.GenerateOptions.TOKEN_TYPE_LEN, type);
            call.set(o + Abi.GenerateOptions.LOCAL_SITE,
                    o + Abi.GenerateOptions.LOCAL_SITE_LEN, site);
            call.set(o + Abi.GenerateOptions.NOTE, o + Abi.GenerateOptions.NOTE_LEN, note);
            call.set(o + Abi.GenerateOptions.POLICY, o + Abi.GenerateOptions.POLICY_LEN, policy);
            call.set(o + Abi.GenerateOptions.EXTRA_DATA,
                    o + Abi.GenerateOptions.EXTRA_DATA_LEN, extraData);
            int token = call.output();
            int status = Abi.rbtoken_store_generate_token(
                    call.pointer(), call.put(userText), userText.length, call.address(o),
                    call.address(token), call.error());
            return call.check(status, Token.of(call.getLong(token)));
        }
    }

    /**
     * Adds a token that exists elsewhere.
     *
     * @param user the user's name
     * @param value the token's value
     * @return the token
     */
    public Token importToken(String user, String value) {
        return importToken(user, value, new ImportOptions());
    }

    /**
     * Adds a token that exists elsewhere.
     *
     * @param user the user's name
     * @param value the token's value
     * @param options the other fields
     * @return the token
     */
    public Token importToken(String user, String value, ImportOptions options) {
        byte[] userText = Text.required(user, "user");
        byte[] valueText = Text.required(value, "value");
        Check.notNull(options, "options");
        byte[] reason = Text.optional(options.invalidReason);
        byte[] generator = Text.optional(options.generatorId);
        byte[] site = Text.optional(options.localSite);
        byte[] note = Text.optional(options.note);
        byte[] policy = Text.optional(options.policy);
        byte[] extraData = Text.optional(options.extraData);
        try (Call call = new Call(this)) {
            int o = call.struct(Abi.ImportOptions.SIZE);
            int flags = (options.invalid ? Abi.IMPORT_INVALID : 0)
                    | time(call, o + Abi.ImportOptions.TIME_ADDED_US, options.timeAdded,
                            "time_added", Abi.IMPORT_TIME_ADDED_KNOWN)
                    | time(call, o + Abi.ImportOptions.LAST_UPDATED_US, options.lastUpdated,
                            "last_updated", Abi.IMPORT_LAST_UPDATED_KNOWN)
                    | time(call, o + Abi.ImportOptions.LAST_USED_US, options.lastUsed,
                            "last_used", Abi.IMPORT_LAST_USED_KNOWN)
                    | time(call, o + Abi.ImportOptions.EXPIRES_AT_US, options.expires,
                            "expires", Abi.IMPORT_EXPIRES_KNOWN)
                    | time(call, o + Abi.ImportOptions.INVALID_DATE_US, options.invalidDate,
                            "invalid_date", Abi.IMPORT_INVALID_DATE_KNOWN);
            call.memory.putInt(o + Abi.ImportOptions.FLAGS, flags);
            call.set(o + Abi.ImportOptions.INVALID_REASON,
                    o + Abi.ImportOptions.INVALID_REASON_LEN, reason);
            call.set(o + Abi.ImportOptions.GENERATOR_ID,
                    o + Abi.ImportOptions.GENERATOR_ID_LEN, generator);
            call.set(o + Abi.ImportOptions.LOCAL_SITE, o + Abi.ImportOptions.LOCAL_SITE_LEN,
                    site);
            call.set(o + Abi.ImportOptions.NOTE, o + Abi.ImportOptions.NOTE_LEN, note);
            call.set(o + Abi.ImportOptions.POLICY, o + Abi.ImportOptions.POLICY_LEN, policy);
            call.set(o + Abi.ImportOptions.EXTRA_DATA, o + Abi.ImportOptions.EXTRA_DATA_LEN,
                    extraData);
            int token = call.output();
            int status = Abi.rbtoken_store_import_token(
                    call.pointer(), call.put(userText), userText.length, call.put(valueText),
                    valueText.length, call.address(o), call.address(token), call.error());
            return call.check(status, Token.of(call.getLong(token)));
        }
    }

    /** Sets a time that is not null, and returns its flag. */
    private static int time(Call call, int field, Instant time, String argument, int flag) {
        if (time == null) {
            return 0;
        }
        call.memory.putLong(field, Check.microseconds(time, argument));
        return flag;
    }

    /**
     * Returns the token with a value, usable or not. This is no login: it checks nothing.
     *
     * @param value the value
     * @return the token
     */
    public Token findToken(String value) {
        byte[] valueText = Text.required(value, "value");
        try (Call call = new Call(this)) {
            int token = call.output();
            int status = Abi.rbtoken_store_find_token(call.pointer(), call.put(valueText),
                    valueText.length, call.address(token), call.error());
            return call.check(status, Token.of(call.getLong(token)));
        }
    }

    /**
     * Returns the token with an id, usable or not.
     *
     * @param id the id
     * @return the token
     */
    public Token getToken(long id) {
        try (Call call = new Call(this)) {
            int token = call.output();
            int status = Abi.rbtoken_store_get_token(call.pointer(), id, call.address(token),
                    call.error());
            return call.check(status, Token.of(call.getLong(token)));
        }
    }

    /**
     * Lists all tokens, in the order of their ids.
     *
     * @return the list
     */
    public TokenList listTokens() {
        return listTokens(new TokenFilter());
    }

    /**
     * Lists the tokens that match all parts of a filter, in the order of their ids.
     *
     * @param filter the filter
     * @return the list
     */
    public TokenList listTokens(TokenFilter filter) {
        Check.notNull(filter, "filter");
        byte[] site = Text.optional(filter.localSite);
        byte[] user = Text.optional(filter.user);
        byte[] client = Text.optional(filter.clientName);
        int mode = filter.globalSite ? Abi.FILTER_SITE_GLOBAL
                : site != null ? Abi.FILTER_SITE_NAMED : Abi.FILTER_SITE_ALL;
        int validity = switch (filter.validity) {
            case ANY -> Abi.FILTER_VALIDITY_ANY;
            case VALID -> Abi.FILTER_VALIDITY_VALID;
            case DEAD -> Abi.FILTER_VALIDITY_DEAD;
        };
        try (Call call = new Call(this)) {
            int f = call.struct(Abi.TokenFilter.SIZE);
            call.memory.putInt(f + Abi.TokenFilter.LOCAL_SITE_MODE, mode);
            call.memory.putInt(f + Abi.TokenFilter.VALIDITY_MODE, validity);
            call.memory.putInt(f + Abi.TokenFilter.FLAGS,
                    time(call, f + Abi.TokenFilter.EXPIRES_BEFORE_US, filter.expiresBefore,
                            "expires_before", Abi.FILTER_EXPIRES_BEFORE));
            call.set(f + Abi.TokenFilter.LOCAL_SITE, f + Abi.TokenFilter.LOCAL_SITE_LEN, site);
            call.set(f + Abi.TokenFilter.USER, f + Abi.TokenFilter.USER_LEN, user);
            call.set(f + Abi.TokenFilter.CLIENT_NAME, f + Abi.TokenFilter.CLIENT_NAME_LEN, client);
            int list = call.output();
            int status = Abi.rbtoken_store_list_tokens(
                    call.pointer(), call.address(f), call.address(list), call.error());
            return call.check(status, TokenList.of(call.getLong(list)));
        }
    }

    /**
     * Returns the number of tokens, usable or not.
     *
     * @return the number
     */
    public long tokenCount() {
        try (Call call = new Call(this)) {
            int count = call.output();
            call.check(Abi.rbtoken_store_token_count(call.pointer(), call.address(count),
                    call.error()));
            return call.getLong(count);
        }
    }

    /**
     * Checks whether a value has the format of a generator. This is no login.
     *
     * @param generatorId the id of the generator
     * @param tokenType the prefix
     * @param value the value
     * @return true if it has
     */
    public boolean valueIsValid(String generatorId, String tokenType, String value) {
        byte[] generatorIdText = Text.required(generatorId, "generator_id");
        byte[] tokenTypeText = Text.required(tokenType, "token_type");
        byte[] valueText = Text.required(value, "value");
        try (Call call = new Call(this)) {
            int flag = call.output();
            call.check(Abi.rbtoken_store_value_is_valid(call.pointer(), call.put(generatorIdText),
                    generatorIdText.length, call.put(tokenTypeText), tokenTypeText.length,
                    call.put(valueText), valueText.length, call.address(flag), call.error()));
            return call.getBoolean(flag);
        }
    }

    /**
     * Changes fields of a token.
     *
     * @param id the token's id
     * @param update the changes
     * @return the changed token
     */
    public Token updateToken(long id, TokenUpdate update) {
        Check.notNull(update, "update");
        Expiration expires = update.expires;
        boolean isKept = expires == null;
        long expiresUs = isKept ? 0 : expires.microseconds();
        int expiresMode = isKept ? Abi.FIELD_KEEP
                : expires.time() == null ? Abi.FIELD_NONE : Abi.FIELD_SET;
        byte[] note = Text.optional(update.note);
        byte[] policy = Text.optional(update.policy);
        byte[] extraData = Text.optional(update.extraData);
        try (Call call = new Call(this)) {
            int u = call.struct(Abi.TokenUpdate.SIZE);
            call.memory.putInt(u + Abi.TokenUpdate.EXPIRES_MODE, expiresMode);
            call.memory.putInt(u + Abi.TokenUpdate.NOTE_MODE, mode(note != null, note));
            call.memory.putInt(u + Abi.TokenUpdate.POLICY_MODE, mode(update.isPolicySet, policy));
            call.memory.putInt(u + Abi.TokenUpdate.EXTRA_DATA_MODE,
                    mode(update.isExtraDataSet, extraData));
            call.memory.putLong(u + Abi.TokenUpdate.EXPIRES_AT_US, expiresUs);
            call.set(u + Abi.TokenUpdate.NOTE, u + Abi.TokenUpdate.NOTE_LEN, note);
            call.set(u + Abi.TokenUpdate.POLICY, u + Abi.TokenUpdate.POLICY_LEN, policy);
            call.set(u + Abi.TokenUpdate.EXTRA_DATA, u + Abi.TokenUpdate.EXTRA_DATA_LEN, extraData);
            int token = call.output();
            int status = Abi.rbtoken_store_update_token(
                    call.pointer(), id, call.address(u), call.address(token), call.error());
            return call.check(status, Token.of(call.getLong(token)));
        }
    }

    private static int mode(boolean isSet, byte[] text) {
        return !isSet ? Abi.FIELD_KEEP : text == null ? Abi.FIELD_NONE : Abi.FIELD_SET;
    }

    /**
     * Invalidates the token with a value, which is final.
     *
     * @param value the value
     * @param reason the reason, which can be empty
     */
    public void invalidateToken(String value, String reason) {
        byte[] valueText = Text.required(value, "value");
        byte[] reasonText = Text.required(reason, "reason");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_invalidate_token(call.pointer(), call.put(valueText),
                    valueText.length, call.put(reasonText), reasonText.length, call.error()));
        }
    }

    /**
     * Invalidates the token with an id, which is final.
     *
     * @param id the id
     * @param reason the reason, which can be empty
     */
    public void invalidateTokenById(long id, String reason) {
        byte[] reasonText = Text.required(reason, "reason");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_invalidate_token_by_id(call.pointer(), id,
                    call.put(reasonText), reasonText.length, call.error()));
        }
    }

    /**
     * Invalidates all tokens of a user.
     *
     * @param user the user's name
     * @param reason the reason, which can be empty
     * @return the number of the user's tokens
     */
    public long invalidateUserTokens(String user, String reason) {
        byte[] userText = Text.required(user, "user");
        byte[] reasonText = Text.required(reason, "reason");
        try (Call call = new Call(this)) {
            int count = call.output();
            call.check(Abi.rbtoken_store_invalidate_user_tokens(call.pointer(), call.put(userText),
                    userText.length, call.put(reasonText), reasonText.length, call.address(count),
                    call.error()));
            return call.getLong(count);
        }
    }

    /**
     * Invalidates all tokens of all users.
     *
     * @param reason the reason, which can be empty
     * @return the number of tokens
     */
    public long invalidateAllTokens(String reason) {
        byte[] reasonText = Text.required(reason, "reason");
        try (Call call = new Call(this)) {
            int count = call.output();
            call.check(Abi.rbtoken_store_invalidate_all_tokens(call.pointer(), call.put(reasonText),
                    reasonText.length, call.address(count), call.error()));
            return call.getLong(count);
        }
    }

    /**
     * Deletes the token with an id.
     *
     * @param id the id
     */
    public void deleteToken(long id) {
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_delete_token(call.pointer(), id, call.error()));
        }
    }

    /**
     * Deletes the tokens that were invalidated or expired before a time.
     *
     * @param deadBefore the time
     * @return the number of deleted tokens
     */
    public long purgeTokens(Instant deadBefore) {
        long deadBeforeUs = Check.microseconds(deadBefore, "dead_before");
        try (Call call = new Call(this)) {
            int count = call.output();
            call.check(Abi.rbtoken_store_purge_tokens(call.pointer(), deadBeforeUs,
                    call.address(count), call.error()));
            return call.getLong(count);
        }
    }

    /**
     * Logs a caller in with a token's value. A text that cannot be a value is {@link
     * Verdict#UNKNOWN}.
     *
     * <p>The request is for the global site. A verdict is not a login: check {@link Login#ok}.
     *
     * @param value the token's value
     * @return the verdict
     */
    public Login authenticate(String value) {
        return logIn(Abi::rbtoken_store_authenticate, Text.required(value, "value"), null);
    }

    /**
     * Logs a caller in with a token's value. A text that cannot be a value is {@link
     * Verdict#UNKNOWN}.
     *
     * <p>A verdict is not a login: check {@link Login#ok}.
     *
     * @param value the token's value
     * @param options the site of the request
     * @return the verdict
     */
    public Login authenticate(String value, LoginOptions options) {
        return logIn(Abi::rbtoken_store_authenticate, Text.required(value, "value"),
                Check.notNull(options, "options"));
    }

    /**
     * Logs a caller in with the value of an {@code Authorization} header: {@code token}, a space,
     * and the token's value.
     *
     * <p>The request is for the global site. A verdict is not a login: check {@link Login#ok}.
     *
     * @param header the value of the header, as received
     * @return the verdict
     */
    public Login authenticateHeader(String header) {
        return logIn(Abi::rbtoken_store_authenticate_header, Text.required(header, "header"), null);
    }

    /**
     * Logs a caller in with the value of an {@code Authorization} header: {@code token}, a space,
     * and the token's value.
     *
     * <p>A verdict is not a login: check {@link Login#ok}.
     *
     * @param header the value of the header, as received
     * @param options the site of the request
     * @return the verdict
     */
    public Login authenticateHeader(String header, LoginOptions options) {
        return logIn(Abi::rbtoken_store_authenticate_header, Text.required(header, "header"),
                Check.notNull(options, "options"));
    }

    private Login logIn(LoginFunction function, byte[] text, LoginOptions options) {
        byte[] site = options == null ? null : Text.optional(options.site);
        try (Call call = new Call(this)) {
            int verdict = call.output();
            int token = call.output();
            int refused = call.output();
            int status = function.call(
                    call.pointer(), call.put(text), text.length, site(call, options, site),
                    call.address(verdict), call.address(token), call.address(refused),
                    call.error());
            Login login = new Login(call.memory.getInt(verdict), Token.of(call.getLong(token)),
                    Token.of(call.getLong(refused)));
            try {
                call.check(status);
            } catch (Throwable e) {
                login.close();
                throw e;
            }
            return login;
        }
    }

    /** Returns the address of the options; NULL for null. */
    private static long site(Call call, LoginOptions options, byte[] site) {
        if (options == null) {
            return 0;
        }
        int o = call.struct(Abi.LoginOptions.SIZE);
        call.memory.putInt(o + Abi.LoginOptions.SITE_MODE, options.anySite ? Abi.SITE_ANY
                : site != null ? Abi.SITE_NAMED : Abi.SITE_GLOBAL);
        call.set(o + Abi.LoginOptions.SITE, o + Abi.LoginOptions.SITE_LEN, site);
        return call.address(o);
    }

    /**
     * Removes the cached login with a value, so that the next one asks the server.
     *
     * @param value the value
     */
    public void forgetLogin(String value) {
        byte[] valueText = Text.required(value, "value");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_forget_logins(call.pointer(), call.put(valueText),
                    valueText.length, call.error()));
        }
    }

    /**
     * Removes all cached logins, so that the next ones ask the server. Call it when the host learns
     * that others have revoked tokens, and the setting {@code login_cache_secs} is not 0.
     */
    public void forgetLogins() {
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_forget_logins(call.pointer(), 0, 0, call.error()));
        }
    }

    /**
     * Adds listeners of events.
     *
     * <p>The store keeps them until it is closed. A listener that refers to its own store keeps the
     * store from being closed by a garbage collection.
     *
     * @param hooks the listeners
     * @return the id for {@link #removeHooks}
     */
    public long addHooks(Hooks hooks) {
        Hooks copy = Check.notNull(hooks, "hooks").copy();
        try (Call call = new Call(this)) {
            int id = call.output();
            call.check(Abi.rbtoken_store_add_hooks(
                    call.pointer(),
                    Callbacks.hooks(call, new Callbacks.Registered(copy, where, ref.host)),
                    call.address(id), call.error()));
            return call.getLong(id);
        }
    }

    /**
     * Removes listeners. Calls of them that are under way end normally.
     *
     * @param hooksId the id that {@link #addHooks} returned
     */
    public void removeHooks(long hooksId) {
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_remove_hooks(call.pointer(), hooksId, call.error()));
        }
    }

    /**
     * Adds a token generator. The store keeps it until it is closed.
     *
     * @param id the id of the generator
     * @param generator the generator
     */
    public void addGenerator(String id, TokenGenerator generator) {
        byte[] text = Text.required(id, "generator_id");
        Check.notNull(generator, "generator");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_add_generator(
                    call.pointer(), call.put(text), text.length,
                    Callbacks.generator(call, generator), call.error()));
        }
    }

    /**
     * Sets the generator of client tokens, and of other tokens whose options name none.
     *
     * @param id the id of the generator
     */
    public void setDefaultGenerator(String id) {
        byte[] idText = Text.required(id, "generator_id");
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_default_generator(call.pointer(), call.put(idText),
                    idText.length, call.error()));
        }
    }

    /**
     * Sets which generators are deprecated. Their tokens can still be used.
     *
     * @param ids the ids
     */
    public void setDeprecatedGenerators(Collection<String> ids) {
        ArrayList<String> all = new ArrayList<>(Check.notNull(ids, "generator_ids"));
        try (Call call = new Call(this)) {
            call.check(Abi.rbtoken_store_set_deprecated_generators(
                    call.pointer(), call.putAll(all, "generator_ids"), all.size(),
                    call.error()));
        }
    }
}
