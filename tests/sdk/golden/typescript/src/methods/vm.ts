// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** The methods of `VM`. */

import * as c from "../codecs.js";
import type { BaseClient, CallOptions, Method, Task } from "../runtime/client.js";
import * as r from "../runtime/codecs.js";
import type { GivenMap } from "../runtime/codecs.js";
import type { Anything } from "../runtime/values.js";
import type * as t from "../types.js";

const PING: Method<number> = {
  name: "VM.ping",
  params: [
    ["value", r.FLOAT],
  ],
  result: r.FLOAT,
  session: false,
};

/** Guests. */
export class VmMethods {
  readonly #client: BaseClient;

  constructor(client: BaseClient) {
    this.#client = client;
  }

  /**
   * Answer.
   *
   * Needs no session. Calling it twice is as good as once.
   */
  ping(
    options: {
      /** Default: `1.5`. */
      readonly value?: number | undefined;
    } & CallOptions = {},
  ): Promise<number> {
    return this.#client.invokeMethod(
      PING,
      [
        options.value,
      ],
      options,
    );
  }

  /** Starts `ping` as a task, and does not wait for it. */
  startPing(
    options: {
      readonly value?: number | undefined;
    } & CallOptions = {},
  ): Promise<Task<number>> {
    return this.#client.startMethod(
      PING,
      [
        options.value,
      ],
      options,
    );
  }
}
