// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** Enums, references and records. */

import type { GivenMap } from "./runtime/codecs.js";
import type { Anything, Ref } from "./runtime/values.js";

/** What has become of a volume. */
export const ResizeState = {
  /** finished */
  Done: "done",
  /** will finish later */
  Queued: "queued",
  HalfDone: "half-done",
  /** the same but for the dash */
  HalfDone2: "half_done",
  /** begins with a digit */
  _56: "5.6",
  /** a reserved word */
  Class: "class",
} as const;

/** One of the values that are known, or one that a newer platform has besides. */
export type ResizeState = (typeof ResizeState)[keyof typeof ResizeState] | (string & {});

/** The enum `colour`. */
export const Colour = {
  Red: "red",
  Green: "green",
} as const;

/** One of the values that are known, or one that a newer platform has besides. */
export type Colour = (typeof Colour)[keyof typeof Colour] | (string & {});

/** A reference to an object of the class `VM`. */
export type VmRef = Ref<"VM">;

/** A reference to an object of the class `Volume`. */
export type VolumeRef = Ref<"Volume">;

/**
 * Volumes of disks.
 *
 * A second paragraph, with a "quotation", a \ backslash, a *\/ and <tags> & a long line that has to
 * be filled to the width of the documentation.
 */
export interface VolumeRecord {
  /** The volume's UUID. */
  uuid: string;
  /** What people call it. */
  nameLabel: string;
  state: ResizeState;
  /** A word that languages keep for themselves. */
  class_: string;
  vms: VmRef[];
  parent: VolumeRef | null;
  passphrase: string | null;
  /** @deprecated Since 1.1. Nobody asks. */
  legacy: bigint;
}

/** One disk of a volume. */
export interface Disk {
  label: string;
  /** Such as `xvda`. */
  device: string;
  /** Bytes. */
  size: bigint;
  ratio: number;
  bootable: boolean;
  made: Date;
  colour: Colour;
  tags: string[];
  sizes: Map<bigint, number>;
  parent: Disk | null;
  children: Disk[];
  twice: [] | [string | null];
  other: Anything;
  aDash: bigint | null;
  aDash2: bigint | null;
}

/** A `Disk` as it is given: what has a default may be left out. */
export interface DiskInput {
  readonly label?: string | undefined;
  /** Such as `xvda`. */
  readonly device: string;
  /** Bytes. */
  readonly size: bigint | number;
  readonly ratio?: number | undefined;
  readonly bootable?: boolean | undefined;
  readonly made?: Date | undefined;
  readonly colour?: Colour | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly sizes?: GivenMap<bigint | number, number> | undefined;
  readonly parent?: DiskInput | null | undefined;
  readonly children?: readonly DiskInput[] | undefined;
  readonly twice?: readonly [] | readonly [string | null] | undefined;
  readonly other?: Anything | undefined;
  readonly aDash?: bigint | number | null | undefined;
  readonly aDash2?: bigint | number | null | undefined;
}

/** Is called as another one. */
export interface DiskRecord {
  x: bigint;
}

export type { Anything, GivenMap };
