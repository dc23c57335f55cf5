//! Runs of frames that sound alike.
//!
//! In: frame by frame, the pitch or nothing, and the energy. Out: what the run does.
//! Invariants: a run bears two frames of something else, such as a lost packet, and no more; its
//! measures leave out its first and last frame, which the tone may not fill.

/// Frames of something else inside a run.
const GAP_MAX: u64 = 2;
/// Largest step of pitch inside a run, in hertz.
const STEP_MAX: u32 = 40;
/// Strongest frame of a steady run to its weakest, in energy: 5 dB. Voices swing by more.
const STEADY: u64 = 3;
/// Widest swing of a pure run's pitch, in hertz: noise moves a tone by less, voices by more.
const PURE: u32 = 30;

/// Frames that sound alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// From its first frame to its last.
    pub(super) frames: u64,
    /// Frames since the last of its own.
    pub(super) gap: u64,
    last_hz: u32,
    last_energy: u64,
    measured: Option<Measures>,
}

/// Pitch and energy over a run's inner frames.
#[derive(Clone, Copy, Debug)]
struct Measures {
    count: u64,
    sum_hz: u64,
    low_hz: u32,
    high_hz: u32,
    weakest: u64,
    strongest: u64,
}

/// What a frame did to the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The run that ended with it.
    pub(super) ended: Option<Run>,
    /// The run that goes on.
    pub(super) going: Option<Run>,
}

/// Follows one kind of run.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    current: Option<Run>,
    last_energy: u64,
}

impl Run {
    fn new(hz: u32, energy: u64) -> Self {
        Self { frames: 1, gap: 0, last_hz: hz, last_energy: energy, measured: None }
    }

    /// Takes one more frame of its own. The one before it has become an inner one, unless it was
    /// the first.
    fn extend(&mut self, hz: u32, energy: u64) {
        if self.frames > 1 {
            let (hz, energy) = (self.last_hz, self.last_energy);
            self.measured = Some(match self.measured {
                None => Measures::of(hz, energy),
                Some(measured) => measured.with(hz, energy),
            });
        }
        self.frames += 1 + self.gap;
        (self.gap, self.last_hz, self.last_energy) = (0, hz, energy);
    }

    /// Its mean pitch, in hertz.
    pub(super) fn hz(&self) -> u32 {
        self.measured.map_or(self.last_hz, |measured| {
            u32::try_from(measured.sum_hz / measured.count).unwrap_or(self.last_hz)
        })
    }

    /// True where it stays equally loud.
    pub(super) fn is_steady(&self) -> bool {
        self.measured.is_some_and(|measured| measured.strongest <= STEADY * measured.weakest)
    }

    /// True where it stays equally loud and keeps its pitch.
    pub(super) fn is_pure(&self) -> bool {
        let keeps = |measured: Measures| measured.high_hz - measured.low_hz <= PURE;
        self.is_steady() && self.measured.is_some_and(keeps)
    }
}

impl Measures {
    fn of(hz: u32, energy: u64) -> Self {
        Self {
            count: 1,
            sum_hz: u64::from(hz),
            low_hz: hz,
            high_hz: hz,
            weakest: energy,
            strongest: energy,
        }
    }

    fn with(self, hz: u32, energy: u64) -> Self {
        Self {
            count: self.count + 1,
            sum_hz: self.sum_hz + u64::from(hz),
            low_hz: self.low_hz.min(hz),
            high_hz: self.high_hz.max(hz),
            weakest: self.weakest.min(energy),
            strongest: self.strongest.max(energy),
        }
    }
}

impl Runs {
    /// The run that goes on.
    pub(super) const fn current(&self) -> Option<&Run> {
        self.current.as_ref()
    }

    /// Energy of the last frame of a run.
    pub(super) const fn last_energy(&self) -> u64 {
        self.last_energy
    }

    /// Takes one frame.
    pub(super) fn push(&mut self, hz: Option<u32>, energy: u64) -> Step {
        if hz.is_some() {
            self.last_energy = energy;
        }
        let mut ended = None;
        match (&mut self.current, hz) {
            (Some(run), Some(hz)) if run.last_hz.abs_diff(hz) <= STEP_MAX => run.extend(hz, energy),
            (Some(run), None) if run.gap < GAP_MAX => run.gap += 1,
            (_, hz) => {
                ended = std::mem::replace(&mut self.current, hz.map(|hz| Run::new(hz, energy)))
            }
        }
        Step { ended, going: self.current }
    }
}
