// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

import { ERRORS } from "./errors.js";
import { VmMethods } from "./methods/vm.js";
import { VolumeMethods } from "./methods/volume.js";
import { BaseClient, type ClientOptions } from "./runtime/client.js";

/** Of the API that this package was made from. */
export const API_DIGEST = "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd";

/**
 * A session on a Graft platform.
 *
 * The first call logs in, and so does one whose session has ended meanwhile; `close()` logs out.
 */
export class Client extends BaseClient {
  /** Guests. */
  readonly vm: VmMethods;
  /**
   * Volumes of disks.
   *
   * A second paragraph, with a "quotation", a \ backslash, a *\/ and <tags> & a long line that has to
   * be filled to the width of the documentation.
   */
  readonly volume: VolumeMethods;

  /**
   * @param url - Where the platform is, such as `https://graft.example:8080`.
   * @param options - Who logs in, or the session; timeouts; what sends requests.
   */
  constructor(url: string, options: ClientOptions = {}) {
    super(url, options, ERRORS, "graft-client/0.1.0 (graft-sdk; typescript)");
    this.vm = new VmMethods(this);
    this.volume = new VolumeMethods(this);
  }
}
