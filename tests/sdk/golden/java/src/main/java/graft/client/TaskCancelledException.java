// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** The task was cancelled before it had a result. */
public final class TaskCancelledException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "TASK_CANCELLED";

    private static final long serialVersionUID = 1L;

    TaskCancelledException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>task</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String task() {
        return param(0);
    }
}
