/**
 * JSON without loss: integers are bigints, and objects are Maps, so that no key means anything to JavaScript.
 */

/** A JSON value: numbers with a fraction or an exponent are numbers, integers are bigints. */
export type Json = null | boolean | string | number | bigint | Json[] | Map<string, Json>;

const MAX_DEPTH = 200;
const MAX_DIGITS = 400;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
const SPACE = /[ \t\r\n]*/y;

/** Reads one JSON value; throws a SyntaxError where the text is none, or nests too deeply. */
export function parse(text: string): Json {
  let position = 0;

  function fail(): never {
    throw new SyntaxError(`no JSON at character ${position + 1}`);
  }

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match !== null) {
      position = pattern.lastIndex;
    }
    return match;
  }

  function takes(mark: string): boolean {
    if (!text.startsWith(mark, position)) {
      return false;
    }
    position += mark.length;
    return true;
  }

  function string(): string {
    if (text[position] !== '"') {
      fail();
    }
    let end = position;
    let escapes: number;
    do {
      end = text.indexOf('"', end + 1);
      if (end < 0) {
        fail();
      }
      escapes = 0;
      while (text[end - 1 - escapes] === "\\") {
        escapes += 1;
      }
    } while (escapes % 2 === 1);
    const found = JSON.parse(text.slice(position, end + 1)) as string;
    position = end + 1;
    return found;
  }

  function value(depth: number): Json {
    if (depth > MAX_DEPTH) {
      fail();
    }
    take(SPACE);
    const first = text[position];
    let found: Json;
    if (first === '"') {
      found = string();
    } else if (first === "{") {
      found = object(depth);
    } else if (first === "[") {
      found = array(depth);
    } else if (takes("true")) {
      found = true;
    } else if (takes("false")) {
      found = false;
    } else if (takes("null")) {
      found = null;
    } else {
      const match = take(NUMBER);
      if (match === null || match[0].length > MAX_DIGITS) {
        fail();
      }
      const whole = match[1] === undefined && match[2] === undefined;
      // A zero has a sign only as a number.
      found = whole && match[0] !== "-0" ? BigInt(match[0]) : Number(match[0]);
    }
    take(SPACE);
    return found;
  }

  function array(depth: number): Json[] {
    const items: Json[] = [];
    position += 1;
    take(SPACE);
    if (takes("]")) {
      return items;
    }
    do {
      items.push(value(depth + 1));
    } while (takes(","));
    if (!takes("]")) {
      fail();
    }
    return items;
  }

  function object(depth: number): Map<string, Json> {
    const members = new Map<string, Json>();
    position += 1;
    take(SPACE);
    if (takes("}")) {
      return members;
    }
    do {
      take(SPACE);
      const key = string();
      take(SPACE);
      if (!takes(":")) {
        fail();
      }
      members.set(key, value(depth + 1));
    } while (takes(","));
    if (!takes("}")) {
      fail();
    }
    return members;
  }

  const found = value(0);
  if (position !== text.length) {
    fail();
  }
  return found;
}

/** Writes a JSON value; throws a TypeError for numbers that JSON has not. */
export function stringify(json: Json): string {
  switch (typeof json) {
    case "string":
      return JSON.stringify(json);
    case "bigint":
      return json.toString();
    case "boolean":
      return json ? "true" : "false";
    case "number":
      return numberText(json);
  }
  if (json === null) {
    return "null";
  }
  if (Array.isArray(json)) {
    return `[${json.map(stringify).join(",")}]`;
  }
  const members = [...json].map(([key, item]) => `${JSON.stringify(key)}:${stringify(item)}`);
  return `{${members.join(",")}}`;
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) {
    throw new TypeError(`${value} is no number of JSON`);
  }
  if (Object.is(value, -0)) {
    return "-0.0";
  }
  const text = value.toString();
  // Without a fraction it would be an integer, and might be too large for one.
  return /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}
