// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** Too much is queued already; try again after the time that it tells. */
public final class ServerBusyException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "SERVER_BUSY";

    private static final long serialVersionUID = 1L;

    ServerBusyException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>what</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String what() {
        return param(0);
    }
}
