// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.ByteByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.function.BiFunction;

/** A token as it was when it was given out. It may outlive its store. */
public final class Token {
    private static final Cleaner CLEANER = Cleaner.create();

    private final Pointer handle;

    private Token(Pointer handle) {
        this.handle = handle;
        CLEANER.register(this, () -> Native.LIB.rbtoken_token_release(handle));
    }

    /** Null for NULL. */
    static Token of(Pointer handle) {
        return handle == null ? null : new Token(handle);
    }

    private String text(BiFunction<Pointer, LongByReference, Pointer> field) {
        try {
            LongByReference length = new LongByReference();
            Pointer data = field.apply(handle, length);
            if (data == null) {
                return null;
            }
            byte[] utf8 = data.getByteArray(0, (int) length.getValue());
            return new String(utf8, StandardCharsets.UTF_8);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    public long id() {
        try {
            return Native.LIB.rbtoken_token_id(handle);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** The secret. */
    public String value() {
        return text(Native.LIB::rbtoken_token_value);
    }

    /** What may be logged. */
    @Override
    public String toString() {
        return text(Native.LIB::rbtoken_token_redacted);
    }

    public String user() {
        return text(Native.LIB::rbtoken_token_user);
    }

    public String localSite() {
        return text(Native.LIB::rbtoken_token_local_site);
    }

    public String clientName() {
        return text(Native.LIB::rbtoken_token_client_name);
    }

    public String policy() {
        return text(Native.LIB::rbtoken_token_policy);
    }

    public String extraData() {
        return text(Native.LIB::rbtoken_token_extra_data);
    }

    public String invalidReason() {
        return text(Native.LIB::rbtoken_token_invalid_reason);
    }

    /** From when on it is expired; empty: never. */
    public Optional<Instant> expires() {
        try {
            LongByReference us = new LongByReference();
            return Native.LIB.rbtoken_token_expires(handle, us) == 0 ? Optional.empty()
                    : Optional.of(Instant.EPOCH.plus(us.getValue(), ChronoUnit.MICROS));
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Whether its policy allows an HTTP method on a resource. */
    public boolean allows(String policyId, String method, String resourceId) {
        try {
            ByteByReference allowed = new ByteByReference();
            PointerByReference error = new PointerByReference();
            int status = Native.LIB.rbtoken_token_allows(handle,
                    Native.bytes(policyId), Native.length(policyId),
                    Native.bytes(method), Native.length(method),
                    Native.bytes(resourceId), Native.length(resourceId), allowed, error);
            TokenException.check(status, error.getValue());
            return allowed.getValue() != 0;
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
