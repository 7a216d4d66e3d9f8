// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** A release of the platform has removed the method. */
public final class MethodRemovedException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "MESSAGE_REMOVED";

    private static final long serialVersionUID = 1L;

    MethodRemovedException(ApiError error) {
        super(error);
    }
}
