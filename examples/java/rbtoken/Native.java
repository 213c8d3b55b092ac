// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Callback;
import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import com.sun.jna.ptr.ByteByReference;
import com.sun.jna.ptr.IntByReference;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import java.nio.charset.StandardCharsets;

/** What this example uses of rbtoken.h. A {@code size_t} is a long here: 64-bit systems only. */
interface Native extends Library {
    Native LIB = com.sun.jna.Native.load(
            System.getProperty("rbtoken.path", "rbtoken"), Native.class);

    int OK = 0;
    int VERDICT_OK = 1;
    int EXPIRES_AT = 2;
    int MIN_VALIDITY_SECS = 1;
    int SITE_NAMED = 1;

    String rbtoken_status_name(int status);
    String rbtoken_verdict_name(int verdict);
    String rbtoken_error_message(Pointer error);
    String rbtoken_error_argument(Pointer error);
    String rbtoken_error_json_path(Pointer error);
    void rbtoken_error_free(Pointer error);

    int rbtoken_store_open(Pointer options, PointerByReference store, PointerByReference error);
    void rbtoken_store_release(Pointer store);
    int rbtoken_store_add_local_site(Pointer store, byte[] site, long siteLen,
            PointerByReference error);
    int rbtoken_store_get_or_create_client_token(Pointer store, byte[] user, long userLen,
            byte[] client, long clientLen, ClientTokenStruct options, PointerByReference token,
            ByteByReference created, PointerByReference error);
    int rbtoken_store_authenticate_header(Pointer store, byte[] header, long headerLen,
            LoginStruct options, IntByReference verdict, PointerByReference token,
            PointerByReference refused, PointerByReference error);
    int rbtoken_store_invalidate_token(Pointer store, byte[] value, long valueLen, byte[] reason,
            long reasonLen, PointerByReference error);
    int rbtoken_store_add_hooks(Pointer store, HooksStruct hooks, LongByReference id,
            PointerByReference error);
    int rbtoken_store_remove_hooks(Pointer store, long id, PointerByReference error);

    Pointer rbtoken_token_retain(Pointer token);
    void rbtoken_token_release(Pointer token);
    long rbtoken_token_id(Pointer token);
    Pointer rbtoken_token_value(Pointer token, LongByReference len);
    Pointer rbtoken_token_redacted(Pointer token, LongByReference len);
    Pointer rbtoken_token_user(Pointer token, LongByReference len);
    Pointer rbtoken_token_local_site(Pointer token, LongByReference len);
    Pointer rbtoken_token_client_name(Pointer token, LongByReference len);
    Pointer rbtoken_token_policy(Pointer token, LongByReference len);
    Pointer rbtoken_token_extra_data(Pointer token, LongByReference len);
    Pointer rbtoken_token_invalid_reason(Pointer token, LongByReference len);
    byte rbtoken_token_expires(Pointer token, LongByReference timeUs);
    int rbtoken_token_allows(Pointer token, byte[] policyId, long policyIdLen, byte[] method,
            long methodLen, byte[] resourceId, long resourceIdLen, ByteByReference allowed,
            PointerByReference error);

    /** An array of no bytes has no address in JNA, but an empty text must have one. */
    static byte[] bytes(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        return utf8.length > 0 ? utf8 : new byte[1];
    }

    static long length(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** A text for a field of a struct, which keeps the memory as long as it lives itself. */
    static Memory memory(String text) {
        Memory memory = new Memory(Math.max(length(text), 1));
        memory.write(0, bytes(text), 0, (int) memory.size());
        return memory;
    }

    @FieldOrder({"structSize", "expiresMode", "minValidityMode", "expiresAtUs", "minValiditySecs",
            "flags", "reserved", "localSite", "localSiteLen", "defaultPolicy", "defaultPolicyLen",
            "defaultExtraData", "defaultExtraDataLen"})
    class ClientTokenStruct extends Structure {
        public long structSize;
        public int expiresMode;
        public int minValidityMode;
        public long expiresAtUs;
        public long minValiditySecs;
        public int flags;
        public int reserved;
        public Pointer localSite;
        public long localSiteLen;
        public Pointer defaultPolicy;
        public long defaultPolicyLen;
        public Pointer defaultExtraData;
        public long defaultExtraDataLen;

        ClientTokenStruct() {
            structSize = size();
        }
    }

    @FieldOrder({"structSize", "siteMode", "reserved", "site", "siteLen"})
    class LoginStruct extends Structure {
        public long structSize;
        public int siteMode;
        public int reserved;
        public Pointer site;
        public long siteLen;

        LoginStruct() {
            structSize = size();
        }
    }

    interface CreatedCallback extends Callback {
        void heard(Pointer userData, Pointer store, Pointer token, byte autoGenerated);
    }

    interface EventCallback extends Callback {
        void heard(Pointer userData, Pointer store, Pointer token);
    }

    @FieldOrder({"structSize", "userData", "created", "updated", "invalidated", "expired", "used",
            "deleted", "destroy"})
    class HooksStruct extends Structure {
        public long structSize;
        public Pointer userData;
        public CreatedCallback created;
        public EventCallback updated;
        public EventCallback invalidated;
        public EventCallback expired;
        public EventCallback used;
        public EventCallback deleted;
        public Pointer destroy;

        HooksStruct() {
            structSize = size();
        }
    }
}
