// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.util.Optional;
import java.util.function.Function;

/** The answer to a request. */
public final class Response {
    private final int status;
    private final Function<String, Optional<String>> headers;
    private final byte[] body;

    /**
     * Holds an answer.
     *
     * @param status its status
     * @param headers returns the first value of a header
     * @param body its body
     */
    public Response(int status, Function<String, Optional<String>> headers, byte[] body) {
        this.status = status;
        this.headers = headers;
        this.body = body.clone();
    }

    int status() {
        return status;
    }

    Optional<String> header(String name) {
        return headers.apply(name);
    }

    byte[] body() {
        return body;
    }
}
