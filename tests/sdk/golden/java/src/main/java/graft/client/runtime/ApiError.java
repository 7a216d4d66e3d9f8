// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.io.Serializable;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What the platform tells of an error. */
public final class ApiError implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String code;
    private final String[] params;
    private final String message;
    private final int status;
    private final Duration retryAfter;

    /**
     * Holds an error.
     *
     * @param code such as {@code HANDLE_INVALID}
     * @param params the code's parameters
     * @param message a sentence for people; may be empty
     * @param status of the HTTP answer; 0 where the error is that of a task
     * @param retryAfter after which time the call may be tried again; null where that is not told
     */
    public ApiError(String code, List<String> params, String message, int status, Duration retryAfter) {
        this.code = code;
        this.params = params.toArray(new String[0]);
        this.message = message;
        this.status = status;
        this.retryAfter = retryAfter;
    }

    String code() {
        return code;
    }

    List<String> params() {
        return List.of(params);
    }

    String message() {
        return message;
    }

    int status() {
        return status;
    }

    Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }
}
