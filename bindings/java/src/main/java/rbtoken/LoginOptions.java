// SPDX-License-Identifier: MIT
package rbtoken;

/** Site of a request that comes with a token. Without options, the global site. */
public final class LoginOptions {
    String site;
    boolean anySite;

    /** Creates options for the global site. */
    public LoginOptions() {}

    /**
     * Sets the Local Site of the request.
     *
     * @param site the name of the Local Site
     * @return these options
     */
    public LoginOptions site(String site) {
        this.site = Check.notNull(site, "site");
        return this;
    }

    /**
     * Accepts tokens of any site: the host checks {@link Token#localSite} itself.
     *
     * @return these options
     */
    public LoginOptions anySite() {
        anySite = true;
        return this;
    }
}
