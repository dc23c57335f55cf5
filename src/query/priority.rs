//! Which threads give way when there is more to do than processors.
//!
//! In: what a thread is for. Out: its place in the system's scheduler. Invariant: whatever decides
//! about a call goes before questions and views; a thread that cannot be put behind works on as
//! it is. Deliberately absent: anything but Linux, where a thread has a nice value of its own.

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// As every other thread of the platform.
    Normal,
    /// Keeps views fresh: gives way to calls, not to questions.
    Views,
    /// Answers questions: gives way to everything else.
    Questions,
}

impl Priority {
    /// How nice a thread is: each step weighs about a fifth less. Ten steps leave a tenth of a
    /// processor to a question where a call wants it, and all of it where none does.
    const fn nice(self) -> i32 {
        match self {
            Self::Normal => 0,
            Self::Views => 5,
            Self::Questions => 10,
        }
    }

    /// Gives the present thread this priority, on top of what the process has.
    pub(super) fn take(self) {
        #[cfg(target_os = "linux")]
        if self.nice() > 0 && !give_way(self.nice()) {
            let error = std::io::Error::last_os_error();
            tracing::warn!(%error, "questions run at the priority of calls");
        }
    }
}

/// Makes the present thread nicer by some steps; whether it could.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no way to a thread's priority")]
fn give_way(steps: i32) -> bool {
    // SAFETY: both take numbers alone; 0 names the calling thread, as Linux has it.
    let set = |nice| unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    set((nice() + steps).min(19)) == 0
}

/// How nice the present thread is.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library has no way to a thread's priority")]
fn nice() -> i32 {
    // SAFETY: it takes numbers alone; 0 names the calling thread, as Linux has it.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn nice_of(priority: Priority) -> i32 {
        let thread = std::thread::spawn(move || {
            priority.take();
            nice()
        });
        thread.join().expect("ends")
    }

    #[test]
    fn questions_give_way_to_views_and_views_to_calls() {
        let own = nice();
        assert_eq!(nice_of(Priority::Normal), own);
        assert_eq!(nice_of(Priority::Views), (own + 5).min(19));
        assert_eq!(nice_of(Priority::Questions), (own + 10).min(19));
        assert_eq!(nice(), own, "the others are as they were");
    }
}
