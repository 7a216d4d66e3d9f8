// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** Something went wrong that is not the caller's mistake. */
public final class InternalErrorException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "INTERNAL_ERROR";

    private static final long serialVersionUID = 1L;

    InternalErrorException(ApiError error) {
        super(error);
    }
}
