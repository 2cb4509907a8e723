/* Handles and streams. Work that is queued runs only when somebody waits for it. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

object legacy_stream = {.kind = STREAM}; /* the stream with handle 0 */
static object *objects[MAX_OBJECTS];
static double clock_ms; /* device time: advances by what work would roughly cost */

/* ---- handles --------------------------------------------------------------------------- */

object *new_object(object_kind kind, unsigned flags)
{
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] == NULL) {
            objects[i] = calloc(1, sizeof(object));
            if (objects[i] != NULL) {
                objects[i]->kind = kind;
                objects[i]->flags = flags;
            }
            return objects[i];
        }
    return NULL;
}

object *find_object(const void *handle, object_kind kind)
{
    if (kind == STREAM && (handle == NULL || handle == (const void *)CU_STREAM_LEGACY))
        return &legacy_stream;
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i] == handle && objects[i]->kind == kind)
            return objects[i];
    return NULL;
}

static void forget(const object *gone)
{
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->on == gone)
            objects[i]->on = NULL;
}

void drop_object(object *thing)
{
    for (op *work = thing->first, *next; work != NULL; work = next) {
        next = work->next;
        free(work);
    }
    forget(thing);
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] == thing)
            objects[i] = NULL;
    free(thing);
}

long object_count(object_kind kind)
{
    long count = 0;
    for (int i = 0; i < MAX_OBJECTS; i++)
        count += objects[i] != NULL && objects[i]->kind == kind;
    return count;
}

long queued_count(void)
{
    long count = (long)(legacy_stream.queued - legacy_stream.done);
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->kind == STREAM)
            count += (long)(objects[i]->queued - objects[i]->done);
    return count;
}

/* ---- running ----------------------------------------------------------------------------- */

static void perform(op *work)
{
    clock_ms += 0.01 + (double)work->bytes / 8e6; /* 10 microseconds, 8 GB a second */
    switch (work->kind) {
    case OP_COPY: memmove(work->to, work->from, work->bytes); break;
    case OP_FILL: memset(work->to, work->value, work->bytes); break;
    case OP_RECORD:
        if (work->event != NULL && find_object(work->event, EVENT) != NULL)
            work->event->at_ms = clock_ms;
        break;
    case OP_WAIT:
        if (find_object(work->stream, STREAM) != NULL)
            run_until(work->stream, work->until);
        break;
    }
}

void run_one(object *stream)
{
    op *work = stream->first;
    stream->first = work->next;
    if (stream->first == NULL)
        stream->last = NULL;
    perform(work);
    stream->done++;
    free(work);
}

void run_until(object *stream, unsigned long number)
{
    while (stream->done < number && stream->first != NULL)
        run_one(stream);
}

void run_everything(void)
{
    run_until(&legacy_stream, legacy_stream.queued);
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->kind == STREAM)
            run_until(objects[i], objects[i]->queued);
}

/* The legacy stream waits for every blocking stream, and they for it. */
static void order_against_legacy(object *stream)
{
    if (stream != &legacy_stream) {
        if (!(stream->flags & CU_STREAM_NON_BLOCKING))
            run_until(&legacy_stream, legacy_stream.queued);
        return;
    }
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->kind == STREAM &&
            !(objects[i]->flags & CU_STREAM_NON_BLOCKING))
            run_until(objects[i], objects[i]->queued);
}

void append(object *list, op work)
{
    op *copy = malloc(sizeof(op));
    if (copy == NULL)
        abort();
    *copy = work;
    copy->next = NULL;
    if (list->last != NULL)
        list->last->next = copy;
    else
        list->first = copy;
    list->last = copy;
}

/* A recording that this thread may not disturb: an own one, or anybody's in GLOBAL mode. */
static int touchy(const object *stream)
{
    if (stream->capture_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
        return 0;
    return stream->capture_mode == CU_STREAM_CAPTURE_MODE_GLOBAL ||
           pthread_equal(stream->capture_thread, pthread_self());
}

CUresult forbid_while_capturing(void)
{
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->capture != NULL && touchy(objects[i])) {
            objects[i]->capture_broken = 1;
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    return CUDA_SUCCESS;
}

/* The legacy stream would wait for every blocking stream, and one that records cannot be waited
   for, whoever asks. */
static CUresult forbid_legacy(void)
{
    for (int i = 0; i < MAX_OBJECTS; i++)
        if (objects[i] != NULL && objects[i]->capture != NULL &&
            !(objects[i]->flags & CU_STREAM_NON_BLOCKING)) {
            objects[i]->capture_broken = 1;
            return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
        }
    return CUDA_SUCCESS;
}

CUresult enqueue(CUstream handle, op work)
{
    object *stream = find_object(handle, STREAM);
    if (stream == NULL)
        return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture != NULL) {
        append(stream->capture, work);
        return CUDA_SUCCESS;
    }
    CUresult result = stream == &legacy_stream ? forbid_legacy() : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS)
        return result;
    order_against_legacy(stream);
    append(stream, work);
    stream->queued++;
    return CUDA_SUCCESS;
}

/* ---- streams ------------------------------------------------------------------------------- */

CUresult cuStreamCreate(CUstream *stream, unsigned int flags)
{
    CUresult result = enter_with_context("cuStreamCreate");
    if (result == CUDA_SUCCESS && flags > CU_STREAM_NON_BLOCKING)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        *stream = (CUstream)new_object(STREAM, flags);
        result = *stream == NULL ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    }
    return leave(result);
}

static CUresult enter_stream(const char *function, CUstream handle, object **stream)
{
    CUresult result = enter_with_context(function);
    *stream = find_object(handle, STREAM);
    if (result == CUDA_SUCCESS && *stream == NULL)
        result = CUDA_ERROR_INVALID_HANDLE;
    return result;
}

CUresult cuStreamDestroy(CUstream handle)
{
    object *stream;
    CUresult result = enter_stream("cuStreamDestroy", handle, &stream);
    if (result == CUDA_SUCCESS && stream == &legacy_stream)
        result = CUDA_ERROR_INVALID_HANDLE;
    if (result == CUDA_SUCCESS) {
        run_until(stream, stream->queued); /* the real one lets queued work finish, too */
        if (stream->capture != NULL)
            drop_object(stream->capture);
        drop_object(stream);
    }
    return leave(result);
}

static CUresult refuse_capturing(object *stream)
{
    if (stream->capture == NULL)
        return CUDA_SUCCESS;
    stream->capture_broken = 1;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult cuStreamSynchronize(CUstream handle)
{
    object *stream;
    CUresult result = enter_stream("cuStreamSynchronize", handle, &stream);
    if (result == CUDA_SUCCESS)
        result = refuse_capturing(stream);
    if (result == CUDA_SUCCESS)
        run_until(stream, stream->queued);
    return leave(result);
}

/* Asking does one piece of work, so that a loop which polls comes to an end. */
CUresult cuStreamQuery(CUstream handle)
{
    object *stream;
    CUresult result = enter_stream("cuStreamQuery", handle, &stream);
    if (result == CUDA_SUCCESS)
        result = refuse_capturing(stream);
    if (result == CUDA_SUCCESS && stream->first != NULL) {
        run_one(stream);
        result = CUDA_ERROR_NOT_READY;
    }
    return leave(result);
}
