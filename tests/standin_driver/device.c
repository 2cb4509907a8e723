/* The one device, and what the error numbers mean. */
#include "standin.h"

#include <stdio.h>

CUresult cuDriverGetVersion(int *version)
{
    *version = CUDA_VERSION;
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text)
{
    switch (error) {
    case CUDA_SUCCESS: *text = "no error"; break;
    case CUDA_ERROR_INVALID_VALUE: *text = "invalid argument"; break;
    case CUDA_ERROR_OUT_OF_MEMORY: *text = "out of memory"; break;
    case CUDA_ERROR_NOT_INITIALIZED: *text = "initialization error"; break;
    case CUDA_ERROR_NO_DEVICE: *text = "no CUDA-capable device is detected"; break;
    case CUDA_ERROR_INVALID_DEVICE: *text = "invalid device ordinal"; break;
    case CUDA_ERROR_INVALID_CONTEXT: *text = "invalid device context"; break;
    case CUDA_ERROR_INVALID_HANDLE: *text = "invalid resource handle"; break;
    case CUDA_ERROR_ILLEGAL_STATE: *text = "the operation cannot be performed in the present state"; break;
    case CUDA_ERROR_NOT_READY: *text = "device not ready"; break;
    case CUDA_ERROR_ILLEGAL_ADDRESS: *text = "an illegal memory access was encountered"; break;
    case CUDA_ERROR_CONTEXT_IS_DESTROYED: *text = "context is destroyed"; break;
    case CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED:
        *text = "part or all of the requested memory range is already mapped"; break;
    case CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED:
        *text = "pointer does not correspond to a registered memory region"; break;
    case CUDA_ERROR_LAUNCH_FAILED: *text = "unspecified launch failure"; break;
    case CUDA_ERROR_NOT_SUPPORTED: *text = "operation not supported"; break;
    case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED:
        *text = "operation not permitted when stream is capturing"; break;
    case CUDA_ERROR_STREAM_CAPTURE_INVALIDATED:
        *text = "operation failed due to a previous error during capture"; break;
    case CUDA_ERROR_STREAM_CAPTURE_IMPLICIT:
        *text = "operation would make the legacy stream depend on a capturing blocking stream"; break;
    default: *text = "unknown error"; break; /* never NULL: pycuda makes a string of it */
    }
    return CUDA_SUCCESS;
}

/* ---- devices: one, number 0 ------------------------------------------------------------- */

CUresult enter_device(const char *function, CUdevice device)
{
    CUresult result = enter(function);
    return result == CUDA_SUCCESS && device != 0 ? CUDA_ERROR_INVALID_DEVICE : result;
}

CUresult cuDeviceGetCount(int *count)
{
    *count = 1;
    return leave(enter("cuDeviceGetCount"));
}

CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    *device = ordinal;
    return leave(enter_device("cuDeviceGet", ordinal));
}

CUresult cuDeviceGetName(char *name, int bytes, CUdevice device)
{
    snprintf(name, (size_t)bytes, "%s", setting("STANDIN_CUDA_NAME", "Stand-in GPU"));
    return leave(enter_device("cuDeviceGetName", device));
}

CUresult cuDeviceGetPCIBusId(char *text, int bytes, CUdevice device)
{
    snprintf(text, (size_t)bytes, "0000:01:00.0");
    return leave(enter_device("cuDeviceGetPCIBusId", device));
}

static void read_compute_capability(int *major, int *minor)
{
    *major = 8;
    *minor = 7;
    sscanf(setting("STANDIN_CUDA_COMPUTE", "8.7"), "%d.%d", major, minor);
}

CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device)
{
    read_compute_capability(major, minor);
    return leave(enter_device("cuDeviceComputeCapability", device));
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice device)
{
    *bytes = (size_t)memory_count("limit");
    return leave(enter_device("cuDeviceTotalMem", device));
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)
{
    int major, minor;
    CUresult result = enter_device("cuDeviceGetAttribute", device);
    read_compute_capability(&major, &minor);
    switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = major; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = minor; break;
    case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 8; break;
    case CU_DEVICE_ATTRIBUTE_INTEGRATED:           /* as on a Jetson */
    case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: *value = 1; break;
    default: *value = 0; break;
    }
    return leave(result);
}
