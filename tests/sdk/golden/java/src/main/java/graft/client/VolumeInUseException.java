// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;

/** Some guest has it open. */
public final class VolumeInUseException extends ApiException {
    /** The code of this error. */
    public static final String CODE = "VOLUME_IN_USE";

    private static final long serialVersionUID = 1L;

    VolumeInUseException(ApiError error) {
        super(error);
    }

    /**
     * Returns the parameter <code>volume</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String volume() {
        return param(0);
    }

    /**
     * Returns the parameter <code>class</code>.
     *
     * @return the parameter; empty where the platform has left it out
     */
    public String class_() {
        return param(1);
    }
}
