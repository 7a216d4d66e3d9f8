// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.BaseClient;
import graft.client.runtime.ClientOptions;

/**
 * A session on a Graft platform; several threads may use it at a time.
 *
 * <p>The first call logs in, and so does one whose session has ended meanwhile; {@link #close()} logs out.
 */
public final class Client extends BaseClient {
    /** Of the API that this library was made from. */
    public static final String API_DIGEST = "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd";

    private static final String AGENT = "graft.client/0.1.0 (graft-sdk; java)";

    private final VmMethods vm = new VmMethods(this);
    private final VolumeMethods volume = new VolumeMethods(this);

    /**
     * Makes a client; nothing is sent yet.
     *
     * @param url where the platform is, such as {@code https://graft.example:8080}
     * @param user who logs in
     * @param password that user's
     */
    public Client(String url, String user, String password) {
        this(new ClientOptions(url).user(user, password));
    }

    /**
     * Makes a client; nothing is sent yet.
     *
     * @param options how the platform is reached, and as whom
     */
    public Client(ClientOptions options) {
        super(options, Errors.BY_CODE, AGENT);
    }

    /**
     * Guests.
     *
     * @return the methods
     */
    public VmMethods vm() {
        return vm;
    }

    /**
     * Volumes of disks.
     *
     * <p>A second paragraph, with a "quotation", a &#92; backslash, a &#42;/ and &lt;tags&gt; &amp; a long line that has to be
     * filled to the width of the documentation.
     *
     * @return the methods
     */
    public VolumeMethods volume() {
        return volume;
    }
}
