/* Buffers on their way between the driver and the program, by the clock. */
#define _GNU_SOURCE
#include "standin.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

int refuse(int error)
{
    errno = error;
    return -1;
}

void release_buffers(camera *one)
{
    if (one->memory >= 0) {
        munmap(one->bytes, (size_t)one->count * one->size);
        close(one->memory);
    }
    one->memory = -1;
    one->count = 0;
    one->streaming = 0;
}

static int request_buffers(int fd, camera *one, struct v4l2_requestbuffers *what)
{
    if (what->memory != V4L2_MEMORY_MMAP)
        return refuse(EINVAL);
    if (refused_by_holder(fd))
        return -1;
    release_buffers(one);
    if (!what->count)
        return 0;
    what->count = what->count > MAX_BUFFERS ? MAX_BUFFERS : what->count;
    one->count = what->count;
    one->size = (chosen.sizeimage + 4095u) & ~4095u;
    size_t whole = (size_t)one->count * one->size;
    one->memory = memfd_create("standin", MFD_CLOEXEC);
    if (one->memory < 0 || ftruncate(one->memory, (off_t)whole) != 0)
        return -1;
    one->bytes = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED, one->memory, 0);
    memset(one->buffers, 0, sizeof one->buffers);
    return 0;
}

static int tell(const camera *one, unsigned index, struct v4l2_buffer *what)
{
    const buffer *this = &one->buffers[index];
    what->index = index;
    what->length = one->size;
    what->m.offset = index * one->size;
    what->bytesused = this->bytes;
    what->sequence = this->sequence;
    what->timestamp.tv_sec = (long)this->at;
    what->timestamp.tv_usec = (long)((this->at - (double)(long)this->at) * 1e6);
    what->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | (this->queued ? V4L2_BUF_FLAG_QUEUED : 0);
    return 0;
}

static double rate(void)
{
    return number_of("fps", chosen_rate);
}

/* The buffer that was handed in first, of those that are empty or of those that are full. */
static buffer *first(camera *one, int done)
{
    buffer *found = NULL;
    for (unsigned i = 0; i < one->count; i++) {
        buffer *this = &one->buffers[i];
        int fits = done ? this->done : this->queued && !this->done;
        if (fits && (!found || (done ? this->sequence < found->sequence
                                     : this->queued < found->queued)))
            found = this;
    }
    return found;
}

/* Let the pictures happen that are due: each fills a buffer, or is dropped for want of one. */
static void catch_up(camera *one)
{
    if (!one->streaming || is_set("stall"))
        return;
    while (one->started + (double)(one->taken + 1) / rate() <= now()) {
        buffer *empty = first(one, 0);
        one->taken++;
        if (!empty)
            continue;
        unsigned char *room = one->bytes + (size_t)(empty - one->buffers) * one->size;
        empty->sequence = (unsigned)one->taken;
        empty->bytes = draw(room, one->size, empty->sequence);
        empty->at = one->started + (double)one->taken / rate();
        empty->done = 1;
    }
}

/* What was due before a control is set was taken before. */
void catch_up_all(void)
{
    for (int fd = 0; fd < MAX_OPEN; fd++)
        if (camera_of(fd))
            catch_up(camera_of(fd));
}

double next_picture(camera *one)
{
    catch_up(one);
    if (is_dead(one) || first(one, 1))
        return 0;
    if (!one->streaming || is_set("stall"))
        return 1e9;
    double wait = one->started + (double)(one->taken + 1) / rate() - now();
    return wait > 0 ? wait : 0.001; /* due, and no buffer is there to take it */
}

static int hand_in(camera *one, struct v4l2_buffer *what)
{
    static int turn;
    if (what->index >= one->count || one->buffers[what->index].queued)
        return refuse(EINVAL);
    catch_up(one);
    one->buffers[what->index].queued = ++turn;
    return 0;
}

static int take_out(camera *one, struct v4l2_buffer *what)
{
    if (!one->streaming)
        return refuse(EINVAL);
    double wait = next_picture(one);
    while (one->blocking && wait > 0 && wait < 1e8) {
        usleep((useconds_t)(wait * 1e6));
        wait = next_picture(one);
    }
    buffer *full = first(one, 1);
    if (!full)
        return refuse(EAGAIN);
    full->done = full->queued = 0;
    return tell(one, (unsigned)(full - one->buffers), what);
}

static int start(camera *one)
{
    if (is_set("busy_stream"))
        return refuse(EBUSY);
    one->streaming = 1;
    one->started = now();
    one->taken = 0;
    return 0;
}

static int stop(camera *one)
{
    one->streaming = 0;
    for (unsigned i = 0; i < one->count; i++)
        one->buffers[i].queued = one->buffers[i].done = 0;
    return 0;
}

int answer_stream(int fd, camera *one, unsigned long request, void *what)
{
    struct v4l2_buffer *handed = what;
    switch (request) {
    case VIDIOC_S_FMT: return one->count ? refuse(EBUSY) : set_format(fd, what);
    case VIDIOC_REQBUFS: return request_buffers(fd, one, what);
    case VIDIOC_QUERYBUF:
        return handed->index < one->count ? tell(one, handed->index, what) : refuse(EINVAL);
    case VIDIOC_QBUF: return hand_in(one, what);
    case VIDIOC_DQBUF: return take_out(one, what);
    case VIDIOC_STREAMON: return start(one);
    case VIDIOC_STREAMOFF: return stop(one);
    default: return refuse(ENOTTY);
    }
}
