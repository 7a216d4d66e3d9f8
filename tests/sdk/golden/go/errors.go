package graftclient

import (
	"fmt"
	"strings"
	"time"
)

// APIError is an error that the platform answers with: it has refused a call, or the method has failed.
//
// Codes that methods declare, and those of the platform, have types of their own, which name the parameters; errors.As
// finds each of these as an *APIError as well.
type APIError struct {
	// Code tells what has happened, such as SESSION_INVALID.
	Code string
	// Params are the code's parameters.
	Params []string
	// Message is a sentence for people; it may be empty.
	Message string
	// Status is that of HTTP; 0 where the error is that of a task.
	Status int
	// RetryAfter tells when the call may be tried again, where the platform says so.
	RetryAfter time.Duration
}

func (e *APIError) Error() string {
	if e.Message != "" {
		return e.Code + ": " + e.Message
	}
	return fmt.Sprintf("%s[%s]", e.Code, strings.Join(e.Params, ", "))
}

// param returns a parameter; it is empty where the platform has left it out.
func (e *APIError) param(place int) string {
	if place < len(e.Params) {
		return e.Params[place]
	}
	return ""
}

// TransportError says that there was no answer; the call may have been carried out.
//
// Where a context has ended, errors.Is finds context.Canceled or context.DeadlineExceeded in it.
type TransportError struct {
	// Err tells why.
	Err error
}

func (e *TransportError) Error() string {
	return "no answer: " + e.Err.Error()
}

// Unwrap returns why there was no answer.
func (e *TransportError) Unwrap() error {
	return e.Err
}

// AnswerError says that there was an answer which is none of this interface, or does not fit what this package was
// made from.
type AnswerError struct {
	// Reason tells what is wrong with it.
	Reason string
}

func (e *AnswerError) Error() string {
	return e.Reason
}
