/*
 * Another time of day for one process, by LD_PRELOAD: the first eight bytes of the file FALSE_CLOCK
 * are the seconds that it is ahead, and may change at any time. Steady clocks are left as they are.
 * It needs no header, and neither locks nor allocates: Envoy asks for the time inside its allocator,
 * where libfaketime 0.9.10 hangs for ever.
 */
struct timespec { long seconds; long nanoseconds; };
struct timeval { long seconds; long microseconds; };

extern long syscall(long number, ...);
extern char *getenv(const char *name);
extern int open(const char *path, int flags, ...);
extern int close(int file);
extern void *mmap(void *address, unsigned long length, int protection, int flags, int file, long offset);

#if defined(__x86_64__)
enum { clock_gettime_number = 228 };
#elif defined(__aarch64__)
enum { clock_gettime_number = 113 };
#else
#error "the number of clock_gettime is not known for this machine"
#endif
enum { realtime = 0, realtime_coarse = 5, read_only = 1, shared = 1 };

static const volatile long *ahead;

static long seconds_ahead(void) {
  if (ahead == 0) {
    const char *path = getenv("FALSE_CLOCK");
    int file = path == 0 ? -1 : open(path, 0);
    if (file < 0) return 0;
    void *found = mmap(0, sizeof(long), read_only, shared, file, 0);
    close(file);
    if (found == (void *)-1) return 0;
    ahead = found;
  }
  return *ahead;
}

int clock_gettime(int clock, struct timespec *time) {
  long status = syscall(clock_gettime_number, (long)clock, time);
  if (status == 0 && (clock == realtime || clock == realtime_coarse)) time->seconds += seconds_ahead();
  return (int)status;
}

int gettimeofday(struct timeval *time, void *zone) {
  (void)zone;
  struct timespec now;
  int status = clock_gettime(realtime, &now);
  if (status == 0 && time != 0) {
    time->seconds = now.seconds;
    time->microseconds = now.nanoseconds / 1000;
  }
  return status;
}

long time(long *result) {
  struct timespec now;
  if (clock_gettime(realtime, &now) != 0) return -1;
  if (result != 0) *result = now.seconds;
  return now.seconds;
}
