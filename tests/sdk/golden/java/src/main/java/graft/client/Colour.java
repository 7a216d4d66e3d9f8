// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import graft.client.runtime.OpenEnum;
import java.util.Set;

/** The enum <code>colour</code>. */
public final class Colour extends OpenEnum {
    /** The value <code>red</code>. */
    public static final Colour RED = new Colour("red");

    /** The value <code>green</code>. */
    public static final Colour GREEN = new Colour("green");

    /** How it travels. */
    public static final Codec<Colour> CODEC = Codecs.openEnum(text -> new Colour(text));

    private static final Set<Colour> KNOWN = Set.of(RED, GREEN);

    private Colour(String text) {
        super(text);
    }

    /**
     * Returns the value of a text, also of one that is not declared here.
     *
     * @param text the value as it travels
     * @return the value
     */
    public static Colour of(String text) {
        return new Colour(text);
    }

    @Override
    public boolean isKnown() {
        return KNOWN.contains(this);
    }
}
