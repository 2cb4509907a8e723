/* Device memory and page-locked memory: both are the host's, told apart by their addresses. */
#include "standin.h"

#include <stdlib.h>
#include <string.h>

typedef enum { NONE, DEVICE, HOST, REGISTERED } range_kind;

typedef struct {
    range_kind kind;
    char *real;
    size_t bytes;
    unsigned flags;
} range;

static range ranges[MAX_RANGES];
static size_t limit;
static long allocations; /* device and page-locked, since the start */

enum { POISON = 0xA5 }; /* fresh memory holds no zeros that a program could lean on */

void memory_limit(size_t bytes) { limit = bytes; }

/* ---- the table ------------------------------------------------------------------------- */

static size_t used(void)
{
    size_t bytes = 0;
    for (int i = 0; i < MAX_RANGES; i++)
        if (ranges[i].kind == DEVICE)
            bytes += ranges[i].bytes;
    return bytes;
}

static range *holding(const char *real, size_t bytes, int device)
{
    for (int i = 0; i < MAX_RANGES; i++) {
        range *r = &ranges[i];
        if (r->kind != NONE && (r->kind == DEVICE) == device && real >= r->real &&
            bytes <= r->bytes && (size_t)(real - r->real) <= r->bytes - bytes)
            return r;
    }
    return NULL;
}

static range *add(range_kind kind, char *real, size_t bytes, unsigned flags)
{
    for (int i = 0; i < MAX_RANGES; i++)
        if (ranges[i].kind == NONE) {
            ranges[i] = (range){kind, real, bytes, flags};
            return &ranges[i];
        }
    return NULL;
}

static CUresult make(range_kind kind, size_t bytes, unsigned flags, char **real)
{
    if (bytes == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (kind == DEVICE && bytes > limit - used())
        return CUDA_ERROR_OUT_OF_MEMORY;
    *real = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (*real == NULL)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (add(kind, *real, bytes, flags) == NULL) {
        free(*real);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    memset(*real, POISON, bytes);
    allocations++;
    return CUDA_SUCCESS;
}

static CUresult release(range_kind kind, char *real)
{
    for (int i = 0; i < MAX_RANGES; i++)
        if (ranges[i].kind == kind && ranges[i].real == real) {
            run_everything(); /* the real ones wait for the device as well */
            ranges[i].kind = NONE;
            if (kind != REGISTERED)
                free(real);
            return CUDA_SUCCESS;
        }
    return CUDA_ERROR_INVALID_VALUE;
}

void *device_to_real(CUdeviceptr address, size_t bytes)
{
    char *real = (char *)(size_t)(address - DEVICE_OFFSET);
    if (address < DEVICE_OFFSET)
        return NULL;
    /* a page-locked buffer seen from the device has an address of the same form */
    return holding(real, bytes, 1) || holding(real, bytes, 0) ? real : NULL;
}

int is_pagelocked(const void *address, size_t bytes) { return holding(address, bytes, 0) != NULL; }

static long how_many(range_kind kind)
{
    long count = 0;
    for (int i = 0; i < MAX_RANGES; i++)
        count += ranges[i].kind == kind;
    return count;
}

long memory_count(const char *what)
{
    if (strcmp(what, "device") == 0) return how_many(DEVICE);
    if (strcmp(what, "device_bytes") == 0) return (long)used();
    if (strcmp(what, "host") == 0) return how_many(HOST);
    if (strcmp(what, "registered") == 0) return how_many(REGISTERED);
    if (strcmp(what, "allocations") == 0) return allocations;
    if (strcmp(what, "limit") == 0) return (long)limit;
    return -1;
}

/* ---- device memory ------------------------------------------------------------------------ */

CUresult cuMemGetInfo(size_t *free_bytes, size_t *total)
{
    CUresult result = enter_with_context("cuMemGetInfo");
    *total = limit;
    *free_bytes = limit - used();
    return leave(result);
}

CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes)
{
    char *real = NULL;
    CUresult result = enter_with_context("cuMemAlloc");
    if (result == CUDA_SUCCESS)
        result = forbid_while_capturing();
    if (result == CUDA_SUCCESS)
        result = make(DEVICE, bytes, 0, &real);
    if (result == CUDA_SUCCESS)
        *address = (CUdeviceptr)(size_t)real + DEVICE_OFFSET;
    return leave(result);
}

CUresult cuMemFree(CUdeviceptr address)
{
    CUresult result = enter_with_context("cuMemFree");
    if (result == CUDA_SUCCESS)
        result = forbid_while_capturing();
    if (result == CUDA_SUCCESS)
        result = release(DEVICE, (char *)(size_t)(address - DEVICE_OFFSET));
    return leave(result);
}

CUresult cuMemGetAddressRange(CUdeviceptr *base, size_t *bytes, CUdeviceptr address)
{
    CUresult result = enter_with_context("cuMemGetAddressRange");
    range *r = holding((char *)(size_t)(address - DEVICE_OFFSET), 1, 1);
    if (result == CUDA_SUCCESS && r == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) {
        *base = (CUdeviceptr)(size_t)r->real + DEVICE_OFFSET;
        *bytes = r->bytes;
    }
    return leave(result);
}

/* ---- page-locked memory -------------------------------------------------------------------- */

CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned int flags)
{
    char *real = NULL;
    CUresult result = enter_with_context("cuMemHostAlloc");
    if (result == CUDA_SUCCESS)
        result = forbid_while_capturing();
    if (result == CUDA_SUCCESS)
        result = make(HOST, bytes, flags, &real);
    if (result == CUDA_SUCCESS)
        *address = real;
    return leave(result);
}

CUresult cuMemFreeHost(void *address)
{
    CUresult result = enter_with_context("cuMemFreeHost");
    if (result == CUDA_SUCCESS)
        result = release(HOST, address);
    return leave(result);
}

CUresult cuMemHostRegister(void *address, size_t bytes, unsigned int flags)
{
    CUresult result = enter_with_context("cuMemHostRegister");
    if (result == CUDA_SUCCESS && holding(address, bytes, 0) != NULL)
        result = CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    if (result == CUDA_SUCCESS && add(REGISTERED, address, bytes, flags) == NULL)
        result = CUDA_ERROR_OUT_OF_MEMORY;
    return leave(result);
}

CUresult cuMemHostUnregister(void *address)
{
    CUresult result = enter_with_context("cuMemHostUnregister");
    if (result == CUDA_SUCCESS && release(REGISTERED, address) != CUDA_SUCCESS)
        result = CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
    return leave(result);
}

CUresult cuMemHostGetFlags(unsigned int *flags, void *address)
{
    CUresult result = enter_with_context("cuMemHostGetFlags");
    range *r = holding(address, 1, 0);
    if (result == CUDA_SUCCESS && r == NULL)
        result = CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS)
        *flags = r->flags;
    return leave(result);
}

CUresult cuMemHostGetDevicePointer(CUdeviceptr *address, void *host, unsigned int flags)
{
    CUresult result = enter_with_context("cuMemHostGetDevicePointer");
    if (result == CUDA_SUCCESS && (flags != 0 || !is_pagelocked(host, 1)))
        result = CUDA_ERROR_INVALID_VALUE;
    *address = (CUdeviceptr)(size_t)host + DEVICE_OFFSET;
    return leave(result);
}
