// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** The session has ended, or there never was one. */
public final class SessionInvalidException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "SESSION_INVALID";

    private static final long serialVersionUID = 1L;

    SessionInvalidException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>session</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String session() {
        return param(0);
    }
}
