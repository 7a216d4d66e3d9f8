// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.util.LinkedHashMap;
import java.util.Map;

/** The arguments of a call, by the names of the parameters. */
public final class Arguments {
    private final Map<String, Object> values = new LinkedHashMap<>();

    /** Begins with none. */
    public Arguments() {}

    /**
     * Adds an argument that has to be given.
     *
     * @param name the parameter
     * @param codec of its type
     * @param value the argument
     * @param <T> its type
     * @return these arguments
     * @throws NullPointerException it is null
     */
    public <T> Arguments add(String name, Codec<T> codec, T value) {
        if (value == null) {
            throw new NullPointerException("the argument " + name + " is null");
        }
        values.put(name, codec.encode(value));
        return this;
    }

    /**
     * Adds an argument of a type that has null among its values.
     *
     * @param name the parameter
     * @param value the argument
     * @return these arguments
     */
    public Arguments addAnything(String name, Object value) {
        values.put(name, Codecs.ANYTHING.encode(value));
        return this;
    }

    /**
     * Adds an argument of a type that has null among its values, and that may be left out.
     *
     * @param given whether it is given
     * @param name the parameter
     * @param value the argument
     * @return these arguments
     */
    public Arguments addAnythingIf(boolean given, String name, Object value) {
        return given ? addAnything(name, value) : this;
    }

    /**
     * Adds an argument that may be left out.
     *
     * @param name the parameter
     * @param codec of its type
     * @param value the argument; null leaves it out
     * @param <T> its type
     * @return these arguments
     */
    public <T> Arguments addIfGiven(String name, Codec<T> codec, T value) {
        return value == null ? this : add(name, codec, value);
    }

    Map<String, Object> json() {
        return values;
    }
}
