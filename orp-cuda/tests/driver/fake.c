/* A CUDA driver without devices: its memory is that of the host. It has the functions that orp-cuda requires and no more,
 * so a call of any other is seen at once. What it does is chosen when it is built:
 *
 *   NO_SYMBOLS      it has none of them
 *   INIT_RESULT=n   cuInit returns n
 *   HANG            cuInit never returns
 *   CONSTRAINED     a device has 1 MiB, whatever it says
 *   BREAKS          after the first copy to a device, the streams only return that an address was illegal
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef NO_SYMBOLS
int a_library_of_something_else(void) { return 0; }
#else

#ifndef INIT_RESULT
#define INIT_RESULT 0
#endif

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct { char bytes[16]; } CUuuid;

enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_DEVICE = 101, NO_CONTEXT = 201, ILLEGAL_ADDRESS = 700 };
enum { DEVICES = 2, EVENT = 77, STREAM = 78 };
#define MEMORY (80ULL << 30)
#ifdef CONSTRAINED
#define LIMIT (1ULL << 20)
#else
#define LIMIT MEMORY
#endif

static int initialised;
static unsigned long long used[DEVICES];
static int contexts[DEVICES];
static __thread int *current;
static int broken;

CUresult cuInit(unsigned flags) {
#ifdef HANG
    for (;;) pause();
#endif
    if (flags != 0) return INVALID_VALUE;
    initialised = INIT_RESULT == SUCCESS;
    return INIT_RESULT;
}
CUresult cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
CUresult cuGetErrorName(CUresult code, const char **name) {
    *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : code == 999 ? "CUDA_ERROR_UNKNOWN" : NULL;
    return *name ? SUCCESS : INVALID_VALUE;
}
CUresult cuGetErrorString(CUresult code, const char **text) { *text = code == OUT_OF_MEMORY ? "out of memory" : "?"; return SUCCESS; }

CUresult cuDeviceGetCount(int *count) { *count = DEVICES; return initialised ? SUCCESS : NO_DEVICE; }
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    if (ordinal < 0 || ordinal >= DEVICES) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}
CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
    (void)device;
    strncpy(name, "NVIDIA H100 80GB HBM3", (size_t)length);
    return SUCCESS;
}
CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
    memset(uuid->bytes, 0, 16);
    uuid->bytes[15] = (char)(device + 1);
    return SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) { (void)device; *bytes = MEMORY; return SUCCESS; }
/* The only attribute asked for is whether there are memory pools; one device has them, so that both ways are gone. */
CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) { (void)attribute; *value = device == 0; return SUCCESS; }

CUresult cuDevicePrimaryCtxRetain(int **context, CUdevice device) { *context = &contexts[device]; return SUCCESS; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { (void)device; return SUCCESS; }
CUresult cuCtxGetCurrent(int **context) { *context = current; return SUCCESS; }
CUresult cuCtxSetCurrent(int *context) { current = context; return SUCCESS; }
CUresult cuCtxSynchronize(void) { return current ? SUCCESS : NO_CONTEXT; }

CUresult cuStreamCreate(long *stream, unsigned flags) { (void)flags; *stream = STREAM; return current ? SUCCESS : NO_CONTEXT; }
CUresult cuStreamDestroy_v2(long stream) { return stream == STREAM ? SUCCESS : INVALID_VALUE; }
CUresult cuStreamSynchronize(long stream) {
    if (broken) return ILLEGAL_ADDRESS;
    return stream == STREAM ? SUCCESS : INVALID_VALUE;
}
CUresult cuStreamWaitEvent(long stream, long event, unsigned flags) { (void)flags; return stream == STREAM && event == EVENT ? SUCCESS : INVALID_VALUE; }
CUresult cuEventCreate(long *event, unsigned flags) { (void)flags; *event = EVENT; return SUCCESS; }
CUresult cuEventDestroy_v2(long event) { return event == EVENT ? SUCCESS : INVALID_VALUE; }
CUresult cuEventRecord(long event, long stream) { return event == EVENT && stream == STREAM ? SUCCESS : INVALID_VALUE; }

/* Only the thread of a device calls these for it, so the sums need no lock. A block begins with its size. */
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
    if (!current) return NO_CONTEXT;
    if (size == 0) return INVALID_VALUE;
    unsigned long long *sum = &used[current - contexts];
    if (*sum + size > LIMIT) return OUT_OF_MEMORY;
    size_t *block = malloc(sizeof(size_t) + size);
    if (!block) return OUT_OF_MEMORY;
    *block = size;
    *sum += size;
    memset(block + 1, 0xAB, size); /* not zeros: those are to be asked for */
    *pointer = (CUdeviceptr)(block + 1);
    return SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
    if (!current) return NO_CONTEXT;
    size_t *block = (size_t *)pointer - 1;
    used[current - contexts] -= *block;
    free(block);
    return SUCCESS;
}
CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t size, long stream) { return stream == STREAM ? cuMemAlloc_v2(pointer, size) : INVALID_VALUE; }
CUresult cuMemFreeAsync(CUdeviceptr pointer, long stream) { return stream == STREAM ? cuMemFree_v2(pointer) : INVALID_VALUE; }
CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
    if (!current) return NO_CONTEXT;
    *total = MEMORY;
    *available = MEMORY - used[current - contexts];
    return SUCCESS;
}
CUresult cuMemsetD8Async(CUdeviceptr pointer, unsigned char value, size_t size, long stream) {
    if (!current || stream != STREAM) return INVALID_VALUE;
    memset((void *)pointer, value, size);
    return SUCCESS;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, long stream) {
    if (!current || stream != STREAM) return INVALID_VALUE;
    memcpy((void *)to, from, size);
#ifdef BREAKS
    broken = 1;
#endif
    return SUCCESS;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, long stream) {
    if (!current || stream != STREAM) return INVALID_VALUE;
    memcpy(to, (const void *)from, size);
    return SUCCESS;
}
#endif
