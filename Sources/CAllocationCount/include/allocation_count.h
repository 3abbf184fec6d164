#ifndef ALLOCATION_COUNT_H
#define ALLOCATION_COUNT_H

// Counts what the whole process allocates, while it is told to. Linked into the benchmark alone, where these stand before
// the C library's own.

/// Begins to count from 0.
void allocation_count_begin(void);

/// Ends counting; returns how many blocks were allocated or made larger since it began.
unsigned long allocation_count_end(void);

#endif
