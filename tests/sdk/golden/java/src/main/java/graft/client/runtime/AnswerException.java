// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/** There was an answer that is none of this interface, or does not fit what this library was made from. */
public class AnswerException extends GraftException {
    private static final long serialVersionUID = 1L;

    /**
     * Tells what is wrong with the answer.
     *
     * @param message a sentence for people
     */
    public AnswerException(String message) {
        this(message, null);
    }

    /**
     * Tells what is wrong with the answer.
     *
     * @param message a sentence for people
     * @param cause what has led to it; may be null
     */
    public AnswerException(String message, Throwable cause) {
        super(message, cause);
    }
}
