package graftclient

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// codec turns values of a type into what encoding/json writes, and what it reads back into values.
type codec[T any] struct {
	encode func(T) (any, error)
	decode func(any) (T, error)
}

// keyCodec does the same for the keys of maps, which travel as text.
type keyCodec[K comparable] struct {
	encode func(K) (string, error)
	decode func(string) (K, error)
}

// misfit is why a value does not fit; place leads to it from the whole.
type misfit struct {
	place  string
	reason string
}

func (m *misfit) Error() string {
	if m.place == "" {
		return m.reason
	}
	return strings.TrimPrefix(m.place, ".") + ": " + m.reason
}

// at tells where the value of an error is in what holds it.
func at(place string, err error) error {
	var inner *misfit
	if errors.As(err, &inner) {
		return &misfit{place + inner.place, inner.reason}
	}
	return &misfit{place, err.Error()}
}

// unexpected says what was expected; the value itself may be a secret.
func unexpected(expected string, value any) error {
	got := "an object"
	switch value.(type) {
	case nil:
		got = "null"
	case bool:
		got = "a truth value"
	case json.Number:
		got = "a number"
	case string:
		got = "text"
	case []any:
		got = "an array"
	}
	return &misfit{reason: fmt.Sprintf("%s was expected in place of %s", expected, got)}
}

func checkText(value string) error {
	if !utf8.ValidString(value) {
		return &misfit{reason: "the text is no UTF-8"}
	}
	return nil
}

// text is for strings, references and enums, whose values need not be known.
func text[T ~string]() codec[T] {
	return codec[T]{
		encode: func(value T) (any, error) { return string(value), checkText(string(value)) },
		decode: func(value any) (T, error) {
			found, fits := value.(string)
			if !fits {
				return "", unexpected("text", value)
			}
			return T(found), nil
		},
	}
}

func textKey[K ~string]() keyCodec[K] {
	return keyCodec[K]{
		encode: func(key K) (string, error) { return string(key), checkText(string(key)) },
		decode: func(key string) (K, error) { return K(key), nil },
	}
}

func integer() codec[int64] {
	return codec[int64]{
		encode: func(value int64) (any, error) { return value, nil },
		decode: func(value any) (int64, error) {
			number, fits := value.(json.Number)
			if !fits {
				return 0, unexpected("an integer", value)
			}
			found, err := strconv.ParseInt(string(number), 10, 64)
			if err != nil {
				return 0, &misfit{reason: "an integer of 64 bits was expected"}
			}
			return found, nil
		},
	}
}

func integerKey() keyCodec[int64] {
	return keyCodec[int64]{
		encode: func(key int64) (string, error) { return strconv.FormatInt(key, 10), nil },
		decode: func(key string) (int64, error) {
			found, err := strconv.ParseInt(key, 10, 64)
			if err != nil {
				return 0, &misfit{reason: "the key is no integer of 64 bits"}
			}
			return found, nil
		},
	}
}

// floatText writes a float so that it is one to every reader: 1.0 rather than 1.
func floatText(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	}
	written := strconv.FormatFloat(value, 'g', -1, 64)
	if !strings.ContainsAny(written, ".e") {
		written += ".0"
	}
	return written
}

func floatJSON(value float64) any {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return floatText(value)
	}
	return json.Number(floatText(value))
}

func float() codec[float64] {
	return codec[float64]{
		encode: func(value float64) (any, error) { return floatJSON(value), nil },
		decode: func(value any) (float64, error) {
			switch found := value.(type) {
			case json.Number:
				return found.Float64()
			case string:
				if found == "NaN" || found == "Infinity" || found == "-Infinity" {
					return strconv.ParseFloat(found, 64)
				}
			}
			return 0, unexpected("a number", value)
		},
	}
}

func floatKey() keyCodec[float64] {
	return keyCodec[float64]{
		encode: func(key float64) (string, error) { return floatText(key), nil },
		decode: func(key string) (float64, error) {
			found, err := strconv.ParseFloat(key, 64)
			if err != nil {
				return 0, &misfit{reason: "the key is no number"}
			}
			return found, nil
		},
	}
}

func boolean() codec[bool] {
	return codec[bool]{
		encode: func(value bool) (any, error) { return value, nil },
		decode: func(value any) (bool, error) {
			found, fits := value.(bool)
			if !fits {
				return false, unexpected("a truth value", value)
			}
			return found, nil
		},
	}
}

func booleanKey() keyCodec[bool] {
	return keyCodec[bool]{
		encode: func(key bool) (string, error) { return strconv.FormatBool(key), nil },
		decode: func(key string) (bool, error) {
			if key != "true" && key != "false" {
				return false, &misfit{reason: "the key is neither true nor false"}
			}
			return key == "true", nil
		},
	}
}

// Layouts of points in time: RFC 3339, and how keys of maps have it. Without a time zone it is UTC.
var momentLayouts = []string{
	"2006-01-02T15:04:05Z07:00",
	"20060102T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"20060102T15:04:05",
}

func momentText(value time.Time) (string, error) {
	value = value.UTC()
	if value.Year() < 1 || value.Year() > 9999 {
		return "", &misfit{reason: fmt.Sprintf("the year %d is not one of 1 to 9999", value.Year())}
	}
	return value.Format(time.RFC3339Nano), nil
}

func readMoment(value string) (time.Time, error) {
	for _, layout := range momentLayouts {
		if found, err := time.Parse(layout, value); err == nil {
			return found.UTC(), nil
		}
	}
	return time.Time{}, &misfit{reason: "a point in time such as 2026-01-01T00:00:00Z was expected"}
}

func moment() codec[time.Time] {
	return codec[time.Time]{
		encode: func(value time.Time) (any, error) { return momentText(value) },
		decode: func(value any) (time.Time, error) {
			found, fits := value.(string)
			if !fits {
				return time.Time{}, unexpected("a point in time", value)
			}
			return readMoment(found)
		},
	}
}

func momentKey() keyCodec[time.Time] {
	return keyCodec[time.Time]{encode: momentText, decode: readMoment}
}

// anything is for types that are told in words only.
func anything() codec[any] {
	return codec[any]{encode: encodeAnything, decode: decodeAnything}
}

func encodeAnything(value any) (any, error) {
	switch given := value.(type) {
	case float64:
		return floatJSON(given), nil
	case float32:
		return floatJSON(float64(given)), nil
	case string:
		return given, checkText(given)
	case []byte:
		return base64.StdEncoding.EncodeToString(given), nil
	case time.Time:
		return momentText(given)
	case []any:
		return setOf(anything()).encode(given)
	case map[string]any:
		return mapOf(textKey[string](), anything()).encode(given)
	}
	return value, nil
}

// decodeAnything gives nil, bool, int64, float64, string, []any and map[string]any.
func decodeAnything(value any) (any, error) {
	switch found := value.(type) {
	case json.Number:
		if number, err := strconv.ParseInt(string(found), 10, 64); err == nil {
			return number, nil
		}
		return found.Float64()
	case []any:
		return setOf(anything()).decode(found)
	case map[string]any:
		return mapOf(textKey[string](), anything()).decode(found)
	}
	return value, nil
}

func setOf[T any](of codec[T]) codec[[]T] {
	return codec[[]T]{
		encode: func(value []T) (any, error) {
			made := make([]any, len(value))
			for place, item := range value {
				encoded, err := of.encode(item)
				if err != nil {
					return nil, at(fmt.Sprintf("[%d]", place), err)
				}
				made[place] = encoded
			}
			return made, nil
		},
		decode: func(value any) ([]T, error) {
			items, fits := value.([]any)
			if !fits {
				return nil, unexpected("an array", value)
			}
			made := make([]T, len(items))
			for place, item := range items {
				decoded, err := of.decode(item)
				if err != nil {
					return nil, at(fmt.Sprintf("[%d]", place), err)
				}
				made[place] = decoded
			}
			return made, nil
		},
	}
}

func mapOf[K comparable, V any](key keyCodec[K], of codec[V]) codec[map[K]V] {
	return codec[map[K]V]{
		encode: func(value map[K]V) (any, error) {
			made := make(map[string]any, len(value))
			for each, item := range value {
				written, err := key.encode(each)
				if err != nil {
					return nil, err
				}
				if made[written], err = of.encode(item); err != nil {
					return nil, at("."+written, err)
				}
			}
			return made, nil
		},
		decode: func(value any) (map[K]V, error) {
			members, fits := value.(map[string]any)
			if !fits {
				return nil, unexpected("an object", value)
			}
			made := make(map[K]V, len(members))
			for written, item := range members {
				each, err := key.decode(written)
				if err != nil {
					return nil, err
				}
				if made[each], err = of.decode(item); err != nil {
					return nil, at("."+written, err)
				}
			}
			return made, nil
		},
	}
}

// optionOf is for a value or none.
func optionOf[T any](of codec[T]) codec[*T] {
	return codec[*T]{
		encode: func(value *T) (any, error) {
			if value == nil {
				return nil, nil
			}
			return of.encode(*value)
		},
		decode: func(value any) (*T, error) {
			if value == nil {
				return nil, nil
			}
			found, err := of.decode(value)
			return &found, err
		},
	}
}

// boxOf is for a value or none where the value may be none itself: an array of at most one item.
func boxOf[T any](of codec[T]) codec[[]T] {
	plain := setOf(of)
	check := func(count int) error {
		if count > 1 {
			return &misfit{reason: fmt.Sprintf("an option has at most one item, not %d", count)}
		}
		return nil
	}
	return codec[[]T]{
		encode: func(value []T) (any, error) {
			if err := check(len(value)); err != nil {
				return nil, err
			}
			return plain.encode(value)
		},
		decode: func(value any) ([]T, error) {
			found, err := plain.decode(value)
			if err == nil {
				err = check(len(found))
			}
			return found, err
		},
	}
}

// Void is what a method answers that answers nothing.
type Void = struct{}

func void() codec[Void] {
	return codec[Void]{
		encode: func(Void) (any, error) { return nil, nil },
		decode: func(any) (Void, error) { return Void{}, nil },
	}
}

// members gathers the members of an object, and the first error among them.
type members struct {
	made map[string]any
	err  error
}

func put[T any](m *members, name string, of codec[T], value T) {
	if m.err != nil {
		return
	}
	encoded, err := of.encode(value)
	if err != nil {
		m.err = at("."+name, err)
		return
	}
	if m.made == nil {
		m.made = make(map[string]any)
	}
	m.made[name] = encoded
}

// putPointer leaves a member out that is nil.
func putPointer[T any](m *members, name string, of codec[T], value *T) {
	if value != nil {
		put(m, name, of, *value)
	}
}

func (m *members) object() (any, error) {
	if m.made == nil {
		m.made = make(map[string]any)
	}
	return m.made, m.err
}

// object reads the members of an object; those that nobody asks for are left.
type object struct {
	members map[string]any
	err     error
}

func objectOf(value any) *object {
	found, fits := value.(map[string]any)
	if !fits {
		return &object{err: unexpected("an object", value)}
	}
	return &object{members: found}
}

// get reads a member that has to be there.
func get[T any](o *object, name string, of codec[T], into *T) {
	if _, there := o.members[name]; !there && o.err == nil {
		o.err = &misfit{"." + name, "the field is missing"}
	}
	getIf(o, name, of, into)
}

// getIf reads a member if it is there.
func getIf[T any](o *object, name string, of codec[T], into *T) {
	value, there := o.members[name]
	if !there || o.err != nil {
		return
	}
	decoded, err := of.decode(value)
	if err != nil {
		o.err = at("."+name, err)
		return
	}
	*into = decoded
}

// getPointer reads a member that stays nil if it is not there.
func getPointer[T any](o *object, name string, of codec[T], into **T) {
	if _, there := o.members[name]; there && o.err == nil {
		found := new(T)
		getIf(o, name, of, found)
		*into = found
	}
}

func writeJSON(value any) ([]byte, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), nil
}

func readJSON(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	// Integers keep all of their 64 bits.
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows behind the value")
	}
	return value, nil
}

func marshal[T any](of codec[T], value T) ([]byte, error) {
	encoded, err := of.encode(value)
	if err != nil {
		return nil, err
	}
	return writeJSON(encoded)
}

func unmarshal[T any](of codec[T], data []byte, into *T) error {
	value, err := readJSON(data)
	if err != nil {
		return err
	}
	decoded, err := of.decode(value)
	if err != nil {
		return err
	}
	*into = decoded
	return nil
}

// Ptr returns a pointer to a value, such as one that may be left out.
func Ptr[T any](value T) *T {
	return &value
}
