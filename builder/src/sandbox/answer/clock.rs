//! The clock of a build: it begins with SOURCE_DATE_EPOCH on every machine. Pure, but for [`Clock::begin`].
//!
//! It goes on by whole seconds, and by a microsecond each time that it is read: two builds that read it as often,
//! within the same second of theirs, read the same; and no two readings are equal, since names of temporary files are
//! made of them. It is never behind the times that the kernel gives to files, which go on by less.

use std::time::{SystemTime, UNIX_EPOCH};

/// A time: seconds and nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

const BILLION: i128 = 1_000_000_000;
const MICROSECOND: i128 = 1000;

impl Time {
    /// The machine's.
    pub fn now() -> Self {
        let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: i64::try_from(passed.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: passed.subsec_nanos(),
        }
    }

    /// How long it is after `earlier`; nothing if it is not.
    pub fn since(self, earlier: Self) -> Self {
        Self::from_nanoseconds((self.in_nanoseconds() - earlier.in_nanoseconds()).max(0))
    }

    fn in_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * BILLION + i128::from(self.nanoseconds)
    }

    fn from_nanoseconds(all: i128) -> Self {
        Self {
            seconds: i64::try_from(all.div_euclid(BILLION)).unwrap_or(i64::MAX),
            nanoseconds: u32::try_from(all.rem_euclid(BILLION)).unwrap_or(0),
        }
    }

    /// struct timespec of a 64-bit machine.
    pub fn timespec(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.seconds.to_le_bytes());
        bytes[8..].copy_from_slice(&u64::from(self.nanoseconds).to_le_bytes());
        bytes
    }

    /// struct timeval of a 64-bit machine.
    pub fn timeval(self) -> [u8; 16] {
        Self { nanoseconds: self.nanoseconds / 1000, ..self }.timespec()
    }

    /// From struct timespec. `None` when it is none that the kernel accepts.
    pub fn of_timespec(bytes: [u8; 16]) -> Option<Self> {
        let [seconds, nanoseconds] = [&bytes[..8], &bytes[8..]].map(|it| {
            let mut number = [0; 8];
            number.copy_from_slice(it);
            i64::from_le_bytes(number)
        });
        let nanoseconds = u32::try_from(nanoseconds).ok().filter(|it| i128::from(*it) < BILLION)?;
        (seconds >= 0).then_some(Self { seconds, nanoseconds })
    }
}

/// Times of files so many seconds before a build begins are of its set-up.
const SET_UP: i64 = 60;

/// A clock that begins with a build.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// What it shows at the beginning, in seconds since 1970.
    epoch: i64,
    /// The machine's time then.
    begun: Time,
    /// How often it was read.
    readings: u64,
}

impl Clock {
    /// One that begins now.
    pub fn begin(epoch: i64) -> Self {
        Self { epoch, begun: Time::now(), readings: 0 }
    }

    /// Reads it, when the machine's clock shows `real`: a second that has not passed entirely counts as passed.
    pub fn read(&mut self, real: Time) -> Time {
        let passed = real.in_nanoseconds() - self.begun.in_nanoseconds();
        let seconds = i128::from(self.epoch) + passed.max(0).div_euclid(BILLION) + 1;
        self.readings += 1;
        Time::from_nanoseconds(seconds * BILLION + i128::from(self.readings) * MICROSECOND)
    }

    /// What a file's time is for the build, when the machine's clock shows `now`. Only a time since the build begins
    /// is the machine's; others were set, and stay.
    pub fn of_file(&self, time: Time, now: Time) -> Time {
        let set_up = Time { seconds: self.begun.seconds.saturating_sub(SET_UP), nanoseconds: 0 };
        if time < set_up || time > now {
            return time;
        }
        let passed = (time.in_nanoseconds() - self.begun.in_nanoseconds()).max(0);
        Time::from_nanoseconds(i128::from(self.epoch) * BILLION + passed)
    }

    /// The machine's time when this clock has shown `shown`: a whole second begins one second earlier.
    pub fn wakes(&self, shown: Time) -> Time {
        let passed = shown.in_nanoseconds() - i128::from(self.epoch) * BILLION;
        Time::from_nanoseconds((self.begun.in_nanoseconds() + passed).max(0))
    }

    /// Whether a time is rather the machine's than this clock's.
    pub fn is_real(&self, time: Time) -> bool {
        self.begun.seconds.abs_diff(time.seconds) < self.epoch.abs_diff(time.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Time = Time { seconds: 2_000_000_000, nanoseconds: 900_000_000 };
    const CLOCK: Clock = Clock { epoch: 1000, begun: BEGUN, readings: 0 };

    fn after(nanoseconds: i128) -> Time {
        Time::from_nanoseconds(BEGUN.in_nanoseconds() + nanoseconds)
    }

    #[test]
    fn it_goes_on_by_whole_seconds_since_the_build_began_and_no_two_readings_are_equal() {
        for (passed, seconds) in [(0, 1001), (1, 1001), (BILLION - 1, 1001), (BILLION, 1002), (-5, 1001)] {
            let mut clock = CLOCK;
            for nanoseconds in [1000, 2000, 3000] {
                assert_eq!(clock.read(after(passed)), Time { seconds, nanoseconds }, "{passed}");
            }
        }
    }

    #[test]
    fn no_file_is_of_the_future_and_their_order_stays() {
        let mut before = Time::default();
        for passed in [-59 * BILLION, -1, 0, 1, BILLION / 2, BILLION, 7 * BILLION + 3] {
            let (time, now) = (after(passed), after(passed.max(0) + 1));
            let shown = CLOCK.of_file(time, now);
            assert!(shown >= before && shown < CLOCK.clone().read(now), "{passed}: {shown:?}");
            assert!(passed <= 0 || shown > before, "{passed}");
            before = shown;
        }
        assert_eq!(CLOCK.of_file(after(-1), after(1)), Time { seconds: 1000, nanoseconds: 0 });
    }

    #[test]
    fn times_that_were_set_stay() {
        for time in [
            Time { seconds: 315_619_200, nanoseconds: 0 },
            Time { seconds: -7, nanoseconds: 5 },
            after(-100 * BILLION),
            after(9 * BILLION),
        ] {
            assert_eq!(CLOCK.of_file(time, after(BILLION)), time);
        }
    }

    #[test]
    fn a_time_to_wait_for_comes_when_it_is_shown() {
        let shown = CLOCK.of_file(after(12_345), after(BILLION));
        assert_eq!(CLOCK.wakes(shown), after(12_345));
        assert_eq!(CLOCK.wakes(Time::default()), after(-1000 * BILLION));
        assert!(CLOCK.is_real(after(12_345)) && !CLOCK.is_real(shown));
        assert_eq!(Time::of_timespec(shown.timespec()), Some(shown));
        assert_eq!(Time::of_timespec([0xff; 16]), None);
    }
}
