// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** The session's roles do not allow the call; the text names those that do. */
public final class PermissionDeniedException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "RBAC_PERMISSION_DENIED";

    private static final long serialVersionUID = 1L;

    PermissionDeniedException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>permission</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String permission() {
        return param(0);
    }

    /**
     * Returns the parameter <code>text</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String text() {
        return param(1);
    }
}
