// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.util.concurrent.CompletableFuture;

/** Sends requests; several threads may use it at a time. */
public interface Transport {
    /**
     * Sends a request.
     *
     * @param request the request
     * @return its answer, whatever the status; fails with a {@link TransportException} where there is none
     */
    CompletableFuture<Response> send(Request request);
}
