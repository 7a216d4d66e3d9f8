/** Values to JSON and back, by declared type. */

import { AnswerError } from "./errors.js";
import type { Json } from "./json.js";
import { type Anything, Moment, nanosecondOf } from "./values.js";

/** Writes values of one type. */
export interface Encoder<in Given> {
  encode(value: Given): Json;
}

/** Writes and reads values of one type; what is given may lack what has a default. */
export interface Codec<out Taken, in Given = Taken> extends Encoder<Given> {
  /** Throws an AnswerError where the JSON is none of the type. */
  decode(json: Json): Taken;
}

/** Says what was expected; the value itself may be a secret. */
function misfit(expected: string, json: Json): AnswerError {
  const got =
    json === null ? "null" : Array.isArray(json) ? "array" : json instanceof Map ? "object" : typeof json;
  return new AnswerError(`a ${expected} was expected, but the platform has answered with ${got}`);
}

export const STRING: Codec<string> = {
  encode: (value) => value,
  decode(json) {
    if (typeof json !== "string") {
      throw misfit("string", json);
    }
    return json;
  },
};

export const INT: Codec<bigint, bigint | number> = {
  encode(value) {
    if (typeof value === "number" && !Number.isSafeInteger(value)) {
      throw new RangeError(`${value} is no integer that a number holds exactly; give a bigint`);
    }
    return BigInt(value);
  },
  decode(json) {
    if (typeof json === "bigint") {
      return json;
    }
    if (Object.is(json, -0)) {
      return 0n;
    }
    throw misfit("int", json);
  },
};

export const FLOAT: Codec<number> = {
  encode(value) {
    if (Number.isFinite(value)) {
      return value;
    }
    return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  },
  decode(json) {
    if (typeof json === "number") {
      return json;
    }
    if (typeof json === "bigint" || json === "NaN" || json === "Infinity" || json === "-Infinity") {
      return Number(json);
    }
    throw misfit("float", json);
  },
};

export const BOOL: Codec<boolean> = {
  encode: (value) => value,
  decode(json) {
    if (typeof json !== "boolean") {
      throw misfit("bool", json);
    }
    return json;
  },
};

const TIME =
  /^(\d{4})(-?)(\d\d)\2(\d\d)[Tt ](\d\d)(:?)(\d\d)\6(\d\d)(?:[.,](\d{1,9}))?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?$/;

export const DATETIME: Codec<Date> = {
  encode(value) {
    const nanosecond = nanosecondOf(value);
    const text = new Date(value.getTime()).toISOString().slice(0, -1);
    return `${text}${String(nanosecond).padStart(6, "0")}`.replace(/\.?0+$/, "") + "Z";
  },
  decode(json) {
    const match = typeof json === "string" ? TIME.exec(json) : null;
    if (match === null) {
      throw misfit("datetime", json);
    }
    const [year, month, day, hour, minute, second] = [1, 3, 4, 5, 7, 8].map((place) => Number(match[place])) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const nanoseconds = Number((match[9] ?? "").padEnd(9, "0"));
    const time = new Date(0);
    // Date.UTC takes the years 0 to 99 for those of another century.
    time.setUTCFullYear(year, month - 1, day);
    time.setUTCHours(hour, minute, second, Math.floor(nanoseconds / 1_000_000));
    if (match[10] !== undefined) {
      const minutes = Number(match[11]) * 60 + Number(match[12] ?? 0);
      time.setTime(time.getTime() - (match[10] === "+" ? 1 : -1) * minutes * 60_000);
    }
    const rest = nanoseconds % 1_000_000;
    return rest === 0 ? time : new Moment(time, rest);
  },
};

export const ANYTHING: Codec<Anything> = {
  encode(value) {
    if (value === null || typeof value !== "object") {
      return typeof value === "number" ? numberOf(value) : value;
    }
    if (value instanceof Date) {
      return DATETIME.encode(value);
    }
    if (value instanceof Uint8Array) {
      return base64(value);
    }
    if (Array.isArray(value)) {
      return value.map((item) => ANYTHING.encode(item as Anything));
    }
    return new Map(Object.entries(value).map(([key, item]) => [key, ANYTHING.encode(item as Anything)]));
  },
  decode(json) {
    if (Array.isArray(json)) {
      return json.map((item) => ANYTHING.decode(item));
    }
    if (json instanceof Map) {
      const members = [...json].map(([key, item]) => [key, ANYTHING.decode(item)] as const);
      return Object.fromEntries(members);
    }
    return json;
  },
};

/** An integer stays one; a number that JSON has not is text. */
function numberOf(value: number): Json {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : FLOAT.encode(value);
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    text += String.fromCharCode(byte);
  }
  return btoa(text);
}

export const VOID: Codec<void, void> = {
  encode: () => null,
  decode: () => undefined,
};

/** Enums and references, which are text; values that this package does not know survive. */
export function text<T extends string>(name: string): Codec<T> {
  return {
    encode: (value) => value,
    decode(json) {
      if (typeof json !== "string") {
        throw misfit(name, json);
      }
      return json as T;
    },
  };
}

export function set<T, G>(of: Codec<T, G>): Codec<T[], readonly G[]> {
  return {
    encode: (value) => value.map((item) => of.encode(item)),
    decode(json) {
      if (!Array.isArray(json)) {
        throw misfit("array", json);
      }
      return json.map((item) => of.decode(item));
    },
  };
}

/** A Map, or an object where keys are text. */
export type GivenMap<K, V> = ReadonlyMap<K, V> | (K extends string ? { readonly [key: string]: V } : never);

export function map<K, H, T, G>(key: Codec<K, H>, of: Codec<T, G>): Codec<Map<K, T>, GivenMap<H, G>> {
  return {
    encode(value) {
      const members = value instanceof Map ? [...(value as ReadonlyMap<H, G>)] : Object.entries(value as object);
      return new Map(members.map(([name, item]) => [keyText(key.encode(name as H)), of.encode(item as G)]));
    },
    decode(json) {
      if (!(json instanceof Map)) {
        throw misfit("object", json);
      }
      return new Map([...json].map(([name, item]) => [key.decode(keyOf(key, name)), of.decode(item)]));
    },
  };
}

function keyText(json: Json): string {
  return typeof json === "string" ? json : String(json);
}

function keyOf(codec: unknown, name: string): Json {
  if (codec === INT && /^[-+]?[0-9]+$/.test(name)) {
    return BigInt(name);
  }
  if (codec === BOOL && (name === "true" || name === "false")) {
    return name === "true";
  }
  if (codec === FLOAT) {
    const named = { nan: NaN, inf: Infinity, "-inf": -Infinity }[name.toLowerCase()];
    return named ?? (name === "" ? name : Number(name));
  }
  return name;
}

export function option<T, G>(of: Codec<T, G>): Codec<T | null, G | null> {
  return {
    encode: (value) => (value === null ? null : of.encode(value)),
    decode: (json) => (json === null ? null : of.decode(json)),
  };
}

/** A value or none, where the value may be none itself: an array of at most one item. */
export function box<T, G>(of: Codec<T, G>): Codec<[] | [T], readonly [] | readonly [G]> {
  return {
    encode: (value) => value.map((item) => of.encode(item as G)),
    decode(json) {
      if (!Array.isArray(json) || json.length > 1) {
        throw misfit("array of at most one item", json);
      }
      return json.map((item) => of.decode(item)) as [] | [T];
    },
  };
}

/** A field of a record. */
export interface FieldCodec {
  /** On the wire. */
  readonly name: string;
  /** In this package. */
  readonly key: string;
  readonly codec: Codec<unknown, never>;
  /** A record may come without it: then it has this value. */
  readonly absent?: () => unknown;
  /** It is kept out of what is printed. */
  readonly secret?: boolean;
}

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** A record. Fields that a newer platform has besides are left out. */
export function record<T, G>(tell: () => readonly FieldCodec[]): Codec<T, G> {
  let told: readonly FieldCodec[] | undefined;
  // Records may lead to themselves, and to others that are defined behind them.
  const fields = (): readonly FieldCodec[] => (told ??= tell());
  return {
    encode(value) {
      const made = new Map<string, Json>();
      for (const { name, key, codec, absent } of fields()) {
        const item = (value as Readonly<Record<string, unknown>>)[key];
        if (item === undefined) {
          if (absent === undefined) {
            throw new TypeError(`the record lacks ${key}`);
          }
        } else {
          made.set(name, codec.encode(item as never));
        }
      }
      return made;
    },
    decode(json) {
      if (!(json instanceof Map)) {
        throw misfit("object", json);
      }
      const made: Record<string, unknown> = {};
      for (const { name, key, codec, absent } of fields()) {
        const item = json.get(name);
        if (item !== undefined) {
          made[key] = codec.decode(item);
        } else if (absent !== undefined) {
          made[key] = absent();
        } else {
          throw new AnswerError(`a record lacks ${name}`);
        }
      }
      const secrets = fields().filter((field) => field.secret);
      if (secrets.length > 0) {
        const shown = (): object => ({ ...made, ...Object.fromEntries(secrets.map(({ key }) => [key, "***"])) });
        Object.defineProperty(made, INSPECT, { value: shown, enumerable: false });
      }
      return made as T;
    },
  };
}
