// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.time.Duration;

/** How a client reaches a platform, and as whom. */
public final class ClientOptions {
    final String url;
    String user;
    String password;
    String session;
    String originator;
    Duration timeout = Duration.ofMinutes(2);
    Transport transport;

    /**
     * Begins with where the platform is.
     *
     * @param url such as {@code https://graft.example:8080}
     */
    public ClientOptions(String url) {
        this.url = url;
    }

    /**
     * Sets who logs in.
     *
     * @param name the user
     * @param secret that user's password
     * @return these options
     */
    public ClientOptions user(String name, String secret) {
        user = name;
        password = secret;
        return this;
    }

    /**
     * Sets a session that is open already, which the client leaves open.
     *
     * @param ref its reference
     * @return these options
     */
    public ClientOptions session(String ref) {
        session = ref;
        return this;
    }

    /**
     * Sets what the program calls itself; sessions are limited for each.
     *
     * @param name such as {@code backup}
     * @return these options
     */
    public ClientOptions originator(String name) {
        originator = name;
        return this;
    }

    /**
     * Sets how long a call waits for its answer; two minutes if not given.
     *
     * @param limit the time
     * @return these options
     */
    public ClientOptions timeout(Duration limit) {
        timeout = limit;
        return this;
    }

    /**
     * Sets what sends requests, in place of {@link HttpTransport}.
     *
     * @param own the transport
     * @return these options
     */
    public ClientOptions transport(Transport own) {
        transport = own;
        return this;
    }
}
