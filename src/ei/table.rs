//! What is known about each descriptor: its node and callbacks, the lock for writing, and messages put aside.
//!
//! Programs close descriptors with plain `close`, so an entry may be stale; making a connection replaces it. Slots
//! are never freed or moved: a pointer to a slot stays good while other threads make and close connections.

use super::abi::{ei_cnode, ei_socket_callbacks};
use super::socket::{ei_plugin_socket_impl__, Channel, Deadline, Errno};
use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Slots are allocated in groups, the groups when first needed.
const GROUP: usize = 256;
/// Descriptors up to a million, which is what Linux allows a process unless it was told otherwise.
const GROUPS: usize = 4096;
/// Messages put aside during remote calls may take this much; more means that nobody ever reads them.
const MAX_ASIDE: usize = 64 << 20;

static TABLE: [AtomicPtr<[Slot; GROUP]>; GROUPS] = [const { AtomicPtr::new(ptr::null_mut()) }; GROUPS];

/// Everything about one descriptor.
pub struct Slot {
    info: Mutex<Info>,
    /// How many packets wait in `aside`; looked at without the lock.
    waiting: AtomicUsize,
    aside: Mutex<VecDeque<Vec<u8>>>,
    writing: WriteLock,
}

struct Info {
    known: bool,
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    dist_version: c_int,
    /// A copy: the program may free its own before the connection ends.
    cnode: Option<Box<ei_cnode>>,
}

// SAFETY: the pointers belong to the program, which shares its descriptors between threads.
unsafe impl Send for Info {}

impl Slot {
    #[allow(clippy::declare_interior_mutable_const)] // each use of it is a new slot, and that is the point
    const EMPTY: Slot = Slot {
        info: Mutex::new(Info {
            known: false,
            cbs: ptr::null_mut(),
            ctx: ptr::null_mut(),
            dist_version: 0,
            cnode: None,
        }),
        waiting: AtomicUsize::new(0),
        aside: Mutex::new(VecDeque::new()),
        writing: WriteLock::new(),
    };

    fn info(&self) -> MutexGuard<'_, Info> {
        self.info.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aside(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock that every packet is written under.
    pub fn writing(&self) -> &WriteLock {
        &self.writing
    }

    /// Puts a packet aside for the next receive; false when there is too much already.
    pub fn put_aside(&self, packet: Vec<u8>) -> bool {
        let mut aside = self.aside();
        let bytes: usize = aside.iter().map(Vec::len).sum();
        if bytes + packet.len() > MAX_ASIDE || aside.try_reserve(1).is_err() {
            return false;
        }
        aside.push_back(packet);
        self.waiting.store(aside.len(), Ordering::Release);
        true
    }

    /// Whether a packet waits that was put aside.
    pub fn has_aside(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// The oldest packet that was put aside.
    pub fn take_aside(&self) -> Option<Vec<u8>> {
        if !self.has_aside() {
            return None;
        }
        let mut aside = self.aside();
        let packet = aside.pop_front();
        self.waiting.store(aside.len(), Ordering::Release);
        packet
    }
}

/// The slot of a descriptor; `None` beyond the table or without memory.
pub fn slot(fd: c_int) -> Option<&'static Slot> {
    let fd = usize::try_from(fd).ok()?;
    let place = TABLE.get(fd / GROUP)?;
    let mut group = place.load(Ordering::Acquire);
    if group.is_null() {
        let fresh = Box::into_raw(Box::new([const { Slot::EMPTY }; GROUP]));
        let none = ptr::null_mut();
        match place.compare_exchange(none, fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => group = fresh,
            Err(theirs) => {
                // SAFETY: nobody else has seen this box.
                drop(unsafe { Box::from_raw(fresh) });
                group = theirs;
            }
        }
    }
    // SAFETY: groups live for ever; the remainder is inside.
    Some(unsafe { &(*group)[fd % GROUP] })
}

/// The slot of a descriptor that has an entry.
fn known(fd: c_int) -> Option<MutexGuard<'static, Info>> {
    let fd = usize::try_from(fd).ok()?;
    let group = TABLE.get(fd / GROUP)?.load(Ordering::Acquire);
    if group.is_null() {
        return None;
    }
    // SAFETY: groups live for ever; the remainder is inside.
    let info = unsafe { (*group)[fd % GROUP].info() };
    info.known.then_some(info)
}

/// Remembers a connection or a listening socket; whatever was known about the descriptor is forgotten.
///
/// # Safety
/// `ec` is a valid node.
pub unsafe fn put(fd: c_int, channel: Channel, dist_version: c_int, ec: *const ei_cnode) -> bool {
    let Some(slot) = slot(fd) else {
        return false;
    };
    slot.aside().clear();
    slot.waiting.store(0, Ordering::Release);
    let mut info = slot.info();
    // SAFETY: the caller's promise.
    unsafe {
        match &mut info.cnode {
            Some(cnode) => ptr::copy_nonoverlapping(ec, &raw mut **cnode, 1),
            None => info.cnode = Some(Box::new(*ec)),
        }
    }
    info.cbs = channel.cbs;
    info.ctx = channel.ctx;
    info.dist_version = dist_version;
    info.known = true;
    true
}

/// Forgets a descriptor.
pub fn remove(fd: c_int) {
    if let Some(slot) = slot(fd) {
        slot.info().known = false;
        slot.aside().clear();
        slot.waiting.store(0, Ordering::Release);
    }
}

/// How to talk over a descriptor. One that nobody told us about is taken for a plain socket, until a program brings
/// sockets of its own.
pub fn channel(fd: c_int) -> Result<Channel, Errno> {
    if ei_plugin_socket_impl__.load(Ordering::Acquire) == 0 {
        return if fd < 0 { Err(libc::EBADF) } else { Ok(Channel::of_fd(fd)) };
    }
    let info = known(fd).ok_or(libc::EBADF)?;
    Ok(Channel { cbs: info.cbs, ctx: info.ctx })
}

/// Whether a pid of this text and creation can be one of the node that the descriptor belongs to. Unknown
/// descriptors say yes.
pub fn is_own(fd: c_int, pid: &super::abi::erlang_pid) -> bool {
    let Some(info) = known(fd) else {
        return true;
    };
    let Some(cnode) = &info.cnode else {
        return true;
    };
    // SAFETY: both are NUL-terminated arrays, bounded by the shorter one.
    let same = unsafe {
        libc::strncmp(pid.node.as_ptr(), cnode.thisnodename.as_ptr(), cnode.thisnodename.len()) == 0
    };
    same && (pid.creation == cnode.creation || pid.creation == 0)
}

/// The pid of the node that a connection was made with.
pub fn own_pid(fd: c_int) -> Option<super::abi::erlang_pid> {
    known(fd)?.cnode.as_ref().map(|cnode| cnode.self_)
}

/// The copy of the node that a connection was made with; null for unknown descriptors. Good until the descriptor is
/// used for another connection.
#[no_mangle]
pub extern "C" fn ei_fd_to_cnode(fd: c_int) -> *mut ei_cnode {
    match known(fd) {
        Some(mut info) => info.cnode.as_deref_mut().map_or(ptr::null_mut(), |cnode| cnode),
        None => ptr::null_mut(),
    }
}

/// 6 for a connection, 0 for a listening socket, -1 for an unknown descriptor.
#[no_mangle]
pub extern "C" fn ei_distversion(fd: c_int) -> c_int {
    known(fd).map_or(-1, |info| info.dist_version)
}

/// The cookie inside messages; it has been empty since handshakes use digests.
#[no_mangle]
pub extern "C" fn ei_getfdcookie(_fd: c_int) -> *const c_char {
    c"".as_ptr()
}

/// The callbacks and context of a known descriptor; `EBADF` and nulls for others.
///
/// # Safety
/// Both pointers are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_get_cbs_ctx__(
    cbs: *mut *mut ei_socket_callbacks,
    ctx: *mut *mut c_void,
    fd: c_int,
) -> c_int {
    let found = known(fd).map(|info| (info.cbs, info.ctx));
    // SAFETY: the caller's promise.
    unsafe { (*cbs, *ctx) = found.unwrap_or((ptr::null_mut(), ptr::null_mut())) };
    if found.is_some() {
        0
    } else {
        libc::EBADF
    }
}

/// Held while a packet is written. Unlike a mutex it can be waited for with a deadline.
pub struct WriteLock {
    state: Mutex<Holder>,
    free: Condvar,
}

struct Holder {
    held: bool,
    waiting: u32,
}

/// Gives the lock back.
pub struct Writing<'a>(&'a WriteLock);

impl WriteLock {
    const fn new() -> Self {
        Self { state: Mutex::new(Holder { held: false, waiting: 0 }), free: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, Holder> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the lock.
    pub fn lock(&self, deadline: Deadline) -> Result<Writing<'_>, Errno> {
        let mut state = self.state();
        while state.held {
            state.waiting += 1;
            state = match deadline.instant() {
                None => self.free.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(std::time::Instant::now());
                    if left.is_zero() {
                        state.waiting -= 1;
                        return Err(libc::ETIMEDOUT);
                    }
                    let waited = self.free.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.waiting -= 1;
        }
        state.held = true;
        Ok(Writing(self))
    }

    /// Takes the lock if nobody has it.
    pub fn try_lock(&self) -> Option<Writing<'_>> {
        let mut state = self.state();
        if state.held {
            return None;
        }
        state.held = true;
        Some(Writing(self))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.held = false;
        let wake = state.waiting > 0;
        drop(state);
        if wake {
            self.0.free.notify_one();
        }
    }
}
