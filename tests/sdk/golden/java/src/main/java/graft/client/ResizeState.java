// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import graft.client.runtime.OpenEnum;
import java.util.Set;

/** What has become of a volume. */
public final class ResizeState extends OpenEnum {
    /** finished */
    public static final ResizeState DONE = new ResizeState("done");

    /** will finish later */
    public static final ResizeState QUEUED = new ResizeState("queued");

    /** The value <code>half-done</code>. */
    public static final ResizeState HALF_DONE = new ResizeState("half-done");

    /** the same but for the dash */
    public static final ResizeState HALF_DONE_2 = new ResizeState("half_done");

    /** begins with a digit */
    public static final ResizeState _5_6 = new ResizeState("5.6");

    /** a reserved word */
    public static final ResizeState CLASS = new ResizeState("class");

    /** How it travels. */
    public static final Codec<ResizeState> CODEC = Codecs.openEnum(text -> new ResizeState(text));

    private static final Set<ResizeState> KNOWN = Set.of(DONE, QUEUED, HALF_DONE, HALF_DONE_2, _5_6, CLASS);

    private ResizeState(String text) {
        super(text);
    }

    /**
     * Returns the value of a text, also of one that is not declared here.
     *
     * @param text the value as it travels
     * @return the value
     */
    public static ResizeState of(String text) {
        return new ResizeState(text);
    }

    @Override
    public boolean isKnown() {
        return KNOWN.contains(this);
    }
}
