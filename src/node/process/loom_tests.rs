//! Every order in which senders, receivers and a closer of one process can meet, tried by loom.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::runtime::park_on;
use loom::thread::spawn;

const LIMITS: Limits = Limits { bytes: 1 << 20, count: 1 << 20, overflow: Overflow::StopReading };

fn process() -> Arc<Process> {
    Arc::new(Process::new(1, 1, LIMITS))
}

fn message(number: u8) -> Message {
    Message::new(MessageKind::Message, None, Bytes::from(vec![97, number]))
}

/// Waits as a program thread does.
fn receive(process: &Process) -> Result<u8> {
    let received = park_on(process.recv(None), None).expect("no deadline");
    received.map(|message| message.payload()[1])
}

#[test]
fn loom_a_message_wakes_who_waits() {
    loom::model(|| {
        let process = process();
        let sender = spawn({
            let process = process.clone();
            move || drop(process.deliver(message(7)))
        });
        assert_eq!(receive(&process).unwrap(), 7);
        sender.join().unwrap();
    });
}

#[test]
fn loom_two_receivers_share_two_messages() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let process = process();
        let other = spawn({
            let process = process.clone();
            move || receive(&process).unwrap()
        });
        let sender = spawn({
            let process = process.clone();
            move || {
                process.deliver(message(1));
                process.deliver(message(2));
            }
        });
        let mut got = [receive(&process).unwrap(), other.join().unwrap()];
        sender.join().unwrap();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
        assert_eq!(process.queue_len(), 0);
    });
}

#[test]
fn loom_closing_wakes_and_loses_nothing() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let process = process();
        let sender = spawn({
            let process = process.clone();
            move || !matches!(process.deliver(message(7)), Delivery::Dead)
        });
        let closer = spawn({
            let process = process.clone();
            move || process.close(Bytes::from_static(b"j")).expect("the only closer").unread.len()
        });
        let received = receive(&process);
        let (sent, unread) = (sender.join().unwrap(), closer.join().unwrap());
        // What was accepted was received, or is left over for the closer.
        assert_eq!(usize::from(sent), usize::from(received.is_ok()) + unread);
        assert!(matches!(process.take(None), Err(Error::Closed(_))));
    });
}

#[test]
fn loom_who_leaves_takes_nobodys_wakeup_along() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let process = process();
        let leaver = spawn({
            let process = process.clone();
            move || {
                let mut wait = std::pin::pin!(process.recv(None));
                let waker = Waker::noop();
                // One look, and away: what it took, if it took anything, goes back to the test.
                match wait.as_mut().poll(&mut Context::from_waker(waker)) {
                    Poll::Ready(received) => Some(received.unwrap().payload()[1]),
                    Poll::Pending => None,
                }
            }
        });
        let sender = spawn({
            let process = process.clone();
            move || {
                process.deliver(message(1));
                process.deliver(message(2));
            }
        });
        let mut got = vec![receive(&process).unwrap()];
        got.extend(leaver.join().unwrap());
        sender.join().unwrap();
        while let Ok(Some(message)) = process.take(None) {
            got.push(message.payload()[1]);
        }
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}

/// Tries the orders with at most three switches against a thread's will.
fn orders(test: impl Fn(Arc<Process>) + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || test(process()));
}

/// Another thread that does something with the process.
fn beside<T: 'static>(
    process: &Arc<Process>,
    does: impl FnOnce(&Process) -> T + 'static,
) -> loom::thread::JoinHandle<T> {
    let process = process.clone();
    spawn(move || does(&process))
}

/// One look, and away; what it took is sent again.
fn look_and_leave(process: &Process) {
    let mut wait = std::pin::pin!(process.recv(None));
    if let Poll::Ready(taken) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        process.deliver(taken.unwrap());
    }
}

fn send_two(process: &Process, make: impl Fn(u8) -> Message) {
    process.deliver(make(1));
    process.deliver(make(2));
}

#[test]
fn loom_who_was_woken_and_leaves_wakes_the_next() {
    orders(|process| {
        let leaver = beside(&process, look_and_leave);
        let sender = beside(&process, |process| drop(process.deliver(message(7))));
        assert_eq!(receive(&process).unwrap(), 7);
        leaver.join().unwrap();
        sender.join().unwrap();
        assert_eq!(process.queue_len(), 0);
    });
}

#[test]
fn loom_who_only_looks_takes_nobodys_wakeup() {
    orders(|process| {
        let looker =
            beside(&process, |process| park_on(process.ready(None), None).expect("no deadline").unwrap());
        let sender = beside(&process, |process| send_two(process, message));
        assert_eq!(receive(&process).unwrap(), 1);
        looker.join().unwrap();
        sender.join().unwrap();
        assert_eq!(process.queue_len(), 1);
    });
}

#[test]
fn loom_who_waits_for_one_answer_is_woken_beside_who_takes_everything() {
    orders(|process| {
        let reference = Reference::new(crate::term::Atom::from_static("a@b"), 1, &[1, 2, 3]).unwrap();
        let alias = reference.clone();
        let waiter = beside(&process, move |process| {
            park_on(process.recv(Some(&reference)), None).expect("no deadline").unwrap().payload()[1]
        });
        let sender = beside(&process, move |process| {
            send_two(process, |number| Message { alias: Some(Box::new(alias.clone())), ..message(number) })
        });
        let mut got = [receive(&process).unwrap(), waiter.join().unwrap()];
        sender.join().unwrap();
        got.sort_unstable();
        assert_eq!(got, [1, 2]);
    });
}
