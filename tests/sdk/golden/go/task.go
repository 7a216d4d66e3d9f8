package graftclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxWait is how long one request waits for the end of a task.
const maxWait = 30 * time.Second

// TaskStatus tells how a task stands.
type TaskStatus string

const (
	// TaskPending: it waits or runs.
	TaskPending TaskStatus = "pending"
	// TaskSuccess: it has ended with a result.
	TaskSuccess TaskStatus = "success"
	// TaskFailure: it has ended with an error.
	TaskFailure TaskStatus = "failure"
	// TaskCancelling: it was asked to stop, and has not ended yet.
	TaskCancelling TaskStatus = "cancelling"
	// TaskCancelled: it was stopped.
	TaskCancelled TaskStatus = "cancelled"
)

// Ended tells whether the task will not change any more.
func (s TaskStatus) Ended() bool {
	return s == TaskSuccess || s == TaskFailure || s == TaskCancelled
}

// TaskInfo is what is known of a task.
type TaskInfo struct {
	// Ref is the task's reference.
	Ref string
	// Name is that of the method.
	Name string
	// Status tells how it stands.
	Status TaskStatus
	// Progress goes from 0 to 1.
	Progress float64
	// Created is when it was started.
	Created *time.Time
	// Finished is when it ended; nil before that.
	Finished *time.Time
	// Err is the error that it has ended with.
	Err error

	result any
}

func taskInfo() codec[TaskInfo] {
	return codec[TaskInfo]{
		encode: func(TaskInfo) (any, error) { return nil, errors.New("what is known of a task is not sent") },
		decode: func(value any) (TaskInfo, error) {
			var info TaskInfo
			read := objectOf(value)
			get(read, "ref", text[string](), &info.Ref)
			get(read, "name", text[string](), &info.Name)
			get(read, "status", text[TaskStatus](), &info.Status)
			getIf(read, "progress", float(), &info.Progress)
			getIf(read, "created", optionOf(moment()), &info.Created)
			getIf(read, "finished", optionOf(moment()), &info.Finished)
			if read.err == nil {
				info.result = read.members["result"]
				if failed := read.members["error"]; failed != nil {
					told, err := errorOf(failed)
					if err != nil {
						return info, at(".error", err)
					}
					info.Err = typedError(told)
				}
			}
			return info, read.err
		},
	}
}

// Task is a call that runs on the platform; nobody has to wait for it.
type Task[T any] struct {
	connection *connection
	result     codec[T]
	ref        string
}

// Ref returns the task's reference.
func (t *Task[T]) Ref() string {
	return t.ref
}

// String returns the task's reference.
func (t *Task[T]) String() string {
	return t.ref
}

// Info asks how the task stands. The answer comes when it has ended, at the latest after the wait, of which a minute
// counts at most.
func (t *Task[T]) Info(ctx context.Context, wait time.Duration) (TaskInfo, error) {
	asked := exchange{verb: http.MethodGet, path: taskPath(t.ref), repeatable: true}
	if wait = min(wait, time.Minute); wait > 0 {
		asked.path += "?wait=" + strconv.FormatFloat(wait.Seconds(), 'f', 3, 64)
		asked.extra = wait
	}
	return withSession(ctx, t.connection, asked, taskInfo())
}

// Status asks how the task stands now.
func (t *Task[T]) Status(ctx context.Context) (TaskStatus, error) {
	info, err := t.Info(ctx, 0)
	return info.Status, err
}

// Wait waits until the task has ended, and returns what the method answers, or the error that it has ended with. When
// the context ends before that, the task goes on, and may be waited for again.
func (t *Task[T]) Wait(ctx context.Context) (T, error) {
	var none T
	for {
		info, err := t.Info(ctx, maxWait)
		switch {
		case err != nil:
			return none, err
		case info.Err != nil:
			return none, info.Err
		case info.Status == TaskSuccess:
			found, err := t.result.decode(info.result)
			if err != nil {
				return none, &AnswerError{"the result is not as it was declared: " + err.Error()}
			}
			return found, nil
		case info.Status.Ended():
			return none, &AnswerError{fmt.Sprintf("the task has ended as %s, and without an error", info.Status)}
		}
	}
}

// Cancel asks the task to stop; what it runs is killed. One that has ended stays as it is.
func (t *Task[T]) Cancel(ctx context.Context) error {
	asked := exchange{verb: http.MethodPost, path: taskPath(t.ref) + "/cancel", repeatable: true}
	_, err := withSession(ctx, t.connection, asked, void())
	return err
}

// Destroy lets the platform forget the task.
func (t *Task[T]) Destroy(ctx context.Context) error {
	_, err := withSession(ctx, t.connection, exchange{verb: http.MethodDelete, path: taskPath(t.ref)}, void())
	return err
}
