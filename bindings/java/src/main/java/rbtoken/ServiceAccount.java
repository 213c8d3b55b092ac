// SPDX-License-Identifier: MIT
package rbtoken;

/** A user that logs in only with API tokens of its own. It belongs to no store. */
public final class ServiceAccount extends Handle {
    private static final Ref.Kind KIND =
            new Ref.Kind("ServiceAccount", Abi::rbtoken_service_account_free, false);

    private final String id;

    /**
     * Describes an account with all defaults.
     *
     * @param id the id: letters, digits, {@code _} and {@code -}
     */
    public ServiceAccount(String id) {
        this(id, new ServiceAccountOptions());
    }

    /**
     * Describes an account.
     *
     * @param id the id: letters, digits, {@code _} and {@code -}
     * @param options the options
     */
    public ServiceAccount(String id, ServiceAccountOptions options) {
        super(KIND, create(id, Check.notNull(options, "options")), null);
        this.id = id;
    }

    private static long create(String id, ServiceAccountOptions options) {
        byte[] idText = Text.required(id, "id");
        byte[] user = Text.optional(options.user);
        byte[] policy = Text.optional(options.policy);
        int mode = options.forever ? Abi.EXPIRATION_NEVER
                : options.lifetime != null ? Abi.EXPIRATION_SECS : Abi.EXPIRATION_DEFAULT;
        long seconds = options.lifetime == null ? 0
                : Check.seconds(options.lifetime, "expiration");
        try (Call call = new Call()) {
            int o = call.struct(Abi.ServiceAccountOptions.SIZE);
            call.memory.putInt(o + Abi.ServiceAccountOptions.EXPIRATION_MODE, mode);
            call.memory.putInt(o + Abi.ServiceAccountOptions.TOKEN_VERSION,
                    Check.unsigned(options.tokenVersion, "token_version"));
            call.memory.putLong(o + Abi.ServiceAccountOptions.EXPIRATION_SECS, seconds);
            call.set(o + Abi.ServiceAccountOptions.ID, o + Abi.ServiceAccountOptions.ID_LEN,
                    idText);
            call.set(o + Abi.ServiceAccountOptions.USER, o + Abi.ServiceAccountOptions.USER_LEN,
                    user);
            call.set(o + Abi.ServiceAccountOptions.POLICY,
                    o + Abi.ServiceAccountOptions.POLICY_LEN, policy);
            int account = call.output();
            call.check(Abi.rbtoken_service_account_new(
                    call.address(o), call.address(account), call.error()));
            return call.getLong(account);
        }
    }

    /**
     * Returns the account's id.
     *
     * @return the id
     */
    public String id() {
        requireOpen();
        return id;
    }

    /**
     * Returns the account's token, and creates one if there is no suitable token.
     *
     * <p>Whoever can call this can act as the account.
     *
     * @param store the store
     * @return the token, and whether it is new
     */
    public IssuedToken apiToken(Store store) {
        return apiToken(store, new ServiceTokenOptions());
    }

    /**
     * Returns the account's token, and creates one if there is no suitable token.
     *
     * <p>Whoever can call this can act as the account.
     *
     * @param store the store
     * @param options the options
     * @return the token, and whether it is new
     */
    public IssuedToken apiToken(Store store, ServiceTokenOptions options) {
        Check.notNull(store, "store");
        Check.notNull(options, "options");
        byte[] site = Text.optional(options.localSite);
        long seconds = options.minValidity == null ? 0
                : Check.seconds(options.minValidity, "min_validity");
        try (Call call = new Call(this)) {
            long storePointer = call.use(store);
            int o = call.struct(Abi.ServiceTokenOptions.SIZE);
            call.memory.putInt(o + Abi.ServiceTokenOptions.MIN_VALIDITY_MODE,
                    options.minValidity == null ? Abi.MIN_VALIDITY_DEFAULT : Abi.MIN_VALIDITY_SECS);
            call.memory.putLong(o + Abi.ServiceTokenOptions.MIN_VALIDITY_SECS, seconds);
            call.set(o + Abi.ServiceTokenOptions.LOCAL_SITE,
                    o + Abi.ServiceTokenOptions.LOCAL_SITE_LEN, site);
            int token = call.output();
            int created = call.output();
            int status = Abi.rbtoken_service_account_get_api_token(
                    call.pointer(), storePointer, call.address(o), call.address(token),
                    call.address(created), call.error());
            return new IssuedToken(
                    call.check(status, Token.of(call.getLong(token))), call.getBoolean(created));
        }
    }
}
