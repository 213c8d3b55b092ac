// SPDX-License-Identifier: MIT
package rbtoken;

import java.time.InstantSource;

/** Options for an {@link Instance}. */
public final class InstanceOptions {
    String settings;
    LogListener log;
    InstantSource clock;
    Entropy entropy;

    /** Creates options with all defaults. */
    public InstanceOptions() {}

    /**
     * Sets the settings.
     *
     * @param settings a JSON object with the names of {@link Store#setSetting}
     * @return these options
     */
    public InstanceOptions settings(String settings) {
        this.settings = Check.notNull(settings, "settings");
        return this;
    }

    /**
     * Sets what receives the log.
     *
     * @param log the listener
     * @return these options
     */
    public InstanceOptions log(LogListener log) {
        this.log = Check.notNull(log, "log");
        return this;
    }

    /**
     * Replaces the system clock.
     *
     * @param clock the clock, which any thread may call, several at a time
     * @return these options
     */
    public InstanceOptions clock(InstantSource clock) {
        this.clock = Check.notNull(clock, "clock");
        return this;
    }

    /**
     * Replaces the source of random bytes.
     *
     * @param entropy the source
     * @return these options
     */
    public InstanceOptions entropy(Entropy entropy) {
        this.entropy = Check.notNull(entropy, "entropy");
        return this;
    }
}
