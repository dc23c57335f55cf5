//! A kamailio process: a carrier's proxy and registrar that somebody else wrote.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::peer::free_port;

/// Registers whoever knows the password, and gives calls on to `CARRIER`. Both ask for SHA-256.
const CONFIG: &str = r#"#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
listen=udp:SIP
LISTEN
alias="carrier.example"
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
LOAD
modparam("usrloc", "db_mode", 0)
modparam("auth", "algorithm", "SHA-256")
modparam("registrar", "min_expires", 120)
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not here"); exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  t_check_trans();
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("carrier.example", "open sesame", "0")) {
      www_challenge("carrier.example", "1"); exit;
    }
    xlog("L_ERR", "registrar: $tU expires $hdr(Expires)\n");
    save("location"); exit;
  }
  if (!pv_proxy_authenticate("carrier.example", "open sesame", "0")) {
    proxy_challenge("carrier.example", "1"); exit;
  }
  xlog("L_ERR", "call: asserted $ai\n");
  consume_credentials();
  record_route();
  $du = "sip:CARRIER";
  t_relay();
}
"#;

/// Lines that make it listen for TLS and ask nobody for a certificate.
const LISTEN_TLS: &str = "enable_tls=yes\nlisten=tls:TLS\n";
const LOAD_TLS: &str = r#"loadmodule "tls.so"
modparam("tls", "private_key", "FOLDER/server.key")
modparam("tls", "certificate", "FOLDER/server.pem")
modparam("tls", "tls_method", "TLSv1.2+")
"#;

/// kamailio, running.
pub(super) struct Kamailio {
    child: Child,
    folder: PathBuf,
    /// Where it listens for SIP.
    pub(super) sip: SocketAddr,
    /// Where it listens for SIP over TLS, if it does.
    pub(super) tls: SocketAddr,
}

impl Kamailio {
    /// Starts it before a carrier.
    pub(super) fn before(carrier: SocketAddr, folder: &Path) -> Self {
        Self::start(carrier, folder, "", "")
    }

    /// The same, and it listens for TLS, too, with the certificate in that folder.
    pub(super) fn secured(carrier: SocketAddr, folder: &Path) -> Self {
        let load = LOAD_TLS.replace("FOLDER", &folder.display().to_string());
        Self::start(carrier, folder, LISTEN_TLS, &load)
    }

    fn start(carrier: SocketAddr, folder: &Path, listen: &str, load: &str) -> Self {
        let folder = folder.join("kamailio");
        fs::create_dir_all(&folder).expect("a folder for kamailio");
        let [sip, tls] = [free_port(), free_port()].map(|port| ([127, 0, 0, 1], port).into());
        let config = CONFIG
            .replace("LISTEN\n", &listen.replace("TLS\n", &format!("{tls}\n")))
            .replace("LOAD\n", load)
            .replace("SIP\n", &format!("{sip}\n"))
            .replace("CARRIER", &carrier.to_string());
        let path = folder.join("kamailio.cfg");
        fs::write(&path, config).expect("its configuration");
        let output = |name: &str| File::create(folder.join(name)).expect("a file for its output");
        let child = Command::new("kamailio")
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
            .arg(&path)
            .arg("-Y")
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(output("stdout.log"))
            .stderr(output("stderr.log"))
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("kamailio is missing: apt-get install kamailio")
            }
            Err(error) => panic!("start kamailio: {error}"),
        };
        Self { child, folder, sip, tls }
    }

    /// What it wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("stderr.log")).unwrap_or_default()
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Asked and not killed, so that it ends its own processes.
        drop(Command::new("kill").arg(self.child.id().to_string()).status());
        drop(self.child.wait());
    }
}
