// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.time.Instant;
import java.util.Optional;

/** What is known of a task. */
public final class TaskInfo {
    private final String ref;
    private final String name;
    private final TaskStatus status;
    private final double progress;
    private final Instant created;
    private final Instant finished;
    private final ApiException error;
    private final Object result;

    TaskInfo(
            String ref,
            String name,
            TaskStatus status,
            double progress,
            Instant created,
            Instant finished,
            ApiException error,
            Object result) {
        this.ref = ref;
        this.name = name;
        this.status = status;
        this.progress = progress;
        this.created = created;
        this.finished = finished;
        this.error = error;
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
     * Returns the method as it was called.
     *
     * @return such as {@code Async.Volume.resize}
     */
    public String name() {
        return name;
    }

    /**
     * Returns how it stands.
     *
     * @return the status
     */
    public TaskStatus status() {
        return status;
    }

    /**
     * Returns how far it is.
     *
     * @return from 0 to 1
     */
    public double progress() {
        return progress;
    }

    /**
     * Returns when it was taken.
     *
     * @return the time, where it is told
     */
    public Optional<Instant> created() {
        return Optional.ofNullable(created);
    }

    /**
     * Returns when it has ended.
     *
     * @return the time; empty until then
     */
    public Optional<Instant> finished() {
        return Optional.ofNullable(finished);
    }

    /**
     * Returns what it has failed with.
     *
     * @return the error; empty unless it failed or was cancelled
     */
    public Optional<ApiException> error() {
        return Optional.ofNullable(error);
    }

    /**
     * Tells whether it will not change any more.
     *
     * @return whether it has ended
     */
    public boolean ended() {
        return status.equals(TaskStatus.SUCCESS)
                || status.equals(TaskStatus.FAILURE)
                || status.equals(TaskStatus.CANCELLED);
    }

    Object result() {
        return result;
    }

    @Override
    public String toString() {
        return name + " (" + ref + "): " + status;
    }
}
