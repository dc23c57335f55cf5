//! What one leg hears of several others, as one.
//!
//! In: frames of up to [`PORTS`] speakers, each at a port of its own. Out: one frame for each
//! step of 20 ms: the sum, cut off where it does not fit 16 bits.
//! Invariants: one speaker alone is heard as it is; no speaker waits for another one, and none is
//! delayed by more than [`WAITING_MAX`] frames; no memory is asked for once each port was used.
//! Deliberately absent: who hears whom, and levels: two people who talk at once are as loud as
//! two people.

use super::{Frame, SILENCE};

/// Speakers that one leg can hear.
pub const PORTS: usize = 8;

/// Most frames of a port that wait: 100 ms.
const WAITING_MAX: usize = 5;

/// The speakers one leg hears.
#[derive(Debug, Default)]
pub struct Mixer {
    ports: [Option<Box<Waiting>>; PORTS],
}

/// Frames of one speaker, oldest first, in a ring.
#[derive(Debug)]
struct Waiting {
    frames: [Frame; WAITING_MAX],
    first: usize,
    count: usize,
}

impl Waiting {
    const fn new() -> Self {
        Self { frames: [SILENCE; WAITING_MAX], first: 0, count: 0 }
    }

    fn push(&mut self, frame: &Frame) {
        let at = (self.first + self.count) % WAITING_MAX;
        if let Some(slot) = self.frames.get_mut(at) {
            slot.copy_from_slice(frame);
        }
        if self.count < WAITING_MAX {
            self.count += 1;
        } else {
            self.first = (self.first + 1) % WAITING_MAX;
        }
    }

    fn pop(&mut self) -> Option<&Frame> {
        if self.count == 0 {
            return None;
        }
        let at = self.first;
        self.first = (at + 1) % WAITING_MAX;
        self.count -= 1;
        self.frames.get(at)
    }
}

impl Mixer {
    /// Takes a frame of the speaker at a port; where too many wait, the oldest is dropped. One at
    /// a port there is not is dropped.
    pub fn push(&mut self, port: usize, frame: &Frame) {
        if let Some(waiting) = self.ports.get_mut(port) {
            waiting.get_or_insert_with(|| Box::new(Waiting::new())).push(frame);
        }
    }

    /// What is heard in the next step; nothing where nobody speaks.
    pub fn pull(&mut self) -> Option<Frame> {
        let mut sum: Option<Frame> = None;
        for waiting in self.ports.iter_mut().flatten() {
            let Some(frame) = waiting.pop() else { continue };
            match &mut sum {
                None => sum = Some(*frame),
                Some(sum) => {
                    for (all, one) in sum.iter_mut().zip(frame) {
                        *all = all.saturating_add(*one);
                    }
                }
            }
        }
        sum
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        for waiting in self.ports.iter_mut().flatten() {
            waiting.count = 0;
        }
    }
}

#[cfg(test)]
mod tests;
