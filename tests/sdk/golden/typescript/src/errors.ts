// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

/** The errors that methods declare, and those of the platform. */

import { ApiError, type Errors } from "./runtime/errors.js";

/** `DRAFT_ERROR` */
export class Draft extends ApiError {
  static readonly CODE: string = "DRAFT_ERROR";
}

/** An argument, or something in it, has another type than the declared one. */
export class FieldTypeError extends ApiError {
  static readonly CODE: string = "FIELD_TYPE_ERROR";

  /** The parameter `place`. */
  get place(): string {
    return this.param(0);
  }

  /** The parameter `expected`. */
  get expected(): string {
    return this.param(1);
  }

  /** The parameter `got`. */
  get got(): string {
    return this.param(2);
  }
}

/** No object of the class has that reference. */
export class HandleInvalid extends ApiError {
  static readonly CODE: string = "HANDLE_INVALID";

  /** The parameter `class`. */
  get class_(): string {
    return this.param(0);
  }

  /** The parameter `ref`. */
  get ref(): string {
    return this.param(1);
  }
}

/** Something went wrong that is not the caller's mistake. */
export class InternalError extends ApiError {
  static readonly CODE: string = "INTERNAL_ERROR";
}

/** An argument, or something in it, has the declared type and is still no possible value. */
export class InvalidValue extends ApiError {
  static readonly CODE: string = "INVALID_VALUE";

  /** The parameter `place`. */
  get place(): string {
    return this.param(0);
  }

  /** The parameter `value`. */
  get value(): string {
    return this.param(1);
  }

  /** The parameter `reason`. */
  get reason(): string {
    return this.param(2);
  }
}

/** The platform has no such method. */
export class MethodUnknown extends ApiError {
  static readonly CODE: string = "MESSAGE_METHOD_UNKNOWN";

  /** The parameter `method`. */
  get method(): string {
    return this.param(0);
  }
}

/** Too few or too many arguments. */
export class ParameterCountMismatch extends ApiError {
  static readonly CODE: string = "MESSAGE_PARAMETER_COUNT_MISMATCH";

  /** The parameter `method`. */
  get method(): string {
    return this.param(0);
  }

  /** The parameter `expected`. */
  get expected(): string {
    return this.param(1);
  }

  /** The parameter `received`. */
  get received(): string {
    return this.param(2);
  }
}

/** A release of the platform has removed the method. */
export class MethodRemoved extends ApiError {
  static readonly CODE: string = "MESSAGE_REMOVED";
}

/** The session's roles do not allow the call; the text names those that do. */
export class PermissionDenied extends ApiError {
  static readonly CODE: string = "RBAC_PERMISSION_DENIED";

  /** The parameter `permission`. */
  get permission(): string {
    return this.param(0);
  }

  /** The parameter `text`. */
  get text(): string {
    return this.param(1);
  }
}

/** Too much is queued already; try again after the time that it tells. */
export class ServerBusy extends ApiError {
  static readonly CODE: string = "SERVER_BUSY";

  /** The parameter `what`. */
  get what(): string {
    return this.param(0);
  }
}

/** A part of the platform does not answer. */
export class ServiceUnavailable extends ApiError {
  static readonly CODE: string = "SERVICE_UNAVAILABLE";

  /** The parameter `service`. */
  get service(): string {
    return this.param(0);
  }

  /** The parameter `reason`. */
  get reason(): string {
    return this.param(1);
  }
}

/** The user's name or the password is wrong. */
export class AuthenticationFailed extends ApiError {
  static readonly CODE: string = "SESSION_AUTHENTICATION_FAILED";

  /** The parameter `user`. */
  get user(): string {
    return this.param(0);
  }

  /** The parameter `reason`. */
  get reason(): string {
    return this.param(1);
  }
}

/** The session has ended, or there never was one. */
export class SessionInvalid extends ApiError {
  static readonly CODE: string = "SESSION_INVALID";

  /** The parameter `session`. */
  get session(): string {
    return this.param(0);
  }
}

/** The task was cancelled before it had a result. */
export class TaskCancelled extends ApiError {
  static readonly CODE: string = "TASK_CANCELLED";

  /** The parameter `task`. */
  get task(): string {
    return this.param(0);
  }
}

/** A value that cannot be taken here. */
export class ValueNotSupported extends ApiError {
  static readonly CODE: string = "VALUE_NOT_SUPPORTED";

  /** The parameter `field`. */
  get field(): string {
    return this.param(0);
  }

  /** The parameter `value`. */
  get value(): string {
    return this.param(1);
  }

  /** The parameter `reason`. */
  get reason(): string {
    return this.param(2);
  }
}

/** Some guest has it open. */
export class VolumeInUse extends ApiError {
  static readonly CODE: string = "VOLUME_IN_USE";

  /** The parameter `volume`. */
  get volume(): string {
    return this.param(0);
  }

  /** The parameter `class`. */
  get class_(): string {
    return this.param(1);
  }
}

/** The classes by the codes. */
export const ERRORS: Errors = new Map<string, typeof ApiError>([
  ["DRAFT_ERROR", Draft],
  ["FIELD_TYPE_ERROR", FieldTypeError],
  ["HANDLE_INVALID", HandleInvalid],
  ["INTERNAL_ERROR", InternalError],
  ["INVALID_VALUE", InvalidValue],
  ["MESSAGE_METHOD_UNKNOWN", MethodUnknown],
  ["MESSAGE_PARAMETER_COUNT_MISMATCH", ParameterCountMismatch],
  ["MESSAGE_REMOVED", MethodRemoved],
  ["RBAC_PERMISSION_DENIED", PermissionDenied],
  ["SERVER_BUSY", ServerBusy],
  ["SERVICE_UNAVAILABLE", ServiceUnavailable],
  ["SESSION_AUTHENTICATION_FAILED", AuthenticationFailed],
  ["SESSION_INVALID", SessionInvalid],
  ["TASK_CANCELLED", TaskCancelled],
  ["VALUE_NOT_SUPPORTED", ValueNotSupported],
  ["VOLUME_IN_USE", VolumeInUse],
]);
