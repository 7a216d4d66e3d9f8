// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as the platform speaks it: null, Boolean, String, Long, Double, List and Map. Whole numbers beyond 64 bits are
 * BigInteger.
 */
public final class Json {
    private static final int MAX_DEPTH = 256;
    private static final BigInteger MIN = BigInteger.valueOf(Long.MIN_VALUE);
    private static final BigInteger MAX = BigInteger.valueOf(Long.MAX_VALUE);

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /**
     * Reads a document in UTF-8.
     *
     * @param data the document
     * @return its value
     * @throws AnswerException it is no JSON
     */
    public static Object read(byte[] data) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
        } catch (CharacterCodingException error) {
            throw new AnswerException("the answer is not in UTF-8", error);
        }
        Json reader = new Json(text);
        Object value = reader.value(0);
        reader.space();
        if (reader.at != text.length()) {
            throw reader.fault("something follows the value");
        }
        return value;
    }

    /**
     * Writes a value.
     *
     * @param value null, a Boolean, String, Number, Iterable, or Map with keys of text
     * @return the document in UTF-8
     * @throws IllegalArgumentException the value is none that JSON has
     */
    public static byte[] write(Object value) {
        StringBuilder out = new StringBuilder();
        append(out, value, 0);
        return out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void append(StringBuilder out, Object value, int depth) {
        if (depth > MAX_DEPTH) {
            throw new IllegalArgumentException("values nest deeper than " + MAX_DEPTH);
        }
        if (value == null || value instanceof Boolean || value instanceof BigInteger || isWhole(value)) {
            out.append(value);
        } else if (value instanceof Double || value instanceof Float) {
            double number = ((Number) value).doubleValue();
            if (Double.isNaN(number) || Double.isInfinite(number)) {
                throw new IllegalArgumentException(number + " is no number of JSON");
            }
            out.append(number);
        } else if (value instanceof CharSequence) {
            append(out, (CharSequence) value);
        } else if (value instanceof Map) {
            String before = "{";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                out.append(before);
                append(out, String.valueOf(entry.getKey()));
                out.append(':');
                append(out, entry.getValue(), depth + 1);
                before = ",";
            }
            out.append(before.equals("{") ? "{}" : "}");
        } else if (value instanceof Iterable) {
            String before = "[";
            for (Object item : (Iterable<?>) value) {
                out.append(before);
                append(out, item, depth + 1);
                before = ",";
            }
            out.append(before.equals("[") ? "[]" : "]");
        } else {
            throw new IllegalArgumentException("JSON has no " + value.getClass().getName());
        }
    }

    private static boolean isWhole(Object value) {
        return value instanceof Long || value instanceof Integer || value instanceof Short || value instanceof Byte;
    }

    private static void append(StringBuilder out, CharSequence text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < 0x20 || c == 0x7f) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private Object value(int depth) {
        if (depth > MAX_DEPTH) {
            throw fault("values nest deeper than " + MAX_DEPTH);
        }
        space();
        char c = next("a value is missing");
        switch (c) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return string();
            case 't':
                return word("true", Boolean.TRUE);
            case 'f':
                return word("false", Boolean.FALSE);
            case 'n':
                return word("null", null);
            default:
                at--;
                return number();
        }
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> found = new LinkedHashMap<>();
        space();
        if (skip('}')) {
            return found;
        }
        while (true) {
            space();
            if (!skip('"')) {
                throw fault("a name is missing");
            }
            String name = string();
            space();
            if (!skip(':')) {
                throw fault("a colon is missing");
            }
            found.put(name, value(depth + 1));
            space();
            if (skip('}')) {
                return found;
            }
            if (!skip(',')) {
                throw fault("a comma is missing");
            }
        }
    }

    private List<Object> array(int depth) {
        List<Object> found = new ArrayList<>();
        space();
        if (skip(']')) {
            return found;
        }
        while (true) {
            found.add(value(depth + 1));
            space();
            if (skip(']')) {
                return found;
            }
            if (!skip(',')) {
                throw fault("a comma is missing");
            }
        }
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        while (true) {
            char c = next("a string has no end");
            if (c == '"') {
                return found.toString();
            }
            if (c < 0x20) {
                throw fault("a string holds a control character");
            }
            found.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() {
        char c = next("a string has no end");
        switch (c) {
            case '"':
            case '\\':
            case '/':
                return c;
            case 'b':
                return '\b';
            case 'f':
                return '\f';
            case 'n':
                return '\n';
            case 'r':
                return '\r';
            case 't':
                return '\t';
            case 'u':
                int code = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = Character.digit(next("a string has no end"), 16);
                    if (digit < 0) {
                        throw fault("an escape has no four digits");
                    }
                    code = code * 16 + digit;
                }
                return (char) code;
            default:
                throw fault("an escape is unknown");
        }
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at - 1)) {
            throw fault("a word is unknown");
        }
        at += word.length() - 1;
        return value;
    }

    private Object number() {
        int start = at;
        skip('-');
        int first = at;
        digits();
        if (text.charAt(first) == '0' && at > first + 1) {
            throw fault("a number begins with a zero");
        }
        boolean whole = true;
        if (skip('.')) {
            whole = false;
            digits();
        }
        if (skip('e') || skip('E')) {
            whole = false;
            if (!skip('+')) {
                skip('-');
            }
            digits();
        }
        String found = text.substring(start, at);
        if (!whole) {
            return Double.valueOf(found);
        }
        if (found.length() < 19) {
            return Long.valueOf(found);
        }
        BigInteger number = new BigInteger(found);
        return number.compareTo(MIN) < 0 || number.compareTo(MAX) > 0 ? (Object) number : (Object) number.longValue();
    }

    private void digits() {
        int start = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == start) {
            throw fault("a digit is missing");
        }
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean skip(char c) {
        if (at < text.length() && text.charAt(at) == c) {
            at++;
            return true;
        }
        return false;
    }

    private char next(String otherwise) {
        if (at >= text.length()) {
            throw fault(otherwise);
        }
        return text.charAt(at++);
    }

    private AnswerException fault(String what) {
        return new AnswerException("the answer is no JSON: " + what + " at character " + at);
    }
}
