// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** The error <code>DRAFT_ERROR</code>. */
public final class DraftException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "DRAFT_ERROR";

    private static final long serialVersionUID = 1L;

    DraftException(ApiError error) {
        super(error);
    }
}
