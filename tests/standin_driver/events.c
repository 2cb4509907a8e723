/* Events: marks in a stream, and the device time between two of them. */
#include "standin.h"

static CUresult enter_event(const char *function, CUevent handle, object **event)
{
    CUresult result = enter_with_context(function);
    *event = find_object(handle, EVENT);
    if (result == CUDA_SUCCESS && *event == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    return result;
}

static int reached(const object *event)
{
    return event->on == NULL || event->on->done >= event->number;
}

CUresult cuEventCreate(CUevent *event, unsigned int flags)
{
    CUresult result = enter_with_context("cuEventCreate");
    if (result == CUDA_SUCCESS) {
        *event = (CUevent)new_object(EVENT, flags);
        result = *event == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    }
    if (result == CUDA_SUCCESS)
        ((object *)*event)->at_ms = -1; /* not recorded yet */
    return leave(result);
}

CUresult cuEventDestroy(CUevent handle)
{
    object *event;
    CUresult result = enter_event("cuEventDestroy", handle, &event);
    if (result == CUDA_SUCCESS)
        drop_object(event);
    return leave(result);
}

CUresult cuEventRecord(CUevent handle, CUstream stream_handle)
{
    object *event;
    CUresult result = enter_event("cuEventRecord", handle, &event);
    if (result == CUDA_SUCCESS)
        result = enqueue(stream_handle, (op){.kind = OP_RECORD, .event = event});
    if (result == CUDA_SUCCESS) {
        object *stream = find_object(stream_handle, STREAM);
        if (stream->capture == NULL) {
            event->on = stream;
            event->number = stream->queued;
        }
    }
    return leave(result);
}

CUresult cuEventSynchronize(CUevent handle)
{
    object *event;
    CUresult result = enter_event("cuEventSynchronize", handle, &event);
    if (result == CUDA_SUCCESS && event->on != NULL)
        run_until(event->on, event->number);
    return leave(result);
}

CUresult cuEventQuery(CUevent handle)
{
    object *event;
    CUresult result = enter_event("cuEventQuery", handle, &event);
    if (result == CUDA_SUCCESS && !reached(event)) {
        run_one(event->on);
        result = CUDA_ERROR_NOT_READY;
    }
    return leave(result);
}

CUresult cuEventElapsedTime(float *ms, CUevent first_handle, CUevent last_handle)
{
    object *first, *last = find_object(last_handle, EVENT);
    CUresult result = enter_event("cuEventElapsedTime", first_handle, &first);
    if (result == CUDA_SUCCESS && last == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && ((first->flags | last->flags) & CU_EVENT_DISABLE_TIMING))
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && !(reached(first) && reached(last)))
        result = CUDA_ERROR_NOT_READY;
    if (result == CUDA_SUCCESS && (first->at_ms < 0 || last->at_ms < 0))
        result = CUDA_ERROR_INVALID_HANDLE; /* never recorded */
    if (result == CUDA_SUCCESS)
        *ms = (float)(last->at_ms - first->at_ms);
    return leave(result);
}

CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned int flags)
{
    object *event;
    CUresult result = enter_event("cuStreamWaitEvent", event_handle, &event);
    (void)flags;
    if (result == CUDA_SUCCESS && event->on != NULL)
        result = enqueue(handle, (op){.kind = OP_WAIT, .stream = event->on, .until = event->number});
    return leave(result);
}
