// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

package graftclient

// DraftError is DRAFT_ERROR.
type DraftError struct {
	APIError
}

// Unwrap returns what all errors of the platform have.
func (e *DraftError) Unwrap() error {
	return &e.APIError
}

// FieldTypeError is FIELD_TYPE_ERROR: An argument, or something in it, has another type than the
// declared one.
type FieldTypeError struct {
	APIError
	// Place is the parameter place.
	Place string
	// Expected is the parameter expected.
	Expected string
	// Got is the parameter got.
	Got string
}

// Unwrap returns what all errors of the platform have.
func (e *FieldTypeError) Unwrap() error {
	return &e.APIError
}

// HandleInvalidError is HANDLE_INVALID: No object of the class has that reference.
type HandleInvalidError struct {
	APIError
	// Class is the parameter class.
	Class string
	// Ref is the parameter ref.
	Ref string
}

// Unwrap returns what all errors of the platform have.
func (e *HandleInvalidError) Unwrap() error {
	return &e.APIError
}

// InternalError is INTERNAL_ERROR: Something went wrong that is not the caller's mistake.
type InternalError struct {
	APIError
}

// Unwrap returns what all errors of the platform have.
func (e *InternalError) Unwrap() error {
	return &e.APIError
}

// InvalidValueError is INVALID_VALUE: An argument, or something in it, has the declared type and is
// still no possible value.
type InvalidValueError struct {
	APIError
	// Place is the parameter place.
	Place string
	// Value is the parameter value.
	Value string
	// Reason is the parameter reason.
	Reason string
}

// Unwrap returns what all errors of the platform have.
func (e *InvalidValueError) Unwrap() error {
	return &e.APIError
}

// MethodUnknownError is MESSAGE_METHOD_UNKNOWN: The platform has no such method.
type MethodUnknownError struct {
	APIError
	// Method is the parameter method.
	Method string
}

// Unwrap returns what all errors of the platform have.
func (e *MethodUnknownError) Unwrap() error {
	return &e.APIError
}

// ParameterCountMismatchError is MESSAGE_PARAMETER_COUNT_MISMATCH: Too few or too many arguments.
type ParameterCountMismatchError struct {
	APIError
	// Method is the parameter method.
	Method string
	// Expected is the parameter expected.
	Expected string
	// Received is the parameter received.
	Received string
}

// Unwrap returns what all errors of the platform have.
func (e *ParameterCountMismatchError) Unwrap() error {
	return &e.APIError
}

// MethodRemovedError is MESSAGE_REMOVED: A release of the platform has removed the method.
type MethodRemovedError struct {
	APIError
}

// Unwrap returns what all errors of the platform have.
func (e *MethodRemovedError) Unwrap() error {
	return &e.APIError
}

// PermissionDeniedError is RBAC_PERMISSION_DENIED: The session's roles do not allow the call; the text
// names those that do.
type PermissionDeniedError struct {
	APIError
	// Permission is the parameter permission.
	Permission string
	// Text is the parameter text.
	Text string
}

// Unwrap returns what all errors of the platform have.
func (e *PermissionDeniedError) Unwrap() error {
	return &e.APIError
}

// ServerBusyError is SERVER_BUSY: Too much is queued already; try again after the time that it tells.
type ServerBusyError struct {
	APIError
	// What is the parameter what.
	What string
}

// Unwrap returns what all errors of the platform have.
func (e *ServerBusyError) Unwrap() error {
	return &e.APIError
}

// ServiceUnavailableError is SERVICE_UNAVAILABLE: A part of the platform does not answer.
type ServiceUnavailableError struct {
	APIError
	// Service is the parameter service.
	Service string
	// Reason is the parameter reason.
	Reason string
}

// Unwrap returns what all errors of the platform have.
func (e *ServiceUnavailableError) Unwrap() error {
	return &e.APIError
}

// AuthenticationFailedError is SESSION_AUTHENTICATION_FAILED: The user's name or the password is
// wrong.
type AuthenticationFailedError struct {
	APIError
	// User is the parameter user.
	User string
	// Reason is the parameter reason.
	Reason string
}

// Unwrap returns what all errors of the platform have.
func (e *AuthenticationFailedError) Unwrap() error {
	return &e.APIError
}

// SessionInvalidError is SESSION_INVALID: The session has ended, or there never was one.
type SessionInvalidError struct {
	APIError
	// Session is the parameter session.
	Session string
}

// Unwrap returns what all errors of the platform have.
func (e *SessionInvalidError) Unwrap() error {
	return &e.APIError
}

// TaskCancelledError is TASK_CANCELLED: The task was cancelled before it had a result.
type TaskCancelledError struct {
	APIError
	// Task is the parameter task.
	Task string
}

// Unwrap returns what all errors of the platform have.
func (e *TaskCancelledError) Unwrap() error {
	return &e.APIError
}

// ValueNotSupportedError is VALUE_NOT_SUPPORTED: A value that cannot be taken here.
type ValueNotSupportedError struct {
	APIError
	// Field is the parameter field.
	Field string
	// Value is the parameter value.
	Value string
	// Reason is the parameter reason.
	Reason string
}

// Unwrap returns what all errors of the platform have.
func (e *ValueNotSupportedError) Unwrap() error {
	return &e.APIError
}

// VolumeInUseError is VOLUME_IN_USE: Some guest has it open.
type VolumeInUseError struct {
	APIError
	// Volume is the parameter volume.
	Volume string
	// Class is the parameter class.
	Class string
}

// Unwrap returns what all errors of the platform have.
func (e *VolumeInUseError) Unwrap() error {
	return &e.APIError
}

// typedError gives an error the type of its code.
func typedError(told APIError) error {
	switch told.Code {
	case "DRAFT_ERROR":
		return &DraftError{APIError: told}
	case "FIELD_TYPE_ERROR":
		return &FieldTypeError{APIError: told, Place: told.param(0), Expected: told.param(1), Got: told.param(2)}
	case "HANDLE_INVALID":
		return &HandleInvalidError{APIError: told, Class: told.param(0), Ref: told.param(1)}
	case "INTERNAL_ERROR":
		return &InternalError{APIError: told}
	case "INVALID_VALUE":
		return &InvalidValueError{APIError: told, Place: told.param(0), Value: told.param(1), Reason: told.param(2)}
	case "MESSAGE_METHOD_UNKNOWN":
		return &MethodUnknownError{APIError: told, Method: told.param(0)}
	case "MESSAGE_PARAMETER_COUNT_MISMATCH":
		return &ParameterCountMismatchError{APIError: told, Method: told.param(0), Expected: told.param(1), Received: told.param(2)}
	case "MESSAGE_REMOVED":
		return &MethodRemovedError{APIError: told}
	case "RBAC_PERMISSION_DENIED":
		return &PermissionDeniedError{APIError: told, Permission: told.param(0), Text: told.param(1)}
	case "SERVER_BUSY":
		return &ServerBusyError{APIError: told, What: told.param(0)}
	case "SERVICE_UNAVAILABLE":
		return &ServiceUnavailableError{APIError: told, Service: told.param(0), Reason: told.param(1)}
	case "SESSION_AUTHENTICATION_FAILED":
		return &AuthenticationFailedError{APIError: told, User: told.param(0), Reason: told.param(1)}
	case "SESSION_INVALID":
		return &SessionInvalidError{APIError: told, Session: told.param(0)}
	case "TASK_CANCELLED":
		return &TaskCancelledError{APIError: told, Task: told.param(0)}
	case "VALUE_NOT_SUPPORTED":
		return &ValueNotSupportedError{APIError: told, Field: told.param(0), Value: told.param(1), Reason: told.param(2)}
	case "VOLUME_IN_USE":
		return &VolumeInUseError{APIError: told, Volume: told.param(0), Class: told.param(1)}
	}
	return &told
}
