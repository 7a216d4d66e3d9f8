// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import javax.net.ssl.SSLContext;

/** HTTP by Java's own client, with connections that are kept alive. */
public final class HttpTransport implements Transport {
    /** Bytes of the longest answer that is taken. */
    public static final int MAX_ANSWER = 256 << 20;

    private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(30);

    private final URI base;
    private final HttpClient client;

    /**
     * Makes a transport that trusts the certificates that Java trusts.
     *
     * @param url where the platform is, such as {@code https://graft.example:8080}
     * @throws IllegalArgumentException it is no URL of HTTP
     */
    public HttpTransport(String url) {
        this(url, null);
    }

    /**
     * Makes a transport.
     *
     * @param url where the platform is, such as {@code https://graft.example:8080}
     * @param tls which certificates are trusted, and more; null for those that Java trusts
     * @throws IllegalArgumentException it is no URL of HTTP
     */
    public HttpTransport(String url, SSLContext tls) {
        base = URI.create(url.endsWith("/") ? url.substring(0, url.length() - 1) : url);
        boolean http = "http".equals(base.getScheme()) || "https".equals(base.getScheme());
        if (!http || base.getHost() == null || base.getRawUserInfo() != null || base.getRawQuery() != null) {
            throw new IllegalArgumentException("a URL is wanted such as https://graft.example:8080, and no more in it");
        }
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(CONNECT_TIMEOUT);
        client = (tls == null ? builder : builder.sslContext(tls)).build();
    }

    @Override
    public CompletableFuture<Response> send(Request request) {
        byte[] body = request.body();
        HttpRequest.Builder builder = HttpRequest.newBuilder(URI.create(base + request.path()))
                .timeout(request.timeout())
                .method(
                        request.method(),
                        body.length == 0
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(body));
        request.headers().forEach(builder::header);
        return client.sendAsync(builder.build(), info -> new Bounded())
                .thenApply(answer -> new Response(answer.statusCode(), answer.headers()::firstValue, answer.body()))
                .exceptionally(error -> {
                    Throwable cause = error instanceof CompletionException ? error.getCause() : error;
                    if (cause instanceof GraftException) {
                        throw (GraftException) cause;
                    }
                    throw new TransportException("no answer from " + base.getAuthority() + ": " + cause, cause);
                });
    }

    /** Reads a body of at most {@link #MAX_ANSWER} bytes. */
    private static final class Bounded implements HttpResponse.BodySubscriber<byte[]> {
        private final HttpResponse.BodySubscriber<byte[]> inner = HttpResponse.BodySubscribers.ofByteArray();
        private final CompletableFuture<byte[]> refused = new CompletableFuture<>();
        private Flow.Subscription subscription;
        private long size;

        @Override
        public CompletionStage<byte[]> getBody() {
            return refused.applyToEither(inner.getBody(), body -> body);
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            inner.onSubscribe(given);
        }

        @Override
        public void onNext(List<ByteBuffer> items) {
            for (ByteBuffer item : items) {
                size += item.remaining();
            }
            if (size <= MAX_ANSWER) {
                inner.onNext(items);
            } else {
                subscription.cancel();
                refused.completeExceptionally(new AnswerException("the answer has more than " + MAX_ANSWER + " bytes"));
            }
        }

        @Override
        public void onError(Throwable error) {
            inner.onError(error);
        }

        @Override
        public void onComplete() {
            inner.onComplete();
        }
    }
}
