/* What the benchmarks share: clocks, medians, a row of figures as JSON. */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <time.h>

/* Seconds of a clock: CLOCK_MONOTONIC, CLOCK_THREAD_CPUTIME_ID, ... */
double bench_seconds(clockid_t clock);

/* Sorts `count` numbers and returns the middle one. */
double bench_median(double *numbers, int count);

/* Prints one line {"name": ..., "value": ..., "low": ..., "high": ...}: the
 * median of `count` numbers, the smallest and the largest.  Sorts them. */
void bench_row(const char *name, double *numbers, int count);

/* Ends the program with a word. */
__attribute__((noreturn, format(printf, 1, 2))) void
bench_die(const char *format, ...);

#endif
