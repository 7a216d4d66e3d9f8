// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.AnswerException;
import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One disk of a volume. */
public final class Disk {
    /** How it travels. */
    public static final Codec<Disk> CODEC = Codecs.of(Disk::encode, Disk::decode);

    private static final Codec<String> LABEL_CODEC = Codecs.STRING;
    private static final Codec<String> DEVICE_CODEC = Codecs.STRING;
    private static final Codec<Long> SIZE_CODEC = Codecs.INT;
    private static final Codec<Double> RATIO_CODEC = Codecs.FLOAT;
    private static final Codec<Boolean> BOOTABLE_CODEC = Codecs.BOOL;
    private static final Codec<Instant> MADE_CODEC = Codecs.DATETIME;
    private static final Codec<Colour> COLOUR_CODEC = Colour.CODEC;
    private static final Codec<List<String>> TAGS_CODEC = Codecs.set(Codecs.STRING);
    private static final Codec<Map<Long, Double>> SIZES_CODEC = Codecs.map(Codecs.INT, Codecs.FLOAT);
    private static final Codec<Optional<Disk>> PARENT_CODEC = Codecs.option(Disk.CODEC);
    private static final Codec<List<Disk>> CHILDREN_CODEC = Codecs.set(Disk.CODEC);
    private static final Codec<List<Optional<String>>> TWICE_CODEC = Codecs.box(Codecs.option(Codecs.STRING));
    private static final Codec<Object> OTHER_CODEC = Codecs.ANYTHING;
    private static final Codec<Optional<Long>> A_DASH_CODEC = Codecs.option(Codecs.INT);
    private static final Codec<Optional<Long>> A_DASH_2_CODEC = Codecs.option(Codecs.INT);

    private final String label;
    private final String device;
    private final long size;
    private final double ratio;
    private final boolean bootable;
    private final Instant made;
    private final Colour colour;
    private final List<String> tags;
    private final Map<Long, Double> sizes;
    private final Optional<Disk> parent;
    private final List<Disk> children;
    private final List<Optional<String>> twice;
    private final Object other;
    private final Optional<Long> aDash;
    private final Optional<Long> aDash_2;

    private Disk(Builder builder) {
        this.label = Codecs.given(builder.label, "label");
        this.device = Codecs.given(builder.device, "device");
        this.size = Codecs.given(builder.size, "size");
        this.ratio = Codecs.given(builder.ratio, "ratio");
        this.bootable = Codecs.given(builder.bootable, "bootable");
        this.made = Codecs.given(builder.made, "made");
        this.colour = Codecs.given(builder.colour, "colour");
        this.tags = Codecs.given(builder.tags, "tags");
        this.sizes = Codecs.given(builder.sizes, "sizes");
        this.parent = Codecs.given(builder.parent, "parent");
        this.children = Codecs.given(builder.children, "children");
        this.twice = Codecs.given(builder.twice, "twice");
        this.other = builder.other;
        this.aDash = Codecs.given(builder.aDash, "a-dash");
        this.aDash_2 = Codecs.given(builder.aDash_2, "a_dash");
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
        builder.label = this.label;
        builder.device = this.device;
        builder.size = this.size;
        builder.ratio = this.ratio;
        builder.bootable = this.bootable;
        builder.made = this.made;
        builder.colour = this.colour;
        builder.tags = this.tags;
        builder.sizes = this.sizes;
        builder.parent = this.parent;
        builder.children = this.children;
        builder.twice = this.twice;
        builder.other = this.other;
        builder.aDash = this.aDash;
        builder.aDash_2 = this.aDash_2;
        return builder;
    }

    /**
     * Returns the field <code>label</code>.
     *
     * @return the value
     */
    public String label() {
        return label;
    }

    /**
     * Such as <code>xvda</code>.
     *
     * @return the value
     */
    public String device() {
        return device;
    }

    /**
     * Bytes.
     *
     * @return the value
     */
    public long size() {
        return size;
    }

    /**
     * Returns the field <code>ratio</code>.
     *
     * @return the value
     */
    public double ratio() {
        return ratio;
    }

    /**
     * Returns the field <code>bootable</code>.
     *
     * @return the value
     */
    public boolean bootable() {
        return bootable;
    }

    /**
     * Returns the field <code>made</code>.
     *
     * @return the value
     */
    public Instant made() {
        return made;
    }

    /**
     * Returns the field <code>colour</code>.
     *
     * @return the value
     */
    public Colour colour() {
        return colour;
    }

    /**
     * Returns the field <code>tags</code>.
     *
     * @return the value
     */
    public List<String> tags() {
        return tags;
    }

    /**
     * Returns the field <code>sizes</code>.
     *
     * @return the value
     */
    public Map<Long, Double> sizes() {
        return sizes;
    }

    /**
     * Returns the field <code>parent</code>.
     *
     * @return the value
     */
    public Optional<Disk> parent() {
        return parent;
    }

    /**
     * Returns the field <code>children</code>.
     *
     * @return the value
     */
    public List<Disk> children() {
        return children;
    }

    /**
     * Returns the field <code>twice</code>.
     *
     * @return the value
     */
    public List<Optional<String>> twice() {
        return twice;
    }

    /**
     * Returns the field <code>other</code>.
     *
     * @return the value
     */
    public Object other() {
        return other;
    }

    /**
     * Returns the field <code>a-dash</code>.
     *
     * @return the value
     */
    public Optional<Long> aDash() {
        return aDash;
    }

    /**
     * Returns the field <code>a_dash</code>.
     *
     * @return the value
     */
    public Optional<Long> aDash_2() {
        return aDash_2;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Disk)) {
            return false;
        }
        return Arrays.equals(members(this), members((Disk) other));
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(members(this));
    }

    @Override
    public String toString() {
        StringBuilder told = new StringBuilder("Disk{");
        told.append("label=").append(this.label);
        told.append(", device=").append(this.device);
        told.append(", size=").append(this.size);
        told.append(", ratio=").append(this.ratio);
        told.append(", bootable=").append(this.bootable);
        told.append(", made=").append(this.made);
        told.append(", colour=").append(this.colour);
        told.append(", tags=").append(this.tags);
        told.append(", sizes=").append(this.sizes);
        told.append(", parent=").append(this.parent);
        told.append(", children=").append(this.children);
        told.append(", twice=").append(this.twice);
        told.append(", other=").append(this.other);
        told.append(", aDash=").append(this.aDash);
        told.append(", aDash_2=").append(this.aDash_2);
        return told.append("}").toString();
    }

    private static Object[] members(Disk value) {
        return new Object[] {
            value.label,
            value.device,
            value.size,
            value.ratio,
            value.bootable,
            value.made,
            value.colour,
            value.tags,
            value.sizes,
            value.parent,
            value.children,
            value.twice,
            value.other,
            value.aDash,
            value.aDash_2,
        };
    }

    private static Object encode(Disk value) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("label", LABEL_CODEC.encode(value.label));
        made.put("device", DEVICE_CODEC.encode(value.device));
        made.put("size", SIZE_CODEC.encode(value.size));
        made.put("ratio", RATIO_CODEC.encode(value.ratio));
        made.put("bootable", BOOTABLE_CODEC.encode(value.bootable));
        made.put("made", MADE_CODEC.encode(value.made));
        made.put("colour", COLOUR_CODEC.encode(value.colour));
        made.put("tags", TAGS_CODEC.encode(value.tags));
        made.put("sizes", SIZES_CODEC.encode(value.sizes));
        if (value.parent.isPresent()) {
            made.put("parent", PARENT_CODEC.encode(value.parent));
        }
        made.put("children", CHILDREN_CODEC.encode(value.children));
        made.put("twice", TWICE_CODEC.encode(value.twice));
        if (value.other != null) {
            made.put("other", OTHER_CODEC.encode(value.other));
        }
        if (value.aDash.isPresent()) {
            made.put("a-dash", A_DASH_CODEC.encode(value.aDash));
        }
        if (value.aDash_2.isPresent()) {
            made.put("a_dash", A_DASH_2_CODEC.encode(value.aDash_2));
        }
        return made;
    }

    private static Disk decode(Object json) {
        Map<?, ?> found = Codecs.object(json);
        Builder builder = new Builder();
        if (found.containsKey("label")) {
            builder.label = LABEL_CODEC.decode(found.get("label"));
        }
        if (found.containsKey("device")) {
            builder.device = DEVICE_CODEC.decode(found.get("device"));
        }
        if (found.containsKey("size")) {
            builder.size = SIZE_CODEC.decode(found.get("size"));
        }
        if (found.containsKey("ratio")) {
            builder.ratio = RATIO_CODEC.decode(found.get("ratio"));
        }
        if (found.containsKey("bootable")) {
            builder.bootable = BOOTABLE_CODEC.decode(found.get("bootable"));
        }
        if (found.containsKey("made")) {
            builder.made = MADE_CODEC.decode(found.get("made"));
        }
        if (found.containsKey("colour")) {
            builder.colour = COLOUR_CODEC.decode(found.get("colour"));
        }
        if (found.containsKey("tags")) {
            builder.tags = TAGS_CODEC.decode(found.get("tags"));
        }
        if (found.containsKey("sizes")) {
            builder.sizes = SIZES_CODEC.decode(found.get("sizes"));
        }
        if (found.containsKey("parent")) {
            builder.parent = PARENT_CODEC.decode(found.get("parent"));
        }
        if (found.containsKey("children")) {
            builder.children = CHILDREN_CODEC.decode(found.get("children"));
        }
        if (found.containsKey("twice")) {
            builder.twice = TWICE_CODEC.decode(found.get("twice"));
        }
        if (found.containsKey("other")) {
            builder.other = OTHER_CODEC.decode(found.get("other"));
        }
        if (found.containsKey("a-dash")) {
            builder.aDash = A_DASH_CODEC.decode(found.get("a-dash"));
        }
        if (found.containsKey("a_dash")) {
            builder.aDash_2 = A_DASH_2_CODEC.decode(found.get("a_dash"));
        }
        try {
            return builder.build();
        } catch (IllegalStateException error) {
            throw new AnswerException("the record disk lacks a field: " + error.getMessage(), error);
        }
    }

    /** Makes records. */
    public static final class Builder {
        private String label = "";
        private String device;
        private Long size;
        private Double ratio = Double.NaN;
        private Boolean bootable = true;
        private Instant made = Instant.parse("2026-01-01T00:00:00.25Z");
        private Colour colour = Colour.GREEN;
        private List<String> tags = List.of("a", "b");
        private Map<Long, Double> sizes = Map.of(1L, 0.5);
        private Optional<Disk> parent = Optional.empty();
        private List<Disk> children = List.of();
        private List<Optional<String>> twice = List.of(Optional.empty());
        private Object other;
        private Optional<Long> aDash = Optional.empty();
        private Optional<Long> aDash_2 = Optional.empty();

        private Builder() {}

        /**
         * Sets the field <code>label</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder label(String value) {
            this.label = value;
            return this;
        }

        /**
         * Such as <code>xvda</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder device(String value) {
            this.device = value;
            return this;
        }

        /**
         * Bytes.
         *
         * @param value the value
         * @return this builder
         */
        public Builder size(long value) {
            this.size = value;
            return this;
        }

        /**
         * Sets the field <code>ratio</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder ratio(double value) {
            this.ratio = value;
            return this;
        }

        /**
         * Sets the field <code>bootable</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder bootable(boolean value) {
            this.bootable = value;
            return this;
        }

        /**
         * Sets the field <code>made</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder made(Instant value) {
            this.made = value;
            return this;
        }

        /**
         * Sets the field <code>colour</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder colour(Colour value) {
            this.colour = value;
            return this;
        }

        /**
         * Sets the field <code>tags</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder tags(List<String> value) {
            this.tags = value;
            return this;
        }

        /**
         * Sets the field <code>sizes</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder sizes(Map<Long, Double> value) {
            this.sizes = value;
            return this;
        }

        /**
         * Sets the field <code>parent</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder parent(Disk value) {
            this.parent = Optional.ofNullable(value);
            return this;
        }

        /**
         * Sets the field <code>children</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder children(List<Disk> value) {
            this.children = value;
            return this;
        }

        /**
         * Sets the field <code>twice</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder twice(List<Optional<String>> value) {
            this.twice = value;
            return this;
        }

        /**
         * Sets the field <code>other</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder other(Object value) {
            this.other = value;
            return this;
        }

        /**
         * Sets the field <code>a-dash</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder aDash(Long value) {
            this.aDash = Optional.ofNullable(value);
            return this;
        }

        /**
         * Sets the field <code>a_dash</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder aDash_2(Long value) {
            this.aDash_2 = Optional.ofNullable(value);
            return this;
        }

        /**
         * Makes the record.
         *
         * @return the record
         * @throws IllegalStateException a field that has no default was not given
         */
        public Disk build() {
            return new Disk(this);
        }
    }
}
