/** Whatever goes wrong with a call. */
export class GraftError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** There was no answer: the platform cannot be reached, or the time was up. The call may have been carried out. */
export class TransportError extends GraftError {}

/** A task has not ended in time; it goes on, and may be waited for again. */
export class TimeoutError extends GraftError {}

/** There was an answer that is none of this interface, or does not fit what this package was made from. */
export class AnswerError extends GraftError {}

/** What is known of an error besides its code and parameters. */
export interface ErrorDetails {
  /** A sentence for people; it may be empty. */
  readonly message?: string;
  /** Of the HTTP answer; 0 where the error is that of a task. */
  readonly status?: number;
  /** Seconds after which the call may be tried again, where the platform tells. */
  readonly retryAfter?: number | undefined;
}

/**
 * The platform has refused a call, or the method has failed.
 *
 * Declared codes, and those of the platform itself, have classes of their own, which name the parameters. Others come as
 * this class.
 */
export class ApiError extends GraftError {
  readonly code: string;
  readonly params: readonly string[];
  /** Of the HTTP answer; 0 where the error is that of a task. */
  readonly status: number;
  /** Seconds after which the call may be tried again, where the platform tells. */
  readonly retryAfter: number | undefined;

  constructor(code: string, params: readonly string[] = [], details: ErrorDetails = {}) {
    super(details.message ? `${code}: ${details.message}` : `${code}(${params.join(", ")})`);
    this.code = code;
    this.params = params;
    this.status = details.status ?? 0;
    this.retryAfter = details.retryAfter;
  }

  /** Returns a parameter; empty where the platform has left it out. */
  protected param(place: number): string {
    return this.params[place] ?? "";
  }
}

/** The classes of codes, by code. */
export type Errors = ReadonlyMap<
  string,
  new (code: string, params: readonly string[], details: ErrorDetails) => ApiError
>;

/** Makes the error of a code. */
export function makeError(errors: Errors, code: string, params: readonly string[], details: ErrorDetails): ApiError {
  const kind = errors.get(code) ?? ApiError;
  return new kind(code, params, details);
}
