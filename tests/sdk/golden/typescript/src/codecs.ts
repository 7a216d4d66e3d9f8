// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** How the types travel. */

import * as r from "./runtime/codecs.js";
import * as t from "./types.js";

export const ResizeState = r.text<t.ResizeState>("resize_state");
export const Colour = r.text<t.Colour>("colour");
export const VmRef = r.text<t.VmRef>("reference");
export const VolumeRef = r.text<t.VolumeRef>("reference");

export const VolumeRecord: r.Codec<t.VolumeRecord, t.VolumeRecord> = r.record(() => [
  { name: "uuid", key: "uuid", codec: r.STRING },
  { name: "name_label", key: "nameLabel", codec: r.STRING, absent: () => "" },
  { name: "state", key: "state", codec: ResizeState },
  { name: "class", key: "class_", codec: r.STRING, absent: () => "plain \"text\"" },
  { name: "VMs", key: "vms", codec: r.set(VmRef) },
  { name: "parent", key: "parent", codec: r.option(VolumeRef), absent: () => null },
  { name: "passphrase", key: "passphrase", codec: r.option(r.STRING), absent: () => null, secret: true },
  { name: "legacy", key: "legacy", codec: r.INT, absent: () => 0n },
]);

export const Disk: r.Codec<t.Disk, t.DiskInput> = r.record(() => [
  { name: "label", key: "label", codec: r.STRING, absent: () => "" },
  { name: "device", key: "device", codec: r.STRING },
  { name: "size", key: "size", codec: r.INT },
  { name: "ratio", key: "ratio", codec: r.FLOAT, absent: () => NaN },
  { name: "bootable", key: "bootable", codec: r.BOOL, absent: () => true },
  { name: "made", key: "made", codec: r.DATETIME, absent: () => new Date("2026-01-01T00:00:00.25Z") },
  { name: "colour", key: "colour", codec: Colour, absent: () => t.Colour.Green },
  { name: "tags", key: "tags", codec: r.set(r.STRING), absent: () => ["a", "b"] },
  { name: "sizes", key: "sizes", codec: r.map(r.INT, r.FLOAT), absent: () => new Map([[1n, 0.5]]) },
  { name: "parent", key: "parent", codec: r.option(Disk), absent: () => null },
  { name: "children", key: "children", codec: r.set(Disk), absent: () => [] },
  { name: "twice", key: "twice", codec: r.box(r.option(r.STRING)), absent: () => [null] },
  { name: "other", key: "other", codec: r.ANYTHING, absent: () => null },
  { name: "a-dash", key: "aDash", codec: r.option(r.INT), absent: () => null },
  { name: "a_dash", key: "aDash2", codec: r.option(r.INT), absent: () => null },
]);

export const DiskRecord: r.Codec<t.DiskRecord, t.DiskRecord> = r.record(() => [
  { name: "x", key: "x", codec: r.INT },
]);
