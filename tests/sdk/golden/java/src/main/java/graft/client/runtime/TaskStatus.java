// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client.runtime;

import java.util.Set;

/** How a task stands. */
public final class TaskStatus extends OpenEnum {
    /** It waits or runs. */
    public static final TaskStatus PENDING = new TaskStatus("pending");

    /** It has ended with a result. */
    public static final TaskStatus SUCCESS = new TaskStatus("success");

    /** It has ended with an error. */
    public static final TaskStatus FAILURE = new TaskStatus("failure");

    /** It was asked to stop, and has not ended yet. */
    public static final TaskStatus CANCELLING = new TaskStatus("cancelling");

    /** It was stopped. */
    public static final TaskStatus CANCELLED = new TaskStatus("cancelled");

    private static final Set<TaskStatus> KNOWN = Set.of(PENDING, SUCCESS, FAILURE, CANCELLING, CANCELLED);

    private TaskStatus(String text) {
        super(text);
    }

    static TaskStatus of(String text) {
        return new TaskStatus(text);
    }

    @Override
    public boolean isKnown() {
        return KNOWN.contains(this);
    }
}
