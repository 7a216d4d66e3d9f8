// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** The methods of `Volume`. */

import * as c from "../codecs.js";
import type { BaseClient, CallOptions, Method, Task } from "../runtime/client.js";
import * as r from "../runtime/codecs.js";
import type { GivenMap } from "../runtime/codecs.js";
import type { Anything } from "../runtime/values.js";
import type * as t from "../types.js";

const RESIZE: Method<t.ResizeState> = {
  name: "Volume.resize",
  params: [
    ["volume", c.VolumeRef],
    ["disks", r.set(c.Disk)],
    ["force", r.BOOL],
    ["passphrase", r.option(r.STRING)],
    ["timeout", r.INT],
  ],
  result: c.ResizeState,
  session: true,
};

const GET_VMS: Method<Map<t.VmRef, t.Disk[]>> = {
  name: "Volume.get_VMs",
  params: [
    ["self", c.VolumeRef],
  ],
  result: r.map(c.VmRef, r.set(c.Disk)),
  session: true,
};

const GET_VMS2: Method<t.VmRef[]> = {
  name: "Volume.getVMs",
  params: [],
  result: r.set(c.VmRef),
  session: true,
};

const GET_RECORD: Method<t.VolumeRecord> = {
  name: "Volume.get_record",
  params: [
    ["self", c.VolumeRef],
  ],
  result: c.VolumeRecord,
  session: true,
};

const DELETE: Method<void> = {
  name: "Volume.delete",
  params: [
    ["class", r.STRING],
    ["from", r.STRING],
  ],
  result: r.VOID,
  session: true,
};

const START_RESIZE: Method<void> = {
  name: "Volume.start_resize",
  params: [],
  result: r.VOID,
  session: true,
};

const OLD: Method<void> = {
  name: "Volume.old",
  params: [],
  result: r.VOID,
  session: true,
};

const DRAFT: Method<Map<t.Colour, bigint | null> | null> = {
  name: "Volume.draft",
  params: [
    ["everything", r.ANYTHING],
    ["twice", r.box(r.option(r.INT))],
    ["when", r.option(r.set(r.DATETIME))],
  ],
  result: r.option(r.map(c.Colour, r.option(r.INT))),
  session: true,
};

/**
 * Volumes of disks.
 *
 * A second paragraph, with a "quotation", a \ backslash, a *\/ and <tags> & a long line that has to
 * be filled to the width of the documentation.
 */
export class VolumeMethods {
  readonly #client: BaseClient;

  constructor(client: BaseClient) {
    this.#client = client;
  }

  /**
   * Grow or shrink a volume.
   *
   * Shrinking needs a volume that nothing uses:
   *
   * - no guest,
   * - no snapshot.
   *
   * Needs the role pool-operator or one above it. Since 1.0. Calling it twice is as good as once.
   *
   * @param volume - The volume.
   * @param disks - The disks as they shall be.
   * @returns What became of it.
   * @throws {VolumeInUse} Some guest has it open.
   * @throws {HandleInvalid} There is no such volume.
   */
  resize(
    volume: t.VolumeRef,
    disks: readonly t.DiskInput[],
    options: {
      /** Do it even if somebody uses it. Default: `false`. */
      readonly force?: boolean | undefined;
      /** It has a default. Since 1.2. */
      readonly passphrase?: string | null | undefined;
      /** A name that clients use themselves. Default: `30`. */
      readonly timeout_?: bigint | number | undefined;
    } & CallOptions = {},
  ): Promise<t.ResizeState> {
    return this.#client.invokeMethod(
      RESIZE,
      [
        volume,
        disks,
        options.force,
        options.passphrase,
        options.timeout_,
      ],
      options,
    );
  }

  /** Starts `resize` as a task, and does not wait for it. */
  startResize2(
    volume: t.VolumeRef,
    disks: readonly t.DiskInput[],
    options: {
      readonly force?: boolean | undefined;
      readonly passphrase?: string | null | undefined;
      readonly timeout_?: bigint | number | undefined;
    } & CallOptions = {},
  ): Promise<Task<t.ResizeState>> {
    return this.#client.startMethod(
      RESIZE,
      [
        volume,
        disks,
        options.force,
        options.passphrase,
        options.timeout_,
      ],
      options,
    );
  }

  /**
   * Calls `Volume.get_VMs`.
   *
   * Needs the role read-only or one above it.
   */
  getVms(
    self: t.VolumeRef,
    options: CallOptions = {},
  ): Promise<Map<t.VmRef, t.Disk[]>> {
    return this.#client.invokeMethod(
      GET_VMS,
      [
        self,
      ],
      options,
    );
  }

  /** Starts `getVms` as a task, and does not wait for it. */
  startGetVms(
    self: t.VolumeRef,
    options: CallOptions = {},
  ): Promise<Task<Map<t.VmRef, t.Disk[]>>> {
    return this.#client.startMethod(
      GET_VMS,
      [
        self,
      ],
      options,
    );
  }

  /**
   * Is called as another one in some languages.
   *
   * Needs the role read-only or one above it.
   */
  getVms2(
    options: CallOptions = {},
  ): Promise<t.VmRef[]> {
    return this.#client.invokeMethod(
      GET_VMS2,
      [],
      options,
    );
  }

  /** Starts `getVms2` as a task, and does not wait for it. */
  startGetVms2(
    options: CallOptions = {},
  ): Promise<Task<t.VmRef[]>> {
    return this.#client.startMethod(
      GET_VMS2,
      [],
      options,
    );
  }

  /**
   * Calls `Volume.get_record`.
   *
   * Needs the role read-only or one above it.
   */
  getRecord(
    self: t.VolumeRef,
    options: CallOptions = {},
  ): Promise<t.VolumeRecord> {
    return this.#client.invokeMethod(
      GET_RECORD,
      [
        self,
      ],
      options,
    );
  }

  /** Starts `getRecord` as a task, and does not wait for it. */
  startGetRecord(
    self: t.VolumeRef,
    options: CallOptions = {},
  ): Promise<Task<t.VolumeRecord>> {
    return this.#client.startMethod(
      GET_RECORD,
      [
        self,
      ],
      options,
    );
  }

  /**
   * A reserved word.
   *
   * Needs the role pool-admin or one above it.
   */
  delete_(
    class_: string,
    options: {
      /** It may be left out. */
      readonly from_?: string | undefined;
    } & CallOptions = {},
  ): Promise<void> {
    return this.#client.invokeMethod(
      DELETE,
      [
        class_,
        options.from_,
      ],
      options,
    );
  }

  /** Starts `delete_` as a task, and does not wait for it. */
  startDelete(
    class_: string,
    options: {
      readonly from_?: string | undefined;
    } & CallOptions = {},
  ): Promise<Task<void>> {
    return this.#client.startMethod(
      DELETE,
      [
        class_,
        options.from_,
      ],
      options,
    );
  }

  /**
   * Is called as the task of another one.
   *
   * Needs the role pool-admin or one above it.
   */
  startResize(
    options: CallOptions = {},
  ): Promise<void> {
    return this.#client.invokeMethod(
      START_RESIZE,
      [],
      options,
    );
  }

  /** Starts `startResize` as a task, and does not wait for it. */
  startStartResize(
    options: CallOptions = {},
  ): Promise<Task<void>> {
    return this.#client.startMethod(
      START_RESIZE,
      [],
      options,
    );
  }

  /**
   * Do it as of old.
   *
   * Needs the role pool-admin or one above it. Since 1.0.
   *
   * @deprecated Since 1.1. Use `Volume.resize`.
   */
  old(
    options: CallOptions = {},
  ): Promise<void> {
    return this.#client.invokeMethod(
      OLD,
      [],
      options,
    );
  }

  /**
   * Starts `old` as a task, and does not wait for it.
   *
   * @deprecated As `old`.
   */
  startOld(
    options: CallOptions = {},
  ): Promise<Task<void>> {
    return this.#client.startMethod(
      OLD,
      [],
      options,
    );
  }

  /**
   * Calls `Volume.draft`.
   *
   * Needs a session, and no role. A prototype since 1.3: it may change without notice.
   *
   * @throws {Draft}
   */
  draft(
    everything: Anything,
    options: {
      /** Default: `[]`. */
      readonly twice?: readonly [] | readonly [bigint | number | null] | undefined;
      /** Default: `[]`. */
      readonly when?: readonly Date[] | null | undefined;
    } & CallOptions = {},
  ): Promise<Map<t.Colour, bigint | null> | null> {
    return this.#client.invokeMethod(
      DRAFT,
      [
        everything,
        options.twice,
        options.when,
      ],
      options,
    );
  }

  /** Starts `draft` as a task, and does not wait for it. */
  startDraft(
    everything: Anything,
    options: {
      readonly twice?: readonly [] | readonly [bigint | number | null] | undefined;
      readonly when?: readonly Date[] | null | undefined;
    } & CallOptions = {},
  ): Promise<Task<Map<t.Colour, bigint | null> | null>> {
    return this.#client.startMethod(
      DRAFT,
      [
        everything,
        options.twice,
        options.when,
      ],
      options,
    );
  }
}
