// SPDX-License-Identifier: MIT
package rbtoken;

/** A policy that does not belong to a token. */
public final class Policy extends Handle {
    private static final Ref.Kind KIND =
            new Ref.Kind("Policy", Abi::rbtoken_policy_free, false);

    private final String document;

    private Policy(long pointer, String document) {
        super(KIND, pointer, null);
        this.document = document;
    }

    /**
     * Parses and validates a policy. Any policy id is allowed.
     *
     * @param document the policy as JSON
     * @return the policy
     */
    public static Policy parse(String document) {
        try (Call call = new Call()) {
            return parse(call, 0, document);
        }
    }

    /**
     * Parses and validates a policy, whose policy ids must be registered in a store.
     *
     * @param document the policy as JSON
     * @param store the store
     * @return the policy
     */
    public static Policy parse(String document, Store store) {
        try (Call call = new Call(Check.notNull(store, "store"))) {
            return parse(call, call.pointer(), document);
        }
    }

    private static Policy parse(Call call, long store, String document) {
        byte[] text = Text.required(document, "document");
        int output = call.output();
        call.check(Abi.rbtoken_policy_parse(
                store, call.put(text), text.length, call.address(output), call.error()));
        return new Policy(call.getLong(output), document);
    }

    /**
     * Checks whether the policy allows an HTTP method on resources.
     *
     * @param policyId the policy id of the resources, such as {@code review_request}
     * @param method the HTTP method, such as {@code GET}
     * @return true if it does
     */
    public boolean allows(String policyId, String method) {
        return allows(policyId, method, null);
    }

    /**
     * Checks whether the policy allows an HTTP method on a resource.
     *
     * @param policyId the policy id of the resource, such as {@code review_request}
     * @param method the HTTP method, such as {@code GET}
     * @param resourceId the resource's id; null: none
     * @return true if it does
     */
    public boolean allows(String policyId, String method, String resourceId) {
        return Call.allows(this, Abi::rbtoken_policy_allows, policyId, method, resourceId);
    }

    /**
     * Returns the document that was parsed.
     *
     * @return the policy as JSON
     */
    public String document() {
        requireOpen();
        return document;
    }
}
