/** Sessions, calls and tasks. */

import { ANYTHING, type Codec, DATETIME, type Encoder } from "./codecs.js";
import { AnswerError, ApiError, type Errors, makeError, TimeoutError, TransportError } from "./errors.js";
import { type Json, parse, stringify } from "./json.js";
import type { Anything } from "./values.js";

const DEFAULT_TIMEOUT = 120;
const WAIT_STEP = 30;
const SESSION_INVALID = "SESSION_INVALID";

/** What a client is made with. */
export interface ClientOptions {
  /** Who logs in. */
  readonly user?: string | undefined;
  /** That user's password. */
  readonly password?: string | undefined;
  /** In place of user and password, the reference of a session that is open already; it is left open. */
  readonly sessionRef?: string | undefined;
  /** What the program calls itself; sessions are limited for each. */
  readonly originator?: string | undefined;
  /** Seconds that a call waits for its answer; 120 if not given. */
  readonly timeout?: number | undefined;
  /** What sends requests in place of the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

/** What a single call may have of its own. */
export interface CallOptions {
  /** Seconds that the call waits for its answer. */
  readonly timeout?: number | undefined;
  /** Ends the call early; what it runs is killed. */
  readonly signal?: AbortSignal | undefined;
}

/** How a method is called. */
export interface Method<Result> {
  readonly name: string;
  readonly params: readonly (readonly [string, Encoder<never>])[];
  readonly result: Codec<Result, never>;
  readonly session: boolean;
}

/** How a task stands: `pending`, `success`, `failure`, `cancelling` or `cancelled`. */
export type TaskStatus = "pending" | "success" | "failure" | "cancelling" | "cancelled" | (string & {});

/** What is known of a task. */
export interface TaskInfo {
  readonly ref: string;
  readonly name: string;
  readonly status: TaskStatus;
  /** From 0 to 1. */
  readonly progress: number;
  readonly created: Date | null;
  readonly finished: Date | null;
  readonly error: ApiError | null;
}

interface Request {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: number | undefined;
}

/** A session on a platform; any number of calls may run at a time. */
export class BaseClient {
  readonly #url: string;
  readonly #user: string | undefined;
  readonly #password: string | undefined;
  readonly #originator: string;
  readonly #timeout: number;
  readonly #fetch: typeof fetch;
  readonly #errors: Errors;
  #ref: string | undefined;
  #own = false;
  #login: Promise<string> | undefined;

  protected constructor(url: string, options: ClientOptions, errors: Errors, agent: string) {
    const parsed = new URL(url);
    if (!["http:", "https:"].includes(parsed.protocol) || parsed.username || parsed.search || parsed.hash) {
      throw new TypeError("the URL has a host, a port and perhaps a path; user and password are given besides");
    }
    if ((options.user === undefined) !== (options.password === undefined)) {
      throw new TypeError("a user needs a password, and a password a user");
    }
    this.#url = parsed.href.replace(/\/+$/, "");
    this.#user = options.user;
    this.#password = options.password;
    this.#ref = options.sessionRef;
    this.#originator = options.originator ?? agent;
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT;
    // Called as a method of something else, browsers' fetch fails.
    const given = options.fetch;
    this.#fetch = given ? (...request) => given(...request) : (...request) => fetch(...request);
    this.#errors = errors;
  }

  /** The session's reference, which is as good as the password; undefined before the first call. */
  get sessionRef(): string | undefined {
    return this.#ref;
  }

  /**
   * Logs in, unless that is done, and returns the session's reference; the first call does it by itself.
   *
   * @throws {ApiError} User and password do not fit.
   * @throws {TransportError} There is no answer.
   */
  async login(): Promise<string> {
    return await this.#session(undefined);
  }

  /** Logs out of the session that this client has opened; one that was given to it stays open. */
  async close(): Promise<void> {
    const ref = this.#ref;
    const own = this.#own;
    this.#ref = undefined;
    this.#own = false;
    if (ref === undefined || !own) {
      return;
    }
    try {
      await this.#send(this.#call("session.logout", new Map(), {}), ref);
    } catch (error) {
      // The session ends by itself in time.
      if (!(error instanceof TransportError)) {
        throw error;
      }
    }
  }

  /**
   * Calls a method by its name with parameters as they are; for methods that nobody has declared.
   *
   * @throws {ApiError} The platform refuses the call, or the method fails.
   * @throws {TransportError} There is no answer.
   */
  async call(method: string, params: readonly Anything[] = [], options: CallOptions = {}): Promise<Anything> {
    const json = params.map((param) => ANYTHING.encode(param));
    return ANYTHING.decode(this.#value(await this.#withSession(this.#call(method, json, options))));
  }

  /** Starts a method by its name as a task; see `call`. */
  async start(method: string, params: readonly Anything[] = [], options: CallOptions = {}): Promise<Task<Anything>> {
    const json = params.map((param) => ANYTHING.encode(param));
    return await this.#started(method, json, ANYTHING, options);
  }

  /** Calls a declared method; the methods of classes do it. */
  async invokeMethod<Result>(method: Method<Result>, values: readonly unknown[], options: CallOptions): Promise<Result> {
    const request = this.#call(method.name, argumentsOf(method, values), options);
    const answer = await this.#withSession(request, method.session);
    return method.result.decode(this.#value(answer));
  }

  /** Starts a declared method as a task; the methods of classes do it. */
  async startMethod<Result>(
    method: Method<Result>,
    values: readonly unknown[],
    options: CallOptions,
  ): Promise<Task<Result>> {
    return await this.#started(method.name, argumentsOf(method, values), method.result, options);
  }

  /** Asks for a task; `Task` does it. */
  async taskRequest(
    method: "GET" | "POST" | "DELETE",
    ref: string,
    rest: string,
    options: CallOptions,
    wait = 0,
  ): Promise<Json> {
    const request: Request = {
      method,
      path: `/api/v1/tasks/${encodeURIComponent(ref)}${rest}`,
      timeout: (options.timeout ?? this.#timeout) + wait,
      signal: options.signal,
    };
    return this.#value(await this.#withSession(request));
  }

  /** Makes the error of what is told of one; `Task` does it. */
  errorOf(json: Json, status = 0, retryAfter?: number): ApiError {
    const code = json instanceof Map ? json.get("code") : undefined;
    if (!(json instanceof Map) || typeof code !== "string") {
      throw new AnswerError(`HTTP ${status}, and nothing that tells an error of this interface`);
    }
    const params = json.get("params");
    const message = json.get("message");
    return makeError(this.#errors, code, Array.isArray(params) ? params.map(String) : [], {
      message: typeof message === "string" ? message : "",
      status,
      retryAfter,
    });
  }

  async #started<Result>(
    method: string,
    json: Json,
    result: Codec<Result, never>,
    options: CallOptions,
  ): Promise<Task<Result>> {
    const ref = this.#value(await this.#withSession(this.#call(`Async.${method}`, json, options)));
    return new Task(this, textOf(ref), result);
  }

  #call(method: string, json: Json, options: CallOptions): Request {
    return {
      method: "POST",
      path: `/api/v1/methods/${encodeURIComponent(method)}`,
      body: stringify(json),
      timeout: options.timeout ?? this.#timeout,
      signal: options.signal,
    };
  }

  /**
   * Sends a request; where the session has ended, logs in anew and sends it once more. One that needs no session is sent
   * with that which is open, if there is one.
   */
  async #withSession(request: Request, needed = true): Promise<Answer> {
    const ref = needed ? await this.#session(undefined) : this.#ref;
    const answer = await this.#send(request, ref);
    if (answer.status !== 401 || this.#user === undefined) {
      return answer;
    }
    try {
      this.#value(answer);
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== SESSION_INVALID) {
        throw error;
      }
    }
    return await this.#send(request, await this.#session(ref));
  }

  /** Returns a session that is not the one that has ended. */
  async #session(ended: string | undefined): Promise<string> {
    if (this.#ref !== undefined && this.#ref !== ended) {
      return this.#ref;
    }
    this.#login ??= this.#logIn().finally(() => {
      this.#login = undefined;
    });
    return await this.#login;
  }

  async #logIn(): Promise<string> {
    if (this.#user === undefined || this.#password === undefined) {
      throw makeError(this.#errors, SESSION_INVALID, [""], {
        message: "the client has neither a session nor a user",
      });
    }
    const json = new Map<string, Json>([
      ["uname", this.#user],
      ["pwd", this.#password],
      ["version", "1.0"],
      ["originator", this.#originator],
    ]);
    const answer = await this.#send(this.#call("session.login_with_password", json, {}), undefined);
    const ref = textOf(this.#value(answer));
    this.#ref = ref;
    this.#own = true;
    return ref;
  }

  async #send(request: Request, session: string | undefined): Promise<Answer> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(request.signal?.reason);
    if (request.signal?.aborted) {
      abort();
    }
    request.signal?.addEventListener("abort", abort, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, request.timeout * 1000);
    const headers: Record<string, string> = { Accept: "application/json" };
    if (request.body !== undefined) {
      headers["Content-Type"] = "application/json";
    }
    if (session !== undefined) {
      headers["Authorization"] = `Bearer ${session}`;
    }
    try {
      const response = await this.#fetch(this.#url + request.path, {
        method: request.method,
        headers,
        body: request.body ?? null,
        signal: controller.signal,
        credentials: "omit",
        redirect: "error",
        cache: "no-store",
      });
      const seconds = Number(response.headers.get("Retry-After") ?? "");
      return { status: response.status, body: await response.text(), retryAfter: seconds > 0 ? seconds : undefined };
    } catch (error) {
      if (request.signal?.aborted) {
        throw error;
      }
      const why = late ? `within ${request.timeout} seconds` : `: ${reasonOf(error)}`;
      throw new TransportError(`no answer from ${new URL(this.#url).host} ${why}`.replace(" :", ":"), { cause: error });
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", abort);
    }
  }

  /** Returns the JSON of an answer, or throws the error that it is. */
  #value(answer: Answer): Json {
    if (answer.status >= 200 && answer.status < 300) {
      return answer.body === "" ? null : read(answer.body);
    }
    let told: Json = null;
    try {
      told = read(answer.body);
    } catch {
      // What is no JSON tells no error of this interface.
    }
    throw this.errorOf(told, answer.status, answer.retryAfter);
  }
}

/** A call that runs on the platform; nobody has to wait for it. */
export class Task<Result> {
  readonly #client: BaseClient;
  readonly #result: Codec<Result, never>;
  /** The task's reference. */
  readonly ref: string;

  constructor(client: BaseClient, ref: string, result: Codec<Result, never>) {
    this.#client = client;
    this.#result = result;
    this.ref = ref;
  }

  /**
   * Asks how the task stands; the answer comes when it has ended, at the latest after so many seconds (at most 60).
   *
   * @throws {ApiError} There is no such task, or it is another user's.
   * @throws {TransportError} There is no answer.
   */
  async info(wait = 0, options: CallOptions = {}): Promise<TaskInfo> {
    return this.#read(await this.#ask(wait, options));
  }

  /** Asks how the task stands now; throws as `info`. */
  async status(): Promise<TaskStatus> {
    return (await this.info()).status;
  }

  /**
   * Waits until the task has ended, and returns what the method answers.
   *
   * @param options - `timeout`: seconds after which to give up.
   * @throws {ApiError} The method has failed, or the task was cancelled (TASK_CANCELLED).
   * @throws {TimeoutError} The task has not ended in time; it goes on, and may be waited for again.
   * @throws {TransportError} There is no answer.
   */
  async wait(options: CallOptions = {}): Promise<Result> {
    const deadline = options.timeout === undefined ? Infinity : Date.now() + options.timeout * 1000;
    for (;;) {
      const left = Math.max(0, Math.min((deadline - Date.now()) / 1000, WAIT_STEP));
      const json = await this.#ask(left, { signal: options.signal });
      const info = this.#read(json);
      if (info.error !== null) {
        throw info.error;
      }
      if (info.status === "success") {
        return this.#result.decode(json.get("result") ?? null);
      }
      if (info.status === "failure" || info.status === "cancelled") {
        throw new AnswerError(`the task has ended with ${info.status}, and without an error`);
      }
      if (Date.now() >= deadline) {
        throw new TimeoutError(`the task ${this.ref} has not ended after ${options.timeout} seconds`);
      }
    }
  }

  /** Asks the task to stop; what it runs is killed. One that has ended stays as it is. Throws as `info`. */
  async cancel(): Promise<void> {
    await this.#client.taskRequest("POST", this.ref, "/cancel", {});
  }

  /** Lets the platform forget the task. Throws as `info`. */
  async destroy(): Promise<void> {
    await this.#client.taskRequest("DELETE", this.ref, "", {});
  }

  async #ask(wait: number, options: CallOptions): Promise<Map<string, Json>> {
    const seconds = Math.min(wait, 60);
    const query = seconds > 0 ? `?wait=${seconds}` : "";
    const json = await this.#client.taskRequest("GET", this.ref, query, options, seconds);
    if (!(json instanceof Map)) {
      throw new AnswerError("what is told of a task is no object");
    }
    return json;
  }

  #read(json: Map<string, Json>): TaskInfo {
    const time = (value: Json | undefined): Date | null => (value == null ? null : DATETIME.decode(value));
    const error = json.get("error") ?? null;
    return {
      ref: textOf(json.get("ref")),
      name: textOf(json.get("name")),
      status: textOf(json.get("status")),
      progress: Number(json.get("progress") ?? 0),
      created: time(json.get("created")),
      finished: time(json.get("finished")),
      error: error === null ? null : this.#client.errorOf(error),
    };
  }
}

function argumentsOf(method: Method<unknown>, values: readonly unknown[]): Json {
  const made = new Map<string, Json>();
  method.params.forEach(([name, codec], place) => {
    const value = values[place];
    if (value !== undefined) {
      made.set(name, codec.encode(value as never));
    }
  });
  return made;
}

function read(body: string): Json {
  try {
    return parse(body);
  } catch (error) {
    throw new AnswerError(`the answer is no JSON: ${reasonOf(error)}`, { cause: error });
  }
}

function textOf(json: Json | undefined): string {
  if (typeof json !== "string") {
    throw new AnswerError("text was expected, but the platform has answered with something else");
  }
  return json;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
