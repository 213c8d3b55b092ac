//! Imports the header as a Zig host does. Zig cannot translate RBTOKEN_INIT() and RBTOKEN_SET_STR(), and
//! calls the inline functions that do the same.

const std = @import("std");
const c = @cImport(@cInclude("rbtoken.h"));

/// Ends the program with the message of an error.
fn check(status: c.rbtoken_status_t, err: ?*c.rbtoken_error_t) void {
    if (status == c.RBTOKEN_OK) return;
    defer c.rbtoken_error_free(err);
    std.debug.panic("status {d}: {s}", .{ status, c.rbtoken_error_message(err) });
}

fn getOrCreate(
    store: ?*c.rbtoken_store_t,
    options: *const c.rbtoken_client_token_options_t,
    created: *bool,
) ?*c.rbtoken_token_t {
    var token: ?*c.rbtoken_token_t = undefined;
    var err: ?*c.rbtoken_error_t = undefined;
    const status = c.rbtoken_store_get_or_create_client_token(
        store,
        "alice",
        c.RBTOKEN_NUL_TERMINATED,
        "zig",
        "zig".len,
        options,
        &token,
        created,
        &err,
    );
    check(status, err);
    return token;
}

fn expect(holds: bool, what: []const u8) void {
    if (!holds) std.debug.panic("expected: {s}", .{what});
    std.debug.print("ok {s}\n", .{what});
}

pub fn main() void {
    // What was in the struct must not matter.
    var options: c.rbtoken_client_token_options_t = undefined;
    @memset(std.mem.asBytes(&options), 0xff);
    c.rbtoken_options_init(&options, @sizeOf(c.rbtoken_client_token_options_t));
    expect(options.struct_size == @sizeOf(c.rbtoken_client_token_options_t), "the size is set");
    const rest = std.mem.asBytes(&options)[@sizeOf(usize)..];
    expect(std.mem.allEqual(u8, rest, 0), "every other byte is 0");

    const note = "{\"made_by\": \"zig\"}";
    c.rbtoken_text_set(&options.default_extra_data, &options.default_extra_data_len, note);
    expect(std.mem.orderZ(u8, options.default_extra_data, note) == .eq, "the text is set");
    expect(options.default_extra_data_len == c.RBTOKEN_NUL_TERMINATED, "so is its length");

    var store: ?*c.rbtoken_store_t = undefined;
    var err: ?*c.rbtoken_error_t = undefined;
    check(c.rbtoken_store_open(null, &store, &err), err);
    defer c.rbtoken_store_release(store);

    var created = false;
    const token = getOrCreate(store, &options, &created);
    defer c.rbtoken_token_release(token);
    expect(created, "the first call creates the token");
    const extra_data = std.mem.span(c.rbtoken_token_extra_data(token, null));
    expect(std.mem.indexOf(u8, extra_data, "\"made_by\": \"zig\"") != null, "the text arrived");

    const again = getOrCreate(store, &options, &created);
    defer c.rbtoken_token_release(again);
    expect(!created, "the second call finds it");
    const value = std.mem.span(c.rbtoken_token_value(token, null));
    const other = std.mem.span(c.rbtoken_token_value(again, null));
    expect(std.mem.eql(u8, value, other), "both have the same value");
}
