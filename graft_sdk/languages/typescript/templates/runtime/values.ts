/** Text that refers to an object of a class; any string will do, but not a reference to another class. */
export type Ref<Class extends string> = string & { readonly __class?: Class };

/** A value that is told in words only: anything that JSON has. Integers are bigints; other numbers are numbers. */
export type Anything =
  | null
  | boolean
  | string
  | number
  | bigint
  | Date
  | Uint8Array
  | readonly Anything[]
  | { readonly [key: string]: Anything };

/** A point in time with nanoseconds, for those that a Date cannot hold; others come as a plain Date. */
export class Moment extends Date {
  /** The nanoseconds beyond the millisecond, 0 to 999999. */
  readonly nanosecond: number;

  constructor(time: Date | number, nanosecond: number) {
    super(time);
    if (!Number.isInteger(nanosecond) || nanosecond < 0 || nanosecond > 999_999) {
      throw new RangeError(`nanoseconds beyond the millisecond are 0 to 999999, not ${nanosecond}`);
    }
    this.nanosecond = nanosecond;
  }

  override toISOString(): string {
    return `${super.toISOString().slice(0, -1)}${String(this.nanosecond).padStart(6, "0")}Z`.replace(/0+Z$/, "Z");
  }

  override toJSON(): string {
    return this.toISOString();
  }
}

/** Returns the nanoseconds beyond the millisecond; 0 of a plain Date. */
export function nanosecondOf(time: Date): number {
  return time instanceof Moment ? time.nanosecond : 0;
}
