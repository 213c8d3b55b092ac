// SPDX-License-Identifier: MIT
package rbtoken;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import java.lang.reflect.Field;
import java.util.Locale;
import org.junit.jupiter.api.Test;

/** Tests of the generated layouts and numbers. */
class AbiTest {
    /** A struct that tells its offsets. */
    private static int offset(Structure struct, String field) throws ReflectiveOperationException {
        var method = Structure.class.getDeclaredMethod("fieldOffset", String.class);
        method.setAccessible(true);
        return (int) method.invoke(struct, field);
    }

    @Test
    void layouts_are_those_of_jna() throws ReflectiveOperationException {
        int fields = 0;
        for (Class<?> type : Header.class.getDeclaredClasses()) {
            Structure struct = (Structure) type.getDeclaredConstructor().newInstance();
            Class<?> layout = Class.forName("rbtoken.Abi$" + type.getSimpleName());
            assertEquals(struct.size(), layout.getDeclaredField("SIZE").getInt(null));
            for (Field field : type.getDeclaredFields()) {
                String name = field.getName().toUpperCase(Locale.ROOT);
                assertEquals(offset(struct, field.getName()),
                        layout.getDeclaredField(name).getInt(null), type + "." + name);
                fields++;
            }
            assertEquals(type.getDeclaredFields().length + 1, layout.getDeclaredFields().length);
        }
        assertTrue(fields > 100);
    }

    @Test
    void extension_table_has_the_size_of_its_layout() {
        try (Call call = new Call()) {
            int output = call.output();
            call.check(Abi.rbtoken_extension_entry_v1(
                    Abi.EXTENSION_MINOR, call.address(output)));
            Pointer table = new Pointer(call.getLong(output));
            assertTrue(table.getLong(Abi.ExtensionV1.STRUCT_SIZE) >= Abi.ExtensionV1.SIZE);
        }
    }

    @Test
    void numbers_have_names() {
        assertEquals("RBTOKEN_E_NOT_FOUND", Rbtoken.nameOf(Status.NOT_FOUND));
        assertEquals("RBTOKEN_VERDICT_EXPIRED", Rbtoken.nameOf(Verdict.EXPIRED));
        for (Status status : Status.values()) {
            assertEquals(status, Status.of(status.code()));
            RbtokenException failed = RbtokenException.of(status.code(), "m", "expires_at_us", "$");
            assertEquals(status, failed.status());
            assertEquals(Rbtoken.nameOf(status), failed.statusName());
            assertEquals("expires", failed.argument().orElseThrow());
            boolean isGeneral = status == Status.OK || status == Status.OTHER;
            assertEquals(isGeneral, failed.getClass() == RbtokenException.class);
        }
        RbtokenException unknown = RbtokenException.of(7777, "m", null, null);
        assertEquals(Status.OTHER, unknown.status());
        assertEquals(7777, unknown.statusCode());
        assertEquals(Verdict.OTHER, Verdict.of(99));
        assertEquals(false, new Login(99, null, null).ok());
        String[] version = Rbtoken.version().split("\\.");
        assertEquals(Integer.parseInt(version[0]) << 16 | Integer.parseInt(version[1]),
                Rbtoken.abiVersion());
    }
}
