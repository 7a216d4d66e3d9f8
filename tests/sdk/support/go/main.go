// Uses the SDK made of echo.xml on a running platform: `walk` tries what it does, `corpus` carries records.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"time"

	sdk "graftclient"
)

var ctx = context.Background()

func try(err error) {
	if err != nil {
		panic(fmt.Sprintf("%T: %v", err, err))
	}
}

func must[T any](value T, err error) T {
	try(err)
	return value
}

func check(holds bool, told ...any) {
	if !holds {
		panic(fmt.Sprintln(told...))
	}
}

func same[T any](got, wanted T) {
	check(reflect.DeepEqual(got, wanted), "got", got, "and not", wanted)
}

// fails returns the error of a call, as the type that is wanted.
func fails[E error](err error) E {
	var found E
	check(errors.As(err, &found), fmt.Sprintf("%T is no %T: %v", err, found, err))
	return found
}

func failing[E error, T any](_ T, err error) E {
	return fails[E](err)
}

func open(user, password string) *sdk.Client {
	return must(sdk.New(os.Getenv("GRAFT_URL"), sdk.Config{User: user, Password: password}))
}

func borrow(ref string) *sdk.Client {
	return must(sdk.New(os.Getenv("GRAFT_URL"), sdk.Config{SessionRef: ref}))
}

func values(client *sdk.Client) {
	echo := client.Echo
	same(must(echo.String(ctx, "a\nb </x> \u2028")), "a\nb </x> \u2028")
	for _, number := range []int64{0, math.MaxInt64, math.MinInt64} {
		same(must(echo.Int(ctx, number)), number)
	}
	check(math.IsNaN(must(echo.Float(ctx, math.NaN()))))
	check(math.IsInf(must(echo.Float(ctx, math.Inf(-1))), -1))
	check(math.Signbit(must(echo.Float(ctx, math.Copysign(0, -1)))))
	same(must(echo.Bool(ctx, true)), true)
	berlin := time.FixedZone("Berlin", 3600)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 7, berlin)
	check(must(echo.Datetime(ctx, noon)).Equal(noon))
	_, err := echo.Datetime(ctx, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	check(err != nil)
	_, err = echo.String(ctx, "\xff")
	check(err != nil)
	same(must(echo.Colour(ctx, sdk.ColourDeepBlue)), sdk.ColourDeepBlue)
	same(must(echo.Strings(ctx, nil)), []string{})
	same(must(echo.Counts(ctx, map[string]int64{"a": 1})), map[string]int64{"a": 1})
	check(must(echo.Maybe(ctx, nil)) == nil)
	check(must(echo.Maybe(ctx, &sdk.EchoMaybeOptions{Value: sdk.Ptr[*int64](nil)})) == nil)
	same(must(echo.Maybe(ctx, &sdk.EchoMaybeOptions{Value: sdk.Ptr(sdk.Ptr[int64](0))})), sdk.Ptr[int64](0))
	for _, boxed := range [][]*int64{{}, {nil}, {sdk.Ptr[int64](5)}} {
		same(must(echo.MaybeMaybe(ctx, boxed)), boxed)
	}
	given := map[string]any{"a": []any{nil, true, "x", []byte{0, 255}, 0.5}}
	same(must(echo.Anything(ctx, given)), any(map[string]any{"a": []any{nil, true, "x", "AP8=", 0.5}}))
	same(must(echo.Point(ctx, sdk.Point{X: 1})), sdk.Point{X: 1, Label: sdk.Ptr("here")})
	try(echo.Nothing(ctx))
	same(must(echo.KeepSecret(ctx, "hush")), 4)
	same(must(echo.Old(ctx)), "Echo.old")
	same(must(client.Call(ctx, "Echo.int", 5)), any(int64(5)))
}

func argumentsLeftOut(client *sdk.Client) {
	same(must(client.Echo.Defaults(ctx, "one", nil)), "one|7|three")
	same(must(client.Echo.Defaults(ctx, "one", &sdk.EchoDefaultsOptions{Third: sdk.Ptr("3")})), "one|7|3")
	all := sdk.EchoDefaultsOptions{Second: sdk.Ptr[int64](2), Third: sdk.Ptr("3"), Fourth: sdk.Ptr(false)}
	same(must(client.Echo.Defaults(ctx, "one", &all)), "one|2|3|False")
}

func unknownValues(client *sdk.Client) {
	ultraviolet := sdk.Colour("ultraviolet")
	same(must(client.Echo.Colour(ctx, ultraviolet)), ultraviolet)
	check(!ultraviolet.IsKnown() && sdk.ColourRed.IsKnown())
}

func apiErrors(client *sdk.Client) {
	err := client.Echo.Fail(ctx, "VOLUME_IN_USE", []string{"root", "web"})
	typed := fails[*sdk.VolumeInUseError](err)
	same([]string{typed.Volume, typed.Guest}, []string{"root", "web"})
	told := fails[*sdk.APIError](err)
	check(told.Code == "VOLUME_IN_USE" && told.Status == 422 && len(told.Params) == 2, told)
	same(fails[*sdk.VolumeInUseError](client.Echo.Fail(ctx, "VOLUME_IN_USE", nil)).Guest, "")
	other, plain := client.Echo.Fail(ctx, "SOMETHING_ELSE", []string{"1"}).(*sdk.APIError)
	check(plain && other.Code == "SOMETHING_ELSE")
	wrong := failing[*sdk.FieldTypeError](client.Call(ctx, "Echo.int", "five"))
	check(wrong.Place == "value" && wrong.Expected == "int" && strings.Contains(wrong.Error(), "value"), wrong)
	same(failing[*sdk.MethodUnknownError](client.Call(ctx, "Echo.no_such")).Method, "Echo.no_such")
	reader := open("reader", os.Getenv("READER_PASSWORD"))
	check(failing[*sdk.PermissionDeniedError](reader.Echo.AdminOnly(ctx)).Permission != "")
	try(reader.Close())
	fails[*sdk.AuthenticationFailedError](open("reader", "wrong").Login(ctx))
	nobody := must(sdk.New("http://127.0.0.1:9", sdk.Config{User: "a", Password: "b"}))
	fails[*sdk.TransportError](nobody.Login(ctx))
	soon, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err = client.Echo.Sleep(soon, 20)
	fails[*sdk.TransportError](err)
	check(errors.Is(err, context.DeadlineExceeded))
}

func sessions(client *sdk.Client) {
	own := open(os.Getenv("GRAFT_USER"), os.Getenv("GRAFT_PASSWORD"))
	same(own.SessionRef(), "")
	try(own.Login(ctx))
	first := own.SessionRef()
	borrower := borrow(first)
	same(must(borrower.Echo.String(ctx, "x")), "x")
	try(borrower.Close())
	same(must(own.Echo.String(ctx, "open still")), "open still")
	same(own.SessionRef(), first)
	try(borrow(first).Logout(ctx))
	failing[*sdk.SessionInvalidError](borrow(first).Echo.String(ctx, "x"))
	same(must(own.Echo.String(ctx, "logged in anew")), "logged in anew")
	second := own.SessionRef()
	check(second != first)
	try(own.Close())
	failing[*sdk.SessionInvalidError](borrow(second).Echo.String(ctx, "x"))
	for _, url := range []string{"ftp://x", "http://", "http://a:b@x", "http://x?y"} {
		_, err := sdk.New(url, sdk.Config{})
		check(err != nil, url)
	}
	_, err := sdk.New("http://x", sdk.Config{User: "a"})
	check(err != nil)
	failing[*sdk.SessionInvalidError](must(sdk.New(os.Getenv("GRAFT_URL"), sdk.Config{})).Echo.Old(ctx))
}

func goroutines(*sdk.Client) {
	shared := open(os.Getenv("GRAFT_USER"), os.Getenv("GRAFT_PASSWORD"))
	var running sync.WaitGroup
	answers := make([]int64, 16)
	for place := range answers {
		running.Add(1)
		go func(place int) {
			defer running.Done()
			answers[place] = must(shared.Echo.Int(ctx, int64(place)))
		}(place)
	}
	running.Wait()
	for place, answer := range answers {
		same(answer, int64(place))
	}
	try(shared.Close())
}

func tasks(client *sdk.Client) {
	task := must(client.Echo.StartInt(ctx, 5))
	same(must(task.Wait(ctx)), 5)
	same(must(task.Status(ctx)), sdk.TaskSuccess)
	info := must(task.Info(ctx, 0))
	check(info.Name == "Async.Echo.int" && info.Status.Ended() && info.Created != nil && info.Finished != nil, info)
	try(task.Destroy(ctx))
	failing[*sdk.HandleInvalidError](task.Info(ctx, 0))
	slow := must(client.Echo.StartSleep(ctx, 60))
	soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	_, err := slow.Wait(soon)
	check(errors.Is(err, context.DeadlineExceeded), err)
	same(must(slow.Status(ctx)), sdk.TaskPending)
	try(slow.Cancel(ctx))
	failing[*sdk.TaskCancelledError](slow.Wait(ctx))
	same(must(slow.Status(ctx)), sdk.TaskCancelled)
	failed := must(client.Echo.StartFail(ctx, "VOLUME_IN_USE", []string{"a", "b"}))
	same(failing[*sdk.VolumeInUseError](failed.Wait(ctx)).Guest, "b")
	same(must(must(client.Start(ctx, "Echo.string", "x")).Wait(ctx)), any("x"))
	must(must(client.Echo.StartNothing(ctx)).Wait(ctx))
}

type recorder struct {
	sent   []string
	status int
	answer string
	header http.Header
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(request.Body)
	r.sent = append(r.sent, request.URL.String()+" "+string(body))
	return &http.Response{
		StatusCode: r.status, Header: r.header, Body: io.NopCloser(strings.NewReader(r.answer)), Request: request,
	}, nil
}

func transports(*sdk.Client) {
	own := &recorder{status: 200, answer: `"x"`}
	client := must(sdk.New("http://graft.example/base/", sdk.Config{SessionRef: "OpaqueRef:secret", Transport: own}))
	same(must(client.Echo.String(ctx, "v")), "x")
	same(own.sent, []string{`http://graft.example/base/api/v1/methods/Echo.string {"value":"v"}`})
	own.answer = "5.5"
	failing[*sdk.AnswerError](client.Echo.String(ctx, "v"))
	failing[*sdk.AnswerError](client.Echo.Int(ctx, 5))
	own.answer = `{"x":1.5,"newer":[]}`
	check(strings.Contains(failing[*sdk.AnswerError](client.Echo.Point(ctx, sdk.Point{})).Error(), "y"))
	own.answer = `{"x":1.5,"y":"-Infinity","newer":[]}`
	same(must(client.Echo.Point(ctx, sdk.Point{})), sdk.Point{X: 1.5, Y: math.Inf(-1)})
	own.answer, own.status = "<html>", 502
	failing[*sdk.AnswerError](client.Echo.String(ctx, "v"))
	own.answer, own.status = "", 302
	own.header = http.Header{"Location": {"http://elsewhere.example/"}}
	sent := len(own.sent)
	failing[*sdk.AnswerError](client.Echo.String(ctx, "v"))
	same(len(own.sent), sent+1)
	own.answer, own.status = `{"code": "SERVER_BUSY", "params": ["calls"]}`, 503
	own.header = http.Header{"Retry-After": {"7"}}
	same(failing[*sdk.ServerBusyError](client.Echo.String(ctx, "v")).RetryAfter, 7*time.Second)
}

// connectionsThatEnd: those that were kept may end with a request on its way.
func connectionsThatEnd(*sdk.Client) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	var served sync.WaitGroup
	served.Add(1)
	go func() {
		defer served.Done()
		for _, answer := range []string{`"OpaqueRef:t"`, `{"ref":"OpaqueRef:t","name":"x","status":"pending"}`} {
			stream := must(listener.Accept())
			requests := bufio.NewReader(stream)
			readRequest(requests)
			fmt.Fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
			readRequest(requests)
			try(stream.Close())
		}
	}()
	client := must(sdk.New("http://"+listener.Addr().String(), sdk.Config{SessionRef: "OpaqueRef:1"}))
	task := must(client.Echo.StartInt(ctx, 1))
	same(must(task.Status(ctx)), sdk.TaskPending)
	failing[*sdk.TransportError](client.Echo.String(ctx, "not twice"))
	served.Wait()
	try(listener.Close())
}

func readRequest(from *bufio.Reader) {
	must(io.ReadAll(must(http.ReadRequest(from)).Body))
}

func certificates(*sdk.Client) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(answer, `"x"`)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	config := sdk.Config{SessionRef: "OpaqueRef:1", TLS: &tls.Config{RootCAs: trusted}}
	same(must(must(sdk.New(server.URL, config)).Echo.String(ctx, "v")), "x")
	config.TLS = nil
	failing[*sdk.TransportError](must(sdk.New(server.URL, config)).Echo.String(ctx, "v"))
	server.Close()
}

func secrets(client *sdk.Client) {
	config := sdk.Config{User: "u", Password: "pass-secret", SessionRef: "ref-secret"}
	own := must(sdk.New("http://x", config))
	record := sdk.Everything{String: "shown", Hidden: "hidden-secret"}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{config, &config, own, *own, record, &record, []sdk.Everything{record}} {
			check(!strings.Contains(fmt.Sprintf(form, value), "secret"), form, "shows a secret")
		}
	}
	check(strings.Contains(fmt.Sprint(record), "shown"))
}

func corpus(client *sdk.Client) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for number := 0; lines.Scan(); number++ {
		var sent sdk.Everything
		try(json.Unmarshal(lines.Bytes(), &sent))
		got := must(client.Echo.Everything(ctx, sent))
		first, second := must(json.Marshal(sent)), must(json.Marshal(got))
		check(bytes.Equal(first, second), string(first), "came back as", string(second))
		if number < 5 {
			again := must(json.Marshal(must(must(client.Echo.StartEverything(ctx, sent)).Wait(ctx))))
			check(bytes.Equal(first, again), string(first), "came back as", string(again))
		}
		fmt.Println(string(second))
	}
	try(lines.Err())
}

func main() {
	client := open(os.Getenv("GRAFT_USER"), os.Getenv("GRAFT_PASSWORD"))
	if os.Args[1] == "corpus" {
		corpus(client)
	} else {
		for _, walk := range []func(*sdk.Client){
			values, argumentsLeftOut, unknownValues, apiErrors, sessions, goroutines, tasks, transports,
			connectionsThatEnd, certificates, secrets,
		} {
			walk(client)
		}
		fmt.Println("ok")
	}
	try(client.Close())
}
