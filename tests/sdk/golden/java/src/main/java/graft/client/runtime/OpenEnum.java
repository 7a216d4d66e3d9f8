// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

/** A value of an enum, which may be one that a newer platform has besides those that are declared here. */
public abstract class OpenEnum {
    private final String text;

    /**
     * Holds a value.
     *
     * @param text the value as it travels
     */
    protected OpenEnum(String text) {
        if (text == null) {
            throw new NullPointerException("an enum's value is null");
        }
        this.text = text;
    }

    /**
     * Tells whether the value was declared when this library was made.
     *
     * @return whether it was
     */
    public abstract boolean isKnown();

    @Override
    public final boolean equals(Object other) {
        return other != null && other.getClass() == getClass() && ((OpenEnum) other).text.equals(text);
    }

    @Override
    public final int hashCode() {
        return text.hashCode();
    }

    /** Returns the value as it travels. */
    @Override
    public final String toString() {
        return text;
    }
}
