// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

// Package graftclient is a client of a Graft platform.
//
// [New] makes a [Client], which offers each class of methods as a field. A method is called as it is named; with Start
// before its name it runs as a [Task], which may be waited for. What fails is an [APIError], with a type of its own for
// each known code, or a [TransportError] where there is no answer.
package graftclient

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"
)

// APIDigest is that of the API that this package was made from.
const APIDigest = "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd"

const userAgent = "graftclient/0.1.0 (graft-sdk; go)"

// Config tells who uses a platform, and how.
type Config struct {
	// User logs in with the password when the first call is made, and again where the session has ended meanwhile.
	User string
	// Password is that user's.
	Password string
	// SessionRef is a session that is open already, in place of user and password or to begin with.
	SessionRef string
	// Originator is what the program calls itself; sessions are limited for each.
	Originator string
	// Timeout bounds calls whose context has no deadline; two minutes if it is 0.
	Timeout time.Duration
	// TLS tells which certificates are trusted, and more; nil: those that the system trusts.
	TLS *tls.Config
	// Transport sends requests in place of the built-in one, which keeps connections for the next calls.
	Transport http.RoundTripper
}

// Format writes the configuration without its secrets.
func (c Config) Format(state fmt.State, verb rune) {
	type shown Config
	c.Password, c.SessionRef = hidden(c.Password), hidden(c.SessionRef)
	fmt.Fprintf(state, fmt.FormatString(state, verb), shown(c))
}

func hidden[T ~string](secret T) T {
	if secret == "" {
		return ""
	}
	return "***"
}

// Client is a session on a platform; several goroutines may use it at a time.
type Client struct {
	// Guests.
	VM VMMethods

	// Volumes of disks.
	//
	// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that has to be
	// filled to the width of the documentation.
	Volume VolumeMethods

	connection *connection
}

// New makes a client of the platform at a URL such as https://graft.example:8080. Nothing is sent before the first call.
func New(url string, config Config) (*Client, error) {
	made, err := connect(url, config)
	if err != nil {
		return nil, err
	}
	client := &Client{connection: made}
	client.VM.connection = made
	client.Volume.connection = made
	return client, nil
}

// Login logs in, unless that is done; the first call does it by itself.
func (c *Client) Login(ctx context.Context) error {
	_, err := c.connection.session(ctx, "", false)
	return err
}

// Logout ends the session, also one that was given. The next call logs in again where there is a user.
func (c *Client) Logout(ctx context.Context) error {
	return c.connection.logout(ctx, false)
}

// Close ends the session if this client has opened it, and lets go of connections. It tells why that failed; the
// session ends by itself in time.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := c.connection.logout(ctx, true)
	c.connection.http.CloseIdleConnections()
	return err
}

// SessionRef returns the session's reference, which is as good as the password; it is empty before the first call.
func (c *Client) SessionRef() string {
	release, err := c.connection.hold(context.Background())
	if err != nil {
		return ""
	}
	defer release()
	return *c.connection.ref
}

// String tells the platform and the user, and no secrets.
func (c *Client) String() string {
	return fmt.Sprintf("graftclient.Client(%s, %q)", c.connection.base, c.connection.user)
}

// GoString is String.
func (c *Client) GoString() string {
	return c.String()
}

// Call calls a method by its name with parameters as they are; for methods that nobody has declared. The answer is nil,
// or a bool, int64, float64, string, []any or map[string]any.
func (c *Client) Call(ctx context.Context, method string, params ...any) (any, error) {
	body, err := listCall(method, params)
	if err != nil {
		return nil, err
	}
	return withSession(ctx, c.connection, post(method, body), anything())
}

// Start starts a method by its name as a task, as Call does.
func (c *Client) Start(ctx context.Context, method string, params ...any) (*Task[any], error) {
	body, err := listCall(method, params)
	if err != nil {
		return nil, err
	}
	return startTask(ctx, c.connection, method, body, anything())
}
