// SPDX-License-Identifier: MIT
package rbtoken;

/**
 * An instance of the library as a plugin, with a store, settings and a life cycle of its own: it is
 * created, configured, initialized and shut down. Closing it shuts it down.
 */
public final class Instance extends Handle {
    private static final Ref.Kind KIND = new Ref.Kind("Instance", Instance::destroy, true);

    private Instance(long pointer, Callbacks.Host host) {
        super(KIND, pointer, host);
    }

    /**
     * Creates and configures an instance with all defaults.
     *
     * @return the instance
     */
    public static Instance create() {
        return create(new InstanceOptions());
    }

    /**
     * Creates and configures an instance.
     *
     * @param options the options
     * @return the instance
     */
    public static Instance create(InstanceOptions options) {
        Check.notNull(options, "options");
        Callbacks.Services services =
                new Callbacks.Services(options.clock, options.entropy, options.log);
        Callbacks.Host host = new Callbacks.Host(services);
        host.retain();
        try (Call call = new Call()) {
            int output = call.output();
            int status = invoke(Abi.ExtensionV1.CREATE, Callbacks.host(call, host.data, services),
                    call.address(output), call.error());
            long pointer = call.getLong(output);
            Instance instance = pointer == 0 ? null
                    : new Instance(pointer, host);
            call.check(status, instance);
            configure(call, instance, options);
            return instance;
        } finally {
            host.release();
        }
    }

    private static void configure(Call call, Instance instance, InstanceOptions options) {
        try {
            byte[] text = Text.optional(options.settings);
            call.check(invoke(Abi.ExtensionV1.CONFIGURE, instance.ref.pointer, call.put(text),
                    Call.length(text), call.error()));
        } catch (Throwable e) {
            instance.close();
            throw e;
        }
    }

    private static void destroy(long pointer) {
        try (Call call = new Call()) {
            Extension.function(Abi.ExtensionV1.DESTROY).invokeVoid(new Object[] {pointer});
            call.check(Status.OK.code());
        }
    }

    private static int invoke(int member, Object... arguments) {
        return Extension.function(member).invokeInt(arguments);
    }

    /**
     * Sets the settings, in place of earlier ones. The instance must not be initialized.
     *
     * @param settings a JSON object with the names of {@link Store#setSetting}
     */
    public void configure(String settings) {
        byte[] text = Text.required(settings, "settings");
        try (Call call = new Call(this)) {
            call.check(invoke(Abi.ExtensionV1.CONFIGURE, call.pointer(), call.put(text),
                    (long) text.length, call.error()));
        }
    }

    /** Opens the store of the instance. */
    public void initialize() {
        try (Call call = new Call(this)) {
            call.check(invoke(Abi.ExtensionV1.INITIALIZE, call.pointer(), call.error()));
        }
    }

    /** Closes the store of the instance, and removes its hooks and generators. */
    public void shutdown() {
        try (Call call = new Call(this)) {
            call.check(invoke(Abi.ExtensionV1.SHUTDOWN, call.pointer(), call.error()));
        }
    }

    /**
     * Returns the store, while the instance is initialized.
     *
     * @return the store
     */
    public Store store() {
        try (Call call = new Call(this)) {
            int output = call.output();
            int status = invoke(Abi.ExtensionV1.GET_STORE, call.pointer(), call.address(output),
                    call.error());
            return call.check(
                    status, Store.of(call.getLong(output), "of an Instance", ref.host));
        }
    }

    /**
     * Returns all effective settings.
     *
     * @return a JSON object
     */
    public String settings() {
        try (Call call = new Call(this)) {
            int output = call.output();
            call.check(invoke(Abi.ExtensionV1.GET_SETTINGS, call.pointer(), call.address(output),
                    call.error()));
            return call.takeText(output);
        }
    }
}
