#pragma once

// There is one thread. A semaphore that it would have to wait for is never given free.
typedef struct {
    unsigned int value;
} sem_t;

int sem_init(sem_t *s, int shared, unsigned int value);
int sem_wait(sem_t *s);
int sem_post(sem_t *s);
