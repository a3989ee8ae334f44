//! Server: a table of your functions, and a loop that calls the right one for each message of a mailbox.
//!
//! Fill the table, then run it on a thread of yours with erln_server_run, or hand it the messages that your own event loop takes out of
//! the mailbox with erln_server_handle. Your functions are called on the thread that runs it and on no other; when several threads run
//! one server, several of its functions run at a time. What sys asks of every server (get_state, get_status, suspend, resume, terminate)
//! is answered for you.
//!
//! ```text
//! static int32_t on_call(erln_mailbox box, erln_msg *msg, erln_reader *request, void *data) {
//!     int64_t x, y;
//!     if (erln_read_match(request, "{add, ~l, ~l}", &x, &y)) erln_answer(box, msg, "~l", x + y);
//!     return ERLN_HANDLED;
//! }
//! static int32_t square_root(erln_request *request, erln_reader *args, void *data) {
//!     double x;
//!     if (!erln_read_match(args, "[~d]", &x)) return ERLN_BADARG;
//!     erln_reply(request, "~f", sqrt(x));
//!     return ERLN_HANDLED;
//! }
//! erln_server *server = erln_server_new(NULL);
//! erln_server_on_call(server, on_call);
//! erln_server_function(server, "math", "sqrt", 1, square_root);
//! erln_status end = erln_server_run(server, box, ERLN_FOREVER);
//! ```

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::bytes::{exclusive, input, text, timeout};
use super::guard::{guard, guard_or};
use super::mailbox::{erln_mailbox, mailbox};
use super::message::erln_msg;
use super::reader::erln_reader;
use super::spawn::{arity, erln_request};
use super::status::erln_status;
use super::writer::{encoded, erln_writer, erln_writer_free, erln_writer_new};
use crate::node::links::NORMAL;
use crate::node::mailbox::Mailbox;
use crate::node::message::{Message, MessageKind};
use crate::node::request::Class;
use crate::service::gen;
use crate::service::serving::{Serving, Step};
use crate::term::{Atom, Reader, Writer};
use crate::{Error, Result};

/// A table of functions that serves one mailbox. One thread fills it; from the first run on any thread may use it, and it does not
/// change. Free with erln_server_free when no thread runs it any more.
pub struct erln_server {
    on_call: erln_handler,
    on_cast: erln_handler,
    on_info: erln_handler,
    on_state: erln_state_fn,
    on_end: erln_end_fn,
    functions: Vec<Function>,
    data: *mut c_void,
    running: Mutex<Running>,
    ended: AtomicBool,
}

/// What changes while a server runs.
#[derive(Default)]
struct Running {
    serving: Serving,
    /// The mailbox that its functions were exported by.
    exported: Option<u64>,
}

struct Function {
    module: Atom,
    function: Atom,
    arity: Option<u32>,
    run: unsafe extern "C" fn(*mut erln_request, *mut erln_reader, *mut c_void) -> i32,
}

/// What a function of yours says when it returns.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_handled {
    /// It is done with the message or request, which is freed.
    ERLN_HANDLED = 0,
    /// It keeps the message or request: it will answer later, from any thread, and free it with erln_msg_free or erln_request_free.
    ERLN_KEPT = 1,
    /// The server is to end, with reason normal. For another one call erln_mailbox_exit in the function.
    ERLN_STOP = 2,
    /// The arguments or the request are none that it knows: the caller of a function gets the error badarg; a call is answered with
    /// `{error, {bad_call, Request}}`.
    ERLN_BADARG = 3,
}

/// Handles a message: `what` is a cursor at the request of a call or cast, or at the message itself. A call is answered with
/// erln_answer(mailbox, msg, ...). Returns one of erln_handled. It must not throw or longjmp.
pub type erln_handler = Option<
    unsafe extern "C" fn(
        mailbox: erln_mailbox,
        msg: *mut erln_msg,
        what: *mut erln_reader,
        data: *mut c_void,
    ) -> i32,
>;

/// Runs a function for a peer: `args` is a cursor at the list of its arguments. It answers with erln_reply or erln_request_fail; a
/// request that is neither answered nor kept ends as if it was killed. Returns one of erln_handled.
pub type erln_function = Option<
    unsafe extern "C" fn(request: *mut erln_request, args: *mut erln_reader, data: *mut c_void) -> i32,
>;

/// Writes one term, which sys:get_state shows.
pub type erln_state_fn = Option<unsafe extern "C" fn(writer: *mut erln_writer, data: *mut c_void)>;

/// Runs once, when the server ends: `reason` is a cursor at the reason. The mailbox may be closed already.
pub type erln_end_fn =
    Option<unsafe extern "C" fn(mailbox: erln_mailbox, reason: *mut erln_reader, data: *mut c_void)>;

/// Makes an empty table; `data` is handed to each of its functions. Free with erln_server_free.
#[no_mangle]
pub extern "C" fn erln_server_new(data: *mut c_void) -> *mut erln_server {
    guard_or(std::ptr::null_mut(), || {
        Box::into_raw(Box::new(erln_server {
            on_call: None,
            on_cast: None,
            on_info: None,
            on_state: None,
            on_end: None,
            functions: Vec::new(),
            data,
            running: Mutex::default(),
            ended: AtomicBool::new(false),
        }))
    })
}

/// Frees a server that no thread runs. Its mailbox goes on, and keeps the exports.
#[no_mangle]
pub unsafe extern "C" fn erln_server_free(server: *mut erln_server) {
    guard_or((), || {
        if !server.is_null() {
            // SAFETY: made by erln_server_new, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(server) });
        }
    })
}

/// Sets what answers calls (GenServer.call and its like). Without it they are answered with `{error, {bad_call, Request}}`.
#[no_mangle]
pub unsafe extern "C" fn erln_server_on_call(server: *mut erln_server, handler: erln_handler) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        unsafe { exclusive(server, "server") }?.on_call = handler;
        Ok(())
    })
}

/// Sets what takes casts. Without it they are dropped.
#[no_mangle]
pub unsafe extern "C" fn erln_server_on_cast(server: *mut erln_server, handler: erln_handler) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        unsafe { exclusive(server, "server") }?.on_cast = handler;
        Ok(())
    })
}

/// Sets what takes all other messages, DOWNs and exits among them. Without it they are dropped.
#[no_mangle]
pub unsafe extern "C" fn erln_server_on_info(server: *mut erln_server, handler: erln_handler) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        unsafe { exclusive(server, "server") }?.on_info = handler;
        Ok(())
    })
}

/// Sets what writes the state that sys:get_state shows. Without it that is the atom undefined.
#[no_mangle]
pub unsafe extern "C" fn erln_server_on_state(server: *mut erln_server, state: erln_state_fn) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        unsafe { exclusive(server, "server") }?.on_state = state;
        Ok(())
    })
}

/// Sets what runs at the server's end.
#[no_mangle]
pub unsafe extern "C" fn erln_server_on_end(server: *mut erln_server, end: erln_end_fn) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        unsafe { exclusive(server, "server") }?.on_end = end;
        Ok(())
    })
}

/// Lets peers run `module:function` with `arity` arguments (or ERLN_ANY_ARITY): `run` is called for it. The functions are exported when
/// the server runs first.
#[no_mangle]
pub unsafe extern "C" fn erln_server_function(
    server: *mut erln_server,
    module: *const c_char,
    function: *const c_char,
    arity: i32,
    run: erln_function,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server and texts.
        let (server, module, function) =
            unsafe { (exclusive(server, "server")?, text(module, "module")?, text(function, "function")?) };
        let run = run.ok_or_else(|| Error::argument("run is NULL"))?;
        let (module, function) = (Atom::new(module)?, Atom::new(function)?);
        server.functions.push(Function { module, function, arity: self::arity(arity)?, run });
        Ok(())
    })
}

/// Serves a mailbox until it ends, and then returns ERLN_OK; or until the time is over, and then returns ERLN_ERR_TIMEOUT and may be called again.
/// Exports the functions of the table first. Several threads may run it with the same mailbox: that pays when your functions compute
/// or wait for some 20 us or more. Calls of quick ones are answered fastest by a single thread.
#[no_mangle]
pub unsafe extern "C" fn erln_server_run(
    server: *mut erln_server,
    mailbox: erln_mailbox,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        let server = unsafe { input(server, "server") }?;
        let deadline = timeout(timeout_ms)?.and_then(|wait| Instant::now().checked_add(wait));
        let opened = self::mailbox(mailbox)?;
        server.export(mailbox, &opened)?;
        let mut batch = opened.batch();
        loop {
            let wait = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let message = match server.next_kept() {
                Some(message) => message,
                None => match opened.recv(wait) {
                    Ok(message) => message,
                    Err(Error::Closed(_)) => {
                        let reason = opened.exit_reason().unwrap_or(Bytes::from_static(NORMAL));
                        server.end(mailbox, &opened, &reason);
                        return Ok(());
                    }
                    Err(Error::Empty) => return Err(Error::Timeout("the server runs".into())),
                    Err(error) => return Err(error),
                },
            };
            let sender = message.from().map_or(0, |pid| pid.id);
            batch.step(sender, !opened.is_empty(), || server.handle(mailbox, &opened, message));
            if wait == Some(Duration::ZERO) && opened.is_alive() {
                return Err(Error::Timeout("the server runs".into()));
            }
        }
    })
}

/// Exports the functions of the table, for a mailbox that an event loop of yours will receive from. Once is enough.
#[no_mangle]
pub unsafe extern "C" fn erln_server_export(server: *mut erln_server, mailbox: erln_mailbox) -> erln_status {
    guard(|| {
        // SAFETY: the caller's server.
        let server = unsafe { input(server, "server") }?;
        server.export(mailbox, &*self::mailbox(mailbox)?)
    })
}

/// Handles one message that an event loop of yours received from `mailbox`, and takes it over unless it is NULL.
/// ERLN_ERR_CLOSED once the server has ended.
#[no_mangle]
pub unsafe extern "C" fn erln_server_handle(
    server: *mut erln_server,
    mailbox: erln_mailbox,
    msg: *mut erln_msg,
) -> erln_status {
    guard(|| {
        if msg.is_null() {
            return Err(Error::argument("msg is NULL"));
        }
        // SAFETY: the caller's message, which is ours from now on.
        let message = unsafe { Box::from_raw(msg) }.into_message();
        // SAFETY: the caller's server.
        let server = unsafe { input(server, "server") }?;
        let opened = self::mailbox(mailbox)?;
        server.export(mailbox, &opened)?;
        server.handle(mailbox, &opened, message);
        while let Some(kept) = server.next_kept() {
            server.handle(mailbox, &opened, kept);
        }
        match opened.is_alive() {
            true => Ok(()),
            false => Err(Error::Closed("mailbox")),
        }
    })
}

impl erln_server {
    /// Exports the functions, once.
    fn export(&self, id: erln_mailbox, mailbox: &Mailbox) -> Result<()> {
        let mut running = self.running.lock();
        match running.exported {
            Some(known) if known == id.id => return Ok(()),
            Some(_) => return Err(Error::argument("this server serves another mailbox: make one for each")),
            None => {}
        }
        for entry in &self.functions {
            mailbox.export(entry.module.as_str(), entry.function.as_str(), entry.arity)?;
        }
        running.exported = Some(id.id);
        Ok(())
    }

    fn next_kept(&self) -> Option<Message> {
        self.running.lock().serving.kept()
    }

    /// Handles one message, on this thread.
    fn handle(&self, id: erln_mailbox, mailbox: &Mailbox, message: Message) {
        // The state is written before the lock is taken: its function is the program's.
        let state = gen::system(message.payload()).is_some().then(|| self.state());
        let step = self.running.lock().serving.look(mailbox.inner(), mailbox.process(), message, || {
            state.unwrap_or(Bytes::from_static(b"\x77\x09undefined"))
        });
        let handled = match step {
            Step::Done => return,
            Step::End(reason) => return self.finish(id, mailbox, &reason),
            Step::Handle(message) if message.kind() == MessageKind::Request => self.run(message),
            Step::Handle(message) => self.dispatch(id, mailbox, message),
        };
        if handled == erln_handled::ERLN_STOP as i32 {
            self.finish(id, mailbox, NORMAL);
        } else if !mailbox.is_alive() {
            // The function ended it.
            let reason = mailbox.exit_reason().unwrap_or(Bytes::from_static(NORMAL));
            self.end(id, mailbox, &reason);
        }
    }

    /// A call, a cast or another message.
    fn dispatch(&self, id: erln_mailbox, mailbox: &Mailbox, message: Message) -> i32 {
        let payload = message.payload().clone();
        let (handler, what, is_call) = if let Some(request) = gen::request(&payload) {
            (self.on_call, request, true)
        } else if let Some(request) = gen::cast(&payload) {
            (self.on_cast, request, false)
        } else {
            (self.on_info, Reader::new(&payload), false)
        };
        let request = what.clone();
        let msg = erln_msg::give(message);
        let handled = match handler {
            None => erln_handled::ERLN_BADARG as i32,
            Some(handler) => {
                let mut what = erln_reader::new(&what);
                // SAFETY: the program's function, called as its type says; `payload` outlives the call.
                unsafe { handler(id, msg, &mut what, self.data) }
            }
        };
        if handled == erln_handled::ERLN_KEPT as i32 {
            return handled;
        }
        // SAFETY: given out above, and not kept.
        let msg = unsafe { Box::from_raw(msg) };
        if handled == erln_handled::ERLN_BADARG as i32 && is_call {
            refuse(mailbox, msg.message(), request);
        }
        handled
    }

    /// A function of the table.
    fn run(&self, message: Message) -> i32 {
        let Some(request) = message.into_request() else { return erln_handled::ERLN_HANDLED as i32 };
        let (module, function, arity) = (request.module(), request.function(), request.arity());
        let named = |entry: &&Function| entry.module == *module && entry.function == *function;
        let exact = self.functions.iter().find(|entry| named(entry) && entry.arity == Some(arity));
        let entry =
            exact.or_else(|| self.functions.iter().find(|entry| named(entry) && entry.arity.is_none()));
        let Some(entry) = entry else {
            // Exported by the program itself, beside the table.
            request.undef();
            return erln_handled::ERLN_HANDLED as i32;
        };
        let args = request.args().clone();
        let mut reader = erln_reader::new(&Reader::new(&args));
        let request = erln_request::give(request);
        // SAFETY: the program's function, called as its type says; `args` outlives the call.
        let handled = unsafe { (entry.run)(request, &mut reader, self.data) };
        if handled == erln_handled::ERLN_KEPT as i32 {
            return handled;
        }
        // SAFETY: given out above, and not kept.
        let mut request = unsafe { Box::from_raw(request) };
        if handled == erln_handled::ERLN_BADARG as i32 {
            if let Some(request) = request.take() {
                // Nobody may be there to hear of it.
                let _ = request.fail(Class::Error, b"\x77\x06badarg", b"\x6a");
            }
        }
        handled
    }

    /// What the program shows as its state.
    fn state(&self) -> Bytes {
        let undefined = Bytes::from_static(b"\x77\x09undefined");
        let Some(state) = self.on_state else { return undefined };
        let writer = erln_writer_new();
        // SAFETY: the program's function, called as its type says, with a writer of ours.
        unsafe { state(writer, self.data) };
        // SAFETY: made above.
        let written = unsafe { encoded(writer) };
        // SAFETY: made above, and nobody else has it.
        unsafe { erln_writer_free(writer) };
        written.map_or(undefined, Bytes::from)
    }

    /// Ends the mailbox, after the program was told.
    fn finish(&self, id: erln_mailbox, mailbox: &Mailbox, reason: &[u8]) {
        self.end(id, mailbox, reason);
        // It may have been closed in between.
        let _ = mailbox.close(reason);
    }

    /// Tells the program of the end, once.
    fn end(&self, id: erln_mailbox, _mailbox: &Mailbox, reason: &[u8]) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(end) = self.on_end {
            let mut reader = erln_reader::new(&Reader::new(reason));
            // SAFETY: the program's function, called as its type says; `reason` outlives the call.
            unsafe { end(id, &mut reader, self.data) };
        }
    }
}

/// `{error, {bad_call, Request}}`
fn refuse(mailbox: &Mailbox, call: &Message, mut request: Reader<'_>) {
    let Some(request) = request.term_bytes() else { return };
    let mut answer = Writer::new();
    answer.tuple(2).atom("error").tuple(2).atom("bad_call").raw_unchecked(request);
    if let Ok(answer) = answer.finish() {
        // The caller may be gone.
        let _ = mailbox.reply(call, &answer, Some(Duration::ZERO));
    }
}
