//! A baresip process: an agent's phone that somebody else wrote.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::peer::free_port;

/// Samples of the file it speaks: a minute at 8 kHz.
const SAMPLES: u32 = 480_000;

/// A phone that registers every minute and takes every call.
pub(super) struct Baresip {
    child: Child,
    folder: PathBuf,
}

impl Baresip {
    /// Starts it. It registers as this user.
    pub(super) fn start(folder: &Path, registrar: SocketAddr, user: &str, password: &str) -> Self {
        let folder = folder.join(user);
        fs::create_dir_all(&folder).expect("a folder for baresip");
        let account = format!(
            "<sip:{user}@{registrar}>;auth_user={user};auth_pass={password};regint=60;\
             answermode=auto;audio_codecs=PCMU/8000/1,PCMA/8000/1\n"
        );
        fs::write(folder.join("accounts"), account).expect("its account");
        let (sip, rtp) = (free_port(), free_port());
        let config = format!(
            "sip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\ncall_max_calls 4\n\
             audio_source aufile,{}\naudio_alert aufile,/dev/null\nausrc_srate 8000\n\
             auplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nrtp_ports {rtp}-{}\n\
             rtcp_mux no\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\n\
             module aufile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n",
            folder.join("speech.wav").display(),
            rtp + 2,
        );
        fs::write(folder.join("config"), config).expect("its configuration");
        fs::write(folder.join("speech.wav"), speech()).expect("what it says");
        let output = |name: &str| File::create(folder.join(name)).expect("a file for its output");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(&folder)
            .arg("-s")
            .stdin(Stdio::null())
            .stdout(output("stdout.log"))
            .stderr(output("stderr.log"))
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("baresip is missing: apt-get install baresip-core")
            }
            Err(error) => panic!("start baresip: {error}"),
        };
        Self { child, folder }
    }

    /// SIP as it saw it, and what it said of it.
    pub(super) fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("stdout.log") + &read("stderr.log")
    }
}

/// A WAV file with a square wave of 400 Hz.
fn speech() -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend((36 + SAMPLES * 2).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]); // PCM, one channel.
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend((SAMPLES * 2).to_le_bytes());
    for sample in 0..SAMPLES {
        let level: i16 = if sample / 10 % 2 == 0 { 6_000 } else { -6_000 };
        file.extend(level.to_le_bytes());
    }
    file
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
