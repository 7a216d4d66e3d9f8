// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.
package graft.client;

import graft.client.runtime.ApiError;
import graft.client.runtime.ApiException;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;

/** The exceptions by the codes. */
final class Errors {
    static final Map<String, Function<ApiError, ApiException>> BY_CODE = new HashMap<>();

    static {
        BY_CODE.put(DraftException.CODE, DraftException::new);
        BY_CODE.put(FieldTypeErrorException.CODE, FieldTypeErrorException::new);
        BY_CODE.put(HandleInvalidException.CODE, HandleInvalidException::new);
        BY_CODE.put(InternalErrorException.CODE, InternalErrorException::new);
        BY_CODE.put(InvalidValueException.CODE, InvalidValueException::new);
        BY_CODE.put(MethodUnknownException.CODE, MethodUnknownException::new);
        BY_CODE.put(ParameterCountMismatchException.CODE, ParameterCountMismatchException::new);
        BY_CODE.put(MethodRemovedException.CODE, MethodRemovedException::new);
        BY_CODE.put(PermissionDeniedException.CODE, PermissionDeniedException::new);
        BY_CODE.put(ServerBusyException.CODE, ServerBusyException::new);
        BY_CODE.put(ServiceUnavailableException.CODE, ServiceUnavailableException::new);
        BY_CODE.put(AuthenticationFailedException.CODE, AuthenticationFailedException::new);
        BY_CODE.put(SessionInvalidException.CODE, SessionInvalidException::new);
        BY_CODE.put(TaskCancelledException.CODE, TaskCancelledException::new);
        BY_CODE.put(ValueNotSupportedException.CODE, ValueNotSupportedException::new);
        BY_CODE.put(VolumeInUseException.CODE, VolumeInUseException::new);
    }

    private Errors() {}
}
