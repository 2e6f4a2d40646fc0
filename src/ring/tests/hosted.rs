//! The network and glommio's tasks share a thread, once there is such a task.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, small};
use crate::{
    BindOptions, Closed, Driver, Engine, Guest, Handler, ListenerId, Network, Next, Options, Remote,
    SocketId, bind, invite, run_with_guests,
};

/// Echoes what it receives, until another thread says stop and wakes it.
struct Echo {
    started: Vec<SocketId>,
    received: Vec<(SocketId, Vec<u8>)>,
    stop: mpsc::Receiver<()>,
    wakes: mpsc::Sender<()>,
}

impl Handler for Echo {
    fn accepted(&mut self, _: ListenerId, id: SocketId) {
        self.started.push(id);
    }
    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        self.received.push((id, bytes.to_vec()));
    }
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {}
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {
        let _ = self.wakes.send(());
    }
    fn alarm(&mut self) {}
}

impl Driver for Echo {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        for id in self.started.drain(..) {
            net.receive(id);
        }
        for (id, bytes) in self.received.drain(..) {
            if let Some(queue) = net.send_queue(id) {
                queue.push_slice(&bytes);
                net.send(id);
            }
        }
        if self.stop.try_recv().is_ok() { Next::Stop } else { Next::Wait }
    }
}

/// An echo service on a thread of its own, with a task beside it.
struct Hosted {
    addr: SocketAddr,
    remote: Remote,
    stop: mpsc::Sender<()>,
    woken: mpsc::Receiver<()>,
    /// Says that the task is done.
    done: mpsc::Receiver<()>,
    thread: thread::JoinHandle<()>,
}

impl Hosted {
    fn start<F: Future<Output = ()> + 'static>(task: impl FnOnce() -> F + Send + 'static) -> Hosted {
        let (stop, stopped) = mpsc::channel();
        let (wakes, woken) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let (task_done, done) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut net = Network::open(&small()).unwrap();
            let listener = bind("127.0.0.1:0".parse().unwrap(), &BindOptions::default()).unwrap();
            ready.send((listener.local_addr().unwrap(), net.remote())).unwrap();
            net.listen(listener).unwrap();
            invite(async move {
                task().await;
                task_done.send(()).unwrap();
            });
            let mut echo = Echo { started: Vec::new(), received: Vec::new(), stop: stopped, wakes };
            run_with_guests(&mut net, &mut echo).unwrap();
        });
        let (addr, remote) = is_ready.recv_timeout(PATIENCE).unwrap();
        Hosted { addr, remote, stop, woken, done, thread }
    }

    fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Stops once the task is done.
    fn stop(self) {
        self.done.recv_timeout(PATIENCE).unwrap();
        self.stop.send(()).unwrap();
        self.remote.wake();
        self.thread.join().unwrap();
    }
}

fn echo(stream: &mut TcpStream, round: u32) {
    let message = round.to_le_bytes().repeat(16);
    stream.write_all(&message).unwrap();
    let mut back = vec![0; message.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, message);
}

#[test]
fn a_task_that_ends_at_once_leaves_a_loop_that_serves_and_wakes() {
    let hosted = Hosted::start(|| async {});
    let mut stream = hosted.client();
    (0..200).for_each(|round| echo(&mut stream, round));
    hosted.stop();
}

/// How many rings this process has open.
fn rings() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().contains("io_uring")).count()
}

/// In a process of its own, so that it counts its own rings only.
#[test]
fn a_thread_without_tasks_takes_one_ring_and_the_first_task_starts_the_executor() {
    if std::env::var_os("RINGMQ_COUNT_RINGS").is_none() {
        let name =
            "tests::hosted::a_thread_without_tasks_takes_one_ring_and_the_first_task_starts_the_executor";
        let mut own = std::process::Command::new(std::env::current_exe().unwrap());
        let status = own.args(["--exact", name]).env("RINGMQ_COUNT_RINGS", "1").status().unwrap();
        assert!(status.success());
        return;
    }
    let mut net = Network::open(&Options { direct_max: 0, ..small() }).unwrap();
    let before = rings();
    assert_eq!(before, 1);
    let (_stop, stop) = mpsc::channel();
    let (wakes, _woken) = mpsc::channel();
    let echo = Echo { started: Vec::new(), received: Vec::new(), stop, wakes };
    let mut driver = Counting { echo, turns: 0, counts: Vec::new() };
    run_with_guests(&mut net, &mut driver).unwrap();
    assert_eq!(driver.counts[..3], [1, 1, 1], "no task yet");
    assert!(driver.counts[4..].iter().all(|rings| *rings > 1), "{:?}", driver.counts);
}

/// Invites a task after its third turn and counts rings after each.
struct Counting {
    echo: Echo,
    turns: u32,
    counts: Vec<usize>,
}

impl Handler for Counting {
    fn accepted(&mut self, listener: ListenerId, id: SocketId) {
        self.echo.accepted(listener, id);
    }
    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        self.echo.data(id, bytes);
    }
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {}
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {}
    fn alarm(&mut self) {}
}

impl Driver for Counting {
    fn after_turn(&mut self, _: &mut Network) -> Next {
        self.turns += 1;
        self.counts.push(rings());
        if self.turns == 3 {
            invite(async {});
        }
        if self.turns == 6 { Next::Stop } else { Next::Again }
    }
}

#[test]
fn a_sleep_ends_in_time_on_a_silent_network() {
    let (slept, has_slept) = mpsc::channel();
    let hosted = Hosted::start(move || async move {
        for _ in 0..20 {
            let _guest = Guest::enter();
            let start = Instant::now();
            glommio::timer::sleep(Duration::from_millis(5)).await;
            slept.send(start.elapsed()).unwrap();
        }
    });
    for _ in 0..20 {
        assert!(has_slept.recv_timeout(PATIENCE).unwrap() >= Duration::from_millis(5));
    }
    hosted.stop();
}

#[test]
fn files_timers_and_blocking_calls_proceed_beside_traffic() {
    let path = std::env::temp_dir().join(format!("ringmq-ring-{}", std::process::id()));
    std::fs::write(&path, super::pattern(256 << 10)).unwrap();
    let (done, is_done) = mpsc::channel();
    let file = path.clone();
    let hosted = Hosted::start(move || async move {
        for round in 0..10 {
            let _guest = Guest::enter();
            let file = glommio::io::BufferedFile::open(&file).await.unwrap();
            let mut all = Vec::new();
            for at in (0..256 << 10).step_by(16 << 10) {
                all.extend_from_slice(&file.read_at(at, 16 << 10).await.unwrap());
            }
            assert!(all == super::pattern(256 << 10));
            file.close().await.unwrap();
            glommio::timer::sleep(Duration::from_millis(1)).await;
            let sum = glommio::executor().spawn_blocking(move || round + 1).await;
            done.send(sum).unwrap();
        }
    });
    // Traffic all the while: each of the two must not keep the other waiting.
    let mut stream = hosted.client();
    let mut sums = Vec::new();
    let end = Instant::now() + PATIENCE;
    for round in 0.. {
        echo(&mut stream, round);
        sums.extend(is_done.try_recv());
        if sums.len() == 10 {
            break;
        }
        assert!(Instant::now() < end, "the guest starves beside traffic");
    }
    assert_eq!(sums, (1..=10).collect::<Vec<_>>());
    hosted.stop();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn traffic_proceeds_at_full_pace_while_a_guest_sleeps() {
    // The guest sleeps through the whole test: every echo must wake the thread out of glommio, through the ring's eventfd.
    let (release, released) = mpsc::channel::<()>();
    let hosted = Hosted::start(move || async move {
        let _guest = Guest::enter();
        while released.try_recv().is_err() {
            glommio::timer::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut streams: Vec<_> = (0..3).map(|_| hosted.client()).collect();
    let start = Instant::now();
    for round in 0..300 {
        // Silence before some of them, so that the thread is asleep when the bytes come.
        if round % 30 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
        streams.iter_mut().for_each(|stream| echo(stream, round));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "echoes waited for the guest's timer");
    release.send(()).unwrap();
    hosted.stop();
}

#[test]
fn a_burst_larger_than_one_enter_is_served_whole_out_of_a_sleep() {
    // One enter runs 20 items of deferred work; what is left over rings no eventfd.
    let (release, released) = mpsc::channel::<()>();
    let hosted = Hosted::start(move || async move {
        let _guest = Guest::enter();
        while released.try_recv().is_err() {
            glommio::timer::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut streams: Vec<_> = (0..150).map(|_| hosted.client()).collect();
    streams.iter_mut().for_each(|stream| echo(stream, 0));
    for round in 1..4u32 {
        thread::sleep(Duration::from_millis(20));
        let message = round.to_le_bytes().repeat(16);
        streams.iter_mut().for_each(|stream| stream.write_all(&message).unwrap());
        let start = Instant::now();
        for stream in &mut streams {
            let mut back = vec![0; message.len()];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, message);
        }
        assert!(start.elapsed() < Duration::from_millis(900), "some waited for the guest's timer");
    }
    release.send(()).unwrap();
    hosted.stop();
}

#[test]
fn a_wake_reaches_a_loop_that_sleeps_in_glommio() {
    let (release, released) = mpsc::channel::<()>();
    let hosted = Hosted::start(move || async move {
        let _guest = Guest::enter();
        let blocked = glommio::executor().spawn_blocking(move || released.recv_timeout(PATIENCE)).await;
        blocked.unwrap();
    });
    // Whether the thread sleeps by now or not, each wake arrives while the guest is still there.
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(1));
        hosted.remote.wake();
        hosted.woken.recv_timeout(PATIENCE).unwrap();
    }
    release.send(()).unwrap();
    hosted.stop();
}

#[test]
fn tasks_woken_by_a_turn_run_before_the_next_wait() {
    // A task without a guest that is woken by the driver, on the same thread, runs at the following yield.
    struct Waking {
        echo: Echo,
        waker: Rc<RefCell<Option<std::task::Waker>>>,
        ran: Rc<RefCell<bool>>,
        turns_left: u32,
    }
    impl Handler for Waking {
        fn accepted(&mut self, listener: ListenerId, id: SocketId) {
            self.echo.accepted(listener, id);
        }
        fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
            self.echo.data(id, bytes);
        }
        fn stalled(&mut self, _: SocketId) {}
        fn drained(&mut self, _: SocketId) {}
        fn closed(&mut self, _: SocketId, _: Closed) {}
        fn detached(&mut self, _: SocketId, _: OwnedFd) {}
        fn woken(&mut self) {}
        fn alarm(&mut self) {}
    }
    impl Driver for Waking {
        fn after_turn(&mut self, _: &mut Network) -> Next {
            if let Some(waker) = self.waker.borrow_mut().take() {
                waker.wake();
            }
            self.turns_left -= 1;
            if *self.ran.borrow() {
                return Next::Stop;
            }
            assert!(self.turns_left > 0, "the task was not run between turns");
            Next::Again
        }
    }
    let thread = thread::spawn(|| {
        let waker = Rc::new(RefCell::new(None));
        let ran = Rc::new(RefCell::new(false));
        let (theirs, has_run) = (Rc::clone(&waker), Rc::clone(&ran));
        invite(async move {
            let mut first = true;
            std::future::poll_fn(|cx| {
                if std::mem::take(&mut first) {
                    *theirs.borrow_mut() = Some(cx.waker().clone());
                    return std::task::Poll::Pending;
                }
                std::task::Poll::Ready(())
            })
            .await;
            *has_run.borrow_mut() = true;
        });
        let (_stop, stop) = mpsc::channel();
        let (wakes, _woken) = mpsc::channel();
        let echo = Echo { started: Vec::new(), received: Vec::new(), stop, wakes };
        let mut net = Network::open(&small()).unwrap();
        let mut driver = Waking { echo, waker, ran, turns_left: 10 };
        run_with_guests(&mut net, &mut driver).unwrap();
    });
    thread.join().unwrap();
}

/// Stops when it is told that its guests are refused.
struct Refused(Option<io::Error>);

impl Handler for Refused {
    fn accepted(&mut self, _: ListenerId, _: SocketId) {}
    fn data(&mut self, _: SocketId, _: &mut [u8]) {}
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {}
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {}
    fn alarm(&mut self) {}
}

impl Driver for Refused {
    fn after_turn(&mut self, _: &mut Network) -> Next {
        if self.0.is_some() { Next::Stop } else { Next::Again }
    }
    fn guests_refused(&mut self, error: &io::Error) {
        self.0 = Some(io::Error::from(error.kind()));
    }
}

/// The thread of epoll cannot sleep in glommio, so its driver learns that a task will not run.
#[test]
fn without_a_ring_guests_are_refused() {
    let mut net = Network::open(&Options { engine: Engine::Epoll, ..small() }).unwrap();
    let mut driver = Refused(None);
    invite(async { panic!("it must not run") });
    run_with_guests(&mut net, &mut driver).unwrap();
    assert_eq!(driver.0.map(|error| error.kind()), Some(io::ErrorKind::Unsupported));
}
