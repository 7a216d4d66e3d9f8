// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** A part of the platform does not answer. */
public final class ServiceUnavailableException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "SERVICE_UNAVAILABLE";

    private static final long serialVersionUID = 1L;

    ServiceUnavailableException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>service</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String service() {
        return param(0);
    }

    /**
     * Returns the parameter <code>reason</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String reason() {
        return param(1);
    }
}
