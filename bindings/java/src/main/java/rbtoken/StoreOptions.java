// SPDX-License-Identifier: MIT
package rbtoken;

import java.nio.file.Path;
import java.time.InstantSource;

/** Options for opening a store. Without any, the store is in memory and empty. */
public final class StoreOptions {
    String location;
    String settings;
    InstantSource clock;
    Entropy entropy;

    /** Creates options with all defaults. */
    public StoreOptions() {}

    /**
     * Sets where the tokens are kept. The default is in memory.
     *
     * @param location the path of a file, or the URL of a Review Board server's database
     * @return these options
     */
    public StoreOptions location(String location) {
        this.location = Check.notNull(location, "location");
        return this;
    }

    /**
     * Sets where the tokens are kept.
     *
     * @param path the path of a file, which is created if it does not exist
     * @return these options
     */
    public StoreOptions location(Path path) {
        location = Check.notNull(path, "location").toString();
        return this;
    }

    /**
     * Sets the settings.
     *
     * @param settings a JSON object with the names of {@link Store#setSetting}
     * @return these options
     */
    public StoreOptions settings(String settings) {
        this.settings = Check.notNull(settings, "settings");
        return this;
    }

    /**
     * Replaces the system clock.
     *
     * @param clock the clock, which any thread may call, several at a time
     * @return these options
     */
    public StoreOptions clock(InstantSource clock) {
        this.clock = Check.notNull(clock, "clock");
        return this;
    }

    /**
     * Replaces the source of random bytes.
     *
     * @param entropy the source
     * @return these options
     */
    public StoreOptions entropy(Entropy entropy) {
        this.entropy = Check.notNull(entropy, "entropy");
        return this;
    }
}
