// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/** A reference to an object: text that means nothing but to the platform. */
public abstract class Ref {
    /** What stands for no object. */
    public static final String NULL = "OpaqueRef:NULL";

    private final String text;

    /**
     * Holds a reference.
     *
     * @param text the reference
     */
    protected Ref(String text) {
        if (text == null) {
            throw new NullPointerException("a reference is null");
        }
        this.text = text;
    }

    /**
     * Tells whether it stands for no object.
     *
     * @return whether it does
     */
    public final boolean isNull() {
        return text.equals(NULL);
    }

    @Override
    public final boolean equals(Object other) {
        return other != null && other.getClass() == getClass() && ((Ref) other).text.equals(text);
    }

    @Override
    public final int hashCode() {
        return text.hashCode();
    }

    /** Returns the reference. */
    @Override
    public final String toString() {
        return text;
    }
}
