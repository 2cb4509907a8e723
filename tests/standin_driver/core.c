/* Starting, the lock around every call, contexts, counters. */
#include "standin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock;
static pthread_once_t lock_once = PTHREAD_ONCE_INIT;
static int started;
static CUresult deadly;         /* set once: every later call in the context answers it */
static long primary;            /* how often the primary context is retained */
static long pageable;
static char primary_context[1]; /* its address is the handle */
static __thread CUcontext stack[MAX_STACK];
static __thread int depth;

/* ---- settings ------------------------------------------------------------------------ */

const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* STANDIN_CUDA_FAIL="cuMemcpyHtoDAsync:3:700": the third such call answers 700. */
static CUresult planned_failure(const char *function)
{
    static int calls;
    char name[64];
    int nth = 0, code = 0;
    if (sscanf(setting("STANDIN_CUDA_FAIL", ""), "%63[^:]:%d:%d", name, &nth, &code) != 3)
        return CUDA_SUCCESS;
    return strcmp(name, function) == 0 && ++calls == nth ? (CUresult)code : CUDA_SUCCESS;
}

/* ---- entering and leaving --------------------------------------------------------------- */

static void make_lock(void)
{
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&lock, &kind);
}

CUresult enter(const char *function)
{
    pthread_once(&lock_once, make_lock);
    pthread_mutex_lock(&lock);
    if (!started)
        return CUDA_ERROR_NOT_INITIALIZED;
    return planned_failure(function);
}

CUresult enter_with_context(const char *function)
{
    CUresult result = enter(function);
    if (result != CUDA_SUCCESS)
        return result;
    if (depth == 0)
        return CUDA_ERROR_INVALID_CONTEXT;
    if (primary == 0)
        return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    return deadly;
}

CUresult leave(CUresult result)
{
    if (result == CUDA_ERROR_ILLEGAL_ADDRESS || result == CUDA_ERROR_LAUNCH_FAILED)
        deadly = result;
    pthread_mutex_unlock(&lock);
    return result;
}

void count_pageable_copy(void) { pageable++; }

/* ---- starting -------------------------------------------------------------------------- */

CUresult cuInit(unsigned int flags)
{
    enter("cuInit");
    if (flags != 0)
        return leave(CUDA_ERROR_INVALID_VALUE);
    if (atoi(setting("STANDIN_CUDA_DEVICES", "1")) < 1)
        return leave(CUDA_ERROR_NO_DEVICE);
    memory_limit(strtoull(setting("STANDIN_CUDA_MEMORY", "1073741824"), NULL, 10));
    CUresult result = planned_failure("cuInit");
    started = result == CUDA_SUCCESS;
    return leave(result);
}

/* ---- contexts: the primary one only ------------------------------------------------------- */

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    CUresult result = enter_device("cuDevicePrimaryCtxRetain", device);
    if (result == CUDA_SUCCESS) {
        primary++;
        *context = (CUcontext)primary_context;
    }
    return leave(result);
}

/* Unlike the real one this keeps what was left allocated, so that a test can count it.
   With TensorRT in the process the real one does too: TensorRT retains the context itself. */
CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
    CUresult result = enter_device("cuDevicePrimaryCtxRelease", device);
    if (result == CUDA_SUCCESS && primary == 0)
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS && --primary == 0)
        deadly = CUDA_SUCCESS; /* the next retain makes a new one */
    return leave(result);
}

CUresult cuCtxPushCurrent(CUcontext context)
{
    CUresult result = enter("cuCtxPushCurrent");
    if (result == CUDA_SUCCESS && (context != (CUcontext)primary_context || depth == MAX_STACK))
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS && primary == 0)
        result = CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (result == CUDA_SUCCESS)
        stack[depth++] = context;
    return leave(result);
}

CUresult cuCtxPopCurrent(CUcontext *context)
{
    CUresult result = enter("cuCtxPopCurrent");
    if (result == CUDA_SUCCESS && depth == 0)
        result = CUDA_ERROR_INVALID_CONTEXT;
    if (result == CUDA_SUCCESS) {
        depth--;
        if (context != NULL)
            *context = stack[depth];
    }
    return leave(result);
}

CUresult cuCtxGetCurrent(CUcontext *context)
{
    *context = depth > 0 ? stack[depth - 1] : NULL;
    return leave(enter("cuCtxGetCurrent"));
}

CUresult cuCtxGetDevice(CUdevice *device)
{
    *device = 0;
    return leave(enter_with_context("cuCtxGetDevice"));
}

CUresult cuCtxGetApiVersion(CUcontext context, unsigned int *version)
{
    (void)context;
    *version = CUDA_VERSION;
    return leave(enter("cuCtxGetApiVersion"));
}

CUresult cuCtxSynchronize(void)
{
    CUresult result = enter_with_context("cuCtxSynchronize");
    if (result == CUDA_SUCCESS)
        result = forbid_while_capturing();
    if (result == CUDA_SUCCESS)
        run_everything();
    return leave(result);
}

/* ---- what tests read ------------------------------------------------------------------------ */

/* How many of `what` there are; -1 for a word it does not know. "stack" is this thread's. */
long standin_count(const char *what)
{
    long result;
    enter("standin_count");
    if (strcmp(what, "stream") == 0) result = object_count(STREAM);
    else if (strcmp(what, "event") == 0) result = object_count(EVENT);
    else if (strcmp(what, "graph") == 0) result = object_count(GRAPH);
    else if (strcmp(what, "graph_exec") == 0) result = object_count(GRAPH_EXEC);
    else if (strcmp(what, "queued") == 0) result = queued_count();
    else if (strcmp(what, "primary") == 0) result = primary;
    else if (strcmp(what, "stack") == 0) result = depth;
    else if (strcmp(what, "pageable_copies") == 0) result = pageable;
    else result = memory_count(what);
    leave(CUDA_SUCCESS);
    return result;
}
