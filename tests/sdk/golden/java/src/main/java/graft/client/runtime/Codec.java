// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/**
 * Turns values of one type into JSON, and back.
 *
 * @param <T> the type
 */
public interface Codec<T> {
    /**
     * Returns the JSON of a value, as {@link Json} has it.
     *
     * @param value the value
     * @return its JSON
     */
    Object encode(T value);

    /**
     * Returns the value of a JSON.
     *
     * @param json what {@link Json} has read
     * @return the value
     * @throws AnswerException it is none of the type
     */
    T decode(Object json);
}
