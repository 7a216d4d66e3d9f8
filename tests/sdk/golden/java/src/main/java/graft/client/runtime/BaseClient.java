// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;

/** A session on a platform; several threads may use it at a time. */
public abstract class BaseClient implements AutoCloseable {
    private static final String SESSION_INVALID = "SESSION_INVALID";
    private static final int UNAUTHORIZED = 401;

    private final ClientOptions options;
    private final Transport transport;
    private final Map<String, Function<ApiError, ApiException>> errors;
    private final String agent;
    private final Object lock = new Object();
    private CompletableFuture<String> session;
    private boolean own;
    private boolean closed;

    /**
     * Makes a client; nothing is sent yet.
     *
     * @param options how the platform is reached, and as whom
     * @param errors makes the exceptions of codes
     * @param agent what the client calls itself in HTTP
     * @throws IllegalArgumentException the options do not fit together
     */
    protected BaseClient(ClientOptions options, Map<String, Function<ApiError, ApiException>> errors, String agent) {
        if ((options.user == null) != (options.password == null)) {
            throw new IllegalArgumentException("a user needs a password, and a password a user");
        }
        this.options = options;
        this.transport = options.transport == null ? new HttpTransport(options.url) : options.transport;
        this.errors = errors;
        this.agent = agent;
        this.session = options.session == null ? null : CompletableFuture.completedFuture(options.session);
    }

    /**
     * Logs in, unless that is done; the first call does it by itself.
     *
     * @return the session's reference, which is as good as the password
     * @throws ApiException user and password do not fit
     * @throws TransportException there is no answer
     */
    public final String login() {
        return join(session(null));
    }

    /** Logs out of the session that this client has opened; one that was given to it stays open. */
    @Override
    public final void close() {
        CompletableFuture<String> open;
        synchronized (lock) {
            open = own ? session : null;
            closed = true;
            session = null;
        }
        if (open != null) {
            try {
                join(open.thenCompose(ref -> transport.send(call("session.logout", Map.of(), ref))));
            } catch (GraftException error) {
                // The session ends by itself in time.
            }
        }
    }

    /**
     * Calls a method by its name with arguments as they are: for methods that nobody has declared.
     *
     * @param method {@code Class.method}
     * @param arguments as {@link Codecs#ANYTHING} takes them
     * @return the answer, as {@link Json} has it
     * @throws GraftException the call has failed
     */
    public final Object call(String method, Object... arguments) {
        return join(callAsync(method, arguments));
    }

    /**
     * Calls a method as {@link #call} does, without waiting for it.
     *
     * @param method {@code Class.method}
     * @param arguments as {@link Codecs#ANYTHING} takes them
     * @return the answer, as {@link Json} has it
     */
    public final CompletableFuture<Object> callAsync(String method, Object... arguments) {
        return send(method, Codecs.ANYTHING.encode(Arrays.asList(arguments)), true).thenApply(this::value);
    }

    /**
     * Starts a method by its name as a task.
     *
     * @param method {@code Class.method}
     * @param arguments as {@link Codecs#ANYTHING} takes them
     * @return the task
     * @throws GraftException the platform has not taken the call
     */
    public final Task<Object> start(String method, Object... arguments) {
        Object json = Codecs.ANYTHING.encode(Arrays.asList(arguments));
        String ref = Codecs.STRING.decode(value(join(send("Async." + method, json, true))));
        return new Task<>(this, ref, Codecs.ANYTHING);
    }

    /**
     * Calls a declared method.
     *
     * @param method the method
     * @param arguments its arguments
     * @param <T> what it answers
     * @return the answer
     */
    public final <T> T call(Method<T> method, Arguments arguments) {
        return join(callAsync(method, arguments));
    }

    /**
     * Calls a declared method without waiting for it.
     *
     * @param method the method
     * @param arguments its arguments
     * @param <T> what it answers
     * @return the answer
     */
    public final <T> CompletableFuture<T> callAsync(Method<T> method, Arguments arguments) {
        return send(method.name, arguments.json(), method.session)
                .thenApply(response -> method.result.decode(value(response)));
    }

    /**
     * Starts a declared method as a task.
     *
     * @param method the method
     * @param arguments its arguments
     * @param <T> what it answers
     * @return the task
     */
    public final <T> Task<T> start(Method<T> method, Arguments arguments) {
        Response response = join(send("Async." + method.name, arguments.json(), true));
        return new Task<>(this, Codecs.STRING.decode(value(response)), method.result);
    }

    final CompletableFuture<TaskInfo> taskInfo(String ref, Duration wait) {
        double seconds = Math.max(0, Math.min(wait.toMillis(), 60_000)) / 1000.0;
        String path = taskPath(ref) + (seconds > 0 ? "?wait=" + seconds : "");
        Duration timeout = options.timeout.plusMillis((long) (seconds * 1000));
        return withSession(open -> request("GET", path, new byte[0], open, timeout))
                .thenApply(response -> taskInfo(value(response)));
    }

    final CompletableFuture<Void> cancelTask(String ref) {
        return withSession(open -> request("POST", taskPath(ref) + "/cancel", new byte[0], open, options.timeout))
                .thenAccept(this::value);
    }

    final CompletableFuture<Void> destroyTask(String ref) {
        return withSession(open -> request("DELETE", taskPath(ref), new byte[0], open, options.timeout))
                .thenAccept(this::value);
    }

    static <T> T join(CompletableFuture<T> future) {
        try {
            return future.get();
        } catch (InterruptedException error) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new TransportException("the thread was interrupted while it waited for an answer", error);
        } catch (ExecutionException error) {
            throw unwrapped(error.getCause());
        }
    }

    private static RuntimeException unwrapped(Throwable error) {
        Throwable cause = error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
        if (cause instanceof GraftException) {
            // It was made on a thread of the transport; this is where the caller stands.
            cause.addSuppressed(new Throwable("called here"));
        }
        return cause instanceof RuntimeException
                ? (RuntimeException) cause
                : new TransportException("the call has failed: " + cause, cause);
    }

    private CompletableFuture<Response> send(String method, Object arguments, boolean needsSession) {
        if (!needsSession) {
            return transport.send(call(method, arguments, null));
        }
        return withSession(ref -> call(method, arguments, ref));
    }

    /** Sends a request; where the session has ended, logs in anew and sends it once more. */
    private CompletableFuture<Response> withSession(Function<String, Request> make) {
        return session(null).thenCompose(ref -> transport.send(make.apply(ref)).thenCompose(response -> {
            boolean ended = response.status() == UNAUTHORIZED && options.user != null
                    && SESSION_INVALID.equals(error(response).code());
            return ended
                    ? session(ref).thenCompose(next -> transport.send(make.apply(next)))
                    : CompletableFuture.completedFuture(response);
        }));
    }

    /** Returns a session that is not the one that has ended. */
    private CompletableFuture<String> session(String ended) {
        synchronized (lock) {
            if (closed) {
                return CompletableFuture.failedFuture(new TransportException("the client has been closed", null));
            }
            if (session != null && !session.isCompletedExceptionally()) {
                String known = session.getNow(null);
                if (known == null || !known.equals(ended)) {
                    return session;
                }
            }
            if (options.user == null) {
                String why = "the client has neither a session nor a user";
                return CompletableFuture.failedFuture(made(new ApiError(SESSION_INVALID, List.of(""), why, 0, null)));
            }
            Map<String, Object> arguments = new LinkedHashMap<>();
            arguments.put("uname", options.user);
            arguments.put("pwd", options.password);
            arguments.put("version", "1.0");
            arguments.put("originator", options.originator == null ? agent : options.originator);
            own = true;
            session = transport
                    .send(call("session.login_with_password", arguments, null))
                    .thenApply(response -> Codecs.STRING.decode(value(response)));
            return session;
        }
    }

    private Request call(String method, Object arguments, String ref) {
        return request("POST", "/api/v1/methods/" + quoted(method), Json.write(arguments), ref, options.timeout);
    }

    private Request request(String method, String path, byte[] body, String ref, Duration timeout) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Accept", "application/json");
        headers.put("User-Agent", agent);
        if (body.length > 0) {
            headers.put("Content-Type", "application/json");
        }
        if (ref != null) {
            headers.put("Authorization", "Bearer " + ref);
        }
        return new Request(method, path, headers, body, timeout);
    }

    private Object value(Response response) {
        if (response.status() >= 200 && response.status() < 300) {
            return response.body().length == 0 ? null : Json.read(response.body());
        }
        throw error(response);
    }

    private ApiException error(Response response) {
        Object told;
        try {
            told = Json.read(response.body());
        } catch (AnswerException error) {
            told = null;
        }
        if (!(told instanceof Map) || !(((Map<?, ?>) told).get("code") instanceof String)) {
            throw new AnswerException(
                    "HTTP " + response.status() + ", and nothing that tells an error of this interface");
        }
        Optional<Duration> retryAfter = response.header("Retry-After").flatMap(BaseClient::seconds);
        return error((Map<?, ?>) told, response.status(), retryAfter.orElse(null));
    }

    private ApiException error(Map<?, ?> told, int status, Duration retryAfter) {
        List<String> params = new ArrayList<>();
        if (told.get("params") instanceof List) {
            ((List<?>) told.get("params")).forEach(param -> params.add(String.valueOf(param)));
        }
        Object message = told.get("message");
        String sentence = message == null ? "" : message.toString();
        return made(new ApiError(String.valueOf(told.get("code")), params, sentence, status, retryAfter));
    }

    private ApiException made(ApiError error) {
        return errors.getOrDefault(error.code(), ApiException::new).apply(error);
    }

    private TaskInfo taskInfo(Object json) {
        Map<?, ?> told = Codecs.object(json);
        Object error = told.get("error");
        return new TaskInfo(
                Codecs.STRING.decode(told.get("ref")),
                Codecs.STRING.decode(told.get("name")),
                TaskStatus.of(Codecs.STRING.decode(told.get("status"))),
                Codecs.FLOAT.decode(told.get("progress")),
                time(told.get("created")),
                time(told.get("finished")),
                error == null ? null : error(Codecs.object(error), 0, null),
                told.get("result"));
    }

    private static Instant time(Object json) {
        return json == null ? null : Codecs.DATETIME.decode(json);
    }

    private static Optional<Duration> seconds(String text) {
        try {
            return Optional.of(Duration.ofSeconds(Long.parseLong(text.trim())));
        } catch (NumberFormatException error) {
            return Optional.empty();
        }
    }

    private static String taskPath(String ref) {
        return "/api/v1/tasks/" + quoted(ref);
    }

    private static String quoted(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Override
    public String toString() {
        return getClass().getSimpleName() + " of " + options.url;
    }
}
