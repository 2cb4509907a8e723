/* What the files of the stand-in CUDA driver share. README.md beside this says what it is for. */
#ifndef STANDIN_H
#define STANDIN_H

/* Only what cuda.h declares is exported; our own names stay inside the library. */
#pragma GCC visibility push(default)
#include <cuda.h>
long standin_count(const char *what);
#pragma GCC visibility pop

#include <pthread.h>
#include <stddef.h>

enum {
    MAX_RANGES = 4096,   /* live pieces of memory */
    MAX_OBJECTS = 4096,  /* live streams, events and graphs, together */
    MAX_STACK = 16,      /* contexts pushed on one thread */
};

/* Added to a host address to make a device address: no process has memory there, so a
   program that reads a device address on the CPU crashes, as it should. */
#define DEVICE_OFFSET ((CUdeviceptr)1 << 50)

/* ---- one piece of work ------------------------------------------------------------- */

typedef enum { OP_COPY, OP_FILL, OP_RECORD, OP_WAIT } op_kind;

typedef struct op {
    op_kind kind;
    void *to;              /* OP_COPY, OP_FILL: real addresses */
    const void *from;      /* OP_COPY */
    int value;             /* OP_FILL */
    size_t bytes;
    struct object *event;  /* OP_RECORD */
    struct object *stream; /* OP_WAIT: run this stream ... */
    unsigned long until;   /* ... up to its piece of work with this number */
    struct op *next;
} op;

/* ---- handles ------------------------------------------------------------------------ */

typedef enum { STREAM = 1, EVENT, GRAPH, GRAPH_EXEC } object_kind;

typedef struct object {
    object_kind kind;
    unsigned flags;
    op *first, *last;            /* STREAM: queue; GRAPH, GRAPH_EXEC: what was recorded */
    unsigned long queued, done;  /* STREAM: numbers of the newest and of the last run piece */
    struct object *capture;      /* STREAM: the graph it records into */
    int capture_broken;          /* STREAM: something illegal was done meanwhile */
    CUstreamCaptureMode capture_mode;
    pthread_t capture_thread;
    struct object *on;           /* EVENT: stream it was last recorded on, NULL for never */
    unsigned long number;        /* EVENT: its number in that stream */
    double at_ms;                /* EVENT: device time when it was reached */
} object;

/* core.c */
CUresult enter(const char *function); /* locks; CUDA_SUCCESS or why the call must fail */
CUresult enter_with_context(const char *function);
CUresult leave(CUresult result);      /* unlocks, and remembers a deadly error */
const char *setting(const char *name, const char *otherwise); /* from the environment */
void count_pageable_copy(void);

/* device.c */
CUresult enter_device(const char *function, CUdevice device);

/* memory.c */
void memory_limit(size_t bytes);
void *device_to_real(CUdeviceptr address, size_t bytes); /* NULL: not inside one live piece */
int is_pagelocked(const void *address, size_t bytes);
long memory_count(const char *what);

/* streams.c */
extern object legacy_stream;
object *new_object(object_kind kind, unsigned flags);
object *find_object(const void *handle, object_kind kind);
void drop_object(object *thing);
void append(object *list, op work);
CUresult enqueue(CUstream handle, op work);
void run_one(object *stream);
void run_until(object *stream, unsigned long number);
void run_everything(void);
CUresult forbid_while_capturing(void);
long object_count(object_kind kind);
long queued_count(void);

#endif
