// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.math.BigInteger;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** How the types travel. */
public final class Codecs {
    /** Text. */
    public static final Codec<String> STRING = plain("string", String.class);

    /** Whole numbers of 64 bits. */
    public static final Codec<Long> INT = plain("int", Long.class);

    /** Truth values. */
    public static final Codec<Boolean> BOOL = plain("bool", Boolean.class);

    /** Doubles; those that JSON lacks are words. */
    public static final Codec<Double> FLOAT = of(Codecs::floatJson, Codecs::floatOf);

    /** Points in time, to the nanosecond. */
    public static final Codec<Instant> DATETIME = of(Instant::toString, Codecs::timeOf);

    /** A type that is told in words only: null, Boolean, String, Long, Double, List and Map. */
    public static final Codec<Object> ANYTHING = of(Codecs::anyJson, json -> json);

    /** What a method answers that answers nothing. */
    public static final Codec<Void> VOID = of(value -> null, json -> null);

    private Codecs() {}

    /**
     * Makes a codec of two functions.
     *
     * @param encode see {@link Codec#encode}
     * @param decode see {@link Codec#decode}
     * @param <T> the type
     * @return the codec
     */
    public static <T> Codec<T> of(Function<T, Object> encode, Function<Object, T> decode) {
        return new Codec<>() {
            @Override
            public Object encode(T value) {
                return encode.apply(value);
            }

            @Override
            public T decode(Object json) {
                return decode.apply(json);
            }
        };
    }

    /**
     * An enum.
     *
     * @param of returns the value of a text
     * @param <T> the enum
     * @return its codec
     */
    public static <T extends OpenEnum> Codec<T> openEnum(Function<String, T> of) {
        return of(OpenEnum::toString, json -> of.apply(STRING.decode(json)));
    }

    /**
     * References to the objects of a class.
     *
     * @param of returns the reference of a text
     * @param <T> the kind of reference
     * @return their codec
     */
    public static <T extends Ref> Codec<T> ref(Function<String, T> of) {
        return of(Ref::toString, json -> of.apply(STRING.decode(json)));
    }

    /**
     * Arrays.
     *
     * @param item of the items
     * @param <T> their type
     * @return the codec of their lists
     */
    public static <T> Codec<List<T>> set(Codec<T> item) {
        return of(
                values -> {
                    List<Object> made = new ArrayList<>(values.size());
                    values.forEach(value -> made.add(item.encode(value)));
                    return made;
                },
                json -> {
                    if (!(json instanceof List)) {
                        throw misfit("array", json);
                    }
                    List<T> made = new ArrayList<>(((List<?>) json).size());
                    ((List<?>) json).forEach(value -> made.add(item.decode(value)));
                    return made;
                });
    }

    /**
     * Objects, whose keys are text that reads as the keys' type.
     *
     * @param key of the keys
     * @param item of the values
     * @param <K> the keys' type
     * @param <T> the values' type
     * @return the codec of maps, which keep their order
     */
    public static <K, T> Codec<Map<K, T>> map(Codec<K> key, Codec<T> item) {
        return of(
                values -> {
                    Map<String, Object> made = new LinkedHashMap<>();
                    values.forEach((name, value) -> made.put(String.valueOf(key.encode(name)), item.encode(value)));
                    return made;
                },
                json -> {
                    if (!(json instanceof Map)) {
                        throw misfit("object", json);
                    }
                    Map<K, T> made = new LinkedHashMap<>();
                    ((Map<?, ?>) json).forEach((name, value) -> made.put(keyOf(key, (String) name), item.decode(value)));
                    return made;
                });
    }

    /**
     * A value or none.
     *
     * @param item of the value
     * @param <T> its type
     * @return the codec
     */
    public static <T> Codec<Optional<T>> option(Codec<T> item) {
        return of(
                value -> value.map(item::encode).orElse(null),
                json -> json == null ? Optional.empty() : Optional.of(item.decode(json)));
    }

    /**
     * A value or none, where the value may be none itself: a list of at most one item.
     *
     * @param item of the value
     * @param <T> its type
     * @return the codec
     */
    public static <T> Codec<List<T>> box(Codec<T> item) {
        Codec<List<T>> list = set(item);
        return of(list::encode, json -> {
            if (!(json instanceof List) || ((List<?>) json).size() > 1) {
                throw misfit("array of at most one item", json);
            }
            return list.decode(json);
        });
    }

    /**
     * Makes sure that a JSON is an object.
     *
     * @param json what {@link Json} has read
     * @return the object
     * @throws AnswerException it is none
     */
    public static Map<?, ?> object(Object json) {
        if (!(json instanceof Map)) {
            throw misfit("object", json);
        }
        return (Map<?, ?>) json;
    }

    /**
     * Makes sure that the value of a field has been given.
     *
     * @param value the value
     * @param field what the field is called
     * @param <T> its type
     * @return the value
     * @throws IllegalStateException there is none
     */
    public static <T> T given(T value, String field) {
        if (value == null) {
            throw new IllegalStateException("the field " + field + " has no value");
        }
        return value;
    }

    private static <T> Codec<T> plain(String name, Class<T> kind) {
        return of(value -> value, json -> {
            if (!kind.isInstance(json)) {
                throw misfit(name, json);
            }
            return kind.cast(json);
        });
    }

    private static Object floatJson(Double value) {
        // Java's words for what JSON lacks are those of the platform.
        return value.isNaN() || value.isInfinite() ? (Object) value.toString() : (Object) value;
    }

    private static Double floatOf(Object json) {
        if (json instanceof Number) {
            return ((Number) json).doubleValue();
        }
        if ("NaN".equals(json) || "Infinity".equals(json) || "-Infinity".equals(json)) {
            return Double.valueOf((String) json);
        }
        throw misfit("float", json);
    }

    private static Instant timeOf(Object json) {
        try {
            return OffsetDateTime.parse(STRING.decode(json)).toInstant();
        } catch (DateTimeException error) {
            throw misfit("datetime", json);
        }
    }

    private static Object anyJson(Object value) {
        if (value instanceof Double || value instanceof Float) {
            return floatJson(((Number) value).doubleValue());
        }
        if (value instanceof byte[]) {
            return Base64.getEncoder().encodeToString((byte[]) value);
        }
        if (value instanceof Map) {
            Map<String, Object> made = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((key, item) -> made.put(String.valueOf(key), anyJson(item)));
            return made;
        }
        if (value instanceof Iterable) {
            List<Object> made = new ArrayList<>();
            ((Iterable<?>) value).forEach(item -> made.add(anyJson(item)));
            return made;
        }
        if (value == null || value instanceof Boolean || value instanceof Number || value instanceof BigInteger) {
            return value;
        }
        return value.toString();
    }

    private static <K> K keyOf(Codec<K> codec, String text) {
        try {
            Object json = text;
            if (codec == INT) {
                json = Long.valueOf(text);
            } else if (codec == FLOAT) {
                json = Double.valueOf(text);
            } else if (codec == BOOL && (text.equals("true") || text.equals("false"))) {
                json = Boolean.valueOf(text);
            }
            return codec.decode(json);
        } catch (NumberFormatException error) {
            throw misfit("key of a map", text);
        }
    }

    /** Says what was expected; the value itself may be a secret. */
    private static AnswerException misfit(String expected, Object json) {
        String got = "null";
        if (json instanceof Map) {
            got = "an object";
        } else if (json instanceof List) {
            got = "an array";
        } else if (json != null) {
            got = "a " + json.getClass().getSimpleName();
        }
        return new AnswerException("the type " + expected + " was expected, but the platform has answered with " + got);
    }
}
