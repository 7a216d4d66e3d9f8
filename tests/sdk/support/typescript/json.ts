/** The package's own JSON: what it reads is what JSON.parse reads, but for integers. */

import { isDeepStrictEqual } from "node:util";
import { type Json, parse, stringify } from "./node_modules/graft-client/dist/runtime/json.js";
import { fail } from "./support.js";

function plain(json: Json): unknown {
  if (json instanceof Map) {
    return Object.fromEntries([...json].map(([key, item]) => [key, plain(item)]));
  }
  return Array.isArray(json) ? json.map(plain) : typeof json === "bigint" ? Number(json) : json;
}

const good = [
  ..."null true false 0 -0 1 -1 1.5 1e3 1E-3 -0.0 12345678901234567890 [] {} [[],{}]".split(" "),
  ' [ 1 , "a" , null ] ',
  '{"a": {"b": [1, 2.5]}, "": 0, "__proto__": 1}',
  String.raw`"\"\\\/\b\f\n\r\tA😀"`,
  String.raw`"\\"`,
  String.raw`["\\\"", "\\\\"]`,
  `"${"x".repeat(1_000_000)}${String.raw`\n`.repeat(100_000)}"`,
  "[".repeat(150) + "]".repeat(150),
];
for (const text of good) {
  const read = parse(text);
  if (!isDeepStrictEqual(plain(read), JSON.parse(text)) || !isDeepStrictEqual(parse(stringify(read)), read)) {
    fail("it is read otherwise", text.slice(0, 100), read);
  }
}
const bad = [
  ...["", " ", "nul", "tru e", "+1", "01", "1.", ".5", "1e", "-", "NaN", "Infinity", "[1,]", "[", "]", "{", '{"a"}', '{"a":}'],
  ...["{a:1}", '{"a":1,}', '"', '"\\"', '"\\x"', '"\\u12"', '"\n"', '"\u0001"', "1 2", "[1 2]", "'a'", "[".repeat(300)],
];
for (const text of bad) {
  let read: unknown;
  try {
    read = parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      continue;
    }
    read = error;
  }
  fail("it was read", text, read);
}
if (stringify(parse("[9223372036854775807,-9223372036854775808,-0.0,1e20]")) !==
    "[9223372036854775807,-9223372036854775808,-0.0,100000000000000000000.0]") {
  fail("numbers are written otherwise");
}
console.log("ok");
