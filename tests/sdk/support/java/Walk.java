import graft.client.AuthenticationFailedException;
import graft.client.Client;
import graft.client.Colour;
import graft.client.EchoMethods;
import graft.client.Everything;
import graft.client.FieldTypeErrorException;
import graft.client.PermissionDeniedException;
import graft.client.Point;
import graft.client.SessionInvalidException;
import graft.client.TaskCancelledException;
import graft.client.VolumeInUseException;
import graft.client.runtime.ApiException;
import graft.client.runtime.ClientOptions;
import graft.client.runtime.Json;
import graft.client.runtime.Task;
import graft.client.runtime.TaskStatus;
import graft.client.runtime.TransportException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;

/** What a user of the Java SDK does; prints what the test looks for. */
public final class Walk {
    private static int checks;

    public static void main(String[] args) throws Exception {
        try (Client client = new Client(args[0], args[1], args[2])) {
            if (args[3].equals("corpus")) {
                corpus(client);
            } else {
                walk(client, args[0], args[1], args[2]);
                System.out.println(checks + " checks");
            }
        }
    }

    private static void corpus(Client client) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            Everything sent = Everything.CODEC.decode(Json.read(line.getBytes(StandardCharsets.UTF_8)));
            Everything got = client.echo().everything(sent);
            is(sent, got);
            is(sent.hashCode(), got.hashCode());
            is(sent, got.toBuilder().build());
            System.out.write(Json.write(Everything.CODEC.encode(got)));
            System.out.write('\n');
        }
        System.out.flush();
    }

    private static void walk(Client client, String url, String user, String password) throws Exception {
        EchoMethods echo = client.echo();
        is("héllo", echo.string("héllo"));
        is(Long.MIN_VALUE, echo.int_(Long.MIN_VALUE));
        is(Double.NaN, echo.float_(Double.NaN));
        is(List.of("a", ""), echo.strings(List.of("a", "")));
        is(Optional.empty(), echo.maybe());
        is(Optional.of(5L), echo.maybe(new EchoMethods.MaybeOptions().value(5L)));
        is(List.of(Optional.empty()), echo.maybeMaybe(List.of(Optional.empty())));
        is(Map.of("a", List.of(1.5)), echo.anything(Map.of("a", List.of(1.5))));
        echo.nothing();
        Colour unknown = echo.colour(Colour.of("ultraviolet"));
        is(false, unknown.isKnown());
        is("ultraviolet", unknown.toString());
        is(Colour.DEEP_BLUE, echo.colour(Colour.DEEP_BLUE));
        is(true, Colour.of("red").isKnown());

        is("a|7|three", echo.defaults("a"));
        is("a|8|3|True", echo.defaults(
                "a", new EchoMethods.DefaultsOptions().second(8).third("3").fourth(true)));
        is("a", echo.defaultsAsync("a").thenApply(text -> text.substring(0, 1)).get());
        is("direct", client.call("Echo.string", "direct"));

        VolumeInUseException inUse = fails(VolumeInUseException.class,
                () -> echo.fail("VOLUME_IN_USE", List.of("v", "g")));
        is("v", inUse.volume());
        is("g", inUse.guest());
        is(List.of("v", "g"), inUse.params());
        ApiException other = fails(ApiException.class, () -> echo.fail("ELSE", List.of()));
        is("ELSE", other.code());
        is(ApiException.class, other.getClass());
        FieldTypeErrorException wrong = fails(FieldTypeErrorException.class, () -> client.call("Echo.int", true));
        is("value", wrong.place());
        is("int", wrong.expected());
        is(400, wrong.status());
        fails(AuthenticationFailedException.class, () -> {
            try (Client stranger = new Client(url, user, "wrong")) {
                stranger.login();
            }
        });
        fails(SessionInvalidException.class, () -> {
            try (Client none = new Client(new ClientOptions(url).session("OpaqueRef:none"))) {
                none.echo().nothing();
            }
        });
        fails(TransportException.class, () -> {
            try (Client nobody = new Client("http://127.0.0.1:9", user, password)) {
                nobody.login();
            }
        });
        try {
            echo.failAsync("VOLUME_IN_USE", List.of()).join();
            throw new AssertionError("it has not failed");
        } catch (CompletionException error) {
            is(VolumeInUseException.class, error.getCause().getClass());
        }

        Task<String> task = echo.startString("from a task");
        is("from a task", task.await());
        is(TaskStatus.SUCCESS, task.info().status());
        is("Async.Echo.string", task.info().name());
        task.destroy();
        fails(VolumeInUseException.class, () -> echo.startFail("VOLUME_IN_USE", List.of("v", "g")).await());
        Task<String> slow = echo.startSleep(60);
        try {
            slow.await(Duration.ofMillis(200));
            throw new AssertionError("it has ended");
        } catch (TimeoutException expected) {
            checks++;
        }
        slow.cancel();
        fails(TaskCancelledException.class, slow::await);
        is("in a future", echo.startString("in a future").result().get());

        String first = client.login();
        try (Client guest = new Client(new ClientOptions(url).session(first))) {
            is("by reference", guest.echo().string("by reference"));
        }
        is("still open", echo.string("still open"));
        client.session().logout();
        is("logged in anew", echo.string("logged in anew"));
        is(false, client.login().equals(first));

        List<CompletableFuture<Long>> many = new ArrayList<>();
        for (long i = 0; i < 20; i++) {
            many.add(echo.intAsync(i));
        }
        for (int i = 0; i < 20; i++) {
            is((long) i, many.get(i).get());
        }

        Point point = Point.builder().x(1).y(2).build();
        is("here", point.label());
        fails(IllegalStateException.class, () -> Point.builder().x(1).build());
        is(6L, echo.keepSecret("secret"));
        is(false, client.toString().contains(password));
        is(false, new ClientOptions(url).user(user, password).toString().contains(password));
    }

    private static void is(Object expected, Object got) {
        if (!expected.equals(got)) {
            throw new AssertionError("expected " + expected + ", got " + got);
        }
        checks++;
    }

    private static <E extends Throwable> E fails(Class<E> kind, Runnable call) {
        try {
            call.run();
        } catch (Throwable error) {
            if (kind.isInstance(error)) {
                checks++;
                return kind.cast(error);
            }
            throw new AssertionError("it has failed otherwise", error);
        }
        throw new AssertionError("it has not failed with " + kind);
    }
}
