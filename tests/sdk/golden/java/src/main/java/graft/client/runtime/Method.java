// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/**
 * How a method is called.
 *
 * @param <T> what it answers
 */
public final class Method<T> {
    final String name;
    final Codec<T> result;
    final boolean session;

    /**
     * Describes a method.
     *
     * @param name {@code Class.method}
     * @param result of what it answers
     * @param session whether the call needs a session
     */
    public Method(String name, Codec<T> result, boolean session) {
        this.name = name;
        this.result = result;
        this.session = session;
    }
}
