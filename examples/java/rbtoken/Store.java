// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.ByteByReference;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** A store of tokens in memory, for any number of threads. None may be in a call at its close. */
public final class Store implements AutoCloseable {
    /** How to search for, or make, a client's token; null: the default. */
    public record ClientTokenOptions(Instant expires, Duration minValidity, String localSite,
            String defaultPolicy, String defaultExtraData) {
        public static final ClientTokenOptions DEFAULT =
                new ClientTokenOptions(null, null, null, null, null);
    }

    public record ClientToken(Token token, boolean created) {}

    /** What came of a login. Only ok lets anybody in. */
    public record Login(boolean ok, String verdict, Token token, Token refused) {}

    private final Pointer handle;
    /** JNA frees a callback that is garbage, so those that the library may call are kept. */
    private final Map<Long, Abi.Hooks> hooks = new ConcurrentHashMap<>();

    public Store() {
        PointerByReference store = new PointerByReference();
        PointerByReference error = new PointerByReference();
        TokenException.check(
                Native.LIB.rbtoken_store_open(null, store, error), error.getValue());
        handle = store.getValue();
    }

    @Override
    public void close() {
        Native.LIB.rbtoken_store_release(handle);
        hooks.clear();
    }

    public void addLocalSite(String name) {
        PointerByReference error = new PointerByReference();
        TokenException.check(Native.LIB.rbtoken_store_add_local_site(
                handle, Native.bytes(name), Native.length(name), error), error.getValue());
    }

    /** A client's token for a user. Whoever may call it may act as any user. */
    public ClientToken clientToken(String user, String client, ClientTokenOptions options) {
        Abi.ClientTokenOptions struct = new Abi.ClientTokenOptions();
        if (options.expires() != null) {
            struct.expiresMode = Abi.EXPIRES_AT;
            struct.expiresAtUs = ChronoUnit.MICROS.between(Instant.EPOCH, options.expires());
        }
        if (options.minValidity() != null) {
            struct.minValidityMode = Abi.MIN_VALIDITY_SECS;
            struct.minValiditySecs = options.minValidity().toSeconds();
        }
        if (options.localSite() != null) {
            struct.localSite = Native.memory(options.localSite());
            struct.localSiteLen = Native.length(options.localSite());
        }
        if (options.defaultPolicy() != null) {
            struct.defaultPolicy = Native.memory(options.defaultPolicy());
            struct.defaultPolicyLen = Native.length(options.defaultPolicy());
        }
        if (options.defaultExtraData() != null) {
            struct.defaultExtraData = Native.memory(options.defaultExtraData());
            struct.defaultExtraDataLen = Native.length(options.defaultExtraData());
        }
        PointerByReference token = new PointerByReference();
        ByteByReference created = new ByteByReference();
        PointerByReference error = new PointerByReference();
        int status = Native.LIB.rbtoken_store_get_or_create_client_token(handle,
                Native.bytes(user), Native.length(user), Native.bytes(client),
                Native.length(client), struct, token, created, error);
        TokenException.check(status, error.getValue());
        return new ClientToken(Token.of(token.getValue()), created.getValue() != 0);
    }

    /** Judges an Authorization header for a request on a Local Site; null: at the root. */
    public Login authenticate(String header, String site) {
        Abi.LoginOptions struct = new Abi.LoginOptions();
        if (site != null) {
            struct.siteMode = Abi.SITE_NAMED;
            struct.site = Native.memory(site);
            struct.siteLen = Native.length(site);
        }
        IntByReference verdict = new IntByReference();
        PointerByReference token = new PointerByReference();
        PointerByReference refused = new PointerByReference();
        PointerByReference error = new PointerByReference();
        int status = Native.LIB.rbtoken_store_authenticate_header(handle, Native.bytes(header),
                Native.length(header), struct, verdict, token, refused, error);
        TokenException.check(status, error.getValue());
        String name = Native.LIB.rbtoken_verdict_name(verdict.getValue());
        return new Login(verdict.getValue() == Abi.VERDICT_OK,
                name.replace("RBTOKEN_VERDICT_", ""), Token.of(token.getValue()),
                Token.of(refused.getValue()));
    }

    public void invalidate(String value, String reason) {
        PointerByReference error = new PointerByReference();
        TokenException.check(Native.LIB.rbtoken_store_invalidate_token(handle,
                Native.bytes(value), Native.length(value), Native.bytes(reason),
                Native.length(reason), error), error.getValue());
    }

    /** Tells of events, on their threads. What a hook throws, JNA reports and drops. */
    public long addHooks(Consumer<Token> created, Consumer<Token> used, Consumer<Token> revoked) {
        Abi.Hooks struct = new Abi.Hooks();
        struct.created = (data, store, token, auto) -> created.accept(kept(token));
        struct.used = (data, store, token) -> used.accept(kept(token));
        struct.invalidated = (data, store, token) -> revoked.accept(kept(token));
        LongByReference id = new LongByReference();
        PointerByReference error = new PointerByReference();
        TokenException.check(
                Native.LIB.rbtoken_store_add_hooks(handle, struct, id, error), error.getValue());
        hooks.put(id.getValue(), struct);
        return id.getValue();
    }

    /** A token that is lent for a call, to be kept. */
    private static Token kept(Pointer token) {
        return Token.of(Native.LIB.rbtoken_token_retain(token));
    }

    /** A call of the hooks may still end after this, so they are kept until the close. */
    public void removeHooks(long id) {
        PointerByReference error = new PointerByReference();
        TokenException.check(
                Native.LIB.rbtoken_store_remove_hooks(handle, id, error), error.getValue());
    }
}
