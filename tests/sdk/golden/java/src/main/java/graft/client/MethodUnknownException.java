// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** The platform has no such method. */
public final class MethodUnknownException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "MESSAGE_METHOD_UNKNOWN";

    private static final long serialVersionUID = 1L;

    MethodUnknownException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>method</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String method() {
        return param(0);
    }
}
