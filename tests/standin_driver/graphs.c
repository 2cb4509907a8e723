/* CUDA graphs: what a stream would have done is recorded and can be queued again as a whole.
   pycuda has no word for them; a program reaches these through ctypes. */
#include "standin.h"

CUresult cuStreamBeginCapture(CUstream handle, CUstreamCaptureMode mode)
{
    CUresult result = enter_with_context("cuStreamBeginCapture");
    object *stream = find_object(handle, STREAM);
    if (result == CUDA_SUCCESS && stream == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && stream == &legacy_stream)
        result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (result == CUDA_SUCCESS && stream->capture != NULL)
        result = CUDA_ERROR_ILLEGAL_STATE;
    if (result == CUDA_SUCCESS) {
        stream->capture_broken = 0;
        stream->capture_mode = mode;
        stream->capture_thread = pthread_self();
        stream->capture = new_object(GRAPH, 0);
        result = stream->capture == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    }
    return leave(result);
}

CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus *status)
{
    CUresult result = enter_with_context("cuStreamIsCapturing");
    object *stream = find_object(handle, STREAM);
    if (result == CUDA_SUCCESS && stream == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && stream->capture == NULL)
        *status = CU_STREAM_CAPTURE_STATUS_NONE;
    else if (result == CUDA_SUCCESS)
        *status = stream->capture_broken ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                         : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return leave(result);
}

CUresult cuStreamEndCapture(CUstream handle, CUgraph *graph)
{
    CUresult result = enter_with_context("cuStreamEndCapture");
    object *stream = find_object(handle, STREAM);
    *graph = NULL;
    if (result == CUDA_SUCCESS && stream == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS && stream->capture == NULL)
        result = CUDA_ERROR_ILLEGAL_STATE;
    if (result != CUDA_SUCCESS)
        return leave(result);
    object *recorded = stream->capture;
    stream->capture = NULL;
    if (stream->capture_broken) {
        drop_object(recorded);
        return leave(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    }
    *graph = (CUgraph)recorded;
    return leave(CUDA_SUCCESS);
}

/* By its real name: what `cuGraphInstantiate` stands for differs between toolkits. */
CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph handle, unsigned long long flags)
{
    CUresult result = enter_with_context("cuGraphInstantiateWithFlags");
    object *graph = find_object(handle, GRAPH);
    (void)flags;
    if (result == CUDA_SUCCESS && graph == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result != CUDA_SUCCESS)
        return leave(result);
    object *copy = new_object(GRAPH_EXEC, 0);
    if (copy == NULL)
        return leave(CUDA_ERROR_OUT_OF_MEMORY);
    for (op *work = graph->first; work != NULL; work = work->next)
        append(copy, *work);
    *exec = (CUgraphExec)copy;
    return leave(CUDA_SUCCESS);
}

CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream)
{
    CUresult result = enter_with_context("cuGraphLaunch");
    object *exec = find_object(handle, GRAPH_EXEC);
    if (result == CUDA_SUCCESS && exec == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    for (op *work = exec ? exec->first : NULL; work != NULL && result == CUDA_SUCCESS; work = work->next)
        result = enqueue(stream, *work);
    return leave(result);
}

static CUresult destroy(const char *function, void *handle, object_kind kind)
{
    CUresult result = enter_with_context(function);
    object *thing = find_object(handle, kind);
    if (result == CUDA_SUCCESS && thing == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        drop_object(thing);
    return leave(result);
}

CUresult cuGraphDestroy(CUgraph graph) { return destroy("cuGraphDestroy", graph, GRAPH); }

CUresult cuGraphExecDestroy(CUgraphExec exec)
{
    return destroy("cuGraphExecDestroy", exec, GRAPH_EXEC);
}
