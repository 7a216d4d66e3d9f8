// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import graft.client.runtime.Ref;

/** A reference to an object of the class <code>VM</code>. */
public final class VmRef extends Ref {
    /** How it travels. */
    public static final Codec<VmRef> CODEC = Codecs.ref(VmRef::of);

    private VmRef(String text) {
        super(text);
    }

    /**
     * Returns the reference of a text.
     *
     * @param text the reference
     * @return the reference
     */
    public static VmRef of(String text) {
        return new VmRef(text);
    }
}
