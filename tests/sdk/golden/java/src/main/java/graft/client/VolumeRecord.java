// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.AnswerException;
import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Volumes of disks.
 *
 * <p>A second paragraph, with a "quotation", a &#92; backslash, a &#42;/ and &lt;tags&gt; &amp; a long line that has to be
 * filled to the width of the documentation.
 */
public final class VolumeRecord {
    /** How it travels. */
    public static final Codec<VolumeRecord> CODEC = Codecs.of(VolumeRecord::encode, VolumeRecord::decode);

    private static final Codec<String> UUID_CODEC = Codecs.STRING;
    private static final Codec<String> NAME_LABEL_CODEC = Codecs.STRING;
    private static final Codec<ResizeState> STATE_CODEC = ResizeState.CODEC;
    private static final Codec<String> CLASS_CODEC = Codecs.STRING;
    private static final Codec<List<VmRef>> VMS_CODEC = Codecs.set(VmRef.CODEC);
    private static final Codec<Optional<VolumeRef>> PARENT_CODEC = Codecs.option(VolumeRef.CODEC);
    private static final Codec<Optional<String>> PASSPHRASE_CODEC = Codecs.option(Codecs.STRING);
    private static final Codec<Long> LEGACY_CODEC = Codecs.INT;

    private final String uuid;
    private final String nameLabel;
    private final ResizeState state;
    private final String class_;
    private final List<VmRef> vms;
    private final Optional<VolumeRef> parent;
    private final Optional<String> passphrase;
    private final long legacy;

    private VolumeRecord(Builder builder) {
        this.uuid = Codecs.given(builder.uuid, "uuid");
        this.nameLabel = Codecs.given(builder.nameLabel, "name_label");
        this.state = Codecs.given(builder.state, "state");
        this.class_ = Codecs.given(builder.class_, "class");
        this.vms = Codecs.given(builder.vms, "VMs");
        this.parent = Codecs.given(builder.parent, "parent");
        this.passphrase = Codecs.given(builder.passphrase, "passphrase");
        this.legacy = Codecs.given(builder.legacy, "legacy");
    }

    /**
     * Begins a record; what has no default has to be given.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Begins a record that is as this one.
     *
     * @return a builder
     */
    public Builder toBuilder() {
        Builder builder = new Builder();
        builder.uuid = this.uuid;
        builder.nameLabel = this.nameLabel;
        builder.state = this.state;
        builder.class_ = this.class_;
        builder.vms = this.vms;
        builder.parent = this.parent;
        builder.passphrase = this.passphrase;
        builder.legacy = this.legacy;
        return builder;
    }

    /**
     * The volume's UUID.
     *
     * @return the value
     */
    public String uuid() {
        return uuid;
    }

    /**
     * What people call it.
     *
     * @return the value
     */
    public String nameLabel() {
        return nameLabel;
    }

    /**
     * Returns the field <code>state</code>.
     *
     * @return the value
     */
    public ResizeState state() {
        return state;
    }

    /**
     * A word that languages keep for themselves.
     *
     * @return the value
     */
    public String class_() {
        return class_;
    }

    /**
     * Returns the field <code>VMs</code>.
     *
     * @return the value
     */
    public List<VmRef> vms() {
        return vms;
    }

    /**
     * Returns the field <code>parent</code>.
     *
     * @return the value
     */
    public Optional<VolumeRef> parent() {
        return parent;
    }

    /**
     * Returns the field <code>passphrase</code>.
     *
     * @return the value
     */
    public Optional<String> passphrase() {
        return passphrase;
    }

    /**
     * Returns the field <code>legacy</code>.
     *
     * @return the value
     * @deprecated since 1.1: Nobody asks.
     */
    @Deprecated
    public long legacy() {
        return legacy;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof VolumeRecord)) {
            return false;
        }
        return Arrays.equals(members(this), members((VolumeRecord) other));
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(members(this));
    }

    @Override
    public String toString() {
        StringBuilder told = new StringBuilder("VolumeRecord{");
        told.append("uuid=").append(this.uuid);
        told.append(", nameLabel=").append(this.nameLabel);
        told.append(", state=").append(this.state);
        told.append(", class_=").append(this.class_);
        told.append(", vms=").append(this.vms);
        told.append(", parent=").append(this.parent);
        told.append(", passphrase=").append("***");
        told.append(", legacy=").append(this.legacy);
        return told.append("}").toString();
    }

    private static Object[] members(VolumeRecord value) {
        return new Object[] {
            value.uuid,
            value.nameLabel,
            value.state,
            value.class_,
            value.vms,
            value.parent,
            value.passphrase,
            value.legacy,
        };
    }

    private static Object encode(VolumeRecord value) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("uuid", UUID_CODEC.encode(value.uuid));
        made.put("name_label", NAME_LABEL_CODEC.encode(value.nameLabel));
        made.put("state", STATE_CODEC.encode(value.state));
        made.put("class", CLASS_CODEC.encode(value.class_));
        made.put("VMs", VMS_CODEC.encode(value.vms));
        if (value.parent.isPresent()) {
            made.put("parent", PARENT_CODEC.encode(value.parent));
        }
        if (value.passphrase.isPresent()) {
            made.put("passphrase", PASSPHRASE_CODEC.encode(value.passphrase));
        }
        made.put("legacy", LEGACY_CODEC.encode(value.legacy));
        return made;
    }

    private static VolumeRecord decode(Object json) {
        Map<?, ?> found = Codecs.object(json);
        Builder builder = new Builder();
        if (found.containsKey("uuid")) {
            builder.uuid = UUID_CODEC.decode(found.get("uuid"));
        }
        if (found.containsKey("name_label")) {
            builder.nameLabel = NAME_LABEL_CODEC.decode(found.get("name_label"));
        }
        if (found.containsKey("state")) {
            builder.state = STATE_CODEC.decode(found.get("state"));
        }
        if (found.containsKey("class")) {
            builder.class_ = CLASS_CODEC.decode(found.get("class"));
        }
        if (found.containsKey("VMs")) {
            builder.vms = VMS_CODEC.decode(found.get("VMs"));
        }
        if (found.containsKey("parent")) {
            builder.parent = PARENT_CODEC.decode(found.get("parent"));
        }
        if (found.containsKey("passphrase")) {
            builder.passphrase = PASSPHRASE_CODEC.decode(found.get("passphrase"));
        }
        if (found.containsKey("legacy")) {
            builder.legacy = LEGACY_CODEC.decode(found.get("legacy"));
        }
        try {
            return builder.build();
        } catch (IllegalStateException error) {
            throw new AnswerException("the record Volume lacks a field: " + error.getMessage(), error);
        }
    }

    /** Makes records. */
    public static final class Builder {
        private String uuid;
        private String nameLabel = "";
        private ResizeState state;
        private String class_ = "plain \"text\"";
        private List<VmRef> vms;
        private Optional<VolumeRef> parent = Optional.empty();
        private Optional<String> passphrase = Optional.empty();
        private Long legacy = 0L;

        private Builder() {}

        /**
         * The volume's UUID.
         *
         * @param value the value
         * @return this builder
         */
        public Builder uuid(String value) {
            this.uuid = value;
            return this;
        }

        /**
         * What people call it.
         *
         * @param value the value
         * @return this builder
         */
        public Builder nameLabel(String value) {
            this.nameLabel = value;
            return this;
        }

        /**
         * Sets the field <code>state</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder state(ResizeState value) {
            this.state = value;
            return this;
        }

        /**
         * A word that languages keep for themselves.
         *
         * @param value the value
         * @return this builder
         */
        public Builder class_(String value) {
            this.class_ = value;
            return this;
        }

        /**
         * Sets the field <code>VMs</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder vms(List<VmRef> value) {
            this.vms = value;
            return this;
        }

        /**
         * Sets the field <code>parent</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder parent(VolumeRef value) {
            this.parent = Optional.ofNullable(value);
            return this;
        }

        /**
         * Sets the field <code>passphrase</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder passphrase(String value) {
            this.passphrase = Optional.ofNullable(value);
            return this;
        }

        /**
         * Sets the field <code>legacy</code>.
         *
         * @param value the value
         * @return this builder
         * @deprecated since 1.1: Nobody asks.
         */
        @Deprecated
        public Builder legacy(long value) {
            this.legacy = value;
            return this;
        }

        /**
         * Makes the record.
         *
         * @return the record
         * @throws IllegalStateException a field that has no default was not given
         */
        public VolumeRecord build() {
            return new VolumeRecord(this);
        }
    }
}
