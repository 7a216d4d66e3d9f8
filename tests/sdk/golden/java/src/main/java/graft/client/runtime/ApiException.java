// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The platform has refused a call, or the method has failed.
 *
 * <p>Declared codes, and those of the platform itself, have classes of their own, which name the parameters. Others come
 * as this class.
 */
public class ApiException extends GraftException {
    private static final long serialVersionUID = 1L;

    private final ApiError error;

    /**
     * Wraps what the platform tells.
     *
     * @param error the error
     */
    public ApiException(ApiError error) {
        super(error.message().isEmpty() ? error.code() + error.params() : error.code() + ": " + error.message(), null);
        this.error = error;
    }

    /**
     * Returns the code, such as {@code HANDLE_INVALID}.
     *
     * @return the code
     */
    public final String code() {
        return error.code();
    }

    /**
     * Returns the code's parameters.
     *
     * @return the parameters
     */
    public final List<String> params() {
        return error.params();
    }

    /**
     * Returns one of the parameters; empty where the platform has left it out.
     *
     * @param place counted from 0
     * @return the parameter
     */
    protected final String param(int place) {
        List<String> params = error.params();
        return place < params.size() ? params.get(place) : "";
    }

    /**
     * Returns the HTTP answer's status; 0 where the error is that of a task.
     *
     * @return the status
     */
    public final int status() {
        return error.status();
    }

    /**
     * Returns after which time the call may be tried again, where the platform tells.
     *
     * @return the time
     */
    public final Optional<Duration> retryAfter() {
        return error.retryAfter();
    }
}
