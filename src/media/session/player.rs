//! The clip that plays, cut into frames.
//!
//! In: clips with ids, and the steps of the sender. Out: frames, and [`MediaEvent::PlayStarted`]
//! and [`MediaEvent::PlayEnded`].
//! Invariant: each clip has one start and one end, in this order; one that is replaced before its
//! first frame has both at that moment.

use std::collections::VecDeque;

use super::{MediaEvent, MediaOutput};
use crate::base::{Millis, Timestamp};
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

    fn start(&mut self, at: Timestamp, outputs: &mut VecDeque<MediaOutput>) {
        if !self.has_started {
            self.has_started = true;
            outputs.push_back(MediaOutput::Event(MediaEvent::PlayStarted { id: self.id, at }));
        }
    }
}

impl Player {
    /// Puts a clip in place of what plays.
    pub(super) fn play(
        &mut self,
        now: Timestamp,
        id: u64,
        clip: Clip,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        self.stop(now, outputs);
        self.current = Some(Playing { id, clip, position: 0, has_started: false });
    }

    /// Ends what plays.
    pub(super) fn stop(&mut self, now: Timestamp, outputs: &mut VecDeque<MediaOutput>) {
        let Some(mut playing) = self.current.take() else {
            return;
        };
        playing.start(now, outputs);
        outputs.push_back(MediaOutput::Event(MediaEvent::PlayEnded {
            id: playing.id,
            played: Millis((playing.position as u64).div_ceil(SAMPLES_PER_MILLI)),
            completed: playing.is_done(),
            at: now,
        }));
    }

    /// Ends a clip whose last frame was sent one step ago.
    pub(super) fn end_if_done(&mut self, now: Timestamp, outputs: &mut VecDeque<MediaOutput>) {
        if self.current.as_ref().is_some_and(Playing::is_done) {
            self.stop(now, outputs);
        }
    }

    /// The frame for this step.
    pub(super) fn next_frame(
        &mut self,
        now: Timestamp,
        outputs: &mut VecDeque<MediaOutput>,
    ) -> Option<Frame> {
        let playing = self.current.as_mut()?;
        playing.start(now, outputs);
        let rest = playing.clip.samples().get(playing.position..).unwrap_or_default();
        let mut frame = SILENCE;
        frame.iter_mut().zip(rest).for_each(|(slot, sample)| *slot = *sample);
        playing.position += rest.len().min(FRAME_SAMPLES);
        Some(frame)
    }
}
