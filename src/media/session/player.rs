//! The clip that plays, cut into frames.
//!
//! In: clips with ids, and the steps of the sender. Out: frames, and [`MediaEvent::PlayStarted`]
//! and [`MediaEvent::PlayEnded`].
//! Invariant: each clip has one start and one end, in this order; one that is replaced before its
//! first frame has both at that moment.

use super::{MediaEvent, Out};
use crate::base::Millis;
use crate::media::{Clip, FRAME_SAMPLES, Frame, SAMPLES_PER_MILLI, SILENCE};

/// Plays one clip at a time.
#[derive(Debug, Default)]
pub(super) struct Player {
    current: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    id: u64,
    clip: Clip,
    /// Samples sent.
    position: usize,
    has_started: bool,
}

impl Playing {
    fn is_done(&self) -> bool {
        self.position >= self.clip.samples().len()
    }

    fn start(&mut self, out: &mut Out<'_>) {
        if !self.has_started {
            self.has_started = true;
            out.sink.event(MediaEvent::PlayStarted { id: self.id, at: out.now });
        }
    }
}

impl Player {
    /// Puts a clip in place of what plays.
    pub(super) fn play(&mut self, id: u64, clip: Clip, out: &mut Out<'_>) {
        self.stop(out);
        self.current = Some(Playing { id, clip, position: 0, has_started: false });
    }

    /// Ends what plays.
    pub(super) fn stop(&mut self, out: &mut Out<'_>) {
        let Some(mut playing) = self.current.take() else {
            return;
        };
        playing.start(out);
        out.sink.event(MediaEvent::PlayEnded {
            id: playing.id,
            played: Millis((playing.position as u64).div_ceil(SAMPLES_PER_MILLI)),
            completed: playing.is_done(),
            at: out.now,
        });
    }

    /// Ends a clip whose last frame was sent one step ago.
    pub(super) fn end_if_done(&mut self, out: &mut Out<'_>) {
        if self.current.as_ref().is_some_and(Playing::is_done) {
            self.stop(out);
        }
    }

    /// The frame for this step.
    pub(super) fn next_frame(&mut self, out: &mut Out<'_>) -> Option<Frame> {
        let playing = self.current.as_mut()?;
        playing.start(out);
        let rest = playing.clip.samples().get(playing.position..).unwrap_or_default();
        let mut frame = SILENCE;
        frame.iter_mut().zip(rest).for_each(|(slot, sample)| *slot = *sample);
        playing.position += rest.len().min(FRAME_SAMPLES);
        Some(frame)
    }
}
