// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** Client of a Graft platform; see `Client`. */

export { API_DIGEST, Client } from "./client.js";
export * from "./errors.js";
export { VmMethods } from "./methods/vm.js";
export { VolumeMethods } from "./methods/volume.js";
export {
  type CallOptions,
  type ClientOptions,
  Task,
  type TaskInfo,
  type TaskStatus,
} from "./runtime/client.js";
export { AnswerError, ApiError, GraftError, TimeoutError, TransportError } from "./runtime/errors.js";
export { type Anything, Moment, type Ref } from "./runtime/values.js";
export * from "./types.js";
