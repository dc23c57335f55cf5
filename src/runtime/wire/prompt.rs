//! Says words on a leg: the clip is found or made off the event loop, then played.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::{MediaLeg, MediaNews};
use crate::base::{LegId, Millis, Timestamp};
use crate::media::{Clip, MediaEvent};

/// Finds or makes the audio of words. Blocking; called on a thread that may block.
pub type Voice = Arc<dyn Fn(&str) -> Result<Clip, String> + Send + Sync>;

/// Says words on one leg.
pub struct Speaker {
    leg_id: LegId,
    news: mpsc::UnboundedSender<MediaNews>,
    making: Option<(u64, AbortHandle)>,
}

impl Speaker {
    /// For a leg.
    pub const fn new(leg_id: LegId, news: mpsc::UnboundedSender<MediaNews>) -> Self {
        Self { leg_id, news, making: None }
    }

    /// Says words; `id` comes back when they begin and when they end. Words that cannot be
    /// made into audio end at once.
    pub fn say(
        &mut self,
        leg: &Arc<MediaLeg>,
        id: u64,
        text: String,
        voice: Voice,
        now: Timestamp,
    ) {
        self.stop(leg, now);
        let (leg, news, leg_id) = (leg.clone(), self.news.clone(), self.leg_id);
        let task = tokio::spawn(async move {
            let made = tokio::task::spawn_blocking(move || voice(&text)).await;
            match made {
                Ok(Ok(clip)) => leg.play(id, clip),
                Ok(Err(problem)) => {
                    tracing::error!(%leg_id, problem, "cannot speak");
                    drop(news.send(MediaNews::new(leg_id, unheard(id, now))));
                }
                Err(_) => drop(news.send(MediaNews::new(leg_id, unheard(id, now)))),
            }
        });
        self.making = Some((id, task.abort_handle()));
    }

    /// Stops what is being said or made.
    pub fn stop(&mut self, leg: &MediaLeg, now: Timestamp) {
        if let Some((id, task)) = self.making.take()
            && !task.is_finished()
        {
            task.abort();
            drop(self.news.send(MediaNews::new(self.leg_id, unheard(id, now))));
        }
        leg.stop_playing();
    }
}

/// The end of a clip nobody heard anything of.
const fn unheard(id: u64, at: Timestamp) -> MediaEvent {
    MediaEvent::PlayEnded { id, played: Millis(0), completed: false, at }
}
