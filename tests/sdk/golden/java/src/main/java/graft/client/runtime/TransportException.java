// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/** There was no answer: the platform cannot be reached, or the time was up. The call may have been carried out. */
public class TransportException extends GraftException {
    private static final long serialVersionUID = 1L;

    /**
     * Tells what went wrong.
     *
     * @param message a sentence for people
     * @param cause what has led to it; may be null
     */
    public TransportException(String message, Throwable cause) {
        super(message, cause);
    }
}
