// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

package graftclient

import (
	"context"
)

// VMMethods: Guests.
type VMMethods struct {
	connection *connection
}

// VMPingOptions are the parameters of VMMethods.Ping that may be left out: those that are nil.
type VMPingOptions struct {
	// Default: 1.5.
	Value *float64
}

func callVMPing(options *VMPingOptions) *call {
	made := call{method: "VM.ping", sessionless: true, repeatable: true}
	if options != nil {
		putPointer(&made.members, "value", float(), options.Value)
	}
	return &made
}

// Ping: Answer.
//
// Needs no session. Calling it twice is as good as once.
//
// What may be left out is in options, which may be nil: Value.
func (c VMMethods) Ping(ctx context.Context, options *VMPingOptions) (float64, error) {
	return invoke(ctx, c.connection, callVMPing(options), float())
}

// StartPing starts Ping as a task, and does not wait for it.
func (c VMMethods) StartPing(ctx context.Context, options *VMPingOptions) (*Task[float64], error) {
	return start(ctx, c.connection, callVMPing(options), float())
}
