//! The keys that tie the broker to its host: where its data are, how it logs, where it listens, TLS and the
//! network engine. It owns names, defaults and ranges only.

use std::path::PathBuf;

use super::key::{Domain, choices, section};
use super::listen::ListenUrl;
use super::setting::Texts;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

section! {
    /// The keys at the top of the file, before the first `[section]`.
    General at "" in general, Broker;

    /// Folder of everything that outlives the process; made when missing. Without the key it is the one in the
    /// environment variable `STATE_DIRECTORY`, as set by systemd, and otherwise `ringmq-data` in the working
    /// directory.
    data_dir: PathBuf = PathBuf::from("ringmq-data"), Domain::Path;
    /// Number of shards, each with a thread of its own; 0 for one on each core that the process may use.
    shards: u16 = 0, Domain::count(0, 128);
    /// Longest time in milliseconds that a stop waits for connections to drain.
    stop_timeout_ms: u32 = 5000, Domain::milliseconds(0, 600_000);
}

section! {
    /// What is logged, to standard error.
    Log at "log" in log, Broker;

    /// Least important level that is written.
    level: LogLevel = LogLevel::Info, Domain::OneOf(LogLevel::CHOICES);
    /// The same for the packages that ringmq is built from, such as glommio. Their lines help whoever looks for a fault
    /// of ringmq itself.
    packages_level: LogLevel = LogLevel::Warn, Domain::OneOf(LogLevel::CHOICES);
    /// How a line is written.
    format: LogFormat = LogFormat::Text, Domain::OneOf(LogFormat::CHOICES);
}

section! {
    /// One table for each address to listen on. Keys of `[mqtt]` and `[tls]` may be given again here, as
    /// `mqtt.KEY` and `tls.KEY`. With no table at all the broker listens on tcp 1883 and tls 8883 of
    /// 127.0.0.1 and ::1, so that only this host reaches it.
    ListenerKeys at "listener" in listener, OneListener;

    /// Where to listen: `tcp://HOST:PORT` or `tls://HOST:PORT`; `mqtt://` and `mqtts://` mean the same. An IPv6 address
    /// stands in brackets; `[::]` is all addresses of the host, `0.0.0.0` all of IPv4; a name is every address that it
    /// stands for; port 0 is any free port. The key must be given.
    url: ListenUrl = ListenUrl::default(), Domain::Url;
    /// Whether `[::]` takes IPv6 only. It does so as well where another listener has its port for an IPv4 address.
    ipv6_only: bool = false, Domain::Switch;
    /// Name in the line of the log that tells where it listens; empty to use the url.
    name: String = String::new(), Domain::Name;
    /// Connections of this listener at once; 0 for no bound but `limits.connections_max`.
    connections_max: u32 = 0, Domain::count(0, 10_000_000);
}

section! {
    /// Certificates and handshakes of tls:// listeners. Without `cert` and `key` the broker makes a certificate
    /// authority of its own in `DATA_DIR/tls`, whose `ca.pem` clients can trust.
    Tls at "tls" in tls, EachListener;

    /// PEM file with the server's certificate, followed by those in between it and its authority.
    cert: Option<PathBuf> = None, Domain::OptionalPath;
    /// PEM file with the private key of the certificate.
    key: Option<PathBuf> = None, Domain::OptionalPath;
    /// Further names of this host for the certificate that the broker makes itself: what clients connect to, such as
    /// `broker.example.org` or `192.0.2.7`. It holds `localhost`, the host name and what listeners name in any case.
    names: Texts = Texts(Vec::new()), Domain::Texts(253);
    /// PEM file with the authorities whose client certificates are accepted. `DATA_DIR/tls/ca.pem` is the one that signs
    /// for `ringmq cert client`.
    client_ca: Option<PathBuf> = None, Domain::OptionalPath;
    /// Whether clients are asked for a certificate.
    client_auth: ClientAuth = ClientAuth::None, Domain::OneOf(ClientAuth::CHOICES);
    /// Versions of TLS that are offered.
    versions: Vec<TlsVersion> = vec![TlsVersion::V12, TlsVersion::V13], Domain::SomeOf(TlsVersion::CHOICES);
    /// Ciphers that are offered, the most wanted first. The default begins with the one that costs both sides least:
    /// its handshake computes SHA-256, the one with `aes256` the dearer SHA-384.
    ciphers: Vec<Cipher> = vec![Cipher::Aes128, Cipher::Aes256, Cipher::Chacha20], Domain::SomeOf(Cipher::CHOICES);
    /// Whose order of ciphers decides. `client` suits devices that compute ChaCha20 faster than AES.
    cipher_order: CipherOrder = CipherOrder::Server, Domain::OneOf(CipherOrder::CHOICES);
    /// Whether a client may resume a former TLS session, which saves most of a handshake.
    session_tickets: bool = true, Domain::Switch;
    /// Time in milliseconds from the connection until the handshake must be done.
    handshake_timeout_ms: u32 = 10_000, Domain::milliseconds(100, 600_000);
    /// Application protocols (ALPN) that are offered. Clients that name none are served; those that name only
    /// others are refused. An empty list turns the check off.
    alpn: Texts = Texts(vec!["mqtt".to_owned()]), Domain::Texts(255);
}

section! {
    /// Sockets and the engine that drives them.
    Network at "network" in network, Broker;

    /// What drives the sockets.
    engine: Engine = Engine::Auto, Domain::OneOf(Engine::CHOICES);
    /// Connections that may wait in the kernel to be accepted, for each listener and core. The kernel lowers it
    /// to net.core.somaxconn.
    accept_backlog: u32 = 4096, Domain::count(1, 65_535);
    /// Receive buffers of each core, shared by all of its connections.
    receive_buffers: u16 = 1024, Domain::PowerOfTwo { least: 16, most: 32_768 };
    /// Size of one receive buffer.
    receive_buffer_bytes: u32 = 8 * KIB as u32, Domain::bytes(KIB, MIB);
    /// Connections of each core that live in the io_uring's own table of files and take no descriptor of the process. The
    /// kernel lowers it to the limit of open files; connections beyond it take descriptors. Each place is 8 bytes
    /// of kernel memory. 0 turns it off.
    direct_descriptors: u32 = 0, Domain::count(0, 1_048_576);
    /// Whether small packets are sent at once (TCP_NODELAY) instead of being gathered by the kernel.
    tcp_nodelay: bool = true, Domain::Switch;
    /// Time in microseconds for which a core that has just had work looks for more before it sleeps; 0 to sleep at once.
    /// It takes the time out of each answer that a sleeping core needs to wake, and may keep the core busy all the time
    /// at a load of a few per cent: for brokers with cores of their own whose messages are urgent.
    busy_poll_us: u32 = 0, Domain::microseconds(0, 1_000_000);
    /// Longest time in milliseconds that a closing connection may take to accept what is still to be sent.
    close_linger_ms: u32 = 2000, Domain::milliseconds(0, 60_000);
}

choices! {
    /// How important a log line is.
    LogLevel {
        /// Something does not work.
        Error = "error",
        /// Something is not as it should be.
        Warn = "warn",
        /// Start, stop and rare changes of state.
        Info = "info",
        /// Both ends of every connection: who connected and how, and why it ended.
        Debug = "debug",
        /// Every packet, without its payload. It slows the broker down: for looking at one client at a time.
        Trace = "trace",
    }
}

choices! {
    /// How a log line is written.
    LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object for each line.
        Json = "json",
    }
}

choices! {
    /// Whether clients are asked for a certificate.
    ClientAuth {
        /// Never.
        None = "none",
        /// Asked; a client without one is served all the same, one with a wrong one is not.
        Optional = "optional",
        /// Asked; a client without a right one is refused.
        Required = "required",
    }
}

choices! {
    /// A version of TLS.
    TlsVersion {
        /// TLS 1.2.
        V12 = "1.2",
        /// TLS 1.3.
        V13 = "1.3",
    }
}

choices! {
    /// A cipher of TLS 1.3, or of TLS 1.2 with ephemeral keys.
    Cipher {
        /// AES-128-GCM with SHA-256.
        Aes128 = "aes128",
        /// AES-256-GCM with SHA-384.
        Aes256 = "aes256",
        /// ChaCha20-Poly1305 with SHA-256.
        Chacha20 = "chacha20",
    }
}

choices! {
    /// Which side's order of ciphers decides.
    CipherOrder {
        /// The order of `tls.ciphers`.
        Server = "server",
        /// The order of the client's offer.
        Client = "client",
    }
}

choices! {
    /// What drives the sockets.
    Engine {
        /// io_uring where the kernel allows it, otherwise epoll.
        Auto = "auto",
        /// io_uring; the broker does not start without it.
        IoUring = "io_uring",
        /// epoll.
        Epoll = "epoll",
    }
}
