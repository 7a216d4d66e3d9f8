package graftclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultTimeout = 120 * time.Second
	// maxAnswer is how many bytes of one answer are taken.
	maxAnswer = 256 << 20
	// closeTimeout bounds how long Close waits for the answer to the end of its session.
	closeTimeout = 10 * time.Second

	sessionInvalid = "SESSION_INVALID"
)

// connection is a platform, and a session on it.
type connection struct {
	base       *url.URL
	http       *http.Client
	timeout    time.Duration
	user       string
	originator string

	// Behind pointers, for what fmt prints of a struct leads to no secret then.
	password *string
	ref      *string

	// Whoever holds the one item of lock may look at ref and own.
	lock chan struct{}
	// own: it was opened here.
	own bool
}

func connect(address string, config Config) (*connection, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the platform: %w", err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" {
		return nil, fmt.Errorf("%q is no URL such as https://graft.example:8080", base.Redacted())
	}
	if base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("the URL has more than a host, a port and a path; user and password are given besides")
	}
	if (config.User == "") != (config.Password == "") {
		return nil, errors.New("a user needs a password, and a password a user")
	}
	if config.TLS != nil && config.Transport != nil {
		return nil, errors.New("TLS is for the built-in transport; set up your own yourself")
	}
	made := &connection{
		base:       base,
		http:       &http.Client{Transport: config.Transport, CheckRedirect: stay},
		timeout:    config.Timeout,
		user:       config.User,
		originator: config.Originator,
		password:   &config.Password,
		ref:        &config.SessionRef,
		lock:       make(chan struct{}, 1),
	}
	if made.timeout <= 0 {
		made.timeout = defaultTimeout
	}
	if made.originator == "" {
		made.originator = userAgent
	}
	if config.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = config.TLS
		made.http.Transport = transport
	}
	return made, nil
}

// stay keeps credentials from being taken to another place.
func stay(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}

// hold waits until nobody else looks at the session; what it returns ends that.
func (c *connection) hold(ctx context.Context) (func(), error) {
	select {
	case c.lock <- struct{}{}:
		return func() { <-c.lock }, nil
	case <-ctx.Done():
		return nil, &TransportError{ctx.Err()}
	}
}

// session returns a session that is not the one that has ended, or, if that will do, none where none is open.
func (c *connection) session(ctx context.Context, ended string, none bool) (string, error) {
	release, err := c.hold(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if *c.ref != "" && *c.ref != ended {
		return *c.ref, nil
	}
	if none {
		return "", nil
	}
	if c.user == "" {
		told := APIError{Code: sessionInvalid, Params: []string{""}, Message: "the client has neither a session nor a user"}
		return "", typedError(told)
	}
	var given members
	put(&given, "uname", text[string](), c.user)
	put(&given, "pwd", text[string](), *c.password)
	put(&given, "version", text[string](), "1.0")
	put(&given, "originator", text[string](), c.originator)
	body, err := given.body("session.login_with_password")
	if err != nil {
		return "", err
	}
	made, err := send(ctx, c, post("session.login_with_password", body), "", text[string]())
	if err != nil {
		return "", err
	}
	c.ref, c.own = &made, true
	return made, nil
}

// logout ends the session, or only one that was opened here.
func (c *connection) logout(ctx context.Context, onlyOwn bool) error {
	release, err := c.hold(ctx)
	if err != nil {
		return err
	}
	ref, ends := *c.ref, c.own || !onlyOwn
	c.ref, c.own = new(string), false
	release()
	if ref == "" || !ends {
		return nil
	}
	_, err = send(ctx, c, post("session.logout", []byte("{}")), ref, void())
	return err
}

// exchange is a request without its credentials.
type exchange struct {
	verb string
	path string
	body []byte
	// extra is time that the answer may take besides.
	extra time.Duration
	// sessionless: it is sent without a session where none is open.
	sessionless bool
	// repeatable: it is sent again where a connection that was kept has ended with it on its way.
	repeatable bool
}

func post(method string, body []byte) exchange {
	return exchange{verb: http.MethodPost, path: "/api/v1/methods/" + url.PathEscape(method), body: body}
}

func taskPath(ref string) string {
	return "/api/v1/tasks/" + url.PathEscape(ref)
}

// call is a call that has been written, and waits to be made.
type call struct {
	members
	method      string
	sessionless bool
	repeatable  bool
}

func (m *members) body(method string) ([]byte, error) {
	value, err := m.object()
	if err == nil {
		var written []byte
		if written, err = writeJSON(value); err == nil {
			return written, nil
		}
	}
	return nil, fmt.Errorf("the arguments of %s: %w", method, err)
}

func invoke[T any](ctx context.Context, c *connection, made *call, result codec[T]) (T, error) {
	body, err := made.body(made.method)
	if err != nil {
		var none T
		return none, err
	}
	request := post(made.method, body)
	request.sessionless, request.repeatable = made.sessionless, made.repeatable
	return withSession(ctx, c, request, result)
}

func start[T any](ctx context.Context, c *connection, made *call, result codec[T]) (*Task[T], error) {
	body, err := made.body(made.method)
	if err != nil {
		return nil, err
	}
	return startTask(ctx, c, made.method, body, result)
}

func startTask[T any](ctx context.Context, c *connection, method string, body []byte, result codec[T]) (*Task[T], error) {
	ref, err := withSession(ctx, c, post("Async."+method, body), text[string]())
	if err != nil {
		return nil, err
	}
	return &Task[T]{connection: c, result: result, ref: ref}, nil
}

func listCall(method string, params []any) ([]byte, error) {
	encoded, err := setOf(anything()).encode(params)
	if err == nil {
		var written []byte
		if written, err = writeJSON(encoded); err == nil {
			return written, nil
		}
	}
	return nil, fmt.Errorf("the arguments of %s: %w", method, err)
}

// withSession sends a request; where the session has ended, it logs in anew and sends it once more.
func withSession[T any](ctx context.Context, c *connection, request exchange, result codec[T]) (T, error) {
	var none T
	ref, err := c.session(ctx, "", request.sessionless)
	if err != nil {
		return none, err
	}
	answer, err := send(ctx, c, request, ref, result)
	var told *APIError
	if err == nil || c.user == "" || !errors.As(err, &told) || told.Code != sessionInvalid {
		return answer, err
	}
	if ref, err = c.session(ctx, ref, false); err != nil {
		return none, err
	}
	return send(ctx, c, request, ref, result)
}

// send sends a request and reads the answer; the client's timeout holds where the context has none.
func send[T any](ctx context.Context, c *connection, made exchange, ref string, result codec[T]) (T, error) {
	var none T
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout+made.extra)
		defer cancel()
	}
	address := strings.TrimSuffix(c.base.String(), "/") + made.path
	request, err := http.NewRequestWithContext(ctx, made.verb, address, bytes.NewReader(made.body))
	if err != nil {
		return none, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if made.repeatable {
		// It is not sent; the transport of net/http knows by it what it may send again.
		request.Header["Idempotency-Key"] = []string{}
	}
	if len(made.body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if ref != "" {
		request.Header.Set("Authorization", "Bearer "+ref)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return none, &TransportError{err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return none, &TransportError{err}
	}
	if len(answer) > maxAnswer {
		return none, &AnswerError{fmt.Sprintf("the answer has more than %d bytes", maxAnswer)}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return none, readError(response, answer)
	}
	return readAnswer(answer, result)
}

func readAnswer[T any](answer []byte, result codec[T]) (T, error) {
	var none T
	var value any
	if len(answer) > 0 {
		var err error
		if value, err = readJSON(answer); err != nil {
			return none, &AnswerError{"the answer is no JSON: " + err.Error()}
		}
	}
	found, err := result.decode(value)
	if err != nil {
		return none, &AnswerError{"the answer is not as it was declared: " + err.Error()}
	}
	return found, nil
}

func readError(response *http.Response, answer []byte) error {
	value, err := readJSON(answer)
	if err == nil {
		var told APIError
		if told, err = errorOf(value); err == nil {
			told.Status = response.StatusCode
			if seconds, err := strconv.ParseFloat(response.Header.Get("Retry-After"), 64); err == nil && seconds > 0 {
				told.RetryAfter = time.Duration(seconds * float64(time.Second))
			}
			return typedError(told)
		}
	}
	return &AnswerError{fmt.Sprintf("HTTP %d, and nothing that tells an error of this interface", response.StatusCode)}
}

func errorOf(value any) (APIError, error) {
	var told APIError
	read := objectOf(value)
	get(read, "code", text[string](), &told.Code)
	getIf(read, "params", setOf(text[string]()), &told.Params)
	getIf(read, "message", text[string](), &told.Message)
	return told, read.err
}
