/** What the SDK does besides carrying values. */

import { isDeepStrictEqual, inspect } from "node:util";
import {
  AnswerError,
  ApiError,
  AuthenticationFailed,
  Client,
  Colour,
  FieldTypeError,
  GraftError,
  HandleInvalid,
  MethodUnknown,
  Moment,
  PermissionDenied,
  type Point,
  SessionInvalid,
  TaskCancelled,
  TimeoutError,
  TransportError,
  VolumeInUse,
} from "graft-client";
import { env, fail } from "./support.js";

const url = env("GRAFT_URL");
const user = env("GRAFT_USER");
const password = env("GRAFT_PASSWORD");

function same(found: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(found, wanted)) {
    fail("another value was expected", { found, wanted }, new Error().stack);
  }
}

function ok(holds: boolean): void {
  same(holds, true);
}

async function throws<E extends Error>(
  kind: new (...given: never[]) => E,
  call: () => Promise<unknown> | unknown,
): Promise<E> {
  try {
    await call();
  } catch (error) {
    if (error instanceof kind) {
      return error;
    }
    fail(`${kind.name} was expected`, error);
  }
  fail(`${kind.name} was not thrown`, new Error().stack);
}

async function values(client: Client): Promise<void> {
  const echo = client.echo;
  same(await echo.string_("a\nb"), "a\nb");
  for (const number of [0n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    same(await echo.int(number), number);
  }
  same(await echo.int(5), 5n);
  await throws(RangeError, () => echo.int(2 ** 60));
  for (const number of [NaN, -Infinity, -0, 0.1 + 0.2, 1e300, 5, 1e20]) {
    same(await echo.float(number), number);
  }
  same(await echo.bool(true), true);
  const time = new Date("2026-01-01T12:00:00.5+01:00");
  same((await echo.datetime(time)).getTime(), time.getTime());
  const precise = new Moment(time, 7);
  const back = await echo.datetime(precise);
  ok(back instanceof Moment);
  same([back.getTime(), (back as Moment).nanosecond], [time.getTime(), 7]);
  same(JSON.stringify(precise), '"2026-01-01T11:00:00.500000007Z"');
  same(await echo.colour(Colour.DeepBlue), "deep-blue");
  same(await echo.colour("ultraviolet"), "ultraviolet");
  same(await echo.strings(["a", ""]), ["a", ""]);
  same(await echo.counts({ a: 1, __proto__x: 2n }), new Map([["a", 1n], ["__proto__x", 2n]]));
  same(await echo.counts(new Map([["__proto__", 1n]])), new Map([["__proto__", 1n]]));
  same(await echo.maybe(), null);
  same(await echo.maybe({ value: null }), null);
  same(await echo.maybe({ value: 0 }), 0n);
  for (const value of [[], [null], [5n]] as ([] | [bigint | null])[]) {
    same(await echo.maybeMaybe(value), value);
  }
  same(await echo.anything({ a: [null, true, "x", new Uint8Array([0, 255]), 0.5] }), {
    a: [null, true, "x", "AP8=", 0.5],
  });
  same(await echo.nothing(), undefined);
  same(await echo.keepSecret("hush"), 4n);
  same(await echo.point({ x: 1, y: Infinity }), { x: 1, y: Infinity, label: "here" } satisfies Point);
  same(await client.system.isAlive({ value: "\u0000\u001f\ud7ff" }), "\u0000\u001f\ud7ff");
  same(await client.call("Echo.int", [5]), 5n);
}

async function argumentsLeftOut(client: Client): Promise<void> {
  same(await client.echo.defaults("one"), "one|7|three");
  same(await client.echo.defaults("one", { third: "3" }), "one|7|3");
  same(await client.echo.defaults("one", { second: 2, third: "3", fourth: false }), "one|2|3|False");
}

async function errors(client: Client): Promise<void> {
  const error = await throws(VolumeInUse, () => client.echo.fail("VOLUME_IN_USE", ["root", "web"]));
  same([error.code, error.volume, error.guest, error.params], ["VOLUME_IN_USE", "root", "web", ["root", "web"]]);
  ok(error instanceof ApiError && error instanceof GraftError && error.status === 422 && error.name === "VolumeInUse");
  same((await throws(VolumeInUse, () => client.echo.fail("VOLUME_IN_USE", []))).guest, "");
  const other = await throws(ApiError, () => client.echo.fail("SOMETHING_ELSE", ["1"]));
  same([other.constructor, other.code, other.params], [ApiError, "SOMETHING_ELSE", ["1"]]);
  const wrong = await throws(FieldTypeError, () => client.call("Echo.int", ["five"]));
  same([wrong.place, wrong.expected], ["value", "int"]);
  same((await throws(MethodUnknown, () => client.call("Echo.no_such"))).method, "Echo.no_such");
  const reader = new Client(url, { user: "reader", password: env("READER_PASSWORD") });
  await throws(PermissionDenied, () => reader.echo.adminOnly());
  await reader.close();
  await throws(AuthenticationFailed, () => new Client(url, { user, password: "wrong" }).login());
  await throws(TransportError, () => new Client("http://127.0.0.1:9", { user, password }).login());
  await throws(TransportError, () => client.echo.sleep(20, { timeout: 0.3 }));
  const controller = new AbortController();
  setTimeout(() => controller.abort(new RangeError("enough")), 100);
  await throws(RangeError, () => client.echo.sleep(20, { signal: controller.signal }));
}

async function sessions(client: Client): Promise<void> {
  const own = new Client(url, { user, password });
  same(own.sessionRef, undefined);
  const [first, again] = await Promise.all([own.login(), own.login()]);
  same(first, again);
  const borrower = new Client(url, { sessionRef: first });
  same(await borrower.echo.string_("x"), "x");
  await borrower.close();
  same(await own.echo.string_("the session is open still"), "the session is open still");
  const ending = new Client(url, { sessionRef: first });
  await ending.session.logout();
  await throws(SessionInvalid, () => ending.echo.string_("x"));
  same(await Promise.all([1, 2, 3].map((n) => own.echo.int(n))), [1n, 2n, 3n]);
  const second = own.sessionRef;
  ok(second !== undefined && second !== first);
  await own.close();
  await throws(SessionInvalid, () => new Client(url, { sessionRef: second! }).echo.string_("x"));
  await throws(TypeError, () => new Client(url, { user }));
  await throws(TypeError, () => new Client("ftp://x"));
  ok(!inspect(client, { depth: 9, showHidden: true }).includes(password));
  ok(!JSON.stringify(client).includes(password));
}

async function tasks(client: Client): Promise<void> {
  const task = await client.echo.startInt(5);
  const value: bigint = await task.wait({ timeout: 30 });
  same([value, await task.wait(), await task.status()], [5n, 5n, "success"]);
  const info = await task.info();
  same([info.name, info.error, info.created instanceof Date], ["Async.Echo.int", null, true]);
  await task.destroy();
  await throws(HandleInvalid, () => task.info());
  const slow = await client.echo.startSleep(60);
  await throws(TimeoutError, () => slow.wait({ timeout: 0.2 }));
  same(await slow.status(), "pending");
  await slow.cancel();
  await throws(TaskCancelled, () => slow.wait({ timeout: 30 }));
  same(await slow.status(), "cancelled");
  const failing = await client.echo.startFail("VOLUME_IN_USE", ["a", "b"]);
  same((await throws(VolumeInUse, () => failing.wait({ timeout: 30 }))).guest, "b");
  same(await (await client.start("Echo.string", ["x"])).wait(), "x");
}

async function transports(): Promise<void> {
  const sent: { url: string; init: RequestInit }[] = [];
  let answer = (): Response => new Response('"x"');
  const client = new Client("http://graft.example/base/", {
    sessionRef: "OpaqueRef:secret",
    fetch: async (target, init) => {
      sent.push({ url: String(target), init: init! });
      return answer();
    },
  });
  same(await client.echo.string_("v"), "x");
  answer = () => new Response("5.5");
  await throws(AnswerError, () => client.echo.string_("v"));
  answer = () => new Response("<html>", { status: 502 });
  await throws(AnswerError, () => client.echo.string_("v"));
  answer = () =>
    new Response('{"code": "SERVER_BUSY", "params": ["calls"]}', { status: 503, headers: { "Retry-After": "7" } });
  same((await throws(ApiError, () => client.echo.string_("v"))).retryAfter, 7);
  same(sent[0]?.url, "http://graft.example/base/api/v1/methods/Echo.string");
  same(sent[0]?.init.body, '{"value":"v"}');
}

const client = new Client(url, { user, password });
await values(client);
await argumentsLeftOut(client);
await errors(client);
await sessions(client);
await tasks(client);
await transports();
const old: Promise<string> = client.echo.old();
same(await old, "Echo.old");
ok(!("gone" in client.echo));
await client.close();
console.log("ok");
