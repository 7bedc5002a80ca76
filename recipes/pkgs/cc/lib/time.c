// The time, which is told in UTC: there are no time zones.

#include <semaphore.h>
#include <stddef.h>
#include <sys/time.h>
#include <time.h>

time_t time(time_t *to)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}

static int is_leap(long year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

struct tm *gmtime(const time_t *time)
{
    static struct tm t;
    static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    long days = *time / 86400;
    long seconds = *time % 86400;
    long year = 1970;
    int month = 0;
    if (seconds < 0) {
        seconds += 86400;
        days--;
    }
    t.tm_sec = seconds % 60;
    t.tm_min = seconds / 60 % 60;
    t.tm_hour = seconds / 3600;
    t.tm_wday = ((days + 4) % 7 + 7) % 7;
    while (days < 0) {
        year--;
        days += 365 + is_leap(year);
    }
    while (days >= 365 + is_leap(year)) {
        days -= 365 + is_leap(year);
        year++;
    }
    t.tm_year = year - 1900;
    t.tm_yday = days;
    while (days >= lengths[month] + (month == 1 && is_leap(year))) {
        days -= lengths[month] + (month == 1 && is_leap(year));
        month++;
    }
    t.tm_mon = month;
    t.tm_mday = days + 1;
    t.tm_isdst = 0;
    return &t;
}

struct tm *localtime(const time_t *time)
{
    return gmtime(time);
}

int sem_init(sem_t *s, int shared, unsigned int value)
{
    (void)shared;
    s->value = value;
    return 0;
}

int sem_wait(sem_t *s)
{
    if (s->value == 0)
        return -1;
    s->value--;
    return 0;
}

int sem_post(sem_t *s)
{
    s->value++;
    return 0;
}
