//! Sizes of one network ring and the choice of its engine.
//!
//! Owns the defaults. Must never know what the sockets are for.

/// How the kernel is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Engine {
    /// Completions, through io_uring.
    #[default]
    IoUring,
    /// Readiness, through epoll: for hosts and containers that forbid io_uring.
    Epoll,
}

/// Sizes of one network ring.
#[derive(Clone, Debug)]
pub struct Options {
    /// Engine to use. There is no silent change to the other one: the caller decides.
    pub engine: Engine,
    /// Entries of the submission queue, 1 to 32,768, rounded up to a power of two. More work than this in one turn
    /// costs further system calls, nothing else.
    pub sq_entries: u32,
    /// Entries of the completion queue, 1 to 65,536, rounded up to a power of two. Also the most completions handled
    /// in one turn.
    pub cq_entries: u32,
    /// Receive buffers shared by all sockets, 1 to 32,768, rounded up to a power of two.
    pub buffers: u16,
    /// Bytes of one receive buffer, 64 to 1,048,576. The epoll engine has a single buffer, eight times this size.
    pub buffer_bytes: u32,
    /// Most sockets at one time, up to 16,777,215. Further connections are accepted and closed at once.
    pub sockets_max: u32,
    /// Most sockets that live in the ring's own table of files instead of that of the process: direct descriptors, which
    /// RLIMIT_NOFILE bounds for each ring by itself. A place is 8 bytes of kernel memory, used or not. Sockets beyond it
    /// keep their descriptors. 0 for no table; there is none with epoll, nor where the kernel has not what it takes.
    pub direct_max: u32,
    /// Most empty send buffers kept for reuse.
    pub spare_buffers_max: u32,
    /// A send buffer that grew beyond this many bytes is given back to the allocator instead of being kept.
    pub spare_buffer_bytes_max: u32,
    /// How long a listener rests after the kernel refused to accept for want of descriptors or memory, in milliseconds.
    pub accept_rest_ms: u32,
    /// How long to look for work before sleeping, in microseconds, once there was some; 0 to sleep at once. It spares the
    /// time that a sleeping core takes to wake, and costs the core.
    pub busy_poll_us: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            engine: Engine::IoUring,
            sq_entries: 1024,
            cq_entries: 8192,
            buffers: 1024,
            buffer_bytes: 8192,
            sockets_max: (1 << 24) - 1,
            direct_max: 0,
            spare_buffers_max: 1024,
            spare_buffer_bytes_max: 64 << 10,
            accept_rest_ms: 100,
            busy_poll_us: 0,
        }
    }
}

impl Options {
    /// The options with every size brought into its range.
    pub(crate) fn in_range(&self) -> Options {
        Options {
            engine: self.engine,
            sq_entries: self.sq_entries.clamp(1, 32_768).next_power_of_two(),
            cq_entries: self.cq_entries.clamp(1, 65_536).next_power_of_two(),
            buffers: self.buffers.clamp(1, 32_768).next_power_of_two(),
            buffer_bytes: self.buffer_bytes.clamp(64, 1 << 20),
            sockets_max: self.sockets_max.clamp(1, (1 << 24) - 1),
            ..self.clone()
        }
    }
}
