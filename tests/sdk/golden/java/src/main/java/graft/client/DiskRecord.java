// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.AnswerException;
import graft.client.runtime.Codec;
import graft.client.runtime.Codecs;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Is called as another one. */
public final class DiskRecord {
    /** How it travels. */
    public static final Codec<DiskRecord> CODEC = Codecs.of(DiskRecord::encode, DiskRecord::decode);

    private static final Codec<Long> X_CODEC = Codecs.INT;

    private final long x;

    private DiskRecord(Builder builder) {
        this.x = Codecs.given(builder.x, "x");
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
        builder.x = this.x;
        return builder;
    }

    /**
     * Returns the field <code>x</code>.
     *
     * @return the value
     */
    public long x() {
        return x;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof DiskRecord)) {
            return false;
        }
        return Arrays.equals(members(this), members((DiskRecord) other));
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(members(this));
    }

    @Override
    public String toString() {
        StringBuilder told = new StringBuilder("DiskRecord{");
        told.append("x=").append(this.x);
        return told.append("}").toString();
    }

    private static Object[] members(DiskRecord value) {
        return new Object[] {
            value.x,
        };
    }

    private static Object encode(DiskRecord value) {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("x", X_CODEC.encode(value.x));
        return made;
    }

    private static DiskRecord decode(Object json) {
        Map<?, ?> found = Codecs.object(json);
        Builder builder = new Builder();
        if (found.containsKey("x")) {
            builder.x = X_CODEC.decode(found.get("x"));
        }
        try {
            return builder.build();
        } catch (IllegalStateException error) {
            throw new AnswerException("the record disk-record lacks a field: " + error.getMessage(), error);
        }
    }

    /** Makes records. */
    public static final class Builder {
        private Long x;

        private Builder() {}

        /**
         * Sets the field <code>x</code>.
         *
         * @param value the value
         * @return this builder
         */
        public Builder x(long value) {
            this.x = value;
            return this;
        }

        /**
         * Makes the record.
         *
         * @return the record
         * @throws IllegalStateException a field that has no default was not given
         */
        public DiskRecord build() {
            return new DiskRecord(this);
        }
    }
}
