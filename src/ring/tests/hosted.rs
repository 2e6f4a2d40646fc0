//! Host mode: the network and glommio's tasks share a thread.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::{PATIENCE, small};
use crate::{
    BindOptions, Closed, Driver, Guest, Handler, ListenerId, Network, Next, Remote, SocketId, bind,
    run_hosted, spawn_executor,
};

/// Echoes what it receives, until another thread says stop and wakes it.
struct Echo {
    started: Vec<SocketId>,
    received: Vec<(SocketId, Vec<u8>)>,
    stop: mpsc::Receiver<()>,
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
    fn woken(&mut self) {}
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

/// A hosted echo service on a thread of its own, with a task beside it.
struct Hosted {
    addr: SocketAddr,
    remote: Remote,
    stop: mpsc::Sender<()>,
    executor: crate::Executor,
}

impl Hosted {
    fn start<F: Future<Output = ()> + 'static>(task: impl FnOnce() -> F + Send + 'static) -> Hosted {
        let (stop, stopped) = mpsc::channel();
        let (ready, is_ready) = mpsc::channel();
        let executor = spawn_executor(None, "hosted", move || async move {
            let mut net = Network::open(&small()).unwrap();
            let listener = bind("127.0.0.1:0".parse().unwrap(), &BindOptions::default()).unwrap();
            ready.send((listener.local_addr().unwrap(), net.remote())).unwrap();
            net.listen(listener).unwrap();
            let task = glommio::spawn_local(task()).detach();
            let mut echo = Echo { started: Vec::new(), received: Vec::new(), stop: stopped };
            run_hosted(&mut net, &mut echo).await.unwrap();
            task.await;
        })
        .unwrap();
        let (addr, remote) = is_ready.recv_timeout(PATIENCE).unwrap();
        Hosted { addr, remote, stop, executor }
    }

    fn client(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.remote.wake();
        self.executor.join().unwrap();
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
fn without_guests_the_loop_serves_and_wakes() {
    let hosted = Hosted::start(|| async {});
    let mut stream = hosted.client();
    (0..200).for_each(|round| echo(&mut stream, round));
    hosted.stop();
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
    // Whether the thread sleeps by now or not, stopping needs the wake.
    thread::sleep(Duration::from_millis(10));
    hosted.stop.send(()).unwrap();
    hosted.remote.wake();
    thread::sleep(Duration::from_millis(10));
    release.send(()).unwrap();
    hosted.executor.join().unwrap();
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
    let executor = spawn_executor(None, "waking", || async {
        let waker = Rc::new(RefCell::new(None));
        let ran = Rc::new(RefCell::new(false));
        let (theirs, has_run) = (Rc::clone(&waker), Rc::clone(&ran));
        let task = glommio::spawn_local(async move {
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
        })
        .detach();
        let (_stop, stop) = mpsc::channel();
        let echo = Echo { started: Vec::new(), received: Vec::new(), stop };
        let mut net = Network::open(&small()).unwrap();
        let mut driver = Waking { echo, waker, ran, turns_left: 10 };
        run_hosted(&mut net, &mut driver).await.unwrap();
        task.await;
    })
    .unwrap();
    executor.join().unwrap();
}
