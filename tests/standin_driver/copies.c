/* Copies and fills. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

/* Work that has been waited for when the call returns, as the synchronous functions do. */
static CUresult at_once(op work)
{
    CUresult result = enqueue(NULL, work);
    return result == CUDA_SUCCESS ? cuStreamSynchronize(NULL) : result;
}

/* A copy from or to memory that is not page-locked: the real driver stages it or waits, and
   nothing overlaps. Here it is done before the call returns, and counted. */
static CUresult pageable(CUstream stream, op work)
{
    object *target = find_object(stream, STREAM);
    if (target != NULL && target->capture != NULL) {
        target->capture_broken = 1;
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    count_pageable_copy();
    CUresult result = enqueue(stream, work);
    return result == CUDA_SUCCESS ? cuStreamSynchronize(stream) : result;
}

static CUresult upload(CUdeviceptr to, const void *from, size_t bytes, op *work)
{
    *work = (op){.kind = OP_COPY, .to = device_to_real(to, bytes), .from = from, .bytes = bytes};
    return work->to == NULL || from == NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

static CUresult download(void *to, CUdeviceptr from, size_t bytes, op *work)
{
    *work = (op){.kind = OP_COPY, .to = to, .from = device_to_real(from, bytes), .bytes = bytes};
    return work->from == NULL || to == NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

static CUresult across(CUdeviceptr to, CUdeviceptr from, size_t bytes, op *work)
{
    void *source = device_to_real(from, bytes);
    return source == NULL ? CUDA_ERROR_INVALID_VALUE : upload(to, source, bytes, work);
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyHtoD");
    if (result == CUDA_SUCCESS)
        result = upload(to, from, bytes, &work);
    return leave(result == CUDA_SUCCESS ? at_once(work) : result);
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyDtoH");
    if (result == CUDA_SUCCESS)
        result = download(to, from, bytes, &work);
    return leave(result == CUDA_SUCCESS ? at_once(work) : result);
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyDtoD");
    if (result == CUDA_SUCCESS)
        result = across(to, from, bytes, &work);
    return leave(result == CUDA_SUCCESS ? at_once(work) : result);
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyHtoDAsync");
    if (result == CUDA_SUCCESS)
        result = upload(to, from, bytes, &work);
    if (result == CUDA_SUCCESS)
        result = is_pagelocked(from, bytes) ? enqueue(stream, work) : pageable(stream, work);
    return leave(result);
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyDtoHAsync");
    if (result == CUDA_SUCCESS)
        result = download(to, from, bytes, &work);
    if (result == CUDA_SUCCESS)
        result = is_pagelocked(to, bytes) ? enqueue(stream, work) : pageable(stream, work);
    return leave(result);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    op work;
    CUresult result = enter_with_context("cuMemcpyDtoDAsync");
    if (result == CUDA_SUCCESS)
        result = across(to, from, bytes, &work);
    return leave(result == CUDA_SUCCESS ? enqueue(stream, work) : result);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream)
{
    op work = {.kind = OP_FILL, .to = device_to_real(to, bytes), .value = value, .bytes = bytes};
    CUresult result = enter_with_context("cuMemsetD8Async");
    if (result == CUDA_SUCCESS && work.to == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    return leave(result == CUDA_SUCCESS ? enqueue(stream, work) : result);
}

CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, size_t bytes)
{
    CUresult result = cuMemsetD8Async(to, value, bytes, NULL);
    return result == CUDA_SUCCESS ? cuStreamSynchronize(NULL) : result;
}
