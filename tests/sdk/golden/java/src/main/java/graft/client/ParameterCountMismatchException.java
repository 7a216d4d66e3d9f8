// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** Too few or too many arguments. */
public final class ParameterCountMismatchException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "MESSAGE_PARAMETER_COUNT_MISMATCH";

    private static final long serialVersionUID = 1L;

    ParameterCountMismatchException(ApiError error) {
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

    /**
     * Returns the parameter <code>expected</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String expected() {
        return param(1);
    }

    /**
     * Returns the parameter <code>received</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String received() {
        return param(2);
    }
}
