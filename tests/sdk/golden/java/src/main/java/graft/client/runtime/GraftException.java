// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/** Whatever goes wrong with a call. */
public class GraftException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /**
     * Tells what went wrong.
     *
     * @param message a sentence for people
     * @param cause what has led to it; may be null
     */
    public GraftException(String message, Throwable cause) {
        super(message, cause);
    }
}
