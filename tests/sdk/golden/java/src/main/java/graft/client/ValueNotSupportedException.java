// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** A value that cannot be taken here. */
public final class ValueNotSupportedException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "VALUE_NOT_SUPPORTED";

    private static final long serialVersionUID = 1L;

    ValueNotSupportedException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>field</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String field() {
        return param(0);
    }

    /**
     * Returns the parameter <code>value</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String value() {
        return param(1);
    }

    /**
     * Returns the parameter <code>reason</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String reason() {
        return param(2);
    }
}
