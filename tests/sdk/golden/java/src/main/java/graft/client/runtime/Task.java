// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;

/**
 * A call that runs on the platform; nobody has to wait for it.
 *
 * @param <T> what the method answers
 */
public final class Task<T> {
    private static final Duration STEP = Duration.ofSeconds(30);

    private final BaseClient client;
    private final String ref;
    private final Codec<T> result;

    Task(BaseClient client, String ref, Codec<T> result) {
        this.client = client;
        this.ref = ref;
        this.result = result;
    }

    /**
     * Returns the task's reference.
     *
     * @return the reference
     */
    public String ref() {
        return ref;
    }

    /**
     * Asks how the task stands.
     *
     * @return what is known now
     * @throws GraftException there is no such task, or no answer
     */
    public TaskInfo info() {
        return BaseClient.join(client.taskInfo(ref, Duration.ZERO));
    }

    /**
     * Waits until the task has ended.
     *
     * @return what the method answers
     * @throws GraftException the method has failed, the task was cancelled (TASK_CANCELLED), or there is no answer
     */
    public T await() {
        return BaseClient.join(result());
    }

    /**
     * Waits until the task has ended, or for so long.
     *
     * @param limit the longest time to wait
     * @return what the method answers
     * @throws TimeoutException it has not ended; it goes on, and may be waited for again
     * @throws GraftException the method has failed, the task was cancelled (TASK_CANCELLED), or there is no answer
     */
    public T await(Duration limit) throws TimeoutException {
        long end = System.nanoTime() + limit.toNanos();
        while (true) {
            Duration left = Duration.ofNanos(end - System.nanoTime());
            TaskInfo info = BaseClient.join(client.taskInfo(ref, left.compareTo(STEP) < 0 ? left : STEP));
            if (info.ended()) {
                return resultOf(info);
            }
            if (System.nanoTime() - end >= 0) {
                throw new TimeoutException("the task " + ref + " has not ended after " + limit);
            }
        }
    }

    /**
     * Returns what the method answers once the task has ended.
     *
     * @return fails with what the method has failed with
     */
    public CompletableFuture<T> result() {
        return client.taskInfo(ref, STEP)
                .thenCompose(info -> info.ended() ? CompletableFuture.completedFuture(resultOf(info)) : result());
    }

    /**
     * Asks the task to stop; what it runs is killed. One that has ended stays as it is.
     *
     * @throws GraftException there is no such task, or no answer
     */
    public void cancel() {
        BaseClient.join(client.cancelTask(ref));
    }

    /**
     * Lets the platform forget the task.
     *
     * @throws GraftException there is no such task, or no answer
     */
    public void destroy() {
        BaseClient.join(client.destroyTask(ref));
    }

    private T resultOf(TaskInfo info) {
        info.error().ifPresent(error -> {
            throw error;
        });
        if (!info.status().equals(TaskStatus.SUCCESS)) {
            throw new AnswerException("the task has ended with " + info.status() + ", and without an error");
        }
        return result.decode(info.result());
    }

    @Override
    public String toString() {
        return "task " + ref;
    }
}
