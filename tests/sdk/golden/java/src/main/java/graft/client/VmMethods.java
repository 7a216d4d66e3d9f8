// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.Arguments;
import graft.client.runtime.Codecs;
import graft.client.runtime.Method;
import graft.client.runtime.Task;
import java.util.concurrent.CompletableFuture;

/** Guests. */
public final class VmMethods {
    private static final Method<Double> PING_METHOD =
            new Method<>("VM.ping", Codecs.FLOAT, false);

    private final Client client;

    VmMethods(Client client) {
        this.client = client;
    }

    /**
     * Answer.
     *
     * <p>Needs no session. Calling it twice is as good as once.
     *
     * @return what the method answers
     */
    public double ping() {
        return client.call(PING_METHOD, ping_arguments(new PingOptions()));
    }

    /**
     * Answer.
     *
     * <p>Needs no session. Calling it twice is as good as once.
     *
     * @param options what may be left out
     * @return what the method answers
     */
    public double ping(PingOptions options) {
        return client.call(PING_METHOD, ping_arguments(options));
    }

    /**
     * Calls <code>ping</code> without waiting for it.
     *
     * @return what the method answers
     */
    public CompletableFuture<Double> pingAsync() {
        return client.callAsync(PING_METHOD, ping_arguments(new PingOptions()));
    }

    /**
     * Calls <code>ping</code> without waiting for it.
     *
     * @param options what may be left out
     * @return what the method answers
     */
    public CompletableFuture<Double> pingAsync(PingOptions options) {
        return client.callAsync(PING_METHOD, ping_arguments(options));
    }

    /**
     * Starts <code>ping</code> as a task, and does not wait for it.
     *
     * @return the task
     */
    public Task<Double> startPing() {
        return client.start(PING_METHOD, ping_arguments(new PingOptions()));
    }

    /**
     * Starts <code>ping</code> as a task, and does not wait for it.
     *
     * @param options what may be left out
     * @return the task
     */
    public Task<Double> startPing(PingOptions options) {
        return client.start(PING_METHOD, ping_arguments(options));
    }

    private static Arguments ping_arguments(PingOptions options) {
        return new Arguments()
                .addIfGiven("value", Codecs.FLOAT, options.value);
    }

    /** What a call of <code>VM.ping</code> may leave out. */
    public static final class PingOptions {
        private Double value;

        /** Begins with everything left out. */
        public PingOptions() {}

        /**
         * Default: <code>1.5</code>.
         *
         * @param value the argument
         * @return these options
         */
        public PingOptions value(double value) {
            this.value = value;
            return this;
        }
    }
}
