// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.time.Duration;
import java.util.Map;

/** One HTTP request. */
public final class Request {
    private final String method;
    private final String path;
    private final Map<String, String> headers;
    private final byte[] body;
    private final Duration timeout;

    Request(String method, String path, Map<String, String> headers, byte[] body, Duration timeout) {
        this.method = method;
        this.path = path;
        this.headers = headers;
        this.body = body;
        this.timeout = timeout;
    }

    /**
     * Returns the method.
     *
     * @return such as {@code POST}
     */
    public String method() {
        return method;
    }

    /**
     * Returns the path with the query, below the platform's URL.
     *
     * @return it begins with a slash
     */
    public String path() {
        return path;
    }

    /**
     * Returns the headers, secrets among them.
     *
     * @return by name
     */
    public Map<String, String> headers() {
        return headers;
    }

    /**
     * Returns the body.
     *
     * @return empty for none
     */
    public byte[] body() {
        return body.clone();
    }

    /**
     * Returns how long the answer is waited for.
     *
     * @return the time
     */
    public Duration timeout() {
        return timeout;
    }

    @Override
    public String toString() {
        return method + " " + path;
    }
}
