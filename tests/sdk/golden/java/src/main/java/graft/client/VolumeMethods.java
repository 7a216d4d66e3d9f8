// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.Arguments;
import graft.client.runtime.Codecs;
import graft.client.runtime.Method;
import graft.client.runtime.Task;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Volumes of disks.
 *
 * <p>A second paragraph, with a "quotation", a &#92; backslash, a &#42;/ and &lt;tags&gt; &amp; a long line that has to be
 * filled to the width of the documentation.
 */
public final class VolumeMethods {
    private static final Method<ResizeState> RESIZE_METHOD =
            new Method<>("Volume.resize", ResizeState.CODEC, true);

    private static final Method<Map<VmRef, List<Disk>>> GET_VMS_METHOD =
            new Method<>("Volume.get_VMs", Codecs.map(VmRef.CODEC, Codecs.set(Disk.CODEC)), true);

    private static final Method<List<VmRef>> GET_VMS_2_METHOD =
            new Method<>("Volume.getVMs", Codecs.set(VmRef.CODEC), true);

    private static final Method<VolumeRecord> GET_RECORD_METHOD =
            new Method<>("Volume.get_record", VolumeRecord.CODEC, true);

    private static final Method<Void> DELETE_METHOD =
            new Method<>("Volume.delete", Codecs.VOID, true);

    private static final Method<Void> START_RESIZE_METHOD =
            new Method<>("Volume.start_resize", Codecs.VOID, true);

    private static final Method<Void> OLD_METHOD =
            new Method<>("Volume.old", Codecs.VOID, true);

    private static final Method<Optional<Map<Colour, Optional<Long>>>> DRAFT_METHOD =
            new Method<>("Volume.draft", Codecs.option(Codecs.map(Colour.CODEC, Codecs.option(Codecs.INT))), true);

    private final Client client;

    VolumeMethods(Client client) {
        this.client = client;
    }

    /**
     * Grow or shrink a volume.
     *
     * <p>Shrinking needs a volume that nothing uses:
     *
     * <ul>
     * <li>no guest,
     * <li>no snapshot.
     * </ul>
     *
     * <p>Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as once.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @return What became of it.
     * @throws VolumeInUseException Some guest has it open.
     * @throws HandleInvalidException There is no such volume.
     */
    public ResizeState resize(VolumeRef volume, List<Disk> disks) {
        return client.call(RESIZE_METHOD, resize_arguments(volume, disks, new ResizeOptions()));
    }

    /**
     * Grow or shrink a volume.
     *
     * <p>Shrinking needs a volume that nothing uses:
     *
     * <ul>
     * <li>no guest,
     * <li>no snapshot.
     * </ul>
     *
     * <p>Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as once.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @param options what may be left out
     * @return What became of it.
     * @throws VolumeInUseException Some guest has it open.
     * @throws HandleInvalidException There is no such volume.
     */
    public ResizeState resize(VolumeRef volume, List<Disk> disks, ResizeOptions options) {
        return client.call(RESIZE_METHOD, resize_arguments(volume, disks, options));
    }

    /**
     * Calls <code>resize</code> without waiting for it.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @return What became of it.
     */
    public CompletableFuture<ResizeState> resizeAsync(VolumeRef volume, List<Disk> disks) {
        return client.callAsync(RESIZE_METHOD, resize_arguments(volume, disks, new ResizeOptions()));
    }

    /**
     * Calls <code>resize</code> without waiting for it.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @param options what may be left out
     * @return What became of it.
     */
    public CompletableFuture<ResizeState> resizeAsync(VolumeRef volume, List<Disk> disks, ResizeOptions options) {
        return client.callAsync(RESIZE_METHOD, resize_arguments(volume, disks, options));
    }

    /**
     * Starts <code>resize</code> as a task, and does not wait for it.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @return the task
     */
    public Task<ResizeState> startResize_2(VolumeRef volume, List<Disk> disks) {
        return client.start(RESIZE_METHOD, resize_arguments(volume, disks, new ResizeOptions()));
    }

    /**
     * Starts <code>resize</code> as a task, and does not wait for it.
     *
     * @param volume The volume.
     * @param disks The disks as they shall be.
     * @param options what may be left out
     * @return the task
     */
    public Task<ResizeState> startResize_2(VolumeRef volume, List<Disk> disks, ResizeOptions options) {
        return client.start(RESIZE_METHOD, resize_arguments(volume, disks, options));
    }

    private static Arguments resize_arguments(VolumeRef volume, List<Disk> disks, ResizeOptions options) {
        return new Arguments()
                .add("volume", VolumeRef.CODEC, volume)
                .add("disks", Codecs.set(Disk.CODEC), disks)
                .addIfGiven("force", Codecs.BOOL, options.force)
                .addIfGiven("passphrase", Codecs.option(Codecs.STRING), options.passphrase)
                .addIfGiven("timeout", Codecs.INT, options.timeout);
    }

    /**
     * Calls <code>Volume.get_VMs</code>.
     *
     * <p>Needs the role read-only or one above it.
     *
     * @param self the argument
     * @return what the method answers
     */
    public Map<VmRef, List<Disk>> getVms(VolumeRef self) {
        return client.call(GET_VMS_METHOD, getVms_arguments(self));
    }

    /**
     * Calls <code>getVms</code> without waiting for it.
     *
     * @param self the argument
     * @return what the method answers
     */
    public CompletableFuture<Map<VmRef, List<Disk>>> getVmsAsync(VolumeRef self) {
        return client.callAsync(GET_VMS_METHOD, getVms_arguments(self));
    }

    /**
     * Starts <code>getVms</code> as a task, and does not wait for it.
     *
     * @param self the argument
     * @return the task
     */
    public Task<Map<VmRef, List<Disk>>> startGetVms(VolumeRef self) {
        return client.start(GET_VMS_METHOD, getVms_arguments(self));
    }

    private static Arguments getVms_arguments(VolumeRef self) {
        return new Arguments()
                .add("self", VolumeRef.CODEC, self);
    }

    /**
     * Is called as another one in some languages.
     *
     * <p>Needs the role read-only or one above it.
     *
     * @return what the method answers
     */
    public List<VmRef> getVms_2() {
        return client.call(GET_VMS_2_METHOD, new Arguments());
    }

    /**
     * Calls <code>getVms_2</code> without waiting for it.
     *
     * @return what the method answers
     */
    public CompletableFuture<List<VmRef>> getVmsAsync_2() {
        return client.callAsync(GET_VMS_2_METHOD, new Arguments());
    }

    /**
     * Starts <code>getVms_2</code> as a task, and does not wait for it.
     *
     * @return the task
     */
    public Task<List<VmRef>> startGetVms_2() {
        return client.start(GET_VMS_2_METHOD, new Arguments());
    }

    /**
     * Calls <code>Volume.get_record</code>.
     *
     * <p>Needs the role read-only or one above it.
     *
     * @param self the argument
     * @return what the method answers
     */
    public VolumeRecord getRecord(VolumeRef self) {
        return client.call(GET_RECORD_METHOD, getRecord_arguments(self));
    }

    /**
     * Calls <code>getRecord</code> without waiting for it.
     *
     * @param self the argument
     * @return what the method answers
     */
    public CompletableFuture<VolumeRecord> getRecordAsync(VolumeRef self) {
        return client.callAsync(GET_RECORD_METHOD, getRecord_arguments(self));
    }

    /**
     * Starts <code>getRecord</code> as a task, and does not wait for it.
     *
     * @param self the argument
     * @return the task
     */
    public Task<VolumeRecord> startGetRecord(VolumeRef self) {
        return client.start(GET_RECORD_METHOD, getRecord_arguments(self));
    }

    private static Arguments getRecord_arguments(VolumeRef self) {
        return new Arguments()
                .add("self", VolumeRef.CODEC, self);
    }

    /**
     * A reserved word.
     *
     * <p>Needs the role pool-admin or one above it.
     *
     * @param class_ the argument
     */
    public void delete(String class_) {
        client.call(DELETE_METHOD, delete_arguments(class_, new DeleteOptions()));
    }

    /**
     * A reserved word.
     *
     * <p>Needs the role pool-admin or one above it.
     *
     * @param class_ the argument
     * @param options what may be left out
     */
    public void delete(String class_, DeleteOptions options) {
        client.call(DELETE_METHOD, delete_arguments(class_, options));
    }

    /**
     * Calls <code>delete</code> without waiting for it.
     *
     * @param class_ the argument
     * @return what the method answers
     */
    public CompletableFuture<Void> deleteAsync(String class_) {
        return client.callAsync(DELETE_METHOD, delete_arguments(class_, new DeleteOptions()));
    }

    /**
     * Calls <code>delete</code> without waiting for it.
     *
     * @param class_ the argument
     * @param options what may be left out
     * @return what the method answers
     */
    public CompletableFuture<Void> deleteAsync(String class_, DeleteOptions options) {
        return client.callAsync(DELETE_METHOD, delete_arguments(class_, options));
    }

    /**
     * Starts <code>delete</code> as a task, and does not wait for it.
     *
     * @param class_ the argument
     * @return the task
     */
    public Task<Void> startDelete(String class_) {
        return client.start(DELETE_METHOD, delete_arguments(class_, new DeleteOptions()));
    }

    /**
     * Starts <code>delete</code> as a task, and does not wait for it.
     *
     * @param class_ the argument
     * @param options what may be left out
     * @return the task
     */
    public Task<Void> startDelete(String class_, DeleteOptions options) {
        return client.start(DELETE_METHOD, delete_arguments(class_, options));
    }

    private static Arguments delete_arguments(String class_, DeleteOptions options) {
        return new Arguments()
                .add("class", Codecs.STRING, class_)
                .addIfGiven("from", Codecs.STRING, options.from);
    }

    /**
     * Is called as the task of another one.
     *
     * <p>Needs the role pool-admin or one above it.
     */
    public void startResize() {
        client.call(START_RESIZE_METHOD, new Arguments());
    }

    /**
     * Calls <code>startResize</code> without waiting for it.
     *
     * @return what the method answers
     */
    public CompletableFuture<Void> startResizeAsync() {
        return client.callAsync(START_RESIZE_METHOD, new Arguments());
    }

    /**
     * Starts <code>startResize</code> as a task, and does not wait for it.
     *
     * @return the task
     */
    public Task<Void> startStartResize() {
        return client.start(START_RESIZE_METHOD, new Arguments());
    }

    /**
     * Do it as of old.
     *
     * <p>Needs the role pool-admin or one above it. Since 1.0.
     *
     * @deprecated since 1.1: Use <code>Volume.resize</code>.
     */
    @Deprecated
    public void old() {
        client.call(OLD_METHOD, new Arguments());
    }

    /**
     * Calls <code>old</code> without waiting for it.
     *
     * @return what the method answers
     * @deprecated since 1.1: Use <code>Volume.resize</code>.
     */
    @Deprecated
    public CompletableFuture<Void> oldAsync() {
        return client.callAsync(OLD_METHOD, new Arguments());
    }

    /**
     * Starts <code>old</code> as a task, and does not wait for it.
     *
     * @return the task
     * @deprecated since 1.1: Use <code>Volume.resize</code>.
     */
    @Deprecated
    public Task<Void> startOld() {
        return client.start(OLD_METHOD, new Arguments());
    }

    /**
     * Calls <code>Volume.draft</code>.
     *
     * <p>Needs a session, and no role. A prototype since 1.3: it may change without notice.
     *
     * @param everything the argument
     * @return what the method answers
     * @throws DraftException DRAFT_ERROR
     */
    public Optional<Map<Colour, Optional<Long>>> draft(Object everything) {
        return client.call(DRAFT_METHOD, draft_arguments(everything, new DraftOptions()));
    }

    /**
     * Calls <code>Volume.draft</code>.
     *
     * <p>Needs a session, and no role. A prototype since 1.3: it may change without notice.
     *
     * @param everything the argument
     * @param options what may be left out
     * @return what the method answers
     * @throws DraftException DRAFT_ERROR
     */
    public Optional<Map<Colour, Optional<Long>>> draft(Object everything, DraftOptions options) {
        return client.call(DRAFT_METHOD, draft_arguments(everything, options));
    }

    /**
     * Calls <code>draft</code> without waiting for it.
     *
     * @param everything the argument
     * @return what the method answers
     */
    public CompletableFuture<Optional<Map<Colour, Optional<Long>>>> draftAsync(Object everything) {
        return client.callAsync(DRAFT_METHOD, draft_arguments(everything, new DraftOptions()));
    }

    /**
     * Calls <code>draft</code> without waiting for it.
     *
     * @param everything the argument
     * @param options what may be left out
     * @return what the method answers
     */
    public CompletableFuture<Optional<Map<Colour, Optional<Long>>>> draftAsync(Object everything, DraftOptions options) {
        return client.callAsync(DRAFT_METHOD, draft_arguments(everything, options));
    }

    /**
     * Starts <code>draft</code> as a task, and does not wait for it.
     *
     * @param everything the argument
     * @return the task
     */
    public Task<Optional<Map<Colour, Optional<Long>>>> startDraft(Object everything) {
        return client.start(DRAFT_METHOD, draft_arguments(everything, new DraftOptions()));
    }

    /**
     * Starts <code>draft</code> as a task, and does not wait for it.
     *
     * @param everything the argument
     * @param options what may be left out
     * @return the task
     */
    public Task<Optional<Map<Colour, Optional<Long>>>> startDraft(Object everything, DraftOptions options) {
        return client.start(DRAFT_METHOD, draft_arguments(everything, options));
    }

    private static Arguments draft_arguments(Object everything, DraftOptions options) {
        return new Arguments()
                .addAnything("everything", everything)
                .addIfGiven("twice", Codecs.box(Codecs.option(Codecs.INT)), options.twice)
                .addIfGiven("when", Codecs.option(Codecs.set(Codecs.DATETIME)), options.when);
    }

    /** What a call of <code>Volume.resize</code> may leave out. */
    public static final class ResizeOptions {
        private Boolean force;
        private Optional<String> passphrase;
        private Long timeout;

        /** Begins with everything left out. */
        public ResizeOptions() {}

        /**
         * Do it even if somebody uses it. Default: <code>false</code>.
         *
         * @param value the argument
         * @return these options
         */
        public ResizeOptions force(boolean value) {
            this.force = value;
            return this;
        }

        /**
         * It has a default. Since 1.2.
         *
         * @param value the argument
         * @return these options
         */
        public ResizeOptions passphrase(String value) {
            this.passphrase = Optional.ofNullable(value);
            return this;
        }

        /**
         * A name that clients use themselves. Default: <code>30</code>.
         *
         * @param value the argument
         * @return these options
         */
        public ResizeOptions timeout(long value) {
            this.timeout = value;
            return this;
        }
    }

    /** What a call of <code>Volume.delete</code> may leave out. */
    public static final class DeleteOptions {
        private String from;

        /** Begins with everything left out. */
        public DeleteOptions() {}

        /**
         * It may be left out.
         *
         * @param value the argument
         * @return these options
         */
        public DeleteOptions from(String value) {
            this.from = value;
            return this;
        }
    }

    /** What a call of <code>Volume.draft</code> may leave out. */
    public static final class DraftOptions {
        private List<Optional<Long>> twice;
        private Optional<List<Instant>> when;

        /** Begins with everything left out. */
        public DraftOptions() {}

        /**
         * Default: <code>[]</code>.
         *
         * @param value the argument
         * @return these options
         */
        public DraftOptions twice(List<Optional<Long>> value) {
            this.twice = value;
            return this;
        }

        /**
         * Default: <code>[]</code>.
         *
         * @param value the argument
         * @return these options
         */
        public DraftOptions when(List<Instant> value) {
            this.when = Optional.ofNullable(value);
            return this;
        }
    }
}
