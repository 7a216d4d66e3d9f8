// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** An argument, or something in it, has another type than the declared one. */
public final class FieldTypeErrorException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "FIELD_TYPE_ERROR";

    private static final long serialVersionUID = 1L;

    FieldTypeErrorException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>place</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String place() {
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
     * Returns the parameter <code>got</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String got() {
        return param(2);
    }
}
