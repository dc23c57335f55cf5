//! SIP messages of a call and a registration as carriers and phones send them.

/// One call with digest, and one registration; line ends are bare line feeds.
pub(super) const MESSAGES: [&str; 8] = [INVITE, TRYING, RINGING, OK, ACK, BYE, REGISTER, CHALLENGE];

const INVITE: &str = "INVITE sip:+12025550123@192.0.2.10:5060;user=phone SIP/2.0
Record-Route: <sip:198.51.100.1;lr;ftag=1928301774>
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKc3b2.7a81f6c3.0
Via: SIP/2.0/UDP 198.51.100.7:5060;received=198.51.100.7;branch=z9hG4bK776asdhds;rport=5060
Max-Forwards: 69
From: \"Ann Other\" <sip:+12025550199@carrier.example.net;user=phone>;tag=1928301774
To: <sip:+12025550123@192.0.2.10;user=phone>
Call-ID: a84b4c76e66710@198.51.100.7
CSeq: 314159 INVITE
Contact: <sip:+12025550199@198.51.100.7:5060;transport=udp>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY
Supported: 100rel, timer, replaces
Session-Expires: 1800;refresher=uac
Min-SE: 90
P-Asserted-Identity: <sip:+12025550199@carrier.example.net>
User-Agent: Example-SBC/7.1
Content-Type: application/sdp
Content-Length: 238

v=0
o=- 2890844526 2890844526 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 49170 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
";

const TRYING: &str = "SIP/2.0 100 Trying
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK0123456789abcdef;rport=5060;received=192.0.2.10
From: <sip:+12025550100@192.0.2.10>;tag=0123456789abcdef
To: <sip:+12025550123@198.51.100.7>
Call-ID: 0123456789abcdef
CSeq: 1 INVITE
Content-Length: 0

";

const RINGING: &str = "SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK0123456789abcdef;rport=5060;received=192.0.2.10
Record-Route: <sip:198.51.100.1;lr>
From: <sip:+12025550100@192.0.2.10>;tag=0123456789abcdef
To: <sip:+12025550123@198.51.100.7>;tag=8f3a77
Call-ID: 0123456789abcdef
CSeq: 1 INVITE
Contact: <sip:+12025550123@198.51.100.7:5060>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK
Server: Example-SBC/7.1
Content-Length: 0

";

const OK: &str = "SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK0123456789abcdef;rport=5060;received=192.0.2.10
Record-Route: <sip:198.51.100.1;lr>
From: <sip:+12025550100@192.0.2.10>;tag=0123456789abcdef
To: <sip:+12025550123@198.51.100.7>;tag=8f3a77
Call-ID: 0123456789abcdef
CSeq: 1 INVITE
Contact: <sip:+12025550123@198.51.100.7:5060>
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK
Supported: timer
Server: Example-SBC/7.1
Content-Type: application/sdp
Content-Length: 159

v=0
o=- 11 11 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 41000 RTP/AVP 0 101
a=rtpmap:101 telephone-event/8000
a=ptime:20
a=sendrecv
";

const ACK: &str = "ACK sip:+12025550123@192.0.2.10:5060 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKc3b2.7a81f6c4.0
Max-Forwards: 69
From: \"Ann Other\" <sip:+12025550199@carrier.example.net;user=phone>;tag=1928301774
To: <sip:+12025550123@192.0.2.10;user=phone>;tag=fedcba9876543210
Call-ID: a84b4c76e66710@198.51.100.7
CSeq: 314159 ACK
Content-Length: 0

";

const BYE: &str = "BYE sip:+12025550123@192.0.2.10:5060 SIP/2.0
Via: SIP/2.0/UDP 198.51.100.1:5060;branch=z9hG4bKc3b2.7a81f6c5.0
Max-Forwards: 69
From: \"Ann Other\" <sip:+12025550199@carrier.example.net;user=phone>;tag=1928301774
To: <sip:+12025550123@192.0.2.10;user=phone>;tag=fedcba9876543210
Call-ID: a84b4c76e66710@198.51.100.7
CSeq: 314160 BYE
Reason: Q.850;cause=16;text=\"Normal call clearing\"
User-Agent: Example-SBC/7.1
Content-Length: 0

";

const REGISTER: &str = "REGISTER sip:ledgerline.example.com SIP/2.0
Via: SIP/2.0/UDP 203.0.113.20:5062;branch=z9hG4bKd8f2a1;rport
Max-Forwards: 70
From: <sip:agent7@ledgerline.example.com>;tag=7b1
To: <sip:agent7@ledgerline.example.com>
Call-ID: 5f2e8d@203.0.113.20
CSeq: 42 REGISTER
Contact: <sip:agent7@203.0.113.20:5062;ob>;expires=300
Authorization: Digest username=\"agent7\", realm=\"ledgerline\", nonce=\"0123456789abcdef\", \
uri=\"sip:ledgerline.example.com\", response=\"00112233445566778899aabbccddeeff\", \
algorithm=MD5, cnonce=\"77aa\", qop=auth, nc=00000001
Expires: 300
User-Agent: Example-Phone/3.2
Content-Length: 0

";

const CHALLENGE: &str = "SIP/2.0 407 Proxy Authentication Required
Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK0123456789abcdef;rport=5060;received=192.0.2.10
From: <sip:+12025550100@192.0.2.10>;tag=0123456789abcdef
To: <sip:+12025550123@198.51.100.7>;tag=33ab
Call-ID: 0123456789abcdef
CSeq: 1 INVITE
Proxy-Authenticate: Digest realm=\"carrier.example.net\", nonce=\"5cb1d0f7\", qop=\"auth\", \
algorithm=MD5
Content-Length: 0

";
